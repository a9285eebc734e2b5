"""Search in the texts of one table, by a disposable index that all processes of a clone share.

What is searched for is text, never a language: whatever is typed, words in it are looked for,
any of them, and a text without words finds nothing. Not here: the tables (fulltext), what a
score is worth beside other things.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from unicodedata import category

from gitcoord.errors import Unavailable
from gitcoord.storage import fulltext
from gitcoord.storage.cache import Cache
from gitcoord.storage.walk import table_tree

if TYPE_CHECKING:
    from gitcoord.storage.index import Describe
    from gitcoord.storage.snapshot import Lease
    from gitcoord.storage.store import Oid, Store

#: Different words of a search that are looked for, the first ones.
WORDS = 100

# Letters, marks on them, and numbers, by the first letter of their Unicode category.
_OF_WORDS = frozenset("LMN")
_SQL = (
    f"SELECT doc.name, -bm25(words, {', '.join(map(str, fulltext.WEIGHTS))})"
    " FROM words JOIN doc ON doc.id = words.rowid WHERE words MATCH ?"
)


def expression(text: str) -> str:
    """Return the search for any of the text's words in the language of FTS5; "" for no word.

    Every word stands in quotes, in which nothing means anything:
    https://www.sqlite.org/fts5.html#full_text_query_syntax
    """
    plain = "".join(char if category(char)[0] in _OF_WORDS else " " for char in text)
    # An undivided run is one phrase, so that its characters are looked for side by side.
    words = dict.fromkeys(" ".join(fulltext.divided(word).split()) for word in plain.split())
    return " OR ".join(f'"{word}"' for word in list(words)[:WORDS])


class Search:
    """The index of the texts of one table of a clone."""

    def __init__(self, path: str | None, table: str, describe: Describe, version: str) -> None:
        """`describe` gives name and texts of a record. `path` None keeps it in memory."""
        self._table = table
        self._cache = Cache(path, describe, f"{fulltext.SCHEMA}/{version}", fulltext)

    @property
    def in_memory(self) -> bool:
        """Whether this process reads everything itself, for want of a usable file."""
        return self._cache.in_memory

    def scores(self, root: Oid, store: Store, text: str) -> dict[str, float]:
        """Return the records of the ledger's tree `root` that hold a word of the text.

        Each with a score above 0 (BM25), larger is better, by its name. Raises `CorruptRecord`
        when the tree or a record cannot be read, `Unavailable` when SQLite fails in memory, too.
        """
        wish = expression(text)
        tree = table_tree(lambda oid: store.read(oid)[1], root, self._table) if wish else None
        if tree is None:
            return {}
        try:
            return _asked(self._cache.lease(tree, store), wish)
        except sqlite3.DatabaseError:
            # A damaged page is met only when it is read.
            lease = self._cache.again(tree, store)
        try:
            return _asked(lease, wish)
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"the index of texts fails again: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._cache.close()


def _asked(lease: Lease, wish: str) -> dict[str, float]:
    connection, give_back = lease
    try:
        with closing(connection.execute(_SQL, (wish,))) as found:
            return dict(found)
    finally:
        give_back()
