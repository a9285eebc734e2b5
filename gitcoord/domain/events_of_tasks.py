"""What is told of tasks: new ones, claims, attempts, moves, notes.

A task that comes to be and moves on in one transaction is told as both. One that another
ledger had, with its past, is told as new in the status that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.tasks import CLAIMED, Attempt, Note, Task

#: Fields whose changes have no event of their own.
_OTHERS = (
    "title", "description", "type", "priority", "depends_on", "waiting_for", "keys", "requires",
    "feature", "deadline", "not_before", "parent", "wave", "max_attempts", "blocked_reason",
    "worktree", "branch",
)  # fmt: skip
_NEW = (
    "title", "type", "status", "priority", "depends_on", "keys", "feature", "parent", "deadline",
    "created_by",
)  # fmt: skip


def tasks(scene: Scene) -> Iterator[Event]:
    """Yield what happened to tasks; those that are forgotten are not told."""
    for before, after in scene.pairs(Task):
        if after is None:
            continue
        if before is None:
            imported = after.created_at < scene.since
            first = after if imported else _at_first(after)
            yield _told("task.created", first, **plain(first, *_NEW))
            yield from _moved(first, after)
        else:
            yield from _moved(before, after)
            changed = [x for x in _OTHERS if getattr(before, x) != getattr(after, x)]
            if changed:
                yield _told("task.changed", after, changed=plain(after, *changed))


def notes(scene: Scene) -> Iterator[Event]:
    """Yield the new notes, those that moves leave included."""
    for before, after in scene.pairs(Note):
        if before is None and after is not None:
            data = plain(
                after,
                "text",
                "kind",
                "at",
                task_id="task",
                session_id="session",
                agent_name="agent",
            )
            yield Event("task.note", data | {"note_id": after.id}, sessions_of(after.session))


def _at_first(task: Task) -> Task:
    """Return the task as it was when it was added."""
    return msgspec.structs.replace(
        task,
        status="pending",
        session="",
        agent="",
        claimed_at="",
        attempts=(),
        completed_at="",
        stale_since="",
    )


def _moved(before: Task, after: Task) -> Iterator[Event]:
    ended = {attempt.n for attempt in before.attempts if attempt.ended_at}
    for attempt in after.attempts:
        if attempt.ended_at and attempt.n not in ended:
            yield _tried(after, attempt)
    if before.status != after.status:
        data = {"from": before.status, "to": after.status, "reason": after.blocked_reason}
        yield _told("task.status_changed", after, before.session, **data)
    if after.status in CLAIMED and _claim(before) != _claim(after):
        yield _told(
            "task.claimed",
            after,
            **plain(after, "status", "claimed_at", "lease_until", keys="claimed_keys"),
        )
    if after.status == "completed" and before.status != "completed":
        yield _told("task.completed", after, **plain(after, "result", "files_changed"))
    if after.stale_since and not before.stale_since:
        yield _told("task.stale", after, **plain(after, "stale_since"))


def _claim(task: Task) -> tuple[str, str, int]:
    return task.session, task.claimed_at, len(task.attempts)


def _tried(task: Task, attempt: Attempt) -> Event:
    data = plain(attempt, "outcome", "result", "error", "error_code", "started_at", "ended_at")
    who = {"session_id": attempt.session, "agent_name": attempt.agent, "attempt": attempt.n}
    return Event(
        "task.attempt_ended", {"task_id": task.id} | who | data, sessions_of(attempt.session)
    )


def _told(kind: str, task: Task, *others: str, **data: Any) -> Event:
    found = plain(task, "title", task_id="id", session_id="session", agent_name="agent")
    return Event(kind, found | data, sessions_of(task.session, *others))
