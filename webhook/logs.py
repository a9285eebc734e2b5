"""The service's log: lines for people or JSON objects for programs, one for each request.

A line names the route, never what was sent: no key, token, query or body. Not here: numbers.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVICE = logging.getLogger("gitcoord.service")
#: Requests, which can be switched off apart.
REQUESTS = logging.getLogger("gitcoord.service.requests")
#: Routes that somebody asks all the time.
_QUIET = ("/health", "/ready", "/metrics")


class Lines(logging.Formatter):
    """A JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        body: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        body |= getattr(record, "fields", {})
        if record.exc_info:
            body["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(body).decode()


def begin(kind: str) -> None:
    """Write the log to standard error, as "text" or as "json"."""
    # What no line of ours shows need not be found out for each of them, see "Optimization" in
    # https://docs.python.org/3/howto/logging.html
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    text = logging.Formatter("gitcoord serve: %(levelname)s: %(message)s")
    handler.setFormatter(Lines() if kind == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    SERVICE.setLevel(logging.INFO)


class Logged:
    """Writes a line for each request when its answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] not in _QUIET:
                _line(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, sent)


def _line(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unknown")
    fields = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "by": scope.get("state", {}).get("caller", ""),
        "project": scope.get("state", {}).get("project", ""),
    }
    words = "%(method)s %(route)s %(status)s in %(milliseconds)s ms"
    REQUESTS.info(words + (" for %(by)s" if fields["by"] else ""), fields, extra={"fields": fields})
