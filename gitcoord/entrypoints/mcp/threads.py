"""Runs the work of calls in threads: with progress, and so that it can be given up.

The event loop goes on meanwhile. A call that its client gives up is told so; it clears up, and
only then the cancellation goes on. Not here: what a call does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

from gitcoord.entrypoints.mcp.bugs import contained
from gitcoord.entrypoints.mcp.call import Call, Withdrawn
from gitcoord.errors import GitcoordError

T = TypeVar("T")

#: Calls that work at once, and those that may wait for keys besides.
WORKING, WAITING = 24, 200
#: Reports of progress that are not sent yet; more than that are dropped.
BACKLOG = 16

Report = Callable[[float, float, str], None]
Send = Callable[[float, float, str], Awaitable[None]]


class Threads(NamedTuple):
    """The threads of one server."""

    working: anyio.CapacityLimiter
    waiting: anyio.CapacityLimiter


def threads() -> Threads:
    """Return limits of their own for the two kinds, so that who waits keeps nobody from work."""
    return Threads(anyio.CapacityLimiter(WORKING), anyio.CapacityLimiter(WAITING))


async def in_thread(
    make: Callable[[Report], Call],
    work: Callable[[Call], T],
    limiter: anyio.CapacityLimiter,
    send: Send,
) -> tuple[Call, T | GitcoordError]:
    """Return the call and what its work came to; the errors of gitcoord are not raised.

    `send` puts a report of progress before the client.
    """
    told, hears = anyio.create_memory_object_stream[tuple[float, float, str]](BACKLOG)

    def report(done: float, total: float, text: str) -> None:
        anyio.from_thread.run_sync(_put, told, (done, total, text))

    call = make(report)
    found: T | GitcoordError | None = None
    async with hears, anyio.create_task_group() as group:
        group.start_soon(_noticing, call)
        group.start_soon(_passing_on, hears, send)
        found = await anyio.to_thread.run_sync(lambda: _outcome(call, work), limiter=limiter)
        told.close()
        group.cancel_scope.cancel()
    await anyio.lowlevel.checkpoint()
    if found is None:
        found = GitcoordError("the call was given up")
    return call, found


def _outcome(call: Call, work: Callable[[Call], T]) -> T | GitcoordError | None:
    try:
        return contained(lambda: work(call))
    except Withdrawn:
        return None
    except GitcoordError as error:
        return error


async def _noticing(call: Call) -> None:
    """Tell the call when its client has given it up, or when it has ended anyway."""
    try:
        await anyio.sleep_forever()
    finally:
        call.withdrawn.set()


async def _passing_on(
    hears: anyio.abc.ObjectReceiveStream[tuple[float, float, str]], send: Send
) -> None:
    async for one in hears:
        await send(*one)


def _put(told: anyio.abc.ObjectSendStream[tuple[float, float, str]], one: object) -> None:
    try:
        told.send_nowait(one)  # type: ignore[attr-defined]
    except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
        # A client that does not read misses a report, and gets its answer all the same.
        return
