"""The tables of the disposable index, and how they follow the tree of records.

Works inside the transaction of the connection that it is given: afterwards the
index holds exactly the records of one tree, and says which one. Not here: files,
processes, snapshots, or what to do when SQLite fails (cache).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import CorruptRecord
from gitcoord.storage.layout import entry_name, record_name
from gitcoord.storage.walk import diff, listing

if TYPE_CHECKING:
    from sqlite3 import Connection

    from gitcoord.storage.store import Oid, Store

#: (table, data) -> (record name, index terms). None for the name of a record of an unknown kind.
Describe = Callable[[str, bytes], tuple[str | None, Sequence[str]]]

_Change = tuple[str, str, "Oid | None", "Oid | None"]

#: Part of the version of every index; higher when the tables below change.
SCHEMA = 1

_TABLES = {
    "state": "(version TEXT, boot TEXT, root TEXT)",
    "record": "(id INTEGER PRIMARY KEY, tbl TEXT, name TEXT, data BLOB)",
    "term": "(tbl TEXT, term TEXT, name TEXT, PRIMARY KEY (tbl, term, name)) WITHOUT ROWID",
    # The name of a record whose tree entry holds only the hash of it.
    "hashed": "(tbl TEXT, entry TEXT, name TEXT, PRIMARY KEY (tbl, entry)) WITHOUT ROWID",
    "size": "(tbl TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID",
}
_BY_NAME = "CREATE UNIQUE INDEX record_name ON record (tbl, name)"


def create(connection: Connection, version: str, boot: str) -> None:
    """Throw away what is there and make an empty index of no tree."""
    for table, columns in _TABLES.items():
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} {columns}")
    connection.execute(_BY_NAME)
    connection.execute("INSERT INTO state VALUES (?, ?, '')", (version, boot))


def state(connection: Connection) -> tuple[str, str, str]:
    """Return (version, boot, root) of any index; the root is "" before the first tree or chain."""
    row: tuple[str, str, str] | None = connection.execute(
        "SELECT version, boot, root FROM state"
    ).fetchone()
    return row or ("", "", "")


def follow(connection: Connection, root: Oid, store: Store, describe: Describe) -> None:
    """Make the index hold the records of the tree `root`.

    Reads only what differs from the tree it holds; all where that one is gone.
    Raises `CorruptRecord` when a record cannot be read or stands under a wrong name.
    """
    version, boot, old = state(connection)
    if old == root:
        return
    changes: list[_Change] | None = None
    if old:
        try:
            changes = list(diff(lambda oid: store.read(oid)[1], old, root))
        except CorruptRecord:
            # Most likely the old tree has been pruned; if not, the full read says so again.
            create(connection, version, boot)
    if changes is None:
        _fill(connection, root, store, describe)
    else:
        _follow(connection, changes, store, describe)
    connection.execute("UPDATE state SET root = ?", (root,))


def whole(connection: Connection) -> bool:
    """Return True: what SQLite itself checks is all that can be wrong with these tables."""
    return True


def change(
    connection: Connection,
    root: Oid,
    changes: Iterable[tuple[str, str, bytes | None]],
    describe: Describe,
) -> None:
    """Make changes (table, record name, data or None) that lead to the tree `root`."""
    for table, name, data in changes:
        terms = set(describe(table, data)[1]) if table and data is not None else set()
        _put(connection, table, name, data, terms, describe)
    connection.execute("UPDATE state SET root = ?", (root,))


def _follow(
    connection: Connection, changes: Sequence[_Change], store: Store, describe: Describe
) -> None:
    blobs = _blobs(store, [after for *_, after in changes if after])
    for table, entry, _, after in changes:
        if after is None:
            name = _removed(connection, table, entry)
            _put(connection, table, name, None, set(), describe)
        else:
            data = next(blobs)
            name, terms = _described(table, entry, data, describe)
            _put(connection, table, name, data, terms, describe)


def _fill(connection: Connection, root: Oid, store: Store, describe: Describe) -> None:
    places = list(listing(store.read_many, root))
    sizes: dict[str, int] = {}
    terms: list[tuple[str, str, str]] = []
    hashed: list[tuple[str, str, str]] = []

    def rows() -> Iterator[tuple[str, str, bytes]]:
        blobs = _blobs(store, [oid for *_, oid in places])
        for (table, entry, _), data in zip(places, blobs, strict=True):
            name, found = _described(table, entry, data, describe)
            terms.extend((table, term, name) for term in found)
            if entry.startswith("h.") and name != entry:
                hashed.append((table, entry, name))
            sizes[table] = sizes.get(table, 0) + 1
            yield table, name, data

    # Without spills, in order and indexed at the end, this takes a fraction of the time.
    connection.execute("PRAGMA cache_size = -100000")
    connection.execute("DROP INDEX record_name")
    connection.executemany("INSERT INTO record (tbl, name, data) VALUES (?, ?, ?)", rows())
    connection.execute(_BY_NAME)
    terms.sort()
    connection.executemany("INSERT INTO term VALUES (?, ?, ?)", terms)
    connection.executemany("INSERT INTO hashed VALUES (?, ?, ?)", hashed)
    connection.executemany("INSERT INTO size VALUES (?, ?)", sizes.items())
    connection.execute("PRAGMA cache_size = -2000")


def _blobs(store: Store, oids: Sequence[Oid]) -> Iterator[bytes]:
    for oid, kind, data in store.read_many(oids):
        if kind != b"blob":
            raise CorruptRecord(f"object {oid} is a {kind.decode()}, not a record", oid=oid)
        yield data


def _described(table: str, entry: str, data: bytes, describe: Describe) -> tuple[str, set[str]]:
    if not table:
        return entry, set()
    name, terms = describe(table, data)
    if name is None:
        name = record_name(entry) or entry
    elif f"r.{name}.json" != entry and entry_name(name) != entry:
        raise CorruptRecord(f"{table}/{entry} holds the record of {name!r}", what=entry)
    return name, set(terms)


def _removed(connection: Connection, table: str, entry: str) -> str:
    if not table:
        return entry
    row = connection.execute(
        "SELECT name FROM hashed WHERE tbl = ? AND entry = ?", (table, entry)
    ).fetchone()
    return row[0] if row else record_name(entry) or entry


def _put(
    connection: Connection,
    table: str,
    name: str,
    data: bytes | None,
    after: set[str],
    describe: Describe,
) -> None:
    row = connection.execute(
        "SELECT id, data FROM record WHERE tbl = ? AND name = ?", (table, name)
    ).fetchone()
    before = set(describe(table, row[1])[1]) if row and table else set()
    if before != after:
        connection.executemany(
            "DELETE FROM term WHERE tbl = ? AND term = ? AND name = ?",
            [(table, term, name) for term in before - after],
        )
        connection.executemany(
            "INSERT INTO term VALUES (?, ?, ?)", [(table, term, name) for term in after - before]
        )
    if row and data is not None:
        connection.execute("UPDATE record SET data = ? WHERE id = ?", (data, row[0]))
    elif row:
        connection.execute("DELETE FROM record WHERE id = ?", (row[0],))
        _counted(connection, table, name, -1)
    elif data is not None:
        connection.execute(
            "INSERT INTO record (tbl, name, data) VALUES (?, ?, ?)", (table, name, data)
        )
        _counted(connection, table, name, 1)


def _counted(connection: Connection, table: str, name: str, by: int) -> None:
    connection.execute(
        "INSERT INTO size VALUES (?, ?) ON CONFLICT (tbl) DO UPDATE SET n = n + excluded.n",
        (table, by),
    )
    entry = entry_name(name) if table else ""
    if entry.startswith("h."):
        if by > 0:
            connection.execute("INSERT INTO hashed VALUES (?, ?, ?)", (table, entry, name))
        else:
            connection.execute("DELETE FROM hashed WHERE tbl = ? AND entry = ?", (table, entry))
