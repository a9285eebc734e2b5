"""Search in the chain of transactions, by a disposable index that all processes share.

It finds where something stands; what stands there is read from the chain itself, so that a
wrong index can hide and never forge. Not here: the tables (chainindex), what entries mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from gitcoord.errors import InvalidValue, Unavailable
from gitcoord.storage.cache import Cache
from gitcoord.storage.cachefile import writing
from gitcoord.storage.chainindex import AGENT, SCHEMA, SESSION, Ahead, Chain, Teller
from gitcoord.storage.index import state

if TYPE_CHECKING:
    from gitcoord.storage.snapshot import Lease
    from gitcoord.storage.store import Oid, Store

T = TypeVar("T")


class Places(NamedTuple):
    """Where keys may stand that overlap one: at these places, or below these."""

    at: Sequence[str]
    below: Sequence[str]


class Wish(NamedTuple):
    """Which entries are wanted; what is empty admits all."""

    agent: str = ""
    session: str = ""
    #: Beginnings of operations' tags.
    operations: Sequence[str] = ()
    outcome: str = ""
    result: str = ""
    since: str = ""
    until: str = ""
    places: Places | None = None
    #: Whether the key of a text that stands there is wanted.
    overlaps: Callable[[str], bool] | None = None


class Edge(NamedTuple):
    """Where the index ends."""

    oldest: Oid
    time: str
    #: Whether what came before is missing here.
    cut: bool


class Spot(NamedTuple):
    """Where an entry stands: its commit, and its place therein."""

    oid: Oid
    place: int


class PastSearch:
    """The index of the chain of one clone."""

    def __init__(self, path: str | None, tell: Teller, version: str) -> None:
        """`path` None keeps it in memory. Another `version` makes a stored index worthless."""
        self._chain = Chain(tell)
        self._cache = Cache(path, _no_records, f"chain{SCHEMA}/{version}", self._chain)

    @property
    def in_memory(self) -> bool:
        """Whether this process reads everything itself, for want of a usable file."""
        return self._cache.in_memory

    def ask(self, head: Oid, store: Store, question: Callable[[Look], T]) -> T:
        """Return the answer to a question about the chain that ends at `head`, or a later one.

        Raises `CorruptRecord` when the chain cannot be read, `Unavailable` when SQLite fails in
        memory, too.
        """
        try:
            return self._asked(self._cache.lease, head, store, question)
        except sqlite3.DatabaseError:
            # A damaged page is met only when it is read.
            pass
        try:
            return self._asked(self._cache.again, head, store, question)
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"the index of the past fails again: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._cache.close()

    def _asked(
        self,
        lease: Callable[[Oid, Store], Lease],
        head: Oid,
        store: Store,
        question: Callable[[Look], T],
    ) -> T:
        while True:
            try:
                connection, give_back = lease(head, store)
            except Ahead as found:
                # Another process has seen a later head.
                head = found.newest
                continue
            try:
                look = Look(connection)
                edge = look.edge
                if not edge.cut or len(list(store.chain(edge.oldest, 2))) < 2:
                    return question(look)
                # History that was missing has come since: all is read again.
                connection.rollback()
                with writing(connection):
                    version, boot, _ = state(connection)
                    self._chain.create(connection, version, boot)
            finally:
                give_back()


class Look:
    """One consistent look at an index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def edge(self) -> Edge:
        """Where the index ends."""
        oldest, time, cut = self._connection.execute("SELECT * FROM edge").fetchone()
        return Edge(oldest, time, bool(cut))

    def count(self) -> int:
        """Return how many entries there are."""
        (found,) = self._connection.execute("SELECT COUNT(*) FROM entry").fetchone()
        return int(found)

    def find(self, wish: Wish, after: Spot | None = None, limit: int = -1) -> list[Spot]:
        """Return where the wanted entries stand, newest first, from behind `after` on.

        `limit` below 0 is none. Raises `InvalidValue` where there is no entry at `after`.
        """
        tests: list[str] = []
        values: list[str | int] = []
        if after is not None:
            tests.append("id < ?")
            values.append(self._number(after))
        for kind, name in ((AGENT, wish.agent), (SESSION, wish.session)):
            if name:
                tests.append("id IN (SELECT id FROM who WHERE kind = ? AND name = ?)")
                values += [kind, name]
        if wish.operations:
            tests.append(f"({' OR '.join(['substr(op, 1, ?) = ?'] * len(wish.operations))})")
            values += [value for tag in wish.operations for value in (len(tag), tag)]
        for column, value in (("outcome", wish.outcome), ("result", wish.result)):
            if value:
                tests.append(f"{column} = ?")
                values.append(value)
        for comparison, time in (("time >= ?", wish.since), ("time <= ?", wish.until)):
            if time:
                tests.append(comparison)
                values.append(time)
        if wish.places is not None:
            tests.append(
                "id IN (SELECT id FROM touch WHERE key IN (SELECT value FROM json_each(?)))"
            )
            values.append(msgspec.json.encode(self._keys(wish)).decode())
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        found = self._connection.execute(
            f"SELECT oid, place FROM entry{where} ORDER BY id DESC LIMIT ?", (*values, limit)
        )
        return [Spot(*row) for row in found]

    def _number(self, spot: Spot) -> int:
        row = self._connection.execute(
            "SELECT id FROM entry WHERE oid = ? AND place = ?", spot
        ).fetchone()
        if row is None:
            raise InvalidValue(
                "the cursor names no entry of this ledger", hint="Take `next` as it is."
            )
        return int(row[0])

    def _keys(self, wish: Wish) -> list[int]:
        """Return the numbers of the keys that are wanted."""
        assert wish.places is not None
        assert wish.overlaps is not None
        execute = self._connection.execute
        rows: dict[int, str] = {}
        for place in wish.places.at:
            rows.update(execute("SELECT id, text FROM key WHERE place = ?", (place,)).fetchall())
        for place in wish.places.below:
            # The largest character ends the range of what begins with the place.
            found = execute(
                "SELECT id, text FROM key WHERE place >= ? AND place < ?",
                (place, place + "\U0010ffff"),
            )
            rows.update(found.fetchall())
        return [number for number, text in rows.items() if wish.overlaps(text)]


def _no_records(table: str, data: bytes) -> tuple[None, tuple[str, ...]]:
    """Refuse: a chain has no records; its own teller says what is in it."""
    raise TypeError(f"an index of the chain describes no {table}")
