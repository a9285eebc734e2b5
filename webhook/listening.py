"""The routes of events: the stream, and the URLs that are told.

`GET /api/v1/events` with `Last-Event-ID` (or `after=`) goes on where a reader was. Targets of
notifications are an admin's business. Not here: what events say.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.errors import GitcoordError, InvalidValue
from webhook.access import caller, still
from webhook.api import said
from webhook.api.answering import PREFIX
from webhook.events.outbox import Load
from webhook.events.stream import stream

if TYPE_CHECKING:
    from webhook.projects import Project
    from webhook.service import Service
    from webhook.streams import Streams
    from webhook.targets import Kept

EVENTS = PREFIX + "/events"
NOTIFICATIONS = PREFIX + "/notifications"
#: Parameters of the stream.
PARAMETERS = ("after", "types", "session")


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new target."""

    url: str
    #: Types of events with commas between; left out: all.
    types: str = ""
    #: One of `wording.FORMATS`.
    format: str = "event"


def routes(service: Service, streams: Streams) -> list[Route]:
    """Return the routes."""

    async def events(request: Request) -> Response:
        known = await caller(service, request, "read")
        for name in request.query_params:
            if name not in PARAMETERS:
                raise InvalidValue(f"there is no parameter {name!r}", known=list(PARAMETERS))
        asked = request.query_params
        try:
            return await stream(
                await streams.hub(known.project),
                after=request.headers.get("Last-Event-ID") or asked.get("after", ""),
                types=",".join(asked.getlist("types")),
                session=asked.get("session", ""),
                still=partial(still, service, request, known),
            )
        except GitcoordError as error:
            known.project.told(error)
            raise

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
        made = await streams.add(
            known.project, wanted.url, wanted.types, wanted.format, at=time.time()
        )
        return _told({"notification": _shown(made) | {"secret": made.secret}}, 201)

    async def removed(request: Request) -> Response:
        known = await caller(service, request, "admin")
        _strict(request)
        gone = await streams.remove(known.project, request.path_params["id"])
        return _told({"notification": _shown(gone)})

    return [
        Route(EVENTS, events, methods=["GET"]),
        Route(NOTIFICATIONS, listed, methods=["GET"]),
        Route(NOTIFICATIONS, added, methods=["POST"]),
        Route(NOTIFICATIONS + "/{id}", removed, methods=["DELETE"]),
    ]


def _strict(request: Request) -> None:
    """Raise `InvalidValue` for what would be ignored."""
    said.no_parameters(request)
    said.not_again(request)


def _listed(streams: Streams, project: Project) -> list[dict[str, Any]]:
    loads = streams.outbox.loads(project.name)
    kept = streams.targets.list(project.name)
    return [_shown(one) | loads.get(one.id, Load())._asdict() for one in kept]


def _shown(one: Kept) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "types": one.types,
        "format": one.format,
        "created_at": one.created_at,
    }


def _told(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
