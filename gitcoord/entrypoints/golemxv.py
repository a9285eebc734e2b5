"""GolemXV's words and shapes for what is in the ledger: one place for its routes and its tools.

Shapes are plain data in the fields of its documents. Not here: who asks and by which door, and
words that several systems share (originals).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.task_text import CLOSED, STATUSES

if TYPE_CHECKING:
    from gitcoord.domain.mailbox import Message
    from gitcoord.domain.sessions import Conflict
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State
    from gitcoord.domain.task_moves import Wish
    from gitcoord.domain.tasks import Task

#: Whom a message to everybody names.
EVERYBODY = "broadcast"
#: Who sends what nobody has sent.
SERVER = "gitcoord"
#: Words for priorities.
PRIORITIES = tuple(name for _, name in originals.PRIORITY_WORDS)

#: Our code -> theirs, with the status of HTTP.
CODES: dict[str, tuple[str, int]] = {
    "session_not_found": ("SESSION_NOT_FOUND", 404),
    "session_ended": ("SESSION_NOT_FOUND", 404),
    "recipient_not_found": ("RECIPIENT_NOT_FOUND", 404),
    "recipient_ambiguous": ("RECIPIENT_NOT_FOUND", 404),
    "task_not_found": ("TASK_NOT_FOUND", 404),
    "invalid_id": ("TASK_NOT_FOUND", 404),
    "not_assigned": ("NOT_ASSIGNED", 403),
    "invalid_transition": ("INVALID_TRANSITION", 422),
    "scope_conflict": ("CONFLICT", 409),
    **dict.fromkeys(
        ("claim_failed", "paused", "attempts_exhausted", "lock_held", "queued_behind"),
        ("CLAIM_FAILED", 409),
    ),
    **dict.fromkeys(
        ("invalid_value", "invalid_key", "unknown_namespace", "ttl_out_of_range",
         "text_too_long", "malformed_body"),
        ("VALIDATION", 400),
    ),
}  # fmt: skip

#: The status that an agent wishes for -> our move.
WISHES: dict[str, Wish] = {
    "pending": "release",
    "in_progress": "start",
    "blocked": "block",
    "completed": "complete",
    "failed": "fail",
    "cancelled": "cancel",
}

#: Our operations -> its event types.
EVENTS: dict[str, str] = {
    "session.start": "agent.checkin",
    "session.scope": "agent.status",
    "session.end": "agent.checkout",
    "session.sweep": "agent.timeout",
    "message.send": "agent.message",
    "task.claim": "task.claimed",
    "task.next": "task.claimed",
    "task.move": "task.status_changed",
}


def project(settings: Settings, name: str) -> dict[str, Any]:
    """Return what GOLEM.yaml would say about a project."""
    return {
        "project": {"name": name, "slug": name, "description": ""},
        "coordination": {
            "conflict_mode": settings.conflict_mode,
            "heartbeat_interval_seconds": round(settings.beat_interval),
            "heartbeat_ttl_seconds": round(settings.beat_ttl),
        },
        "work_areas": [
            {
                "name": area.name,
                "slug": area.name,
                "file_patterns": list(area.patterns),
                "description": area.description,
            }
            for area in settings.areas
        ],
    }


def presence(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a live session, of which the row is what our own lists show."""
    return {
        "id": row["id"],
        "agent_name": row["agent"],
        "status": row["status"],
        "declared_area": row["area"] or None,
        "declared_files": row["files"] or None,
        "last_heartbeat_at": row["seen_at"],
        "started_at": row["started_at"],
    }


def conflicts(found: Iterable[Conflict]) -> list[dict[str, Any]]:
    """Return who else declared the same."""
    return [
        {
            "agent_name": one.agent,
            "session_id": one.session,
            "overlapping_areas": one.overlapping_areas,
            "overlapping_files": one.overlapping_files,
            # What the published skills read.
            "type": "file" if one.overlapping_files else "area",
            "overlap": [*one.overlapping_areas, *one.overlapping_files],
        }
        for one in found
    ]


def tasks(
    state: State, *, status: str, priority: str, agent: str, limit: int
) -> list[dict[str, Any]]:
    """Return tasks, the most urgent first, then by their age; "" of a filter is any."""
    scans = (
        state.scan(_task_kind(), f"status:{name}:", archived=name in CLOSED)
        for name in STATUSES
        if status in ("", name)
    )
    found = (
        one
        for one in merge(*scans, key=lambda task: task.order)
        if priority in ("", originals.priority_word(one.priority)) and agent in ("", one.agent)
    )
    return [task(one) for one in islice(found, limit)]


def task(one: Task) -> dict[str, Any]:
    """Return a task."""
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "status": one.status,
        "priority": originals.priority_word(one.priority),
        "work_area_domain": one.feature or None,
        "work_area_paths": one.keys,
        "assigned_agent_id": one.session or None,
        "assigned_agent_name": one.agent or None,
        "assigned_at": one.claimed_at or None,
        "parent_task_id": one.parent or None,
        "wave_number": one.wave,
        "result_summary": one.result or None,
        "files_changed": one.files_changed,
        "stale_since": one.stale_since or None,
        "created_at": one.created_at,
    }


def messages(
    state: State, mine: Collection[str], *, since: str, sender: str, limit: int
) -> list[Message]:
    """Return messages, the newest first; direct ones only of and to the sessions `mine`."""
    from gitcoord.domain.mailbox import Message
    from gitcoord.domain.sessions import root

    found = [
        one
        for archived in (False, True)
        for one in state.scan(Message, "at:", archived=archived)
        if one.at > since
        and sender in ("", one.agent)
        and (not one.to or one.to in mine or root(one.sender) in mine)
    ]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]


def recipients(state: State, found: Iterable[Message]) -> dict[str, str]:
    """Return the names of the agents that direct messages are for, by session."""
    from gitcoord.domain.sessions import Session

    sessions = {one.to: state.get(Session, one.to) for one in found if one.to}
    return {id: one.agent for id, one in sessions.items() if one is not None}


def message(one: Message, agents: Mapping[str, str], project_id: str) -> dict[str, Any]:
    """Return a message; `agents` has the names of recipients."""
    content, metadata = originals.input_data(one.text, "metadata")
    name = agents.get(one.to) if one.to else None
    return {
        "id": one.id,
        "uuid": one.id,
        "project_id": project_id,
        "sender_agent_id": one.sender or None,
        "sender_name": one.agent or SERVER,
        "recipient_type": "direct" if one.to else EVERYBODY,
        "recipient_agent_id": one.to or None,
        "recipient_name": name,
        # What the published skills read.
        "sender": one.agent or SERVER,
        "recipient": name or one.to or EVERYBODY,
        "type": one.type,
        "content": content,
        "metadata": metadata,
        "created_at": one.at,
    }


def _task_kind() -> type[Task]:
    from gitcoord.domain.tasks import Task

    return Task
