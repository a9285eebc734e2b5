"""The stream on which open pages hear that something has changed, and all routes together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from webhook.dashboard import actions, assets, login, pages
from webhook.dashboard.cookie import Cookies
from webhook.dashboard.pages import ROOT, Dashboard
from webhook.dashboard.visitor import counted, visitor

if TYPE_CHECKING:
    from webhook.service import Service

#: Seconds between two signs of life on a stream that has nothing to say.
PING = 15


def routes(service: Service) -> list[Route]:
    """Return all routes of the dashboard."""
    made = Dashboard(service, Cookies(service.private.secret("dashboard cookies")))

    async def events(request: Request) -> Response:
        return _stream(made, request)

    return [
        assets.route(),
        Route(f"{ROOT}/events", events),
        *login.routes(made),
        *actions.routes(made),
        *pages.routes(made),
    ]


def _stream(dashboard: Dashboard, request: Request) -> Response:
    name = request.query_params.get("project", "")
    found = visitor(dashboard.service, dashboard.cookies, request)
    dashboard.service.rates.take(counted(found, request))
    if name not in found.projects:
        # 204 tells the browser not to try again (HTML, server-sent events).
        return Response(status_code=204)

    async def told() -> AsyncIterator[ServerSentEvent]:
        event = "ready"
        async for head in dashboard.follower(name).changes():
            # Who has logged out, or whose key was revoked meanwhile, hears no more.
            if name not in visitor(dashboard.service, dashboard.cookies, request).projects:
                return
            yield ServerSentEvent(event=event, data=head)
            event = "change"

    return EventSourceResponse(told(), ping=PING, headers={"Cache-Control": "no-store"})
