"""Events of a world in memory, as they come, and a reader who believes them."""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.domain.event import Difference, Event, Scene
from gitcoord.domain.events import TELLERS, events
from gitcoord.domain.record import Meta
from gitcoord.domain.sessions import Session
from gitcoord.domain.state import ARCHIVE
from tests.domain.world import World, decode, kinds


class Watch:
    """Looks at a world from time to time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.look()

    def look(self) -> list[Event]:
        """Return what happened since the last look, as one transaction."""
        before = getattr(self, "_seen", None)
        self._seen = (self._records(), self._meta(), self.world.settings)
        if before is None or before[1].seq == self._seen[1].seq:
            return []
        old, new = before[0], self._seen[0]
        found = [
            Difference(table, old.get((table, name)), new.get((table, name)))
            for table, name in sorted(old.keys() | new.keys())
            if old.get((table, name)) != new.get((table, name))
        ]
        metas, settings = (before[1], self._seen[1]), (before[2], self._seen[2])
        return events(Scene(found, metas, settings, lambda: self.world.all(Session)))

    def _meta(self) -> Meta:
        return msgspec.convert(msgspec.to_builtins(self.world.meta), Meta)

    def _records(self) -> dict[tuple[str, str], Any]:
        return {
            (home, name): decode(data, kinds()[home])
            for table, records in self.world.shelf.tables.items()
            for home in [table.removeprefix(ARCHIVE)]
            if home in TELLERS
            for name, data in records.items()
        }


class Reader:
    """What somebody believes who hears nothing but events."""

    def __init__(self) -> None:
        self.locks: dict[tuple[str, str], tuple[str, int, str]] = {}
        self.waiting: dict[tuple[str, Any], int] = {}
        self.tasks: dict[str, tuple[str, str]] = {}
        self.sessions: dict[str, str] = {}

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """Take one event in."""
        where = kind.partition(".")[0]
        if where == "lock":
            self._lock(kind, data)
        elif where == "task":
            self._task(kind, data)
        elif kind in _STATUSES:
            self.sessions[data["session_id"]] = _STATUSES[kind]
        elif kind == "agent.checkout":
            del self.sessions[data["session_id"]]

    def _lock(self, kind: str, data: dict[str, Any]) -> None:
        who = data["session_id"]
        if kind in ("lock.acquired", "lock.renewed"):
            place = (data["key"], who)
            assert (kind == "lock.renewed") == (
                place in self.locks and self.locks[place][1] == data["token"]
            )
            self.locks[place] = (data["mode"], data["token"], data["expires_at"])
        elif kind == "lock.queued":
            self.waiting[who, tuple(data["keys"])] = data["ticket"]
        elif kind == "lock.unqueued":
            del self.waiting[who, tuple(data["keys"])]
        else:
            del self.locks[data["key"], who]

    def _task(self, kind: str, data: dict[str, Any]) -> None:
        name = data["task_id"]
        if kind == "task.created":
            assert name not in self.tasks
            self.tasks[name] = (data["status"], data["session_id"])
        elif kind == "task.status_changed":
            assert self.tasks[name][0] == data["from"]
            self.tasks[name] = (data["to"], data["session_id"])
        elif kind == "task.claimed":
            self.tasks[name] = (data["status"], data["session_id"])


_STATUSES = {
    "agent.checkin": "active",
    "session.paused": "paused",
    "session.resumed": "active",
}
