"""Check in over HTTP: what the service knows better than the caller, and the token of the session.

A conversation is continued by whoever has begun it: the client's own id is kept apart for each
key, and a session that is named by its id has to be proved. Not here: the rules of a check-in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.sessions import Session, Started
from gitcoord.entrypoints.cli.checkin import generated
from gitcoord.errors import InvalidValue
from gitcoord.ledger.request import fresh_id
from webhook.access import forbidden, may_continue

if TYPE_CHECKING:
    from webhook.api.asking import Asking
    from webhook.service import Service

#: How a session that checks in here lives, unless it says otherwise.
LIFE = "lease"


def prepared(asking: Asking, body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return the body with what the caller need not, or may not, say.

    What is made up follows from the operation's id `key` where there is one, so that a request
    that is sent again says the same. Raises `InvalidValue`; `Problem` 403 for another's name or
    session.
    """
    caller = asking.caller
    for name in ("process", "machine"):
        if body.get(name):
            raise InvalidValue(f"{name} is for sessions on the machine of the ledger")
    if body.get("life") == "process":
        raise InvalidValue("a process elsewhere cannot be watched from here", hint="Say beat.")
    agent = body.get("agent") or caller.agent or _generated(asking, key)
    if caller.agent and agent != caller.agent:
        raise forbidden(f"what was shown is for the agent {caller.agent}")
    id = body.get("id") or (fresh_id("s-") if key is None else f"s-{key[2:14]}")
    others = body.get("id") and caller.session != id and _lives(asking, id)
    if others and not may_continue(caller, id):
        raise forbidden("to continue a session by its id needs its token")
    more = {"id": id, "agent": agent, "machine": asking.house.ledger.machine}
    if body.get("client_session"):
        more["client_session"] = f"{caller.name.rpartition(' ')[2]}:{body['client_session']}"
    return {"life": LIFE} | body | more


def finished(service: Service, asking: Asking, answer: Any) -> dict[str, Any]:
    """Return what the answer says beside itself: the token with which the session acts."""
    assert isinstance(answer, Started)
    token = service.tokens.token(asking.caller.project.name, answer.session.id)
    return {"session_token": token}


def _generated(asking: Asking, key: str | None) -> str:
    if key is not None:
        return f"agent-{key[2:10]}"
    with asking.state() as state:
        taken = {one.agent for one in state.find(Session, "live")}
    return generated(taken)


def _lives(asking: Asking, id: Any) -> bool:
    if not isinstance(id, str):
        return False
    with asking.state() as state:
        return state.get(Session, id, archived=False) is not None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a check-in answers beside the session."""

    session_token: str
