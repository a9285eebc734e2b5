"""The tables of a disposable index of texts, and how they follow the tree of one table.

As `index`, but for search: each record has texts that matter more or less, by their place.
Words are found whatever their case, accents and English endings; a text in Chinese or Japanese,
which has no spaces, is found by any part of it. Not here: files and processes (cache), what is
asked (search).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import CorruptRecord
from gitcoord.storage.index import state
from gitcoord.storage.layout import record_name
from gitcoord.storage.walk import listing, table_diff

if TYPE_CHECKING:
    from sqlite3 import Connection

    from gitcoord.storage.index import Describe
    from gitcoord.storage.store import Oid, Store

#: Part of the version of every index of texts; higher when the tables below change.
SCHEMA = 1
#: What a word counts in the first text of a record, the second, and so on.
WEIGHTS = (4.0, 3.0, 2.0, 1.0)

_TABLES = {
    "state": "TABLE state (version TEXT, boot TEXT, root TEXT)",
    "doc": "TABLE doc (id INTEGER PRIMARY KEY, entry TEXT UNIQUE, name TEXT)",
    # https://www.sqlite.org/fts5.html#tokenizers
    "words": "VIRTUAL TABLE words USING fts5 (a, b, c, d,"
    " tokenize = 'porter unicode61 remove_diacritics 2')",
}

# Kana, Han and Hangul: scripts in which words are not divided, or carry endings.
_UNDIVIDED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def divided(text: str) -> str:
    """Return the text with a blank around each character of scripts that do not divide words."""
    return _UNDIVIDED.sub(r" \g<0> ", text)


def create(connection: Connection, version: str, boot: str) -> None:
    """Throw away what is there and make an empty index of no tree."""
    for table, shape in _TABLES.items():
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE {shape}")
    connection.execute("INSERT INTO state VALUES (?, ?, '')", (version, boot))


def whole(connection: Connection) -> bool:
    """Say whether the index of words is right in itself; raises `sqlite3.Error` if it is not."""
    connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    return True


def follow(connection: Connection, root: Oid, store: Store, describe: Describe) -> None:
    """Make the index hold the texts of the table's tree `root`.

    Reads only what differs from the tree it holds; all where that one is gone. `describe` gives
    a record's name and texts. Raises `CorruptRecord` when a record cannot be read.
    """
    version, boot, old = state(connection)
    if old == root:
        return
    changes: list[tuple[str, Oid | None]] | None = None
    if old:
        try:
            found = table_diff(lambda oid: store.read(oid)[1], old, root, _TABLE)
            changes = [(entry, after) for _, entry, _, after in found]
        except CorruptRecord:
            # Most likely the old tree has been pruned; if not, the full read says so again.
            create(connection, version, boot)
    if changes is None:
        places = listing(store.read_many, root, _TABLE)
        changes = [(entry, oid) for place, entry, oid in places if place == _TABLE]
    _forget(connection, [entry for entry, _ in changes])
    _add(connection, [(entry, oid) for entry, oid in changes if oid is not None], store, describe)
    connection.execute("UPDATE state SET root = ?", (root,))


# The name under which the walk tells the one table that there is.
_TABLE = "texts"


def _forget(connection: Connection, entries: Iterable[str]) -> None:
    for entry in entries:
        row = connection.execute("SELECT id FROM doc WHERE entry = ?", (entry,)).fetchone()
        if row:
            connection.execute("DELETE FROM words WHERE rowid = ?", row)
            connection.execute("DELETE FROM doc WHERE id = ?", row)


def _add(
    connection: Connection, places: Sequence[tuple[str, Oid]], store: Store, describe: Describe
) -> None:
    blobs = store.read_many([oid for _, oid in places])
    for (entry, _), (oid, kind, data) in zip(places, blobs, strict=True):
        if kind != b"blob":
            raise CorruptRecord(f"object {oid} is a {kind.decode()}, not a record", oid=oid)
        name, texts = describe(_TABLE, data)
        row = connection.execute(
            "INSERT INTO doc (entry, name) VALUES (?, ?)", (entry, name or record_name(entry))
        )
        connection.execute(
            "INSERT INTO words (rowid, a, b, c, d) VALUES (?, ?, ?, ?, ?)",
            (row.lastrowid, *map(divided, texts)),
        )
