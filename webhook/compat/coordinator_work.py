"""Agent Coordinator: the queue of work."""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.domain.claiming import Claimed, NextTask
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.results import Reported
from gitcoord.domain.task_moves import Moved, MoveTask, Wish
from gitcoord.domain.tasks import Task, task_of
from gitcoord.entrypoints import originals, results
from gitcoord.ledger.request import fresh_id
from webhook.api.judging import refuse_dangerous
from webhook.compat.coordinator_agents import Identity, acting, claiming
from webhook.compat.line import Ask


class Claiming(Identity, frozen=True, kw_only=True):
    """Who wants work, and of which types. A body without anything is a question, no claim."""

    agent_id: str
    task_types: list[str] = []


def claim(ask: Ask) -> dict[str, Any]:
    """Claim the most urgent task that can be worked on now."""
    body: Claiming = ask.body
    answer = ask.do(NextTask(types=tuple(body.task_types)), Claimed, acting(ask, body))
    task = answer.task
    if task is None:
        waiting = {"waiting": msgspec.to_builtins(answer.waiting)}
        return {"success": False, "reason": originals.NO_TASKS} | waiting
    description, data = originals.input_data(task.description)
    return {
        "success": True,
        "task_id": task.id,
        "task_type": task.type,
        "description": description,
        "input_data": data,
        "priority": task.priority,
        "deadline": task.deadline or None,
        "title": task.title,
        "keys": task.claimed_keys,
        "lease_until": task.lease_until,
    }


class Completing(Identity, frozen=True, kw_only=True):
    """How a task ended."""

    task_id: str
    agent_id: str
    success: bool
    result: dict[str, Any] = {}
    error_message: str = ""


def complete(ask: Ask) -> dict[str, Any]:
    """End a task: completed, failed, or cancelled where its orchestrator says so."""
    body: Completing = ask.body
    session = claiming(ask, body, body.task_id)
    if results.is_of_a_package(ask.asking, body.task_id, body.result):
        return _reported(ask, session)
    code, error = "", ""
    move: Wish = "complete"
    if body.success:
        refuse_dangerous(ask.caller, body.result, "work/complete", session)
    else:
        said = body.result.get("error_code")
        code = said if isinstance(said, str) else ""
        error = body.error_message or str(body.result.get("reason") or "")
        move = "cancel" if code == originals.CANCELLED else "fail"
    wish = MoveTask(
        id=body.task_id,
        move=move,
        result=msgspec.json.encode(body.result).decode() if body.result else "",
        error=error,
        error_code=code,
    )
    task = ask.do(wish, Moved, session).task
    return {"success": True, "status": task.status, "task_id": task.id}


def _reported(ask: Ask, session: str) -> dict[str, Any]:
    """End the attempt at a package by its result."""
    body: Completing = ask.body
    if body.success:
        refuse_dangerous(ask.caller, body.result, "work/complete", session)
    wish = results.report_of(body.task_id, body.result, fresh_id, success=body.success)
    answer = ask.do(wish, Reported, session)
    raised = [one.id for one in answer.escalations]
    return {
        "success": True,
        "status": answer.task.status,
        "task_id": answer.task.id,
        "escalations": raised,
    }


class Submitting(msgspec.Struct, frozen=True, kw_only=True):
    """A new task."""

    task_type: str
    task_description: str
    input_data: dict[str, Any] = {}
    priority: int = 5
    depends_on: list[str] = []
    #: Not in the original, whose table has it.
    deadline: str = ""


def submit(ask: Ask) -> dict[str, Any]:
    """Add a task."""
    body: Submitting = ask.body
    given = [body.task_description, body.input_data]
    refuse_dangerous(ask.caller, given, "work/submit", ask.caller.session)
    new = NewTask(
        id=fresh_id("t-"),
        title=originals.titled(body.task_description, body.task_type),
        description=originals.described(body.task_description, body.input_data),
        type=body.task_type,
        priority=body.priority,
        depends_on=tuple(body.depends_on),
        deadline=body.deadline,
    )
    (task,) = ask.do(AddTasks(tasks=(new,)), Added, ask.caller.session).tasks
    return {"success": True, "task_id": task.id}


class Getting(msgspec.Struct, frozen=True, kw_only=True):
    """Which task."""

    task_id: str


def get(ask: Ask) -> dict[str, Any]:
    """Show a task."""
    with ask.asking.state() as state:
        task = task_of(state, ask.body.task_id)
    return {"success": True, "task": _task(task)}


def _task(task: Task) -> dict[str, Any]:
    description, data = originals.input_data(task.description)
    return {
        "id": task.id,
        "task_type": task.type,
        "description": description,
        "status": originals.original("task status", task.status),
        "priority": task.priority,
        "input_data": data,
        "claimed_by": task.agent or None,
        "claimed_at": task.claimed_at or None,
        "result": originals.result(task.result),
        "error_message": task.error or None,
        "depends_on": task.depends_on,
        "deadline": task.deadline or None,
        "created_at": task.created_at,
        "completed_at": task.completed_at or None,
    }
