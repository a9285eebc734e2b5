"""GolemXV: tasks, which its agents list, claim, move and remark on."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.task_moves import MOVES, Moved, MoveTask, Retried, RetryTask
from gitcoord.domain.tasks import Noted, NoteTask, Task, task_of
from gitcoord.entrypoints import golemxv as words
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.task_text import STATUSES
from gitcoord.entrypoints.golemxv import PRIORITIES, WISHES
from gitcoord.errors import InvalidTransition, LimitReached
from webhook.compat.golemxv_messages import check_length
from webhook.compat.golemxv_sessions import Token, acting, now
from webhook.compat.line import Ask, Misfit
from webhook.problems import Problem

PARAMETERS = ("status", "priority", "assigned_to", "limit")
#: Why a task is blocked, where nobody says it.
UNSAID = "no reason was given"


def tasks(ask: Ask) -> list[dict[str, Any]]:
    """Return tasks, the most urgent first, then by their age."""
    status, word = ask.query.get("status", ""), ask.query.get("priority", "")
    agent, limit = ask.query.get("assigned_to", ""), ask.number("limit", 20, 1, 50)
    if status and status not in STATUSES:
        raise Problem(400, "INVALID_STATUS", f"status is one of {', '.join(STATUSES)}")
    if word and word not in PRIORITIES:
        raise Misfit("priority", f"one of {', '.join(PRIORITIES)}", place="query")
    with ask.asking.state() as state:
        return words.tasks(state, status=status, priority=word, agent=agent, limit=limit)


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
    return words.task(one) | {"updated_at": now(ask)}
