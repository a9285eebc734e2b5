"""Start the service, say where it is, and end it well.

SIGTERM and SIGINT let requests that are under way end and close streams. Logs are lines for
people, or JSON objects for programs; neither holds a key, a token or a query. Not here: routes.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import anyio
import uvicorn

from gitcoord.entrypoints.listener import LOOPBACK, listener
from webhook import logs
from webhook.app import application
from webhook.reading import reader
from webhook.service import Service, assemble
from webhook.settings import Settings
from webhook.streams import Streams

#: Seconds that requests and streams get to end when the service does.
GRACE = 5
_ADD = "`gitcoord serve key add`, with the same --project and --state, makes one"
#: Connections that may wait to be taken.
BACKLOG = 512


def serve(settings: Settings, environ: Mapping[str, str], *, log: str = "text") -> int:
    """Serve until a signal says to end; returns the exit code.

    Raises `UsageError` when the address cannot be had, `Unavailable` for an own file of no use.
    """
    logs.begin(log)
    service = assemble(settings, environ)
    taken = listener(settings.host, settings.port, BACKLOG)
    port = taken.getsockname()[1]
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    logs.SERVICE.info("serving %s at http://%s:%s", ", ".join(settings.projects), shown, port)
    if settings.host not in LOOPBACK:
        logs.SERVICE.warning(
            "others can reach this address; put TLS before it, keys travel in clear"
        )
    for name in without_keys(service):
        logs.SERVICE.warning("no key is good for the project %s yet; %s", name, _ADD)
    app = application(service)
    config = uvicorn.Config(
        app,
        http=reader(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=list(LOOPBACK) if settings.behind_proxy else None,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )
    with taken, _heeded():
        anyio.run(_Server(config, app.state.streams).serve, [taken])
    logs.SERVICE.info("ended")
    return 0


def without_keys(service: Service) -> list[str]:
    """Return the projects for which nobody has a key that is good."""
    good = {key.project for key in service.keys.list() if not key.revoked_at}
    return [name for name in service.projects if name not in good]


class _Server(uvicorn.Server):
    """Ends streams of events before it waits for requests that are under way."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.ended()
        await super().shutdown(sockets)


@contextmanager
def _heeded() -> Iterator[None]:
    """Let a signal that has ended the server be the end of it.

    Uvicorn raises it once more when everything is closed, for whoever was there before it.
    """
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [(kind, signal.signal(kind, lambda *_: None)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in before:
            signal.signal(kind, handler)
