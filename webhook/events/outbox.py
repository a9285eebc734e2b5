"""What waits to be sent to URLs, in the service's own file, which two services may share.

For each target it is remembered up to which event it was queued, so that two services that hear
the same events queue each of them once. Whoever sends one claims it for a while: another
service takes it over only when that time is over. With a target goes all that waited for it.
Not here: what is sent, and how.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.ledger.feed import Position

if TYPE_CHECKING:
    import sqlite3

    from webhook.private import Private

#: Notifications that wait for one target; beyond that the oldest are dropped, and counted.
WAITING_LIMIT = 10_000
#: Notifications of one target that nobody tries to send any more; the newest are kept.
GIVEN_UP_KEPT = 200
#: Characters of an error that are kept.
ERROR = 500


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

    waiting: int = 0
    given_up: int = 0
    dropped: int = 0
    #: Why the newest of those that were tried in vain was not taken.
    last_error: str = ""


_COLUMNS = "id, target, event, type, body, tries, error"


class Outbox:
    """The queue. Times are seconds since 1970.

    Safe between threads and processes. Every method raises `Unavailable` when the file cannot
    be read or written.
    """

    def __init__(self, private: Private) -> None:
        self._private = private

    def begin(self, targets: Collection[str], at: Position) -> dict[str, Position]:
        """Return up to where events were queued for each target; a new one begins at `at`.

        A target that is not known any more is left out.
        """
        with self._private.transaction() as base:
            base.executemany(
                "INSERT OR IGNORE INTO queues (target, epoch, seq, place)"
                " SELECT id, ?, ?, ? FROM targets WHERE id = ?",
                [(*at, name) for name in targets],
            )
            known = _cursors(base)
        return {name: known[name] for name in targets if name in known}

    def back(self, targets: Collection[str], at: Position) -> None:
        """Begin anew at a position for targets that are beyond it: theirs was of a lost ledger."""
        with self._private.transaction() as base:
            known = _cursors(base)
            base.executemany(
                "UPDATE queues SET epoch = ?, seq = ?, place = ? WHERE target = ?",
                [(*at, name) for name in targets if name in known and known[name] > at],
            )

    def put(self, targets: Collection[str], drafts: Sequence[Draft], upto: Position) -> int:
        """Queue drafts that were not queued yet, note that all up to `upto` is, say how many."""
        with self._private.transaction() as base:
            known = _cursors(base)
            new = [one for one in drafts if one.target in known and one.at > known[one.target]]
            base.executemany(
                "INSERT INTO notifications (target, event, type, body) VALUES (?, ?, ?, ?)",
                [(one.target, str(one.at), one.type, one.body) for one in new],
            )
            base.executemany(
                "UPDATE queues SET epoch = ?, seq = ?, place = ? WHERE target = ?",
                [(*upto, name) for name in targets if name in known and upto > known[name]],
            )
            for name in {one.target for one in new}:
                _drop(base, name)
        return len(new)

    def claim(
        self, targets: Collection[str], owner: str, now: float, seconds: float
    ) -> Notification | None:
        """Return the oldest that is due for one of the targets, now the owner's for a while.

        None where none is; then nothing is written.
        """
        due = (
            f"SELECT {_COLUMNS} FROM notifications WHERE target IN ({_places(targets)})"
            " AND given_up = 0 AND due <= ? AND owned_until <= ? ORDER BY id LIMIT 1"
        )
        with self._private.reading() as view:
            if view.execute(due, (*targets, now, now)).fetchone() is None:
                return None
        with self._private.transaction() as base:
            # Another service may have been faster.
            found = base.execute(due, (*targets, now, now)).fetchone()
            if found is None:
                return None
            base.execute(
                "UPDATE notifications SET owner = ?, owned_until = ?, tries = tries + 1"
                " WHERE id = ?",
                (owner, now + seconds, found[0]),
            )
        return Notification(*found)

    def sent(self, notification: Notification, owner: str) -> None:
        """Forget one that was taken."""
        with self._private.transaction() as base:
            base.execute(
                "DELETE FROM notifications WHERE id = ? AND owner = ?", (notification.id, owner)
            )

    def again(self, notification: Notification, owner: str, due: float, error: str) -> None:
        """Have one tried again at a time."""
        with self._private.transaction() as base:
            base.execute(
                "UPDATE notifications SET due = ?, error = ?, owner = '', owned_until = 0"
                " WHERE id = ? AND owner = ?",
                (due, error[:ERROR], notification.id, owner),
            )

    def give_up(self, notification: Notification, owner: str, error: str) -> None:
        """Try one no more; it is kept for people to see, with the newest of its target."""
        with self._private.transaction() as base:
            base.execute(
                "UPDATE notifications SET given_up = 1, error = ?, owner = '', owned_until = 0"
                " WHERE id = ? AND owner = ?",
                (error[:ERROR], notification.id, owner),
            )
            base.execute(
                "DELETE FROM notifications WHERE target = ? AND given_up = 1 AND id NOT IN"
                " (SELECT id FROM notifications WHERE target = ? AND given_up = 1"
                "  ORDER BY id DESC LIMIT ?)",
                (notification.target, notification.target, GIVEN_UP_KEPT),
            )

    def given_up(self, target: str) -> list[Notification]:
        """Return what nobody tries to send any more, the newest first."""
        with self._private.reading() as view:
            found = view.execute(
                f"SELECT {_COLUMNS} FROM notifications"
                " WHERE target = ? AND given_up = 1 ORDER BY id DESC",
                (target,),
            ).fetchall()
        return [Notification(*row) for row in found]

    def loads(self, project: str) -> dict[str, Load]:
        """Return how it stands with each target of a project for which events were queued."""
        with self._private.reading() as view:
            rows = view.execute(
                "SELECT target,"
                " (SELECT count(*) FROM notifications n"
                "  WHERE n.target = q.target AND given_up = 0),"
                " (SELECT count(*) FROM notifications n"
                "  WHERE n.target = q.target AND given_up = 1),"
                " dropped,"
                " coalesce((SELECT error FROM notifications n"
                "  WHERE n.target = q.target AND error != '' ORDER BY n.id DESC LIMIT 1), '')"
                " FROM queues q JOIN targets t ON t.id = q.target WHERE t.project = ?"
                " ORDER BY target",
                (project,),
            ).fetchall()
        return {target: Load(*load) for target, *load in rows}


def _cursors(base: sqlite3.Connection) -> dict[str, Position]:
    rows = base.execute("SELECT target, epoch, seq, place FROM queues")
    return {target: Position(*place) for target, *place in rows}


def _drop(base: sqlite3.Connection, target: str) -> None:
    cursor = base.execute(
        "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications"
        " WHERE target = ? AND given_up = 0 ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (target, WAITING_LIMIT),
    )
    base.execute(
        "UPDATE queues SET dropped = dropped + ? WHERE target = ?", (cursor.rowcount, target)
    )


def _places(targets: Collection[str]) -> str:
    return ", ".join("?" * len(targets))
