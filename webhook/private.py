"""The service's own file: what it has to remember beside the ledger, and what nobody may read.

Digests of API keys, the secret that signs cookies and session tokens, the queue of outgoing
notifications. One SQLite file with mode 0600; two services may share it. Losing it loses keys,
not work. Not here: what a key may do.
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
"""


class Private:
    """The open file. Safe between threads and between processes."""

    def __init__(self, path: str) -> None:
        """Open the file, and make it where it is missing. Raises `Unavailable`."""
        self.path = path
        self._lock = threading.Lock()
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            # Made with its mode before anything is in it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            self._base = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
            self._base.executescript(_TABLES)
        except (OSError, sqlite3.Error) as wrong:
            raise Unavailable(
                f"cannot use {path}: {wrong}", hint="Name another file with --state."
            ) from wrong

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the database; what the block does is kept whole or not at all."""
        with self._lock:
            try:
                with self._base:
                    yield self._base
            except sqlite3.Error as wrong:
                raise Unavailable(f"cannot use {self.path}: {wrong}") from wrong

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
        with self._lock:
            self._base.close()
