"""What waits to be sent to URLs, in a file that outlives the service and that several may share.

For each target it is remembered up to which event it was queued, so that two services that hear
the same events queue each of them once. Whoever sends one claims it for a while: another
service takes it over only when that time is over. Not here: what is sent, and how.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from gitcoord.errors import Unavailable
from gitcoord.ledger.feed import Position

#: Notifications that wait for one target; beyond that the oldest are dropped, and counted.
WAITING_LIMIT = 10_000
#: Notifications that nobody tries to send any more; the newest are kept for people to see.
GIVEN_UP_KEPT = 200
#: Seconds to wait for another service that is writing.
_BUSY = 10.0

_TABLES = """
CREATE TABLE IF NOT EXISTS targets (
    project TEXT, target TEXT, epoch INTEGER, seq INTEGER, place INTEGER,
    dropped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (project, target)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL, target TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '', owned_until REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', given_up INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (project, given_up, due);
CREATE INDEX IF NOT EXISTS notifications_of ON notifications (project, target, given_up);
"""


class Draft(NamedTuple):
    """A notification to be queued for one target."""

    target: str
    at: Position
    type: str
    body: str


class Notification(NamedTuple):
    """One that waits, or that was given up."""

    id: int
    target: str
    event: str
    type: str
    body: str
    #: How often it was tried before.
    tries: int
    #: Why it was not taken last time.
    error: str


class Load(NamedTuple):
    """How it stands with one target."""

    waiting: int
    given_up: int
    dropped: int


class Outbox:
    """The queue in one file, which only its owner may read. Times are seconds since 1970.

    Safe between threads and processes. Every method raises `Unavailable` when the file cannot
    be read or written.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        try:
            # Made here, so that it is never readable by others, not even at first.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            self._database = sqlite3.connect(
                path, timeout=_BUSY, check_same_thread=False, isolation_level=None
            )
            with self._writing():
                for statement in _TABLES.split(";"):
                    self._database.execute(statement)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"the queue of notifications {path}: {error}") from error

    def begin(self, project: str, target: str, at: Position) -> Position:
        """Return up to where events were queued for a target; a new one begins at `at`."""
        with self._writing():
            self._database.execute(
                "INSERT OR IGNORE INTO targets VALUES (?, ?, ?, ?, ?, 0)", (project, target, *at)
            )
            return self._cursors(project)[target]

    def put(
        self, project: str, targets: Sequence[str], drafts: Sequence[Draft], upto: Position
    ) -> int:
        """Queue drafts that were not queued yet, note that all up to `upto` is, say how many."""
        with self._writing():
            known = self._cursors(project)
            new = [each for each in drafts if each.at > known.get(each.target, each.at)]
            self._database.executemany(
                "INSERT INTO notifications (project, target, event, type, body)"
                " VALUES (?, ?, ?, ?, ?)",
                [(project, each.target, str(each.at), each.type, each.body) for each in new],
            )
            self._database.executemany(
                "UPDATE targets SET epoch = ?, seq = ?, place = ? WHERE project = ? AND target = ?",
                [(*upto, project, name) for name in targets if upto > known.get(name, upto)],
            )
            for name in {each.target for each in new}:
                self._drop(project, name)
            return len(new)

    def claim(
        self, project: str, owner: str, now: float, seconds: float, but: Sequence[str] = ()
    ) -> Notification | None:
        """Return the oldest that is due, now the owner's for a while; None where none is.

        Those for the targets in `but` are left.
        """
        left = ", ".join("?" * len(but))
        with self._writing():
            found = self._database.execute(
                "SELECT id, target, event, type, body, tries, error FROM notifications"
                " WHERE project = ? AND given_up = 0 AND due <= ? AND owned_until <= ?"
                f" AND target NOT IN ({left}) ORDER BY id LIMIT 1",
                (project, now, now, *but),
            ).fetchone()
            if found is None:
                return None
            self._database.execute(
                "UPDATE notifications SET owner = ?, owned_until = ?, tries = tries + 1"
                " WHERE id = ?",
                (owner, now + seconds, found[0]),
            )
            return Notification(*found)

    def sent(self, notification: Notification, owner: str) -> None:
        """Forget one that was taken."""
        with self._writing():
            self._database.execute(
                "DELETE FROM notifications WHERE id = ? AND owner = ?", (notification.id, owner)
            )

    def again(self, notification: Notification, owner: str, due: float, error: str) -> None:
        """Have one tried again at a time."""
        self._left(notification, owner, "due = ?", due, error)

    def give_up(self, notification: Notification, owner: str, error: str) -> None:
        """Try one no more; it is kept for people to see, with the newest of its kind."""
        self._left(notification, owner, "given_up = ?", 1, error)
        with self._writing():
            self._database.execute(
                "DELETE FROM notifications WHERE given_up = 1 AND id NOT IN"
                " (SELECT id FROM notifications WHERE given_up = 1 ORDER BY id DESC LIMIT ?)",
                (GIVEN_UP_KEPT,),
            )

    def given_up(self, project: str) -> list[Notification]:
        """Return what nobody tries to send any more, the newest first."""
        with self._writing():
            found = self._database.execute(
                "SELECT id, target, event, type, body, tries, error FROM notifications"
                " WHERE project = ? AND given_up = 1 ORDER BY id DESC",
                (project,),
            ).fetchall()
        return [Notification(*row) for row in found]

    def loads(self, project: str) -> dict[str, Load]:
        """Return how it stands with each target."""
        with self._writing():
            rows = self._database.execute(
                "SELECT target, dropped,"
                " (SELECT count(*) FROM notifications n WHERE n.project = t.project"
                "  AND n.target = t.target AND given_up = 0),"
                " (SELECT count(*) FROM notifications n WHERE n.project = t.project"
                "  AND n.target = t.target AND given_up = 1)"
                " FROM targets t WHERE project = ? ORDER BY target",
                (project,),
            ).fetchall()
        return {target: Load(waiting, gone, dropped) for target, dropped, waiting, gone in rows}

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def _cursors(self, project: str) -> dict[str, Position]:
        rows = self._database.execute(
            "SELECT target, epoch, seq, place FROM targets WHERE project = ?", (project,)
        )
        return {target: Position(*place) for target, *place in rows}

    def _drop(self, project: str, target: str) -> None:
        cursor = self._database.execute(
            "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications"
            " WHERE project = ? AND target = ? AND given_up = 0 ORDER BY id DESC"
            " LIMIT -1 OFFSET ?)",
            (project, target, WAITING_LIMIT),
        )
        self._database.execute(
            "UPDATE targets SET dropped = dropped + ? WHERE project = ? AND target = ?",
            (cursor.rowcount, project, target),
        )

    def _left(
        self, notification: Notification, owner: str, what: str, value: Any, error: str
    ) -> None:
        with self._writing():
            self._database.execute(
                f"UPDATE notifications SET {what}, error = ?, owner = '', owned_until = 0"
                " WHERE id = ? AND owner = ?",
                (value, error[:500], notification.id, owner),
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file; everything in the block is written, or nothing."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise Unavailable(f"the queue of notifications: {error}") from error
