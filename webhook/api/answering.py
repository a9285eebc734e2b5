"""A line of the table becomes a handler: who asks, decode, run in a thread, encode.

Every answer carries the ledger's head as `ETag`, so that `If-None-Match` spares what is known and
`wait=SECONDS` with it holds the answer back until something has changed. `Idempotency-Key` makes a
request that is sent again get its first answer. Not here: any rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gitcoord.domain.operation import Answer, Operation
from gitcoord.domain.record import shown
from gitcoord.errors import GitcoordError, InvalidValue
from webhook.access import caller
from webhook.api import checkin, waiting
from webhook.api.asking import LONGEST, Asking
from webhook.api.pages import Asked
from webhook.api.table import LINES, Line, fields
from webhook.problems import Problem
from webhook.service import Service

Handler = Callable[[Request], Awaitable[Response]]

PREFIX = "/api/v1"
#: Longest Idempotency-Key, in characters.
KEY_LIMIT = 255

#: Operations whose body is completed here, and whose answer says more.
_PREPARED: dict[str, Callable[[Asking, dict[str, Any], str | None], dict[str, Any]]] = {
    "session.start": checkin.prepared,
}
_FINISHED: dict[str, Callable[[Service, Asking, Any], dict[str, Any]]] = {
    "session.start": checkin.finished,
}


def routes(service: Service) -> list[Route]:
    """Return the routes of the table, one for each path.

    They are tried one after the other: literal paths first, and of these what agents do most.
    """
    paths: dict[str, dict[str, Handler]] = {}
    for line in sorted(LINES, key=lambda one: ("{" in one.path, one.method == "GET")):
        paths.setdefault(PREFIX + line.path, {})[line.method] = _handler(service, line)
    return [Route(path, _by_method(found), methods=list(found)) for path, found in paths.items()]


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle


def asked_by(line: Line) -> type[Asked]:
    """Return the struct of a query's parameters."""
    kind = get_type_hints(line.query, _names(line)).get("asked")
    assert isinstance(kind, type)
    return kind


def told_by(line: Line) -> type[msgspec.Struct]:
    """Return the struct of a query's answer."""
    kind = get_type_hints(line.query, _names(line))["return"]
    assert isinstance(kind, type)
    return kind


def _names(line: Line) -> dict[str, Any]:
    """Return what a query's annotations name, also what is only imported for types."""
    return {**getattr(line.query, "__globals__", {}), "Asking": Asking}


def _handler(service: Service, line: Line) -> Handler:
    async def handle(request: Request) -> Response:
        known = await caller(service, request, line.scope)
        asking = Asking(known)
        try:
            if line.tag:
                done = await _done(service, line, asking, request)
                request.app.state.streams.woken(known.project)
            else:
                done = await known.project.work(_seen, line, asking, request)
        except GitcoordError as error:
            known.project.told(error)
            raise
        return done

    return handle


async def _done(service: Service, line: Line, asking: Asking, request: Request) -> Response:
    """Run an operation."""
    project = asking.caller.project
    body = await body_of(request)
    key = _idempotency(request, asking.caller.name)
    names = fields(line.operation)
    for name, value in request.path_params.items():
        if name in body and body[name] != value:
            raise InvalidValue(f"the path and the body name different values of {name}")
        body[name if name in names else "id"] = value
    if (prepare := _PREPARED.get(line.tag)) is not None:
        body = await project.work(prepare, asking, body, key)
    operation = _operation(line, body)
    acting = asking.caller.session
    if acting is None and operation.acting and not operation.sessionless:
        acting = asking.holder
    answer: Any
    if line.tag == "ledger.init":
        answer, head = await project.work(_begun, asking, operation)
    else:
        answer, head = await waiting.together(asking, operation, line.answer, acting, key)
    more = _FINISHED[line.tag](service, asking, answer) if line.tag in _FINISHED else {}
    return _response(head, shown(answer) | more, line.status)


def _begun(asking: Asking, operation: Operation) -> tuple[Answer, str]:
    answer = asking.house.coordinator.begin(operation, asking.person)
    return answer, asking.house.ledger.head()


def _seen(line: Line, asking: Asking, request: Request) -> Response:
    """Answer a query."""
    given, wait = _parameters(request, asked_by(line))
    asking.caller.project.fresh()
    head = asking.house.ledger.head()
    if _etag(head) in _known(request):
        if wait:
            asking.moved(head, wait)
        if asking.house.ledger.head() == head:
            return Response(status_code=304, headers=_headers(head))
    assert line.query is not None
    answer = shown(line.query(asking, given))
    return _response(asking.house.ledger.head(), answer, 200)


def _response(head: str, body: Any, status: int) -> Response:
    data = msgspec.json.encode(body)
    return Response(data, status, headers=_headers(head), media_type="application/json")


def _headers(head: str) -> dict[str, str]:
    return {"ETag": _etag(head), "Cache-Control": "private, no-cache"}


def _etag(head: str) -> str:
    # Weak: what is shown of a session's life also depends on the time.
    return f'W/"{head}"'


def _known(request: Request) -> list[str]:
    """Return the entity tags that the client has."""
    said = request.headers.get("If-None-Match", "")
    tags = [tag.strip() for tag in said.split(",")]
    return [tag if tag.startswith("W/") else f"W/{tag}" for tag in tags if tag]


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; an empty one for nothing. Raises `Problem`."""
    data = await request.body()
    if not data:
        return {}
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "unsupported_media_type", "send application/json")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(400, "malformed_body", f"the body is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Problem(400, "malformed_body", "the body is no JSON object")
    return found


def _operation(line: Line, body: Mapping[str, Any]) -> Operation:
    try:
        return msgspec.convert(dict(body), line.operation)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(
            f"{line.tag}: {wrong}", hint="GET /api/v1/openapi.json describes it."
        ) from None


def _parameters(request: Request, kind: type[Asked]) -> tuple[Asked, float]:
    """Return the query's parameters, and how long it may wait in seconds. Raises `InvalidValue`."""
    known = fields(kind)
    given: dict[str, Any] = dict(request.path_params)
    wait = 0.0
    for name in request.query_params:
        if name == "wait":
            wait = _seconds(request.query_params[name])
        elif name in known:
            values = request.query_params.getlist(name)
            several = "list[" in str(known[name].type) or "tuple[" in str(known[name].type)
            given[name] = values if several else values[-1]
        else:
            raise InvalidValue(f"there is no parameter {name!r}", known=sorted(known))
    try:
        return msgspec.convert(given, kind, strict=False), wait
    except msgspec.ValidationError as wrong:
        raise InvalidValue(str(wrong)) from None


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        raise InvalidValue(f"wait is 0 to {LONGEST:g} seconds", wait=text[:40])
    return found


def _idempotency(request: Request, name: str) -> str | None:
    """Return the operation's id for the key that was sent: each caller has keys of its own."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LIMIT:
        raise InvalidValue(f"an Idempotency-Key has 1 to {KEY_LIMIT} characters")
    digest = sha256(name.encode() + b"\0" + key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"o-{digest[:40]}"
