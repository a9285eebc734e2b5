"""Deliveries of GitHub that were taken and are not done yet, in the service's own file.

A delivery is known by its id, which stays when it is sent again: it is taken once. What it is
about is kept, not what it says. Whoever works on some claims them for a while, so that two
services that share the file do not do the same, and what one of them leaves behind is done by
the other. Not here: what is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gitcoord.mirror.subjects import (
    Branch,
    Comment,
    Everything,
    Group,
    Head,
    Subject,
    Target,
    Thread,
)

if TYPE_CHECKING:
    from webhook.private import Private

#: Seconds for which a delivery is remembered; GitHub sends again what is up to 3 days old.
KEPT = 8 * 86_400.0
#: Tries after which one that always fails is left.
TRIES = 8
#: Deliveries that are worked on together.
BATCH = 200

_KINDS: dict[str, type[Subject]] = {
    "thread": Thread,
    "branch": Branch,
    "comment": Comment,
    "group": Group,
    "head": Head,
    "target": Target,
    "everything": Everything,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Waiting(NamedTuple):
    """A delivery that waits to be done."""

    id: str
    subjects: tuple[Subject, ...]
    tries: int


class Inbox:
    """The deliveries of one service. Times are seconds since 1970.

    Safe between threads and processes. Every method raises `Unavailable` when the file cannot
    be read or written.
    """

    def __init__(self, private: Private) -> None:
        self._private = private

    def put(self, project: str, id: str, subjects: Iterable[Subject], *, at: float) -> bool:
        """Take a delivery; False when it was taken before. Old ones are forgotten."""
        with self._private.transaction() as base:
            base.execute("DELETE FROM deliveries WHERE received < ?", (at - KEPT,))
            taken = base.execute(
                "INSERT OR IGNORE INTO deliveries (project, id, subjects, received)"
                " VALUES (?, ?, ?, ?)",
                (project, id, _encoded(subjects), at),
            )
            return taken.rowcount == 1

    def claim(self, project: str, owner: str, *, at: float, until: float) -> list[Waiting]:
        """Return what is due and nobody works on, the oldest first, as `owner`'s until then."""
        with self._private.transaction() as base:
            rows = base.execute(
                "SELECT id, subjects, tries FROM deliveries WHERE project = ? AND done = 0"
                " AND due <= ? AND owned_until <= ? ORDER BY received, rowid LIMIT ?",
                (project, at, at, BATCH),
            ).fetchall()
            base.executemany(
                "UPDATE deliveries SET owner = ?, owned_until = ? WHERE project = ? AND id = ?",
                [(owner, until, project, row[0]) for row in rows],
            )
        return [Waiting(row[0], _decoded(row[1]), row[2]) for row in rows]

    def done(self, project: str, owner: str, ids: Collection[str]) -> None:
        """Note that these are done."""
        self._end(project, owner, ids, "done = 1, error = ''", ())

    def again(
        self,
        project: str,
        owner: str,
        ids: Collection[str],
        *,
        due: float,
        error: str,
        counts: bool,
    ) -> None:
        """Put these back until then, for that reason.

        With `counts` it was a try; after `TRIES` of them one is left undone.
        """
        self._end(
            project,
            owner,
            ids,
            "tries = tries + ?1, done = (tries + ?1 >= ?2) * 2, due = ?3, error = ?4,"
            " owned_until = 0",
            (int(counts), TRIES, due, error[:500]),
        )

    def waiting(self, project: str) -> int:
        """Return how many are not done."""
        with self._private.reading() as base:
            (count,) = base.execute(
                "SELECT count(*) FROM deliveries WHERE project = ? AND done = 0", (project,)
            ).fetchone()
        return int(count)

    def due(self, project: str) -> float | None:
        """Return when the next one that waits can be worked on; None where none waits."""
        with self._private.reading() as base:
            (found,) = base.execute(
                "SELECT min(max(due, owned_until)) FROM deliveries WHERE project = ? AND done = 0",
                (project,),
            ).fetchone()
        return None if found is None else float(found)

    def _end(
        self, project: str, owner: str, ids: Collection[str], what: str, values: Sequence[object]
    ) -> None:
        with self._private.transaction() as base:
            for id_ in ids:
                base.execute(
                    f"UPDATE deliveries SET {what} WHERE project = ?{len(values) + 1}"
                    f" AND owner = ?{len(values) + 2} AND id = ?{len(values) + 3}",
                    (*values, project, owner, id_),
                )


def _encoded(subjects: Iterable[Subject]) -> str:
    return msgspec.json.encode([[_NAMES[type(one)], *one] for one in subjects]).decode()


def _decoded(text: str) -> tuple[Subject, ...]:
    return tuple(_KINDS[name](*fields) for name, *fields in msgspec.json.decode(text))
