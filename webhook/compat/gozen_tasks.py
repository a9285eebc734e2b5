"""GoZen: its task queue, in which the larger number is the more urgent."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

import msgspec

from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.settings import Settings
from gitcoord.domain.task_moves import Moved, MoveTask, Retried, RetryTask
from gitcoord.domain.tasks import Task, task_of
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.cli.task_text import CLOSED, STATUSES
from gitcoord.ledger.request import fresh_id
from webhook.compat.line import Ask
from webhook.problems import Problem

#: Most tasks that one list shows.
LIMIT = 1000
#: Whoever does it has it running, in GoZen's words.
RUNNING = ("assigned", "in_progress", "blocked")


def word(status: str) -> str:
    """Return GoZen's word for a status."""
    return "running" if status in RUNNING else status


def tasks(ask: Ask) -> dict[str, Any]:
    """Return the tasks, those that are open first, and how many there are."""
    with ask.asking.snapshot() as snapshot:
        state = ask.asking.house.ledger.state_of(snapshot)
        found = chain.from_iterable(
            state.scan(Task, f"status:{name}:", archived=name in CLOSED) for name in STATUSES
        )
        shown = [_task(one, state.settings) for one in islice(found, LIMIT)]
    return {"tasks": shown, "stats": counts(ask)}


def counts(ask: Ask) -> dict[str, int]:
    """Return how many tasks there are, in all and by status."""
    found = {"total": 0, "pending": 0, "running": 0, "completed": 0, "failed": 0, "cancelled": 0}
    with ask.asking.snapshot() as snapshot:
        for name in STATUSES:
            table = "archive/tasks" if name in CLOSED else "tasks"
            number = sum(1 for _ in snapshot.scan(table, f"status:{name}:"))
            found[word(name)] += number
            found["total"] += number
    return found


class Adding(msgspec.Struct, frozen=True, kw_only=True):
    """A new task."""

    description: str = ""
    priority: int = 0


def add(ask: Ask) -> dict[str, Any]:
    """Add a task."""
    body: Adding = ask.body
    new = NewTask(
        id=fresh_id("task-"),
        title=originals.titled(body.description, "task"),
        description=body.description,
        priority=originals.upside_down(body.priority),
    )
    (task,) = ask.do(AddTasks(tasks=(new,)), Added, ask.caller.session).tasks
    return _task(task, _settings(ask))


def task(ask: Ask) -> dict[str, Any]:
    """Return one task."""
    with ask.asking.state() as state:
        return _task(task_of(state, ask.path["id"]), state.settings)


def delete(ask: Ask) -> dict[str, str]:
    """Cancel a task: what was to be done is history, which nobody deletes."""
    with ask.asking.state() as state:
        found = task_of(state, ask.path["id"])
    if found.status == "completed":
        raise Problem(409, "kept", f"task {found.id} is completed, and stays as history")
    if found.status != "cancelled":
        _cancel(ask, f"deleted by {ask.asking.person}")
    return {"status": "deleted"}


def cancel(ask: Ask) -> dict[str, str]:
    """Cancel a task."""
    _cancel(ask, f"cancelled by {ask.asking.person}")
    return {"status": "cancelled"}


def retry(ask: Ask) -> dict[str, str]:
    """Open a failed task again with as many attempts as a new one has."""
    with ask.asking.state() as state:
        found = task_of(state, ask.path["id"])
        more = min(found.used() + state.settings.max_attempts, 1000)
    ask.do(RetryTask(id=found.id, max_attempts=more), Retried, ask.caller.session)
    return {"status": "retrying"}


def _cancel(ask: Ask, why: str) -> None:
    ask.do(MoveTask(id=ask.path["id"], move="cancel", reason=why), Moved, ask.caller.session)


def _settings(ask: Ask) -> Settings:
    with ask.asking.state() as state:
        return state.settings


def _task(one: Task, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.id,
        "description": one.description or one.title,
        "priority": originals.upside_down(one.priority),
        "status": word(one.status),
        "created_at": one.created_at,
        "retry_count": one.used(),
        "max_retries": one.limit(settings),
    }
    more = {
        "assigned_to": one.session,
        "started_at": one.claimed_at,
        "completed_at": one.completed_at,
    }
    found |= {name: value for name, value in more.items() if value}
    if one.status in ("completed", "failed"):
        success = one.status == "completed"
        found["result"] = {"success": success, "output": one.result, "error": one.error}
        # Nobody counts by task.
        found["result"] |= {"tokens": 0, "cost": 0.0}
    return found
