"""Tools for the queue of tasks: submit, look at one, list."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Limit, Output, TaskId
from gitcoord.entrypoints.mcp.tasks_shown import TaskShown, brief, shown, whole
from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous


class SubmitWork(Input, frozen=True, kw_only=True):
    """A new task."""

    description: Annotated[str, Meta(description="What is to be done, at any length.")]
    task_type: str = "task"
    title: Annotated[str, Meta(description="One line; default: the first of description.")] = ""
    input_data: Annotated[dict[str, Any], Meta(description="Data for who does it.")] = {}
    priority: Annotated[
        int | str, Meta(description="1 (most urgent) to 10, or critical, high, medium, low.")
    ] = 5
    depends_on: Annotated[list[TaskId], Meta(description="Tasks to be completed before.")] = []
    keys: Annotated[list[Key], Meta(description="Locked together with the claim.")] = []
    requires: Annotated[list[str], Meta(description="Capabilities of who may claim it.")] = []
    min_trust: Annotated[int, Meta(ge=0, le=4, description="Trust level of who may claim it.")] = 0
    feature: str = ""
    deadline: Annotated[str, Meta(description="RFC 3339 time.")] = ""
    parent: str = ""


class Submitted(Output, frozen=True, kw_only=True):
    """The task as it is stored."""

    task_id: str | UnsetType = UNSET
    task: TaskShown | UnsetType = UNSET


def submit_work(call: Call, asked: SubmitWork) -> Submitted:
    """Add a task to the queue."""
    from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
    from gitcoord.ledger.request import fresh_id

    refuse_dangerous(call, [asked.title, asked.description, asked.input_data], "submit_work")
    new = NewTask(
        id=fresh_id("t-"),
        title=asked.title or originals.titled(asked.description, asked.task_type),
        description=originals.described(asked.description, asked.input_data),
        type=asked.task_type,
        priority=asked.priority,
        depends_on=tuple(asked.depends_on),
        keys=call.keys(asked.keys),
        requires=tuple(asked.requires),
        min_trust=asked.min_trust,
        feature=asked.feature,
        deadline=asked.deadline,
        parent=asked.parent,
    )
    (task,) = call.do(AddTasks(tasks=(new,)), Added).tasks
    return Submitted(task_id=task.id, task=shown(task))


class GetTask(Input, frozen=True, kw_only=True):
    """Which task."""

    task_id: TaskId


class Found(Output, frozen=True, kw_only=True):
    """The task with its attempts, notes and what stands in its way."""

    task: TaskShown | UnsetType = UNSET


def get_task(call: Call, asked: GetTask) -> Found:
    """Show one task, open or closed."""
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.domain.tasks import notes_of, task_of

    call.reading()
    with call.state() as state:
        task = task_of(state, asked.task_id)
        ways = obstacles(state, call.context(state, call.anybody()), task)
        return Found(task=whole(task, ways, notes_of(state, task.id)))


class ListTasks(Input, frozen=True, kw_only=True):
    """Which tasks."""

    status: Annotated[
        list[str],
        Meta(
            description="pending, assigned, in_progress, blocked, completed, failed, cancelled; "
            "left out: all that are open."
        ),
    ] = []
    task_type: str = ""
    feature: str = ""
    agent_name: str = ""
    limit: Limit = 20


class Listed(Output, frozen=True, kw_only=True):
    """Tasks by status, the most urgent first, and how many more there are."""

    tasks: list[TaskShown] | UnsetType = UNSET
    more: int | UnsetType = UNSET


def list_tasks(call: Call, asked: ListTasks) -> Listed:
    """List tasks with the first things that stand in the way of each."""
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.entrypoints.cli.task_text import selected

    call.reading()
    with call.state() as state:
        found, more = selected(
            state,
            limit=asked.limit,
            statuses=[originals.ours("task status", word) for word in asked.status],
            agent=asked.agent_name or None,
            kind=asked.task_type or None,
            feature=asked.feature or None,
        )
        context = call.context(state, call.anybody())
        tasks = [brief(task, obstacles(state, context, task)) for task in found]
    return Listed(tasks=tasks, more=more)
