"""The HTTP server as it is, but whoever comes gets the token: for programs that cannot send one.

Run with a repository and a port; it says on stderr where it listens.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import anyio
import uvicorn

from gitcoord.entrypoints.listener import listener
from gitcoord.entrypoints.mcp.bugs import report
from gitcoord.entrypoints.mcp.http import PATH, application
from gitcoord.entrypoints.mcp.keeping import Keeping
from gitcoord.entrypoints.mcp.office import Office
from gitcoord.entrypoints.mcp.tokens import from_text
from tests.entrypoints.mcp.agents import TOKEN

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Given:
    """Adds the token to what comes in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            token = (b"authorization", f"Bearer {TOKEN}".encode())
            scope = dict(scope) | {"headers": [*scope["headers"], token]}
        await self._app(scope, receive, send)


def serve(place: str) -> None:
    """Serve the repository on a free port of the loopback."""
    keeping = Keeping(Office(place, os.environ, several=True))
    app = Given(application(keeping, "all", "127.0.0.1", from_text(TOKEN, "here")))
    with listener("127.0.0.1", 0) as taken:
        report(f"listening on http://127.0.0.1:{taken.getsockname()[1]}{PATH}")
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        anyio.run(uvicorn.Server(config).serve, [taken])


if __name__ == "__main__":
    serve(sys.argv[1])
