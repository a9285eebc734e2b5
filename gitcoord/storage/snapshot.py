"""What the index of records answers about one tree, unchanged however long it is held.

Names and terms come in the order of code points, pages are read as they are wanted.
Not here: how the index came to hold that tree (cache), what the terms mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from gitcoord.errors import Unavailable

if TYPE_CHECKING:
    from types import TracebackType

#: A connection that sees exactly one tree, and how to give it back.
Lease = tuple[sqlite3.Connection, Callable[[], None]]

# Greater than any name, so that a page begins behind all names of a term.
_BEHIND = "\U0010ffff\U0010ffff"


class Snapshot:
    """The records of one tree. Close it, or use `with`; one thread at a time."""

    def __init__(self, lease: Lease, again: Callable[[], Lease]) -> None:
        """`again` gives the same tree from a new index, where this one turns out damaged."""
        self._connection, self._release = lease
        self._again = again
        self._open = True

    def load(self, table: str, name: str) -> bytes | None:
        """Return the stored bytes of a record, or None; table "" has `meta.json` and the like."""
        rows = self._rows("SELECT data FROM record WHERE tbl = ? AND name = ?", table, name)
        return rows[0][0] if rows else None

    def find(self, table: str, term: str) -> list[str]:
        """Return the names of the records that have exactly this term, ordered."""
        sql = "SELECT name FROM term WHERE tbl = ? AND term = ? ORDER BY name"
        return [name for (name,) in self._rows(sql, table, term)]

    def scan(self, table: str, prefix: str, after: str = "") -> Iterator[tuple[str, str]]:
        """Yield (term, name) where the term starts with `prefix` and is greater than `after`.

        Ordered by term, then name; reads ahead only a little.
        """
        sql = (
            "SELECT term, name FROM term WHERE tbl = ? AND (term, name) > (?, ?)"
            " ORDER BY term, name LIMIT ?"
        )
        if after < prefix or not after:
            term, name = prefix, ""
            sql, following = sql.replace(">", ">="), sql
        else:
            term, name, following = after, _BEHIND, sql
        size = 16
        while True:
            page = self._rows(sql, table, term, name, size)
            for found in page:
                if not found[0].startswith(prefix):
                    return
                yield found
            if len(page) < size:
                return
            term, name = page[-1]
            sql, size = following, min(size * 4, 1024)

    def names(self, table: str) -> Iterator[str]:
        """Yield the names of all records of the table, ordered."""
        sql = "SELECT name FROM record WHERE tbl = ? AND name >= ? ORDER BY name LIMIT ?"
        size, page = 64, self._rows(sql, table, "", 64)
        while page:
            for (name,) in page:
                yield name
            if len(page) < size:
                return
            size = min(size * 4, 1024)
            page = self._rows(sql.replace(">=", ">"), table, page[-1][0], size)

    def tables(self) -> list[str]:
        """Return the names of the tables that hold records, ordered."""
        sql = "SELECT tbl FROM size WHERE n > 0 AND tbl != '' ORDER BY tbl"
        return [table for (table,) in self._rows(sql)]

    def count(self, table: str) -> int:
        """Return how many records the table holds."""
        rows = self._rows("SELECT n FROM size WHERE tbl = ?", table)
        return int(rows[0][0]) if rows else 0

    def close(self) -> None:
        """Let go; closing twice is allowed."""
        if self._open:
            self._open = False
            self._release()

    def __enter__(self) -> Self:
        """Return the snapshot, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self.close()

    def _rows(self, sql: str, *values: str | int) -> list[Any]:
        if not self._open:
            raise ValueError("the snapshot is closed")
        try:
            return self._connection.execute(sql, values).fetchall()
        except UnicodeEncodeError:
            # Nothing is stored under a name that is not valid Unicode.
            return []
        except sqlite3.DatabaseError:
            # A damaged page is met only when it is read.
            release, self._release = self._release, _nothing
            release()
            self._connection, self._release = self._again()
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"the index of records fails again: {error}") from error


def _nothing() -> None:
    """Stand for a lease that is given back already."""
