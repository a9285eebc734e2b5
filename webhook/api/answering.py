"""A line of the table becomes a handler: who asks, decode, run in a thread, encode.

Every answer to a question carries the ledger's head as `ETag`, so that `If-None-Match` spares what
is known and `wait=SECONDS` with it holds the answer back until something has changed. Not here:
any rule, and how a request is read (`said`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gitcoord.domain.operation import Operation
from gitcoord.domain.record import shown
from gitcoord.errors import GitcoordError, InvalidValue
from webhook.access import SESSION_HEADER, caller
from webhook.api import checkin, judging, merges, said, waiting
from webhook.api.asking import Asking
from webhook.api.pages import Asked
from webhook.api.table import LINES, Line, fields
from webhook.service import Service

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")

PREFIX = "/api/v1"
#: What can be done once only, so that no request for it can be one that is sent again.
ONCE = ("ledger.init",)
#: What is shown depends on who asks: caches of browsers must not mix that up.
_KEPT = {
    "Cache-Control": "private, no-cache",
    "Vary": f"Authorization, X-API-Key, {SESSION_HEADER}",
}

#: Operations whose body is completed here, and whose answer says more.
_PREPARED: dict[str, Callable[[Asking, dict[str, Any], str | None], dict[str, Any]]] = {
    "session.start": checkin.prepared,
    "merge.enqueue": merges.prepared,
}
_FINISHED: dict[str, Callable[[Service, Asking, Any], dict[str, Any]]] = {
    "session.start": checkin.finished,
}
#: What guardrails look at before it is decided, as the MCP tools do.
_JUDGED: dict[str, Callable[[Asking, Any, str], None]] = {
    "task.add": judging.of_new_tasks,
    "task.move": judging.of_move,
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
    # Whether a session lives is seen where an operation that needs one is decided.
    living = not (line.tag and line.operation.acting)

    async def handle(request: Request) -> Response:
        known = await caller(service, request, line.scope, living=living)
        asking = Asking(known)
        try:
            if line.tag:
                done = await _done(service, line, asking, request)
                request.app.state.streams.woken(known.project)
            else:
                given, wait = said.asked(request, asked_by(line))
                seen = partial(_seen, line, asking, given, wait, _known(request))
                done = await _worked(service, request, asking, seen, wait > 0)
        except GitcoordError as error:
            known.project.told(error)
            raise
        return done

    return handle


async def _worked(
    service: Service,
    request: Request,
    asking: Asking,
    work: Callable[[], T],
    waits: bool,
) -> T:
    """Do the work in a thread; what may wait long takes none of those that others need."""
    project = asking.caller.project
    if not waits:
        return await project.work(work)
    return await service.waits.during(request, asking.gone, partial(project.wait, work))


async def _done(service: Service, line: Line, asking: Asking, request: Request) -> Response:
    """Run an operation."""
    project = asking.caller.project
    body = await said.body_of(request)
    said.no_parameters(request)
    names = fields(line.operation)
    for name, value in request.path_params.items():
        if name in body and body[name] != value:
            raise InvalidValue(f"the path and the body name different values of {name}")
        body[name if name in names else "id"] = value
    once = line.tag in ONCE
    if once:
        said.not_again(request)
    key = None if once else said.idempotency(request, asking.caller.name)
    if (prepare := _PREPARED.get(line.tag)) is not None:
        body = await project.work(prepare, asking, body, key)
    operation = _operation(line, body)
    acting = asking.asker()
    if not acting and operation.acting and not operation.sessionless:
        acting = await project.work(lambda: asking.holder)
    if (judge := _JUDGED.get(line.tag)) is not None:
        await project.work(judge, asking, operation, f"{line.method} {PREFIX}{line.path}")
    answer: Any
    if once:
        answer = await project.work(asking.house.coordinator.begin, operation, asking.person)
    elif getattr(operation, "wait", 0):
        decided = partial(waiting.decided, asking, operation, line.answer, acting, key)
        answer = await _worked(service, request, asking, decided, waits=True)
    else:
        answer = await waiting.together(asking, operation, line.answer, acting, key)
    more = _FINISHED[line.tag](service, asking, answer) if line.tag in _FINISHED else {}
    return _response(shown(answer) | more, line.status, {})


def _seen(line: Line, asking: Asking, given: Asked, wait: float, known: list[str]) -> Response:
    """Answer a query."""
    asking.caller.project.fresh()
    head = asking.house.ledger.head()
    if _etag(head) in known or "*" in known:
        if wait:
            asking.moved(head, wait)
        before, head = head, asking.house.ledger.head()
        if head == before:
            return Response(status_code=304, headers=_headers(head))
    # The tag of before: what is decided while the answer is made up must not pass for known.
    assert line.query is not None
    return _response(shown(line.query(asking, given)), 200, {"ETag": _etag(head)})


def _response(body: Any, status: int, headers: dict[str, str]) -> Response:
    data = msgspec.json.encode(body)
    return Response(data, status, headers=_KEPT | headers, media_type="application/json")


def _headers(head: str) -> dict[str, str]:
    return {"ETag": _etag(head), **_KEPT}


def _etag(head: str) -> str:
    # Weak: what is shown of a session's life also depends on the time.
    return f'W/"{head}"'


def _known(request: Request) -> list[str]:
    """Return the entity tags that the client has, weak as ours are; "*" for any."""
    tags = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
    return [tag if tag == "*" or tag.startswith("W/") else f"W/{tag}" for tag in tags if tag]


def _operation(line: Line, body: Mapping[str, Any]) -> Operation:
    try:
        return msgspec.convert(dict(body), line.operation)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(
            f"{line.tag}: {wrong}", hint="GET /api/v1/openapi.json describes it."
        ) from None
