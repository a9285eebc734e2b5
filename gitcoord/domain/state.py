"""The agreed state as rules see it: typed records over a snapshot, with undo.

Reads fall through to the snapshot, writes stay in an overlay until the ledger
takes them as `changes`. A savepoint undoes one operation and leaves those
before it. Not here: where records are stored and what any of them means.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from typing import Protocol, TypeVar

from gitcoord.domain.record import Meta, Record
from gitcoord.domain.settings import Settings

R = TypeVar("R", bound=Record)
Place = tuple[str, str]  # table, name
Decode = Callable[[bytes, type[R]], R]

ARCHIVE = "archive/"


class Snapshot(Protocol):
    """Stored records at one head: bytes by table and name, names by index term."""

    def load(self, table: str, name: str) -> bytes | None:
        """Return the stored bytes, or None."""

    def find(self, table: str, term: str) -> list[str]:
        """Return the names of records that have exactly this term, ordered."""

    def scan(self, table: str, prefix: str, after: str = "") -> Iterator[tuple[str, str]]:
        """Yield (term, name) for terms that start with `prefix`, in term order."""

    def names(self, table: str) -> Iterator[str]:
        """Yield every name in the table, ordered."""


class State:
    """Records of one head plus what the operations of this transaction have changed."""

    def __init__(
        self,
        base: Snapshot,
        decode: Callable[[bytes, type[Record]], Record],
        meta: Meta,
        settings: Settings,
    ) -> None:
        self._base = base
        self._decode = decode
        self.meta = meta
        self.settings = settings
        self._seen: dict[Place, Record | None] = {}
        self._found: dict[tuple[str, str], list[str]] = {}
        self._bare: set[str] = set()
        self._changed: dict[Place, Record | None] = {}
        self._terms: dict[str, list[tuple[str, str]]] = {}
        self._undo: list[tuple[Place, bool, Record | None]] = []

    def get(self, kind: type[R], name: str, *, archived: bool = True) -> R | None:
        """Return the record of that name, live ones first, or None."""
        found = self._at(kind, kind.table, name)
        if found is None and archived and _moves(kind):
            found = self._at(kind, ARCHIVE + kind.table, name)
        return found

    def find(self, kind: type[R], term: str, *, archived: bool = False) -> list[R]:
        """Return the records that have exactly this term, ordered by name."""
        table = ARCHIVE + kind.table if archived else kind.table
        stored = self._found.get((table, term))
        if stored is None:
            stored = self._found[table, term] = self._base.find(table, term)
        names = {n for n in stored if (table, n) not in self._changed}
        own = self._terms.get(table, [])
        for at in range(bisect_left(own, (term, "")), len(own)):
            if own[at][0] != term:
                break
            names.add(own[at][1])
        return [r for n in sorted(names) if (r := self._at(kind, table, n)) is not None]

    def scan(
        self,
        kind: type[R],
        prefix: str,
        *,
        archived: bool = False,
        wanted: Callable[[str], bool] | None = None,
    ) -> Iterator[R]:
        """Yield records with a term that starts with `prefix`, in term order, lazily.

        A record appears once per such term; one whose term is not `wanted`, not at all, and
        it is not even loaded. Records changed while the iteration
        runs are seen as they were or as they are.
        """
        table = ARCHIVE + kind.table if archived else kind.table
        base = (
            (term, name)
            for term, name in self._base.scan(table, prefix)
            if (table, name) not in self._changed
        )
        own = self._terms.get(table, [])
        start = bisect_left(own, (prefix, ""))
        mine = [
            pair
            for pair in own[start : bisect_left(own, (prefix + "\U0010ffff", ""))]
            if pair[0].startswith(prefix)
        ]
        for term, name in merge(base, mine) if mine else base:
            if wanted is not None and not wanted(term):
                continue
            record = self._at(kind, table, name)
            if record is not None:
                yield record

    def all(self, kind: type[R], *, archived: bool = False) -> Iterator[R]:
        """Yield every record of the kind, ordered by name."""
        table = ARCHIVE + kind.table if archived else kind.table
        own = sorted(n for (t, n), record in self._changed.items() if t == table and record)
        base = (n for n in self._base.names(table) if (table, n) not in self._changed)
        for name in merge(base, own) if own else base:
            record = self._at(kind, table, name)
            if record is not None:
                yield record

    def _at(self, kind: type[R], table: str, name: str) -> R | None:
        place = (table, name)
        if place in self._changed:
            return self._changed[place]  # type: ignore[return-value]
        if place not in self._seen:
            data = self._base.load(table, name)
            self._seen[place] = None if data is None else self._decode(data, kind)
        return self._seen[place]  # type: ignore[return-value]

    def has(self, table: str, term: str) -> bool:
        """Say whether a live record of that table has exactly this term.

        Asks without the kind of record, so that whoever only has to know this need not
        load the rules of it.
        """
        own = self._terms.get(table, [])
        at = bisect_left(own, (term, ""))
        if at < len(own) and own[at][0] == term:
            return True
        return any((table, name) not in self._changed for name in self._base.find(table, term))

    def holds(self, table: str) -> bool:
        """Say whether a live record with a term is in that table.

        That the snapshot has none is asked once: this may be asked before every operation.
        """
        if self._terms.get(table):
            return True
        if table in self._bare:
            return False
        names = self._base.names(table)
        first = next(names, None)
        if first is None:
            self._bare.add(table)
            return False
        return any((table, name) not in self._changed for name in (first, *names))

    def count(self, kind: type[Record], prefix: str) -> int:
        """Return how many terms of live records start with `prefix`; no record is loaded."""
        table = kind.table
        own = self._terms.get(table, [])
        mine = bisect_left(own, (prefix + "\U0010ffff", "")) - bisect_left(own, (prefix, ""))
        base = self._base.scan(table, prefix)
        return mine + sum((table, name) not in self._changed for _, name in base)

    def put(self, record: Record) -> None:
        """Store the record in place of the one with its name; archived ones move."""
        home = ARCHIVE + record.table if record.archived else record.table
        other = record.table if record.archived else ARCHIVE + record.table
        self._set((home, record.name), record)
        if not _moves(type(record)):
            return
        if self._at(type(record), other, record.name) is not None:
            self._set((other, record.name), None)

    def remove(self, record: Record) -> None:
        """Forget the record; forgetting what is not there changes nothing."""
        tables = (record.table, ARCHIVE + record.table)
        for table in tables if _moves(type(record)) else tables[:1]:
            if self._at(type(record), table, record.name) is not None:
                self._set((table, record.name), None)

    def next_token(self) -> int:
        """Return the next fencing token; tokens only grow within an epoch."""
        self.meta.token += 1
        return self.meta.token

    def _set(self, place: Place, record: Record | None) -> None:
        self._undo.append((place, place in self._changed, self._changed.get(place)))
        self._replace(place, True, record)

    def _replace(self, place: Place, changed: bool, record: Record | None) -> None:
        table, name = place
        terms = self._terms.setdefault(table, [])
        for term in _terms_of(self._changed.get(place)):
            at = bisect_left(terms, (term, name))
            del terms[at]
        if changed:
            self._changed[place] = record
        else:
            del self._changed[place]
        for term in _terms_of(record) if changed else ():
            insort(terms, (term, name))

    def stored(self, table: str, name: str) -> bytes | None:
        """Return the bytes that the snapshot holds for a record, or None."""
        if self._seen.get((table, name), self) is None:
            return None
        return self._base.load(table, name)

    def savepoint(self) -> tuple[int, int, Settings]:
        """Return a mark to which `rollback` can return."""
        return len(self._undo), self.meta.token, self.settings

    def rollback(self, mark: tuple[int, int, Settings]) -> None:
        """Undo every change made since the mark."""
        length, self.meta.token, self.settings = mark
        while len(self._undo) > length:
            self._replace(*self._undo.pop())

    def changed_since(self, mark: tuple[int, int, Settings]) -> bool:
        """Say whether anything differs from the mark."""
        return (len(self._undo), self.meta.token, self.settings) != mark

    def changes(self) -> Iterable[tuple[Place, Record | None]]:
        """Return what differs from the snapshot: the new record, or None where one is gone."""
        return self._changed.items()


def _moves(kind: type[Record]) -> bool:
    """Say whether records of the kind are ever archived: most never are, and are not looked for."""
    return kind.archived is not Record.archived


def _terms_of(record: Record | None) -> set[str]:
    return set(record.terms()) if record is not None else set()
