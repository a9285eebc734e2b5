"""The service's own file: what it has to remember beside the ledger, and what nobody may read.

Digests of API keys, the secret that signs cookies and session tokens, the URLs that are told of
events, what waits for them, and what GitHub has told and waits. One SQLite file with mode 0600;
two services may share it.
Losing it loses keys, not work. Not here: what any of it is for.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gitcoord.errors import Unavailable

#: Seconds that a writer waits for another service.
PATIENCE = 10.0
#: The form of the file. What a later gitcoord has made is left alone.
FORM = 1

#: Times are text as in the ledger, or seconds since 1970 where they are compared (REAL).
_TABLES = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    agent TEXT NOT NULL, digest BLOB NOT NULL, created_at TEXT NOT NULL,
    revoked_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS ended_logins (
    nonce TEXT PRIMARY KEY, until INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS targets (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, url TEXT NOT NULL, types TEXT NOT NULL,
    secret TEXT NOT NULL, created_at TEXT NOT NULL, format TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS queues (
    target TEXT PRIMARY KEY REFERENCES targets (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    event TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '', owned_until REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', given_up INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    project TEXT NOT NULL, id TEXT NOT NULL, subjects TEXT NOT NULL, received REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '', owned_until REAL NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (project, id)
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (project, done, received);
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (target, given_up, due);
"""


class Private:
    """The open file. Safe between threads and between processes.

    Whoever only reads waits for no writer: keys are looked up while notifications are stored.
    """

    def __init__(self, path: str) -> None:
        """Open the file, and make it where it is missing. Raises `Unavailable`."""
        self.path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            # Made with its mode before anything is in it; SQLite gives the same to its own files.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            self._base = _opened(path)
            try:
                self._made()
                self._view = _opened(path)
            except BaseException:
                self._base.close()
                raise
        except (OSError, sqlite3.Error) as wrong:
            raise Unavailable(
                f"cannot use {path}: {wrong}", hint="Name another file with --state."
            ) from wrong

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the database to one writer; what the block does is kept whole or not at all."""
        with self._writing:
            try:
                try:
                    self._base.execute("BEGIN IMMEDIATE")
                    yield self._base
                    self._base.execute("COMMIT")
                finally:
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
            except sqlite3.Error as wrong:
                raise self._useless(wrong) from wrong

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the database as it was last kept, for questions only."""
        with self._reading:
            try:
                yield self._view
            except sqlite3.Error as wrong:
                raise self._useless(wrong) from wrong

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that are the same at every call with this name."""
        with self.transaction() as base:
            base.execute(
                "INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(32))
            )
            (value,) = base.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(value)

    def close(self) -> None:
        """Close the file."""
        with self._writing, self._reading:
            self._view.close()
            self._base.close()

    def _made(self) -> None:
        """Make what is missing. Raises `Unavailable` for the file of a later gitcoord."""
        self._base.execute("PRAGMA journal_mode = WAL")
        with self.transaction() as base:
            (form,) = base.execute("PRAGMA user_version").fetchone()
            if form > FORM:
                raise Unavailable(
                    f"{self.path} has form {form}; this gitcoord knows up to {FORM}",
                    hint="Upgrade gitcoord, or name another file with --state.",
                )
            for statement in _TABLES.split(";"):
                base.execute(statement)
            base.execute(f"PRAGMA user_version = {FORM}")

    def _useless(self, wrong: sqlite3.Error) -> Unavailable:
        return Unavailable(f"cannot use {self.path}: {wrong}")


def _opened(path: str) -> sqlite3.Connection:
    made = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
    made.execute("PRAGMA foreign_keys = ON")
    return made
