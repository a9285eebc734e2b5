"""The server in this process, for tests of what it answers: nothing is started and loaded anew.

What goes between client and server is the same as with a process: lines of JSON, or HTTP over
loopback. That a process is started, told to end and leaves, and what it writes to stderr, is for
`Agents.stdio` and `Served`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from mcp.server.stdio import stdio_server

from gitcoord.entrypoints.listener import listener
from gitcoord.entrypoints.mcp.http import PATH, application
from gitcoord.entrypoints.mcp.keeping import Keeping
from gitcoord.entrypoints.mcp.office import Office
from gitcoord.entrypoints.mcp.server import build
from gitcoord.entrypoints.mcp.tokens import from_text

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from gitcoord.entrypoints.mcp.table import Profile


class _Lines:
    """One end of a pipe of text, as the SDK wants a file: to be read, or to be written."""

    def __init__(
        self,
        heard: MemoryObjectReceiveStream[str] | None = None,
        said: MemoryObjectSendStream[str] | None = None,
    ) -> None:
        self._heard = heard
        self._said = said

    def __aiter__(self) -> AsyncIterator[str]:
        assert self._heard is not None
        return aiter(self._heard)

    async def write(self, text: str) -> None:
        assert self._said is not None
        await self._said.send(text)

    async def flush(self) -> None:
        """Do nothing: whatever was written is there."""


@asynccontextmanager
async def piped(place: str, profile: Profile, environ: Mapping[str, str]) -> AsyncIterator[Any]:
    """Serve one client through pipes while the block runs; yields the client's streams."""
    server = build(Keeping(Office(place, environ)), profile)
    asked, ask = _pipe()
    answered, answer = _pipe()

    async def serve() -> None:
        ends: Any = _Lines(asked), _Lines(said=answer)
        async with asked, answer, stdio_server(*ends) as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        # Lines of JSON are the same from both sides.
        ends: Any = _Lines(answered), _Lines(said=ask)
        async with answered, ask, stdio_server(*ends) as (reads, writes):
            yield reads, writes
            await writes.aclose()
            # What has been said goes out before the input of the server ends.
            await anyio.lowlevel.checkpoint()
            await ask.aclose()


def _pipe() -> tuple[MemoryObjectReceiveStream[str], MemoryObjectSendStream[str]]:
    said, heard = anyio.create_memory_object_stream[str](math.inf)
    return heard, said


class Hosted:
    """A server over HTTP in a thread of this process."""

    def __init__(self, place: str, token: str, environ: Mapping[str, str]) -> None:
        keeping = Keeping(Office(place, environ, several=True))
        app = application(keeping, "all", "127.0.0.1", from_text(token, "here"))
        self._socket = listener("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{PATH}"
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=anyio.run, args=(self._server.serve, [self._socket]))
        self._thread.start()

    def close(self) -> None:
        """End it; its clients are gone."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
