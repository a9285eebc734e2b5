"""One connection to an index of records: opened, proved usable, written in transactions.

Another version or another start of the machine makes an index worthless; it is
then made anew, empty. Not here: what an index holds (index, fulltext), who uses it (cache).
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Protocol

from gitcoord.storage import index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.storage.index import Describe
    from gitcoord.storage.store import Oid, Store

#: Seconds to wait while another process fills the index.
PATIENCE = 30.0

#: Errors that a fresh file would not cure; https://www.sqlite.org/rescode.html
HOPELESS = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


class Tables(Protocol):
    """The tables of one kind of index beside `state`; a module has them as its functions."""

    def create(self, connection: sqlite3.Connection, version: str, boot: str) -> None:
        """Throw away what is there and make an empty index of no tree."""

    def follow(
        self, connection: sqlite3.Connection, root: Oid, store: Store, describe: Describe
    ) -> None:
        """Make the index hold the tree `root`. Raises `CorruptRecord`."""

    def whole(self, connection: sqlite3.Connection) -> bool:
        """Say whether nothing is wrong inside of the tables; reads all of them."""


def connect(path: str, version: str, tables: Tables = index) -> sqlite3.Connection:
    """Return a connection to an index of this version, made empty where there is none.

    ":memory:" gives a private one. Raises `sqlite3.Error`.
    """
    if path != ":memory:" and not os.path.exists(path):
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"no directory for {path}: {error}") from error
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, version, tables)
    except BaseException:
        connection.close()
        raise
    return connection


def sound(path: str, version: str, tables: Tables = index) -> bool:
    """Say whether the file is an index of this version without any damage; reads all of it."""
    shape = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with (
        closing(connect(":memory:", version, tables)) as model,
        closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as found,
    ):
        try:
            return (
                found.execute(shape).fetchall() == model.execute(shape).fetchall()
                and index.state(found)[0] == version
                and found.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
                and tables.whole(found)
            )
        except sqlite3.Error:
            return False


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold a write transaction: committed at the end of the block, undone by an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _prepare(connection: sqlite3.Connection, version: str, tables: Tables) -> None:
    boot = _boot()
    # Without fsync a power cut may damage the file unnoticed, so an index from before the
    # last start of the machine is not used; where starts are not known, fsync is paid for.
    connection.execute("PRAGMA synchronous = " + ("OFF" if boot else "NORMAL"))
    if _usable(connection, version, boot, tables):
        return
    _write_ahead(connection)
    with writing(connection):
        if not _usable(connection, version, boot, tables):
            tables.create(connection, version, boot)


def _usable(connection: sqlite3.Connection, version: str, boot: str, tables: Tables) -> bool:
    known = "SELECT 1 FROM sqlite_master WHERE name = 'state'"
    if not connection.execute(known).fetchone():
        return False
    return index.state(connection)[:2] == (version, boot)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once. SQLite does not wait for this by itself."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.005)


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
