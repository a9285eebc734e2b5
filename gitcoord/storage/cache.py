"""A disposable index of the records at one tree, shared by all processes of a clone.

It saves reading, never decides: it can be deleted at any moment, and what is
damaged, of another version or not writable is replaced, in memory if need be.
A snapshot answers for exactly one tree. Not here: the tables (index).
"""

from __future__ import annotations

import os
import sqlite3
from _thread import allocate_lock
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitcoord.errors import GitcoordError, Unavailable
from gitcoord.storage import index
from gitcoord.storage.cachefile import HOPELESS, PATIENCE, Tables, connect, sound, writing
from gitcoord.storage.index import SCHEMA, Describe
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.snapshot import Lease, Snapshot

if TYPE_CHECKING:
    from gitcoord.storage.store import Oid, Store

__all__ = ["Cache", "Describe", "Snapshot"]

# Seconds to wait for a busy index where following it is only a favour to the next reader.
_BRIEF = 0.05
# Idle connections that are kept, and how often others may move the index away from under us.
_IDLE = 4
_TRIES = 5


class Cache:
    """The index of one clone. Safe between threads; a snapshot belongs to one at a time."""

    def __init__(
        self, path: str | None, describe: Describe, version: str, tables: Tables = index
    ) -> None:
        """`path` None keeps it in memory. Another `version` makes a stored index worthless."""
        self.path = path
        self._tables = tables
        self._describe = describe
        self._version = f"{SCHEMA}/{version}"
        self._idle: list[sqlite3.Connection] = []
        self._memory: _Memory | None = None
        self._lock = allocate_lock()
        self._closed = False

    @property
    def in_memory(self) -> bool:
        """Whether this process keeps an index of its own, for want of a usable file."""
        return self.path is None

    def at(self, root: Oid | None, store: Store) -> Snapshot:
        """Return a snapshot of the records of the tree `root`; None is a tree without any.

        Raises `CorruptRecord` when the tree or a record cannot be read, and whatever
        `describe` raises; `Unavailable` when SQLite fails even in memory.
        """
        return Snapshot(self.lease(root, store), lambda: self.again(root, store))

    def advance(
        self, old: Oid | None, new: Oid, changes: Mapping[tuple[str, str], bytes | None]
    ) -> None:
        """Follow our own commit from tree `old` to `new` by its changes (as for `rewrite`).

        Only saves the next reader a comparison, so it does nothing where the index is
        elsewhere or busy, and never fails the caller.
        """
        rows = [(table, name, data) for (table, name), data in changes.items()]
        try:
            if self.path is None:
                with self._lock:
                    if self._memory is not None and not self._memory.users:
                        self._step(self._memory.connection, old, new, rows)
                return
            connection = self._take()
            try:
                connection.execute(f"PRAGMA busy_timeout = {_BRIEF * 1000:.0f}")
                self._step(connection, old, new, rows)
                connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)
        except (sqlite3.Error, GitcoordError):
            # The commit has landed. Whoever reads next finds the same fault, and may fail.
            return

    def close(self) -> None:
        """Let go of the files; open snapshots stay usable until they are closed."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            memory, self._memory = self._memory, None
        for connection in idle:
            connection.close()
        if memory is not None and not memory.users:
            memory.connection.close()

    def _step(
        self,
        connection: sqlite3.Connection,
        old: Oid | None,
        new: Oid,
        rows: list[tuple[str, str, bytes | None]],
    ) -> None:
        with writing(connection):
            if index.state(connection)[2] == (old or ""):
                index.change(connection, new, rows, self._describe)

    def lease(self, root: Oid | None, store: Store) -> Lease:
        """Return a connection that sees exactly `root`, and how to give it back.

        Raises as `at`.
        """
        for last in (False, True):
            if root is None or self.path is None:
                break
            try:
                return self._on_disk(self.path, root, store)
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
                if last or code in HOPELESS or not self._discarded(self.path):
                    self.path = None
        try:
            return self._in_memory(root, store)
        except sqlite3.Error as error:
            raise Unavailable(f"the index in memory fails: {error}") from error

    def again(self, root: Oid | None, store: Store) -> Lease:
        """Return what `lease` does, where the connection before has turned out damaged."""
        if self.path is not None and not self._discarded(self.path):
            self.path = None
        return self.lease(root, store)

    def _on_disk(self, path: str, root: Oid, store: Store) -> Lease:
        connection = self._take()
        try:
            for _ in range(_TRIES):
                connection.execute("BEGIN")
                if index.state(connection)[2] == root:
                    return connection, lambda: self._give_back(connection)
                connection.rollback()
                with writing(connection):
                    self._tables.follow(connection, root, store, self._describe)
            # Others keep moving it. What this reader needs is seen by nobody else, and undone.
            connection.execute("BEGIN IMMEDIATE")
            self._tables.follow(connection, root, store, self._describe)
        except BaseException:
            connection.close()
            raise
        return connection, lambda: self._give_back(connection)

    def _in_memory(self, root: Oid | None, store: Store) -> Lease:
        with self._lock:
            memory = self._memory if root is not None else None
            if memory is None:
                memory = _Memory(connect(":memory:", self._version, self._tables))
            elif memory.users and index.state(memory.connection)[2] != root:
                copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                memory.connection.backup(copy)
                memory = _Memory(copy)
            if root is not None:
                with writing(memory.connection):
                    self._tables.follow(memory.connection, root, store, self._describe)
                self._memory = memory
            memory.users += 1

        def give_back() -> None:
            with self._lock:
                memory.users -= 1
                if not memory.users and memory is not self._memory:
                    memory.connection.close()

        return memory.connection, give_back

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        assert self.path is not None
        return connect(self.path, self._version, self._tables)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            connection.rollback()
        except sqlite3.Error:
            connection.close()
            return
        with self._lock:
            if not self._closed and self.path is not None and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _discarded(self, path: str) -> bool:
        """Remove the damaged file, unless somebody else has; False when it cannot be removed."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        try:
            # Two that find the damage at once must not delete each other's new file.
            with OsLock(path + ".lock") as lock:
                if lock.try_acquire() and not sound(path, self._version, self._tables):
                    for suffix in ("", "-wal", "-shm"):
                        if os.path.exists(path + suffix):
                            os.unlink(path + suffix)
        except (OSError, sqlite3.Error, GitcoordError):
            return False
        return True


class _Memory:
    """A connection to a private index in memory, and how many snapshots look at it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.users = 0
