"""What is told of the merge queue: queued, ready, blocked, landing, merged, ejected, removed.

That a check or a landing has begun is not told: what it comes to is.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.merges import Merge, Status

#: Statuses that are told, with the fields that are told beside those of every event.
TOLD: dict[Status, tuple[str, ...]] = {
    "queued": ("feature", "task", "method", "priority", "needs", "reason", "attempts"),
    "ready": ("checked_at", "checked_target"),
    "blocked": ("checked_at", "checked_target", "reason"),
    "landing": ("reason", "pr_url"),
    "merged": ("feature", "task", "result"),
    "ejected": ("reason", "attempts", "ejections"),
    "removed": ("reason",),
}


def merges(scene: Scene) -> Iterator[Event]:
    """Yield what happened to entries; those that are forgotten are not told.

    One that is queued and moves on in one transaction is told as both.
    """
    for before, after in scene.pairs(Merge):
        if after is None:
            continue
        if before is None or before.queued_at != after.queued_at:
            yield _told("queued", after)
            was: Status = "queued"
        else:
            was = before.status
        if after.status != was and after.status in TOLD:
            yield _told(after.status, after)


def _told(status: Status, entry: Merge) -> Event:
    fields = plain(
        entry, "branch", "target", "head", "status", merge_id="id", session_id="session",
        agent_name="agent",
    )  # fmt: skip
    by = {"by": entry.ended_by} if entry.archived else {}
    return Event(
        f"merge.{status}", fields | plain(entry, *TOLD[status]) | by, sessions_of(entry.session)
    )
