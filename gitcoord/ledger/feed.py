"""The ledger's events, numbered and in the order of its chain, from any of them on.

An event's id is `epoch.seq.index`: the transaction, and its place therein, from 1. Everything
is read from the trees of neighbouring commits, so that a change by any writer appears, and
nothing is kept for those who come back. A transaction costs what it has changed; only one that
declares a scope costs a look at the live sessions too. Not here: following the head.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from gitcoord.domain.event import Difference, Event, Scene
from gitcoord.domain.events import TELLERS, events
from gitcoord.domain.record import Meta, Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import Settings
from gitcoord.domain.time import Time
from gitcoord.errors import CorruptRecord, InvalidId, PositionGone
from gitcoord.ledger import journal, tables
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.ledger import Ledger
from gitcoord.storage import codec, tree
from gitcoord.storage.store import Oid, first_parent

#: The place behind all events of a transaction.
ALL = 999_999_999
#: Transactions among which the one that published a lost ledger anew is looked for.
LOOKED_AT = 1000

_ID = re.compile(r"([0-9]{1,9})\.([0-9]{1,12})\.([0-9]{1,9})", re.ASCII)


class Position(NamedTuple):
    """A place in the feed: behind the event of that id. Later ones are larger."""

    epoch: int
    seq: int
    #: Events of the transaction that lie before it: 0 for none, `ALL` for however many it has.
    place: int

    def __str__(self) -> str:
        """Return the id."""
        return f"{self.epoch}.{self.seq}.{self.place}"


class Happening(NamedTuple):
    """An event with its place and the ledger's time."""

    at: Position
    time: Time
    event: Event

    def body(self) -> dict[str, Any]:
        """Return it as plain data: id, type, time, data."""
        return {
            "id": str(self.at),
            "type": self.event.type,
            "time": self.time,
            "data": self.event.data,
        }


class _Step(NamedTuple):
    """One commit of the chain."""

    oid: Oid
    tree: Oid
    #: Whether it names a commit before it, which this clone may lack.
    follows: bool


def parsed(text: str) -> Position:
    """Return the position of an id. Raises `InvalidId`."""
    found = _ID.fullmatch(text)
    if found is None:
        raise InvalidId(
            f"not the id of an event: {text[:80]!r}",
            hint="It is epoch.seq.index, as the event came with it.",
            id=text[:80],
        )
    return Position(*map(int, found.groups()))


def end(ledger: Ledger, head: Oid | None = None) -> Position:
    """Return the position behind all events of the chain up to `head` (default: the head).

    Raises `NotInitialised` and what reading the ledger raises.
    """
    meta = meta_at(ledger, head or ledger.head())
    return Position(meta.epoch, meta.seq, ALL)


def restored(ledger: Ledger, after: Position, *, head: Oid) -> Position | None:
    """Return the place before a ledger was published anew, the first time after that position.

    From there on can be told what has happened to a reader whose position was lost with an older
    epoch. None where it was not, or longer ago than is looked at. Raises what reading raises.
    """
    found = None
    for oid, _ in ledger.store.chain(head, LOOKED_AT):
        meta = meta_at(ledger, oid)
        if meta.epoch <= after.epoch:
            return found
        found = Position(meta.epoch, meta.seq, 0)
    return None


def since(
    ledger: Ledger,
    after: Position | None,
    *,
    head: Oid | None = None,
    limit: int | None = None,
    lost: Callable[[Position, CorruptRecord], None] | None = None,
) -> Iterator[Happening]:
    """Return the events behind `after`, oldest first, up to `head`, at most `limit`, lazily.

    None: from the beginning, or from where this clone's history is cut off. Of a transaction that
    cannot be read `lost` is told the end, and the events behind it follow; without it
    `CorruptRecord` is raised. Raises at once `PositionGone` where that is not a position of this
    chain (after a restored ledger, say) or lies behind the cut, `NotInitialised`, and what
    reading the ledger raises.
    """
    head = head or ledger.head()
    if after is None:
        steps = _steps(ledger, head, None)
        # On what the commit at a cut was decided is not known here.
        first, skipped = len(steps) - 1 - steps[-1].follows, 0
    else:
        steps, first = _found(ledger, head, after)
        skipped = after.place
    return islice(_happenings(ledger, steps, first, skipped, lost), limit)


def _found(ledger: Ledger, head: Oid, after: Position) -> tuple[list[_Step], int]:
    """Return the commits down to the one before that of the position, and the place of that."""
    now = meta_at(ledger, head)
    back = now.seq - after.seq
    if back < 0 or after.epoch > now.epoch:
        raise _gone(after, f"the ledger is at {now.epoch}.{now.seq}")
    steps = _steps(ledger, head, back + 2)
    # What the commit at a clone's cut has changed cannot be told, only what came after it.
    cut = len(steps) - 1 if steps[-1].follows and after.place != ALL else len(steps)
    if back >= cut:
        oldest = meta_at(ledger, steps[-1].oid)
        raise _gone(after, f"history begins behind {oldest.epoch}.{oldest.seq} here")
    found = meta_at(ledger, steps[back].oid)
    if (found.epoch, found.seq) != (after.epoch, after.seq):
        raise _gone(after, f"transaction {found.seq} is of epoch {found.epoch} here")
    return steps, back


def _gone(after: Position, why: str) -> PositionGone:
    return PositionGone(f"what came after event {after} cannot be told: {why}", after=str(after))


def _steps(ledger: Ledger, head: Oid, limit: int | None) -> list[_Step]:
    """Return commits from `head` on, newest first."""
    return [
        _Step(oid, journal.tree_of(oid, raw), first_parent(raw) is not None)
        for oid, raw in ledger.store.chain(head, limit)
    ]


def _pair(steps: Sequence[_Step], at: int) -> tuple[_Step, _Step | None]:
    return steps[at], steps[at + 1] if at + 1 < len(steps) else None


def _happenings(
    ledger: Ledger,
    steps: Sequence[_Step],
    first: int,
    skipped: int,
    lost: Callable[[Position, CorruptRecord], None] | None,
) -> Iterator[Happening]:
    """Yield the events of `steps[first]` but those to be skipped, and of all before it."""
    if skipped == ALL:
        first, skipped = first - 1, 0
    for at in range(first, -1, -1):
        try:
            meta, found = _told(ledger, *_pair(steps, at))
        except CorruptRecord as damage:
            if lost is None:
                raise
            meta, found = meta_at(ledger, steps[at].oid), []
            lost(Position(meta.epoch, meta.seq, ALL), damage)
        for place, event in enumerate(found[skipped:], skipped + 1):
            yield Happening(Position(meta.epoch, meta.seq, place), meta.time, event)
        skipped = 0


def _told(ledger: Ledger, step: _Step, parent: _Step | None) -> tuple[Meta, list[Event]]:
    """Return the counters after a transaction, and its events."""
    root, base = step.tree, None if parent is None else parent.tree
    meta = meta_at(ledger, step.oid)
    if parent is None and meta.seq > 1:
        # A restored ledger whose past is lost: that all of it is there is no news.
        base = root
    before = None if parent is None else meta_at(ledger, parent.oid)
    settings = _settings(ledger, root)
    old_settings = settings if base is None else _settings(ledger, base)
    differences = _differences(ledger, base, root)

    def live() -> list[Session]:
        return _live(ledger, root)

    return meta, events(Scene(differences, (before, meta), (old_settings, settings), live))


def _differences(ledger: Ledger, base: Oid | None, root: Oid) -> list[Difference]:
    """Return what differs in tables that are told; a record that has moved comes once."""
    changed: dict[tuple[str, str], list[Oid | None]] = {}
    for table, entry, *blobs in tree.diff(lambda oid: ledger.store.read(oid)[1], base, root):
        home = table.removeprefix("archive/")
        if home in TELLERS:
            sides = changed.setdefault((home, entry), [None, None])
            # What has moved to the archive is gone here and new there.
            sides[0], sides[1] = sides[0] or blobs[0], sides[1] or blobs[1]
    wanted = {oid for sides in changed.values() for oid in sides if oid}
    data = {oid: raw for oid, _, raw in ledger.store.read_many(sorted(wanted))}

    def record(home: str, entry: str, oid: Oid | None) -> Record | None:
        kind = tables.kind(home)
        if oid is None or kind is None:
            return None
        return codec.decode_record(data[oid], kind, f"{home}/{entry}")

    return [
        Difference(home, record(home, entry, old), record(home, entry, new))
        for (home, entry), (old, new) in changed.items()
    ]


def _settings(ledger: Ledger, root: Oid) -> Settings:
    read = ledger.store.read
    found = tree.lookup(lambda oid: read(oid)[1], root, "", "settings.json")
    if found is None:
        return Settings()
    return codec.decode_record(read(found)[1], Settings, "settings.json")


def _live(ledger: Ledger, root: Oid) -> list[Session]:
    """Return the live sessions of a state, ordered by id."""
    read = ledger.store.read
    found = [oid for _, _, oid in tree.records(lambda oid: read(oid)[1], root, Session.table)]
    data = ledger.store.read_many(found)
    records = [codec.decode_record(raw, Session, Session.table) for _, _, raw in data]
    return sorted(records, key=lambda each: each.id)
