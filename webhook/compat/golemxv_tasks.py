"""GolemXV: tasks, which its agents list, claim, move and remark on."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import Any

from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.task_moves import MOVES, Moved, MoveTask, Retried, RetryTask, Wish
from gitcoord.domain.tasks import Noted, NoteTask, Task, task_of
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.task_text import CLOSED, STATUSES
from gitcoord.errors import InvalidTransition, LimitReached
from webhook.compat.golemxv_messages import check_length
from webhook.compat.golemxv_sessions import Token, acting, now
from webhook.compat.line import Ask, Misfit
from webhook.problems import Problem

#: The status that an agent wishes for -> our move.
WISHES: dict[str, Wish] = {
    "pending": "release",
    "in_progress": "start",
    "blocked": "block",
    "completed": "complete",
    "failed": "fail",
    "cancelled": "cancel",
}
PARAMETERS = ("status", "priority", "assigned_to", "limit")
#: Why a task is blocked, where nobody says it.
UNSAID = "no reason was given"


def tasks(ask: Ask) -> list[dict[str, Any]]:
    """Return tasks, the most urgent first, then by their age."""
    status, word = ask.query.get("status", ""), ask.query.get("priority", "")
    agent, limit = ask.query.get("assigned_to", ""), ask.number("limit", 20, 1, 50)
    if status and status not in STATUSES:
        raise Problem(400, "INVALID_STATUS", f"status is one of {', '.join(STATUSES)}")
    words = [name for _, name in originals.PRIORITY_WORDS]
    if word and word not in words:
        raise Misfit("priority", f"one of {', '.join(words)}", place="query")
    with ask.asking.state() as state:
        scans = (
            state.scan(Task, f"status:{name}:", archived=name in CLOSED)
            for name in STATUSES
            if status in ("", name)
        )
        found = (
            one
            for one in merge(*scans, key=lambda task: task.order)
            if word in ("", originals.priority_word(one.priority)) and agent in ("", one.agent)
        )
        return [_task(one) for one in islice(found, limit)]


class Claiming(Token, frozen=True, kw_only=True):
    """Which task."""

    task_id: str | int = ""


def claim(ask: Ask) -> dict[str, Any]:
    """Claim a task with its keys."""
    session, id = acting(ask), str(ask.body.task_id)
    if not id:
        raise Problem(400, "MISSING_FIELD", "task_id is required")
    try:
        task = ask.do(ClaimTask(id=id), Claimed, session).task
    except LimitReached as refusal:
        raise Problem(409, "CLAIM_FAILED", refusal.message) from refusal
    assert task is not None
    return _changed(ask, task)


class Moving(Token, frozen=True, kw_only=True):
    """A wish for a status."""

    status: str = ""
    reason: str = ""
    result_summary: str = ""
    files_changed: list[str] = []


def move(ask: Ask) -> dict[str, Any]:
    """Move a task."""
    body: Moving = ask.body
    session, id = acting(ask), ask.path["id"]
    if not body.status:
        raise Problem(400, "MISSING_FIELD", "status is required")
    status = originals.ours("task status", body.status)
    if status not in STATUSES:
        raise Problem(400, "INVALID_STATUS", f"status is one of {', '.join(STATUSES)}")
    with ask.asking.state() as state:
        before = task_of(state, id)
    if before.status == "failed" and status == "pending":
        return _changed(ask, ask.do(RetryTask(id=id, reason=body.reason), Retried, session).task)
    wish = WISHES.get(status)
    if wish is None or (before.status, wish) not in MOVES:
        raise InvalidTransition(f"a task that is {before.status} does not become {status}")
    operation = MoveTask(
        id=id,
        move=wish,
        reason=body.reason or (UNSAID if wish == "block" else ""),
        result=body.result_summary,
        files=tuple(body.files_changed),
    )
    return _changed(ask, ask.do(operation, Moved, session).task)


class Noting(Token, frozen=True, kw_only=True):
    """A remark."""

    content: str = ""
    type: str = "progress"


def note(ask: Ask) -> dict[str, Any]:
    """Write a note on a task."""
    body: Noting = ask.body
    session = acting(ask)
    if not body.content.strip():
        raise Problem(400, "MISSING_FIELD", "content is required")
    check_length(body.content)
    wish = NoteTask(id=ask.path["id"], text=body.content, kind=body.type)
    found = ask.do(wish, Noted, session).note
    return {
        "id": found.id,
        "task_id": found.task,
        "content": found.text,
        "type": found.kind,
        "created_at": found.at,
    }


def _changed(ask: Ask, one: Task) -> dict[str, Any]:
    return _task(one) | {"updated_at": now(ask)}


def _task(one: Task) -> dict[str, Any]:
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
