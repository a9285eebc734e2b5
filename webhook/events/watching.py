"""Looks at one project, in a thread: whether the ledger has moved, what happened, who is there.

At a local ledger a look is reading a file; a git host is asked with patience, as every command
does that waits. Not here: who is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from gitcoord.domain.life import status_of
from gitcoord.domain.record import shown
from gitcoord.domain.sessions import Session
from gitcoord.entrypoints.cli.pace import Pace
from gitcoord.errors import CorruptRecord, PositionGone
from gitcoord.ledger import feed
from gitcoord.ledger.clock import reading
from gitcoord.ledger.feed import Position
from gitcoord.ledger.presence import Presence
from webhook.events.item import Item, gap, item

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.storage.store import Oid

#: Seconds between two looks at what is known here.
LOOK = 0.2
#: Longest pause of all between two questions to a host, in seconds.
LONGEST = 60.0
#: Most events that are read at a time.
PIECE = 256

_log = logging.getLogger(__name__)


class Watching:
    """Looks of one follower. Used by one thread at a time."""

    def __init__(self, house: House, clock: Callable[[], float] = time.monotonic) -> None:
        self.house = house
        # Its own, because the one of the house belongs to whoever leads the queue.
        self._presence = Presence(house.home, house.store, house.ledger.machine)
        self._pace = Pace(self, LOOK, LOOK, silent=True)
        self._clock = clock
        self._due = 0.0
        #: Ends of transactions that cannot be read; that was said.
        self._lost: set[Position] = set()

    def note(self, text: str) -> None:
        """Say nothing: whether a host answers is in `house.wire.contact`."""

    def head(self, *, asked: bool = False) -> Oid:
        """Return the head as it is known; a host is asked when it is time, or when `asked`.

        Raises `NotInitialised`, `LedgerMissing`, `LedgerRewound` and `Unavailable`.
        """
        if self.house.wire is None or not (asked or self._clock() >= self._due):
            return self.house.ledger.head()
        found = self._pace.head()
        self._due = self._clock() + self._pace.pause(LONGEST)
        return found

    def sure(self) -> None:
        """Raise `Unavailable` where a host decides that has not answered when it was asked."""
        if self.house.wire is not None and self.house.wire.contact.error is not None:
            raise self.house.wire.contact.error

    def moved(self) -> None:
        """Ask soon again: something has happened."""
        self._pace.moved()
        self._due = min(self._due, self._clock() + self._pace.pause(LONGEST))

    def end(self, head: Oid) -> Position:
        """Return the position behind all that has happened up to `head`."""
        return feed.end(self.house.ledger, head)

    def news(self, after: Position, head: Oid, upto: Position) -> Iterator[Item]:
        """Return what came after a position, lazily, with a gap for what cannot be told.

        That one transaction cannot be read must not be the end of all streams.
        """
        last = after
        try:
            for each in self._since(after, head):
                last = each.at or last
                yield each
        except PositionGone as gone:
            yield gap(upto, after, gone.message)
        except CorruptRecord as damage:
            _log.warning("events after %s cannot be told: %s", last, damage.message)
            yield gap(upto, last, damage.message)

    def _since(self, after: Position, head: Oid) -> Iterator[Item]:
        """Yield what came after a position, or after that was lost with a ledger."""
        ledger = self.house.ledger
        gaps: list[Item] = []

        def lost(at: Position, damage: CorruptRecord) -> None:
            if at not in self._lost:
                self._lost.add(at)
                _log.warning("events of %s cannot be told: %s", at, damage.message)
            gaps.append(gap(at, None, damage.message))

        try:
            found = feed.since(ledger, after, head=head, lost=lost)
        except PositionGone as gone:
            begin = feed.restored(ledger, after, head=head)
            if begin is None:
                raise
            yield gap(begin, after, gone.message)
            found = feed.since(ledger, begin, head=head, lost=lost)
        for each in found:
            yield from gaps
            gaps.clear()
            yield item(each)
        yield from gaps

    def present(self) -> list[dict[str, Any]]:
        """Return the live sessions with their status and last sign of life, ordered by id."""
        beats = self._presence.everybody()
        with self.house.ledger.state() as state:
            now = reading(self.house.ledger.clock, state.meta.time).now
            found = []
            for session in state.find(Session, "live"):
                beaten = beats[session.id].at if session.id in beats else ""
                found.append(
                    {
                        "session_id": session.id,
                        "agent_name": session.agent,
                        "status": status_of(session, now, beaten),
                        "area": session.area,
                        "files": list(session.files),
                        "seen_at": shown(max(session.seen_at, beaten), "seen_at"),
                    }
                )
        return found


def piece(items: Iterator[Item]) -> list[Item]:
    """Return the next few items; fewer than `PIECE` are the last."""
    return list(islice(items, PIECE))
