"""The URLs that are told of events, and the keys of their signatures, in the service's own file.

A target belongs to one project. Its secret is shown once, when it is made, like that of a key.
Not here: what is sent, and where it waits.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import NamedTuple

from gitcoord.domain.time import from_epoch
from gitcoord.errors import InvalidValue, LimitReached
from webhook.events.item import wish
from webhook.events.outside import checked
from webhook.private import Private

#: Most targets of one project.
MOST = 20


class Kept(NamedTuple):
    """A target as it is kept."""

    id: str
    project: str
    url: str
    #: Types of events with commas between; "" for all.
    types: str
    secret: str
    created_at: str


class Targets:
    """The targets of a service."""

    def __init__(self, private: Private) -> None:
        self._private = private
        with private.transaction() as base:
            base.execute(
                "CREATE TABLE IF NOT EXISTS targets (id TEXT PRIMARY KEY, project TEXT NOT NULL,"
                " url TEXT NOT NULL, types TEXT NOT NULL, secret TEXT NOT NULL,"
                " created_at TEXT NOT NULL) STRICT"
            )

    def add(self, project: str, url: str, types: str = "", *, at: float) -> Kept:
        """Make a target at `at` (seconds since 1970).

        Raises `InvalidUrl`, `InvalidValue` for a type that there is not, `LimitReached`.
        """
        checked(url)
        wish(types)
        if len(self.list(project)) >= MOST:
            raise LimitReached(f"a project has at most {MOST} targets", count=MOST)
        secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        made = Kept(f"n-{secrets.token_hex(6)}", project, url, types, secret, from_epoch(at))
        with self._private.transaction() as base:
            base.execute("INSERT INTO targets VALUES (?, ?, ?, ?, ?, ?)", made)
        return made

    def list(self, project: str) -> list[Kept]:
        """Return the targets of a project in the order in which they were made."""
        with self._private.transaction() as base:
            rows = base.execute(
                "SELECT * FROM targets WHERE project = ? ORDER BY created_at, id", (project,)
            ).fetchall()
        return [Kept(*row) for row in rows]

    def remove(self, project: str, id: str) -> Kept:
        """Forget a target. Raises `InvalidValue` where the project has no such one."""
        found = next((one for one in self.list(project) if one.id == id), None)
        if found is None:
            raise InvalidValue(f"there is no target {id!r}", id=id[:80])
        with self._private.transaction() as base:
            base.execute("DELETE FROM targets WHERE id = ?", (id,))
        return found
