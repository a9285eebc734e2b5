"""A bug, told and logged like every other answer: with its headers, its line and its number.

Stands behind everything else that stands before the routes. A framework's own handler of bugs
stands before all of that, so that its answers would go without. Not here: refusals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhook import logs
from webhook.problems import Problem, told

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Caught:
    """Tells a bug as a problem document, and writes it to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Of an answer that has begun, the rest does not come."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as bug:
            route = getattr(scope.get("route"), "path", "unknown")
            logs.SERVICE.error("a bug at %s %s", scope["method"], route, exc_info=bug)
            if begun:
                raise
            detail = "this is a bug of gitcoord; the service's log has it"
            await told(scope, Problem(500, "bug", detail))(scope, receive, send)
