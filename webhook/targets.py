"""The URLs that are told of events, and the keys of their signatures, in the service's own file.

A target belongs to one project. Its secret is shown once, when it is made, like that of a key.
Not here: what is sent, and where it waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple

from gitcoord.domain.time import from_epoch
from gitcoord.errors import InvalidValue, LimitReached
from webhook.events import signature
from webhook.events.item import wish
from webhook.events.outside import checked
from webhook.events.wording import FORMATS
from webhook.private import Private

#: Most targets of one project.
MOST = 20
_COLUMNS = "id, project, url, types, secret, created_at, format"


class Kept(NamedTuple):
    """A target as it is kept."""

    id: str
    project: str
    url: str
    #: Types of events with commas between; "" for all.
    types: str
    secret: str
    created_at: str
    #: How an event is written for it, one of `wording.FORMATS`.
    format: str


class Targets:
    """The targets of a service. Every method raises `Unavailable` for a file of no use."""

    def __init__(self, private: Private) -> None:
        self._private = private

    def add(
        self, project: str, url: str, types: str = "", form: str = "event", *, at: float
    ) -> Kept:
        """Make a target at `at` (seconds since 1970).

        Raises `InvalidUrl`, `InvalidValue` for a type or a format that there is not, and
        `LimitReached`.
        """
        checked(url)
        if "presence" in wish(types).types:
            raise InvalidValue("presence is shown by streams only, and not sent to a URL")
        if form not in FORMATS:
            raise InvalidValue(
                f"there is no format {form[:80]!r}", hint=f"One of {', '.join(FORMATS)}."
            )
        id, secret = f"n-{secrets.token_hex(6)}", signature.fresh()
        made = Kept(id, project, url, types, secret, from_epoch(at), form)
        with self._private.transaction() as base:
            (count,) = base.execute(
                "SELECT count(*) FROM targets WHERE project = ?", (project,)
            ).fetchone()
            if count >= MOST:
                raise LimitReached(f"a project has at most {MOST} targets", count=MOST)
            base.execute(f"INSERT INTO targets ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", made)
        return made

    def list(self, project: str) -> list[Kept]:
        """Return the targets of a project in the order in which they were made."""
        with self._private.reading() as view:
            rows = view.execute(
                f"SELECT {_COLUMNS} FROM targets WHERE project = ? ORDER BY created_at, id",
                (project,),
            ).fetchall()
        return [Kept(*row) for row in rows]

    def everywhere(self) -> Iterator[Kept]:
        """Return the targets of all projects."""
        with self._private.reading() as view:
            rows = view.execute(f"SELECT {_COLUMNS} FROM targets ORDER BY created_at, id")
            return iter([Kept(*row) for row in rows])

    def remove(self, project: str, id: str) -> Kept:
        """Forget a target and what waits for it.

        Raises `InvalidValue` where the project has no such one.
        """
        with self._private.transaction() as base:
            row = base.execute(
                f"DELETE FROM targets WHERE project = ? AND id = ? RETURNING {_COLUMNS}",
                (project, id),
            ).fetchone()
        if row is None:
            raise InvalidValue(f"there is no target {id!r}", id=id[:80])
        return Kept(*row)
