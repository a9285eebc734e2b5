"""The stream on which open pages hear that something has changed, and all routes together.

It tells when the project's hub does, and not what: pages ask again for what they show, so that
the stream says nothing that a page would not.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gitcoord.errors import GitcoordError
from webhook.dashboard import actions, assets, login, pages
from webhook.dashboard.cookie import Cookies
from webhook.dashboard.ended import Ended
from webhook.dashboard.pages import ROOT, Dashboard
from webhook.dashboard.visitor import counted, visitor
from webhook.events.stream import KEEP_ALIVE, SEND_TIMEOUT, Streamed

if TYPE_CHECKING:
    from webhook.events.item import Item
    from webhook.service import Service
    from webhook.streams import Streams


#: Seconds between two looks at whether the reader may still see the project.
CHECK = 1.0


def routes(service: Service, streams: Streams) -> list[Route]:
    """Return all routes of the dashboard."""
    cookies = Cookies(service.private.secret("dashboard cookies"), Ended(service.private))
    made = Dashboard(service, cookies, streams)

    async def events(request: Request) -> Response:
        return await _stream(made, request)

    return [
        assets.route(),
        Route(f"{ROOT}/events", events),
        *login.routes(made),
        *actions.routes(made),
        *pages.routes(made),
    ]


async def _stream(dashboard: Dashboard, request: Request) -> Response:
    name = request.query_params.get("project", "")
    found = visitor(dashboard.service, dashboard.cookies, request)
    dashboard.service.rates.take(counted(found, request))
    caller = found.projects.get(name)
    if caller is None:
        # 204 tells the browser not to try again (HTML, server-sent events).
        return Response(status_code=204)
    try:
        items = await (await dashboard.streams.hub(caller.project)).subscribe()
    except GitcoordError as error:
        caller.project.told(error)
        raise

    return Streamed(
        _told(dashboard, request, name, items),
        ping=KEEP_ALIVE,
        send_timeout=SEND_TIMEOUT,
        headers={"Cache-Control": "no-store"},
    )


async def _told(
    dashboard: Dashboard, request: Request, name: str, items: AsyncGenerator[Item, None]
) -> AsyncGenerator[ServerSentEvent, None]:
    checked = time.monotonic()
    async with aclosing(items):
        # Whoever has heard this misses nothing that happens from now on.
        yield ServerSentEvent(name, event="ready")
        async for each in items:
            if time.monotonic() >= checked + CHECK:
                checked = time.monotonic()
                # Whose key was revoked meanwhile hears no more.
                if name not in visitor(dashboard.service, dashboard.cookies, request).projects:
                    return
            if each.type != "end":
                yield ServerSentEvent(each.id or each.type, event="change")
