"""The tables of a disposable index of the chain of transactions, and how they follow it.

As `index`, but for the past: one entry for each operation that a commit tells of, numbered so
that a larger number is newer. The root is the newest commit. Where the index ends because
history is cut off there, it says so. Not here: what a commit tells (its owner says that), files
and processes (cache), what is asked (pastsearch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.storage.index import state
from gitcoord.storage.store import first_parent

if TYPE_CHECKING:
    from sqlite3 import Connection

    from gitcoord.storage.index import Describe
    from gitcoord.storage.store import Oid, Store

#: Part of the version of every index of a chain; higher when the tables below change.
SCHEMA = 1
#: Kinds of names that an entry is found by.
AGENT, SESSION = 0, 1

# Commits that are told at once, so that what they share is read together.
_GROUP = 512
# Room for the numbers of one batch: it is read newest first, before its length is known.
_ROOM = 1 << 36

_TABLES = {
    "state": "(version TEXT, boot TEXT, root TEXT)",
    # The oldest commit that is known, and whether what came before it is missing here.
    "edge": "(oldest TEXT, time TEXT, cut INTEGER)",
    "entry": "(id INTEGER PRIMARY KEY, oid TEXT, place INTEGER, time TEXT, op TEXT,"
    " outcome TEXT, result TEXT)",
    "who": "(kind INTEGER, name TEXT, id INTEGER, PRIMARY KEY (kind, name, id)) WITHOUT ROWID",
    "key": "(id INTEGER PRIMARY KEY, text TEXT UNIQUE, place TEXT)",
    "touch": "(key INTEGER, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID",
}
_BY = {"entry_oid": "entry (oid)", "key_place": "key (place)"}


class Step(NamedTuple):
    """One commit of the chain, and the one that it was decided on."""

    oid: Oid
    raw: bytes
    #: None where there is none, or where it is not here.
    older: bytes | None

    @property
    def cut(self) -> bool:
        """Whether what came before is missing here."""
        return self.older is None and first_parent(self.raw) is not None


class Told(NamedTuple):
    """One entry of a commit."""

    time: str
    op: str
    outcome: str
    result: str
    agents: Sequence[str]
    sessions: Sequence[str]
    #: Texts of keys with the places by which they are found.
    keys: Sequence[tuple[str, str]]


class Ahead(Exception):
    """The index holds a longer chain, of which the wanted one is the beginning.

    A signal to whoever searches, who looks at the longer one; no door ever sees it.
    """

    def __init__(self, newest: Oid) -> None:
        super().__init__(newest)
        self.newest = newest


#: Tells the entries of each of some commits, at least one of each, in the order of the commits.
Teller = Callable[["Store", Sequence[Step]], Iterable[Sequence[Told]]]


class Chain:
    """The tables; `tell` says what commits tell of."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell

    def create(self, connection: Connection, version: str, boot: str) -> None:
        """Throw away what is there and make an empty index of no chain."""
        for table, columns in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"CREATE TABLE {table} {columns}")
        for name, columns in _BY.items():
            connection.execute(f"CREATE INDEX {name} ON {columns}")
        connection.execute("INSERT INTO state VALUES (?, ?, '')", (version, boot))

    def whole(self, connection: Connection) -> bool:
        """Say whether every entry is one of a known number."""
        (strays,) = connection.execute(
            "SELECT COUNT(*) FROM touch WHERE id NOT IN (SELECT id FROM entry)"
        ).fetchone()
        return bool(strays == 0)

    def follow(self, connection: Connection, root: Oid, store: Store, describe: Describe) -> None:
        """Make the index hold the chain that ends at the commit `root`.

        Reads only what is newer than what it holds; all where that is not part of the chain.
        Raises `Ahead`, and `CorruptRecord` when a commit or a tree cannot be read.
        """
        old = state(connection)[2]
        if old == root:
            return
        if connection.execute("SELECT 1 FROM entry WHERE oid = ? LIMIT 1", (root,)).fetchone():
            raise Ahead(old)
        if not old:
            connection.execute("PRAGMA cache_size = -100000")
        (before,) = connection.execute("SELECT COALESCE(MAX(id), 0) FROM entry").fetchone()
        number = before + _ROOM
        last: Step | None = None
        steps = _steps(store, root, old)
        while group := list(islice(steps, _GROUP)):
            for last, told in zip(group, self._tell(store, group), strict=True):
                _put(connection, last.oid, number, told)
                number -= len(told)
        if last is not None and (not old or last.cut or first_parent(last.raw) is None):
            # It was walked to its end without meeting what was known: another chain.
            _forget(connection, before)
            connection.execute("DELETE FROM edge")
            time = connection.execute("SELECT MIN(time) FROM entry WHERE oid = ?", (last.oid,))
            connection.execute(
                "INSERT INTO edge VALUES (?, ?, ?)",
                (last.oid, time.fetchone()[0] or "", last.cut),
            )
        connection.execute("UPDATE state SET root = ?", (root,))
        if not old:
            connection.execute("PRAGMA cache_size = -2000")


def _steps(store: Store, root: Oid, old: Oid) -> Iterator[Step]:
    """Yield the commits from `root` on that are newer than `old`, newest first."""
    newer: tuple[Oid, bytes] | None = None
    for oid, raw in store.chain(root):
        if newer is not None:
            yield Step(*newer, raw)
        if oid == old:
            return
        newer = oid, raw
    if newer is not None:
        yield Step(*newer, None)


def _put(connection: Connection, oid: Oid, number: int, told: Sequence[Told]) -> None:
    """Insert the entries of a commit; the last one, which is the newest, has `number`."""
    first = number - len(told) + 1
    connection.executemany(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(first + at, oid, at, *one[:4]) for at, one in enumerate(told)],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO who VALUES (?, ?, ?)",
        [
            (kind, name, first + at)
            for at, one in enumerate(told)
            for kind, names in ((AGENT, one.agents), (SESSION, one.sessions))
            for name in names
        ],
    )
    keys = {text: place for one in told for text, place in one.keys}
    connection.executemany("INSERT OR IGNORE INTO key (text, place) VALUES (?, ?)", keys.items())
    connection.executemany(
        "INSERT OR IGNORE INTO touch SELECT id, ? FROM key WHERE text = ?",
        [(first + at, text) for at, one in enumerate(told) for text, _ in one.keys],
    )


def _forget(connection: Connection, before: int) -> None:
    """Remove the entries up to a number."""
    for table in ("entry", "who", "touch"):
        connection.execute(f"DELETE FROM {table} WHERE id <= ?", (before,))
