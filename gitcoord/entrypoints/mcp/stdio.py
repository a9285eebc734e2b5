"""The server as a child of its client: requests on standard input, answers on standard output.

Ends when the input ends or when it is told to by a signal, in both cases after checking out.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import anyio

if TYPE_CHECKING:
    from gitcoord.entrypoints.mcp.office import Office
    from gitcoord.entrypoints.mcp.table import Profile


def serve(office: Office, profile: Profile) -> int:
    """Serve the one client until it leaves; returns the exit code."""
    return anyio.run(_serve, office, profile)


async def _serve(office: Office, profile: Profile) -> int:
    from mcp.server.stdio import stdio_server

    from gitcoord.entrypoints.mcp.keeping import Keeping
    from gitcoord.entrypoints.mcp.server import build

    server = build(Keeping(office), profile)
    told: list[int] = []
    async with stdio_server() as (reads, writes):
        try:
            with anyio.CancelScope() as scope, stopping(told, scope.cancel):
                await server.run(reads, writes, server.create_initialization_options())
        except anyio.get_cancelled_exc_class():
            # Nobody reads the answers any more. The client has been checked out.
            _leave(0)
        if told:
            _leave(128 + told[0])
    return 0


def _leave(code: int) -> NoReturn:
    """End at once: a thread may still wait for input that will not come; all else is done."""
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def stopping(told: list[int], stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in the event loop when a signal says to end; its number is in `told` then."""
    import asyncio

    loop = asyncio.get_running_loop()

    def hear(number: int, _frame: object) -> None:
        told.append(number)
        loop.call_soon_threadsafe(stop)

    names = ("SIGTERM", "SIGINT", "SIGHUP")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, hear) for number in known}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
