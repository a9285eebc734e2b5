"""The server over HTTP, for several clients: MCP's streamable transport behind bearer tokens.

Bound to loopback unless told otherwise. Every client is a participant of its own: told apart by
its token, its protocol session or the id that it sends, never by this server's environment.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import uvicorn
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Route

from gitcoord.entrypoints.listener import LOOPBACK, listener
from gitcoord.entrypoints.mcp.bugs import report
from gitcoord.entrypoints.mcp.keeping import Keeping
from gitcoord.entrypoints.mcp.office import IDLE, Office
from gitcoord.entrypoints.mcp.server import build
from gitcoord.entrypoints.mcp.tokens import bearer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gitcoord.entrypoints.mcp.table import Profile

PATH = "/mcp"
#: Seconds that open streams get to end when the server does.
GRACE = 2


def serve(office: Office, profile: Profile, host: str, port: int, tokens: Mapping[str, str]) -> int:
    """Serve until a signal says to end; returns the exit code.

    Raises `UsageError` when the address cannot be had.
    """
    taken = listener(host, port)
    port = taken.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    report(f"listening on http://{shown}:{port}{PATH}")
    if host not in LOOPBACK:
        report("others can reach this address; put TLS before it, a bearer token travels in clear")
    keeping = Keeping(office)
    config = uvicorn.Config(
        application(keeping, profile, host, tokens),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )
    logging.basicConfig(level=logging.WARNING, format="gitcoord mcp: %(name)s: %(message)s")
    with taken:
        anyio.run(uvicorn.Server(config).serve, [taken])
    return 0


def application(
    keeping: Keeping, profile: Profile, host: str, tokens: Mapping[str, str]
) -> Starlette:
    """Return the web application."""
    manager = StreamableHTTPSessionManager(
        build(keeping, profile), security_settings=_security(host), session_idle_timeout=IDLE
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    guarded = RequireAuthMiddleware(_Traffic(StreamableHTTPASGIApp(manager), keeping), [])
    backend = BearerAuthBackend(_Tokens(tokens))
    return Starlette(
        routes=[Route(PATH, endpoint=guarded)],
        middleware=[Middleware(AuthenticationMiddleware, backend=backend)],
        lifespan=lifespan,
    )


class _Tokens:
    """Verifies bearer tokens for the SDK."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    async def verify_token(self, token: str) -> AccessToken | None:
        found = bearer(self._known, token)
        if found is None:
            return None
        return AccessToken(token="", client_id=self._known[found], subject=found, scopes=[])


class _Traffic:
    """Sees when a client ends its protocol session, which no handler is told."""

    def __init__(self, app: ASGIApp, keeping: Keeping) -> None:
        self._app = app
        self._keeping = keeping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        statuses: list[int] = []

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        await self._app(scope, receive, seen)
        connection = _header(scope, b"mcp-session-id")
        if scope["method"] == "DELETE" and connection and statuses and statuses[0] < 300:
            await self._keeping.ended(connection)


def _header(scope: Scope, name: bytes) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _security(host: str) -> TransportSecuritySettings:
    """Return the check of Host and Origin against DNS rebinding.

    https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#security-warning
    """
    if host in ("", "0.0.0.0", "::"):
        # Names of this machine are not known here. A page cannot send the token anyway.
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    names = {f"[{name}]" if ":" in name else name for name in (host, *LOOPBACK)}
    return TransportSecuritySettings(
        allowed_hosts=[form for name in sorted(names) for form in (name, f"{name}:*")],
        allowed_origins=[f"http://{name}:*" for name in sorted(names)],
    )
