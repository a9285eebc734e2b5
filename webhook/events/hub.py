"""One follower of a project, and all who listen to it.

The ledger is read once, whatever the number of readers. What happened last stands in one ring
that all of them read at their own pace; whoever comes with an id is first told from the chain
what came after it, up to a known place in the ring, so that nothing is missed and nothing comes
twice. A reader that is slower than the ring is long is sent away, and comes back with its id.
Everything but the looks happens in the event loop. Not here: the wire format (`stream`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from gitcoord.errors import GitcoordError
from webhook.events.item import Item, end, presence, tick
from webhook.events.watching import LOOK, PIECE, Watching, piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitcoord.bootstrap import House
    from gitcoord.ledger.feed import Position
    from gitcoord.storage.store import Oid

#: Events, and characters of them, that a reader may be behind.
BACKLOG, CHARACTERS = 2048, 8 * 1024 * 1024
#: Seconds between two looks at signs of life.
PRESENCE = 5.0
#: The same while things happen.
AT_MOST = 1.0
#: Readers that are told from the chain at a time.
REPLAYS = 4

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Hub:
    """The events of one project. `run` must run in the event loop of its readers."""

    def __init__(
        self, watching: Watching, *, backlog: int = BACKLOG, presence_every: float = PRESENCE
    ) -> None:
        self.readers = 0
        #: What keeps it from looking, until it can again.
        self.trouble: GitcoordError | None = None
        self._watching = watching
        self._backlog = backlog
        self._presence_every = presence_every
        #: The newest items; the first has the number `_first`, the next will have `_next`.
        self._ring: deque[Item] = deque()
        self._first = self._next = self._size = 0
        #: The head of which all was told, and a chain with all that was.
        self._done: Oid | None = None
        self._head: Oid | None = None
        #: Up to where it was told.
        self._at: Position | None = None
        self._present: list[dict[str, Any]] = []
        self._snapshot = presence([])
        self._snapshots = 0
        #: Whether its streams have ended, or are about to.
        self.closed = False
        #: Whether the ring goes on; it does while somebody listens.
        self.following = False
        self._changed, self._awake = anyio.Event(), anyio.Event()
        self._beginning, self._looking = anyio.Lock(), anyio.Lock()
        self._replaying = anyio.CapacityLimiter(REPLAYS)

    async def run(self) -> None:
        """Follow the ledger while anybody listens; ends when it is closed, or by cancelling."""
        try:
            await self._run()
        finally:
            # Nobody should wait for what will not come.
            self.close()

    @property
    def house(self) -> House:
        """Whose ledger is followed."""
        return self._watching.house

    @property
    def position(self) -> Position:
        """Up to where readers were told. There is one once somebody has subscribed."""
        assert self._at is not None
        return self._at

    def wake(self) -> None:
        """Look at once: this service has just changed the ledger. Only in the event loop."""
        self._awake.set()

    def close(self) -> None:
        """End all streams in good order. Only in the event loop."""
        self.closed = True
        self._awake.set()
        self._tell()

    async def subscribe(
        self, after: Position | None = None, *, ticks: float | None = None
    ) -> AsyncGenerator[Item, None]:
        """Return everything after a position and then all that happens; None: from `position` on.

        It begins with who is present and ends with an item `end`, or when it is closed, which
        whoever stops reading must do. After every `ticks` seconds in which there is nothing to
        say there is an item `tick`. Raises what keeps the ledger from being read, and `Unavailable`
        where only a host that does not answer can know the position.
        """
        with self._counted():
            await self._begun()
            if after is not None and self._at is not None and after > self._at:
                # Another service was quicker to see it.
                await self._look(asked=True)
                if after > self._at:
                    # No gap is told of what may only not have come here yet.
                    self._watching.sure()
            return self._told(self._at if after is None else after, ticks)

    async def _told(self, last: Position | None, ticks: float | None) -> AsyncGenerator[Item, None]:
        number: int | None = None
        snapshots = 0
        with self._counted():
            await self._begun()
            while True:
                if snapshots != self._snapshots:
                    snapshots = self._snapshots
                    yield self._snapshot
                if number is None:
                    number = self._next
                    async with aclosing(self._replay(last)) as told:
                        async for each in told:
                            last = each.at or last
                            yield each
                    # Where it took so long that the ring has gone on, the rest is read as well.
                    number = number if number >= self._first else None
                    continue
                changed = self._changed
                while self._first <= number < self._next:
                    each = self._ring[number - self._first]
                    number, last = number + 1, each.at or last
                    yield each
                if number < self._first:
                    yield end("slow", last)
                    return
                if self.closed:
                    yield end("closing", last)
                    return
                if snapshots == self._snapshots:
                    with anyio.move_on_after(ticks) as silence:
                        await changed.wait()
                    if silence.cancelled_caught:
                        yield tick()

    async def _replay(self, after: Position | None) -> AsyncGenerator[Item, None]:
        """Yield from the chain what came after a position, as far as the ring was told now."""
        head, upto = self._head, self._at
        assert head is not None
        assert upto is not None
        if after is None or after == upto:
            return
        found = await self._threaded(
            lambda: self._watching.news(after, head, upto), self._replaying
        )
        while True:
            items = await self._threaded(lambda: piece(found), self._replaying)
            for each in items:
                if each.at is None or each.at > upto:
                    return
                yield each
            if len(items) < PIECE:
                return

    async def _begun(self) -> None:
        """See where the ledger is, so that what happens from now on is news."""
        async with self._beginning:
            if self.following:
                return
            async with self._looking:
                head = await self._threaded(lambda: self._watching.head(asked=True))
                self._at = await self._threaded(lambda: self._watching.end(head))
                self._head = self._done = head
                # What was told before is told from the chain to whoever asks for it.
                self._first = self._next
                self._ring.clear()
                self._size = 0
            await self._survey()
            self.following = True
            self._awake.set()

    async def _run(self) -> None:
        surveyed = anyio.current_time()
        due = surveyed
        while not self.closed:
            if not self.readers:
                # Whoever comes next begins with a fresh look.
                self.following = False
                self._awake = anyio.Event()
                await self._awake.wait()
                continue
            self._awake = anyio.Event()
            with anyio.move_on_after(LOOK):
                await self._awake.wait()
            if self.following and await self._contained(self._look):
                due = min(due, surveyed + AT_MOST)
            if self.following and anyio.current_time() >= due:
                await self._contained(self._survey)
                surveyed = anyio.current_time()
                due = surveyed + self._presence_every

    async def _look(self, *, asked: bool = False) -> bool:
        """Tell what has happened since the last look, and say whether anything has."""
        async with self._looking:
            head = await self._threaded(lambda: self._watching.head(asked=asked))
            if head == self._done:
                return False
            self._watching.moved()
            assert self._at is not None
            begin, upto = self._at, await self._threaded(lambda: self._watching.end(head))
            found = await self._threaded(lambda: self._watching.news(begin, head, upto))
            self._head = head
            items = await self._threaded(lambda: piece(found))
            while items:
                self._publish(items)
                items = await self._threaded(lambda: piece(found)) if len(items) == PIECE else []
            self._at, self._done = upto, head
            return True

    async def _survey(self) -> None:
        """See who is there, and tell it where it is different."""
        found = await self._threaded(self._watching.present)
        if found != self._present or not self._snapshots:
            self._present = found
            self._snapshot = presence(found)
            self._snapshots += 1
            self._tell()

    async def _contained(self, look: Callable[[], Any]) -> bool:
        try:
            found = await look()
        except GitcoordError as trouble:
            if self.trouble is None or self.trouble.code != trouble.code:
                _log.warning("the ledger cannot be followed: %s: %s", trouble.code, trouble.message)
            self.trouble = trouble
            await anyio.sleep(1.0)
            return False
        self.trouble = None
        return bool(found)

    def _publish(self, items: list[Item]) -> None:
        self._ring.extend(items)
        self._next += len(items)
        self._size += sum(len(each.text) for each in items)
        self._at = items[-1].at or self._at
        # What has just come is kept whole, or nobody could read it.
        while len(self._ring) > max(self._backlog, len(items)) or (
            self._size > CHARACTERS and len(self._ring) > len(items)
        ):
            self._size -= len(self._ring.popleft().text)
            self._first += 1
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.readers += 1
        self._awake.set()
        try:
            yield
        finally:
            self.readers -= 1

    async def _threaded(self, work: Callable[[], T], limiter: Any = None) -> T:
        return await anyio.to_thread.run_sync(work, limiter=limiter)
