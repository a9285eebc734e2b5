"""A small service in a process of its own that streams one project: for tests of real streams.

`python -m tests.webhook.events.served FOLDER [PORT]` prints its port. It is what a route does:
subscribe, or say with which code not.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitcoord.bootstrap import House, open_house
from gitcoord.errors import GitcoordError
from webhook.events.hub import Hub
from webhook.events.stream import stream
from webhook.events.watching import Watching


def app(house: House, keep_alive: float) -> Starlette:
    """Return a service with one route."""
    hub = Hub(Watching(house), presence_every=0.2)

    async def events(request: Request) -> Response:
        asked = request.query_params
        try:
            return await stream(
                hub,
                after=request.headers.get("last-event-id", ""),
                types=asked.get("types", ""),
                session=asked.get("session", ""),
                keep_alive=keep_alive,
            )
        except GitcoordError as error:
            return JSONResponse(error.as_dict(), 400)

    async def readers(request: Request) -> Response:
        return JSONResponse(hub.readers)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(hub.run)
            yield
            group.cancel_scope.cancel()

    return Starlette(routes=[Route("/events", events), Route("/readers", readers)], lifespan=life)


class Line(NamedTuple):
    """One event of a stream, or a comment: then only `comment` is not empty."""

    id: str = ""
    event: str = ""
    data: str = ""
    comment: str = ""


class Stream:
    """One connection to a stream. `lines` ends when the connection does."""

    def __init__(self, port: int, query: str = "", after: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Last-Event-ID": after} if after else {}
        self.connection.request("GET", f"/events{query}", headers=headers)
        self.response = self.connection.getresponse()

    def lines(self) -> Iterator[Line]:
        """Yield events and comments as they come."""
        fields: dict[str, str] = {}
        try:
            while raw := self.response.readline():
                name, _, value = raw.decode().rstrip("\r\n").partition(":")
                if not raw.strip():
                    if fields.keys() & {"data", "comment"}:
                        yield Line(**{k: v for k, v in fields.items() if k != "retry"})
                    fields = {}
                else:
                    fields[name or "comment"] = value.removeprefix(" ") if name else "yes"
        except (OSError, http.client.HTTPException):
            return

    def events(self) -> Iterator[Line]:
        """Yield what is said of the ledger."""
        return (each for each in self.lines() if each.id)

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self.connection.close()


class Service(NamedTuple):
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]

    def readers(self) -> int:
        """Return how many streams it serves."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/readers")
            return int(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def service(folder: str, port: int = 0, keep_alive: float = 15.0) -> Iterator[Service]:
    """Run a service while the block runs."""
    command = [sys.executable, "-m", __name__, folder, str(port), str(keep_alive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            yield Service(int(child.stdout.readline()), child)
        finally:
            child.kill()


def _main(folder: str, port: str, keep_alive: str) -> None:
    listening = socket.create_server(("127.0.0.1", int(port)))
    config = uvicorn.Config(
        app(open_house(folder, os.environ), float(keep_alive)), log_level="warning"
    )
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    _main(*sys.argv[1:])
