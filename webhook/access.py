"""Who asks, and whether they may: an API key, the token of a session, or nobody.

A key names its project, so that no request can reach another one. A session is acted for by who
shows its token; by its plain id only with an admin's key, or one that is bound to its agent. Who
is bound to an agent, by the key or as the holder of a session's token, acts for no other agent,
whatever else is shown. What is refused is refused alike, whether it exists or not.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.operation import checked_id
from gitcoord.domain.sessions import Session, root
from gitcoord.errors import GitcoordError
from webhook.keys import Scope, allows
from webhook.problems import Problem
from webhook.tokens import FORM

if TYPE_CHECKING:
    from starlette.requests import Request

    from webhook.projects import Project
    from webhook.service import Service

#: Names the session in whose name something is done, by its token (or id, see above).
SESSION_HEADER = "Gitcoord-Session"
#: Which project is meant where no key says it.
PROJECT_HEADER = "Gitcoord-Project"
_KEY_HINT = "Send `Authorization: Bearer KEY`; `gitcoord serve key add` makes one."


class Caller(NamedTuple):
    """Who asks."""

    project: Project
    scope: Scope
    #: Who is counted and whose idempotency keys are apart from those of others.
    name: str
    #: The only agent in whose name may be acted; "" for any.
    agent: str = ""
    #: The session that was proved, or the sub-agent of it that was named; None for none.
    session: str | None = None
    #: Whether a session's token was shown instead of a key.
    by_token: bool = False


async def caller(
    service: Service, request: Request, needed: Scope, *, living: bool | None = None
) -> Caller:
    """Return who asks, if they may do what needs this scope.

    `living`: whether a session that is shown has to be seen to live; by default where something
    is only looked at. Raises `Problem`: 401 without a key that is good, 403 with one that is not
    enough, 429.
    """
    if living is None:
        living = request.method in ("GET", "HEAD")
    shown = credentials(request)
    if not shown:
        service.rates.take(address(request))
        raise unauthorized("this needs a key")
    found = await _known(service, shown, living=living)
    if found is None:
        service.rates.take(address(request))
        raise unauthorized("the key is unknown, or was revoked")
    request.state.caller = found.name
    request.state.project = found.project.name
    service.rates.take(found.name)
    if not allows(found.scope, needed):
        raise forbidden(f"this needs a key with scope {needed}; this one has {found.scope}")
    asked = request.headers.get(PROJECT_HEADER)
    if asked is not None and asked != found.project.name:
        raise forbidden("the key is for another project")
    named = request.headers.get(SESSION_HEADER)
    if named:
        # What is known already costs no thread. A key of one agent is looked at more closely.
        quick = None if living or found.agent else service.tokens.known(found.project, named)
        if quick is not None:
            return found._replace(session=quick.session)
        prove = partial(holder, living=living)
        proved = await found.project.work(prove, service, found, named)
        found = found._replace(session=proved)
    return found


async def still(service: Service, request: Request, known: Caller) -> bool:
    """Say whether what was shown is still good: the key not revoked, the session not ended."""
    try:
        found = await _known(service, credentials(request), living=True)
    except GitcoordError:
        # Whoever is sent away comes back when it can be known again.
        return False
    return found is not None and found.name == known.name


async def _known(service: Service, shown: str, *, living: bool) -> Caller | None:
    """Return whose key or token this is; None for nobody's."""
    found = await by_token(service, shown, living=living) if FORM.fullmatch(shown) else None
    if found is not None:
        return found
    key = service.keys.find(shown)
    project = service.projects.get(key.project) if key is not None else None
    if key is None or project is None:
        return None
    return Caller(project, key.scope, f"key {key.id}", key.agent)


async def by_token(service: Service, token: str, *, living: bool) -> Caller | None:
    """Return the session whose token was shown instead of a key, in whichever project it is."""
    for project in service.projects.values():
        quick = None if living else service.tokens.known(project, token)
        if quick is not None:
            return _bearer(project, *quick)
        try:
            owner = await project.work(partial(_owner, living=living), service, project, token)
        except GitcoordError:
            # A project whose ledger cannot be read has nobody who could be let in.
            continue
        if owner is not None:
            return _bearer(project, *owner)
    return None


def holder(service: Service, known: Caller, named: str, *, living: bool) -> str:
    """Return the session, or the sub-agent in it, for which the caller may act.

    `named`: a token or an id, of a sub-agent with `/NAME`. Raises `Problem` 403, `InvalidId`.
    """
    first, slash, rest = named.partition("/")
    if FORM.fullmatch(first):
        found = service.tokens.session(known.project, first, living=living)
        if found is None:
            raise forbidden("the session token is good for no live session of this project")
        if known.agent and _agent(known.project, found) != known.agent:
            raise forbidden(f"this key acts for {known.agent} only; the token is another agent's")
    else:
        found = root(checked_id(first, "session"))
        if not may_continue(known, found):
            raise forbidden(f"to act for a session by its id needs its token ({SESSION_HEADER})")
    return checked_id(f"{found}{slash}{rest}", "session") if slash else found


def may_continue(known: Caller, session: str) -> bool:
    """Say whether the caller may act for a live session without having shown its token here."""
    if known.by_token:
        # Who holds one session's token holds no other one of the same agent.
        return known.name == _name(session)
    if not known.agent:
        return known.scope == "admin"
    return _agent(known.project, session, archived=False) == known.agent


def credentials(request: Request) -> str:
    """Return the key or token that was shown; "" for none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.headers.get("X-API-Key", "")


def address(request: Request) -> str:
    """Return the address of the client's machine; of IPv6 its network, which one user has."""
    host = request.client.host if request.client else ""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)


def unauthorized(detail: str) -> Problem:
    """Return the refusal of somebody who is not known."""
    headers = {"WWW-Authenticate": 'Bearer realm="gitcoord"'}
    return Problem(401, "unauthorized", detail, hint=_KEY_HINT, headers=headers)


def forbidden(detail: str) -> Problem:
    """Return the refusal of somebody who may not do this."""
    return Problem(403, "forbidden", detail)


def _owner(
    service: Service, project: Project, token: str, *, living: bool
) -> tuple[str, str] | None:
    """Return the session whose token this is, and its agent."""
    session = service.tokens.session(project, token, living=living)
    agent = None if session is None else _agent(project, session)
    return None if session is None or agent is None else (session, agent)


def _bearer(project: Project, session: str, agent: str) -> Caller:
    return Caller(project, "agent", _name(session), agent, session, by_token=True)


def _name(session: str) -> str:
    return f"session {session}"


def _agent(project: Project, session: str, *, archived: bool = True) -> str | None:
    """Return the agent of a session; None where there is no such one."""
    with project.house().ledger.state() as state:
        found = state.get(Session, session, archived=archived)
    return None if found is None else found.agent
