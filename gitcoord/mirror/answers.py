"""What GitHub has answered, kept so that asking again costs nothing while it is still true.

A question with an `ETag` that still holds is answered with 304, which does not count against
the limit; what names an object id never changes and is not asked for again. A cache: it may be
thrown away at any time. https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import NamedTuple, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Most answers that are kept, the latest used.
LIMIT = 5_000


class Kept(NamedTuple):
    """One answer: its ETag ("" for what never changes), its JSON and the next page's address."""

    etag: str
    body: str
    following: str = ""


class Answers(Protocol):
    """Answers by the address that was asked."""

    def get(self, url: str) -> Kept | None:
        """Return what is kept of an address."""

    def put(self, url: str, kept: Kept) -> None:
        """Keep an answer."""


class Recent(OrderedDict[K, V]):
    """A dictionary that forgets what was not used for longest when it has too much."""

    def __init__(self, limit: int = 1_000) -> None:
        super().__init__()
        self._limit = limit

    def recall(self, key: K) -> V | None:
        """Return what is kept under a key, which counts as a use."""
        if key in self:
            self.move_to_end(key)
        return self.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)


class InMemory:
    """Answers for as long as a process lives."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._kept: Recent[str, Kept] = Recent(limit)

    def get(self, url: str) -> Kept | None:
        """Return what is kept of an address."""
        return self._kept.recall(url)

    def put(self, url: str, kept: Kept) -> None:
        """Keep an answer."""
        self._kept[url] = kept


class OnDisk:
    """Answers in a SQLite file, for one thread; a file of no use is as good as none."""

    def __init__(self, path: str, limit: int = LIMIT) -> None:
        self._limit = limit
        self._file: sqlite3.Connection | None = None
        try:
            self._file = sqlite3.connect(path, timeout=5, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS answers"
                " (url TEXT PRIMARY KEY, etag TEXT, body TEXT, following TEXT)"
            )
            self._file.commit()
        except sqlite3.Error:
            self.close()

    def get(self, url: str) -> Kept | None:
        """Return what is kept of an address."""
        if self._file is None:
            return None
        try:
            found = self._file.execute(
                "SELECT etag, body, following FROM answers WHERE url = ?", (url,)
            ).fetchone()
        except sqlite3.Error:
            return None
        return Kept(*found) if found else None

    def put(self, url: str, kept: Kept) -> None:
        """Keep an answer, and forget the oldest when there are many."""
        if self._file is None:
            return
        try:
            with self._file:
                self._file.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (url, *kept)
                )
                self._file.execute(
                    "DELETE FROM answers WHERE rowid <= (SELECT max(rowid) FROM answers) - ?",
                    (self._limit,),
                )
        except sqlite3.Error:
            return

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file = None
