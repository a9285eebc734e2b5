"""The routes of ports: leases on the machine where the service runs.

They stand beside the table, as the leases are in the machine's ledger and not in the project's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.domain.ports import PortLease, ports
from gitcoord.domain.record import shown
from gitcoord.domain.sessions import Session, root
from gitcoord.errors import GitcoordError, InvalidValue
from webhook.access import SESSION_HEADER, caller, forbidden, may_continue
from webhook.api import said
from webhook.api.answering import PREFIX
from webhook.api.asking import Asking

if TYPE_CHECKING:
    from webhook.keys import Scope
    from webhook.service import Service

PORTS = PREFIX + "/ports"
#: Fields of a lease that say where things are on this machine; nobody's business elsewhere.
_HIDDEN = ("place", "remote", "worktree")


class Leasing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For whom, and for how many seconds."""

    #: A session or a name of the client's; left out: the acting session.
    session: str = ""
    ttl: float | None = None


class Releasing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose."""

    session: str = ""


def routes(service: Service) -> list[Route]:
    """Return the routes."""

    def route(path: str, method: str, scope: Scope, answer: Callable[..., Any]) -> Route:
        async def handle(request: Request) -> Response:
            # A lease is a session's business, which has to live.
            known = await caller(service, request, scope, living=True)
            body = {} if method == "GET" else await said.body_of(request)
            said.no_parameters(request)
            if method != "GET":
                said.not_again(request)
            try:
                found = await known.project.work(answer, Asking(known), body)
            except GitcoordError as error:
                known.project.told(error)
                raise
            return JSONResponse(found, headers={"Cache-Control": "no-store"})

        return Route(path, handle, methods=[method])

    return [
        route(PORTS, "GET", "read", _listed),
        route(PORTS, "POST", "agent", _allocated),
        route(PORTS + "/release", "POST", "agent", _released),
    ]


def _listed(asking: Asking, _body: dict[str, Any]) -> dict[str, Any]:
    from gitcoord.entrypoints.ports import listed

    return {"ports": [_row(one) for one in listed(asking, here=True)]}


def _allocated(asking: Asking, body: dict[str, Any]) -> dict[str, Any]:
    from gitcoord.entrypoints.ports import allocate, snippet

    wish = _read(body, Leasing)
    answer = allocate(asking, whose(asking, wish.session), ttl=wish.ttl)
    return {
        "port": _row(answer.lease),
        "renewed": answer.renewed,
        "env_snippet": snippet(answer.lease),
    }


def _released(asking: Asking, body: dict[str, Any]) -> dict[str, Any]:
    from gitcoord.entrypoints.ports import release

    found = release(asking, whose(asking, _read(body, Releasing).session))
    return {"released": found is not None, "port": found and _row(found)}


def whose(asking: Asking, name: str, own: Callable[[Session], bool] | None = None) -> str:
    """Return for whom ports are: the session that was proved, or the session or name given.

    `own`: says of a session whether it is the caller's for another reason. Raises `Problem` 403
    for a session that the caller has not proved, and for a name under which another key leases.
    """
    from gitcoord.entrypoints.ports import listed

    if not name:
        return asking.holder
    known = asking.caller
    with asking.state() as state:
        session = state.get(Session, root(name))
    if session is not None:
        proved = known.session is not None and root(known.session) == session.id
        if not (proved or (own is not None and own(session)) or may_continue(known, session.id)):
            raise forbidden(f"to lease ports for a session needs its token ({SESSION_HEADER})")
    elif known.scope != "admin":
        leased = (one for one in listed(asking, here=True) if one.session == name)
        if any(one.agent != asking.person for one in leased):
            raise forbidden(f"another key has the ports of {name[:100]!r}")
    return name


def _read(body: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(str(wrong)) from None


def _row(lease: PortLease) -> dict[str, Any]:
    row: dict[str, Any] = shown(lease)
    for name in _HIDDEN:
        del row[name]
    return row | {"last": lease.first + lease.size - 1, "ports": ports(lease)}


def paths(problems: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI document says; `problems` are answers that every route may give."""
    text, whole = {"type": "string"}, {"type": "integer", "minimum": 1}
    row: dict[str, Any] = {
        "type": "object",
        "required": ["id", "session", "first", "last", "ports", "expires_at"],
    }
    row["properties"] = {
        "id": text,
        "session": text,
        "first": whole,
        "last": whole,
        "project": text,
        "ports": {"type": "object", "additionalProperties": whole},
        "expires_at": text,
    }

    def answer(words: str, **fields: Any) -> dict[str, Any]:
        schema = {"type": "object", "properties": fields, "required": sorted(fields)}
        content = {"application/json": {"schema": schema}}
        return {"200": {"description": words, "content": content}} | problems

    def body(**fields: Any) -> dict[str, Any]:
        schema = {"type": "object", "properties": fields, "additionalProperties": False}
        return {"content": {"application/json": {"schema": schema, "example": {"ttl": 3600}}}}

    seconds = {"type": "number", "minimum": 1, "maximum": 604800}
    leased = {"port": row, "renewed": {"type": "boolean"}, "env_snippet": text}
    freed = {"released": {"type": "boolean"}, "port": {"anyOf": [row, {"type": "null"}]}}
    ways: dict[str, Any] = {
        "get_ports": ("read", "Leases of ports, of this project", None, {"ports": _list(row)}),
        "port_allocate": (
            "agent",
            "Lease a block of ports of the service's machine",
            body(session=text, ttl=seconds),
            leased,
        ),
        "port_release": ("agent", "Give a block of ports back", body(session=text), freed),
    }
    ways["port_release"][2]["content"]["application/json"].pop("example")

    def way(name: str) -> dict[str, Any]:
        scope, summary, asked, fields = ways[name]
        said: dict[str, Any] = {
            "operationId": name,
            "summary": summary,
            "description": f"Needs a key with scope `{scope}`.",
            "tags": ["ports"],
            "responses": answer(summary, **fields),
        }
        return said | ({"requestBody": asked} if asked else {})

    return {
        PORTS: {"get": way("get_ports"), "post": way("port_allocate")},
        PORTS + "/release": {"post": way("port_release")},
    }


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}
