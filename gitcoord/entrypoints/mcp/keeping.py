"""What lives as long as a server: the beats of its sessions, the following, the check-outs.

One task for each seat beats in time; whoever HTTP has not heard of for long is checked out.
When the server ends, in whatever way it is told to, every session that it has begun is checked
out. Not here: what a beat is (seat), or how a server is told to end (stdio, http).
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
import anyio.abc
import anyio.to_thread

from gitcoord.entrypoints.mcp.following import Following
from gitcoord.entrypoints.mcp.identity import Caller, Identity
from gitcoord.entrypoints.mcp.office import Office
from gitcoord.entrypoints.mcp.seat import Seat
from gitcoord.entrypoints.mcp.threads import threads


class Keeping:
    """One running server."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.threads = threads()
        self.following = Following(office, Seat(Identity(shared=False)))
        # Beats are on time however many calls there are.
        self._beating = anyio.CapacityLimiter(4)
        self._stirred: dict[Seat, anyio.Event] = {}
        self._tasks: anyio.abc.TaskGroup | None = None
        #: Connection -> the seats that were used through it.
        self._through: dict[str, set[Seat]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keep the server's sessions while the block runs, and check them out after it."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self.following.run)
                if self.office.named:
                    # What hooks or commands of this client have begun is kept from now on.
                    self._place(Caller())
                yield
                self.following.close()
                tasks.cancel_scope.cancel()
        finally:
            self._tasks = None
            with anyio.CancelScope(shield=True):
                await self._end(list(self.office.seats.values()))
                await anyio.to_thread.run_sync(self.office.close)

    @contextmanager
    def serving(self, caller: Caller) -> Iterator[Seat]:
        """Yield the place of whoever calls, which is in use while the block runs."""
        seat = self._place(caller)
        if caller.connection:
            self._through.setdefault(caller.connection, set()).add(seat)
        self.office.used(seat, 1)
        before = seat.pulse
        try:
            yield seat
        finally:
            self.office.used(seat, -1)
            if seat.pulse < before and seat in self._stirred:
                self._stirred[seat].set()

    async def ended(self, connection: str) -> None:
        """Check out those who came through a connection that has ended, and through no other."""
        self.following.unsubscribe(None, connection)
        gone = self._through.pop(connection, set())
        gone -= set().union(*self._through.values())
        await self._end([seat for seat in gone if not seat.busy])

    def _place(self, caller: Caller) -> Seat:
        placed = self.office.seat(caller)
        if placed.new and self._tasks is not None:
            self._tasks.start_soon(self._keep, placed.seat)
        return placed.seat

    async def _keep(self, seat: Seat) -> None:
        """Beat for a seat until it is left; at once where its session may be live already."""
        last = -math.inf if seat.who.shared and not self.office.several else time.monotonic()
        while self.office.seats.get(seat.who.key) is seat:
            left = last + seat.pulse - time.monotonic()
            if left > 0:
                self._stirred[seat] = anyio.Event()
                with anyio.move_on_after(left):
                    await self._stirred[seat].wait()
                continue
            await anyio.to_thread.run_sync(self.office.beat, seat, limiter=self._beating)
            last = time.monotonic()
            if self.office.several and seat in self.office.idle():
                await self._end([seat])
                for connection in [x for x, used in self._through.items() if used == {seat}]:
                    await self.ended(connection)
        self._stirred.pop(seat, None)

    async def _end(self, seats: list[Seat]) -> None:
        async with anyio.create_task_group() as leaving:
            for seat in seats:
                leaving.start_soon(anyio.to_thread.run_sync, self.office.leave, seat)
