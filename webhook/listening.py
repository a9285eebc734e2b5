"""The routes of events: the stream, and the URLs that are told.

`GET /api/v1/events` with `Last-Event-ID` (or `after=`) goes on where a reader was. Targets of
notifications are an admin's business. Not here: what events say.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.errors import GitcoordError, InvalidValue
from webhook.access import caller, still
from webhook.api import said
from webhook.api.answering import PREFIX
from webhook.events.stream import stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from webhook.access import Caller
    from webhook.projects import Project
    from webhook.service import Service
    from webhook.streams import Streams
    from webhook.targets import Kept

EVENTS = PREFIX + "/events"
NOTIFICATIONS = PREFIX + "/notifications"
#: Seconds between two looks at whether the reader of a stream still may.
CHECK = 1.0
#: Parameters of the stream.
PARAMETERS = ("after", "types", "session")


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new target."""

    url: str
    #: Types of events with commas between; left out: all.
    types: str = ""


def routes(service: Service, streams: Streams) -> list[Route]:
    """Return the routes."""

    async def events(request: Request) -> Response:
        known = await caller(service, request, "read")
        for name in request.query_params:
            if name not in PARAMETERS:
                raise InvalidValue(f"there is no parameter {name!r}", known=list(PARAMETERS))
        asked = request.query_params
        try:
            answer = await stream(
                await streams.hub(known.project),
                after=request.headers.get("Last-Event-ID") or asked.get("after", ""),
                types=asked.get("types", ""),
                session=asked.get("session", ""),
            )
        except GitcoordError as error:
            known.project.told(error)
            raise
        answer.body_iterator = _allowed(service, request, known, answer.body_iterator)
        return answer

    async def listed(request: Request) -> Response:
        known = await caller(service, request, "admin")
        found = await known.project.work(_listed, streams, known.project)
        return _told({"notifications": found})

    async def added(request: Request) -> Response:
        known = await caller(service, request, "admin")
        _strict(request)
        try:
            wanted = msgspec.convert(await said.body_of(request), Wanted)
        except msgspec.ValidationError as wrong:
            raise InvalidValue(str(wrong)) from None
        name, now = known.project.name, time.time()
        made = await known.project.work(
            lambda: streams.targets.add(name, wanted.url, wanted.types, at=now)
        )
        streams.notify(known.project)
        return _told({"notification": _shown(made) | {"secret": made.secret}}, 201)

    async def removed(request: Request) -> Response:
        known = await caller(service, request, "admin")
        _strict(request)
        id = request.path_params["id"]
        gone = await known.project.work(streams.targets.remove, known.project.name, id)
        streams.notify(known.project)
        return _told({"notification": _shown(gone)})

    return [
        Route(EVENTS, events, methods=["GET"]),
        Route(NOTIFICATIONS, listed, methods=["GET"]),
        Route(NOTIFICATIONS, added, methods=["POST"]),
        Route(NOTIFICATIONS + "/{id}", removed, methods=["DELETE"]),
    ]


async def _allowed(
    service: Service, request: Request, known: Caller, items: AsyncIterable[Any]
) -> AsyncGenerator[Any, None]:
    """Yield the items, and end before the first one that whoever reads may not have any more."""
    checked = time.monotonic()
    async with aclosing(cast("AsyncGenerator[Any, None]", items)) as told:
        async for each in told:
            if time.monotonic() >= checked + CHECK:
                checked = time.monotonic()
                if not await still(service, request, known):
                    return
            yield each


def _strict(request: Request) -> None:
    """Raise `InvalidValue` for what would be ignored."""
    said.no_parameters(request)
    said.not_again(request)


def _listed(streams: Streams, project: Project) -> list[dict[str, Any]]:
    loads = streams.outbox.loads(project.name)
    found = []
    for one in streams.targets.list(project.name):
        load = loads.get(one.id)
        counts = {"waiting": 0, "given_up": 0, "dropped": 0} if load is None else load._asdict()
        found.append(_shown(one) | counts)
    return found


def _shown(one: Kept) -> dict[str, Any]:
    return {"id": one.id, "url": one.url, "types": one.types, "created_at": one.created_at}


def _told(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
