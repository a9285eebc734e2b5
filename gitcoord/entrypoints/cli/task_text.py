"""Tasks in words: lists, one task whole, and why tasks were passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from gitcoord.domain.obstacles import Obstacle, obstacles
from gitcoord.domain.tasks import Note, Status, Task
from gitcoord.entrypoints.cli.render import table
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.claiming import Waiting
    from gitcoord.domain.operation import Context
    from gitcoord.domain.state import State

#: In the order in which lists show them.
STATUSES: tuple[Status, ...] = (
    "in_progress",
    "assigned",
    "blocked",
    "failed",
    "pending",
    "completed",
    "cancelled",
)
CLOSED = ("completed", "cancelled")


def selected(
    state: State,
    *,
    limit: int,
    statuses: Sequence[str] = (),
    agent: str | None = None,
    kind: str | None = None,
    feature: str | None = None,
    parent: str | None = None,
    everything: bool = False,
) -> tuple[list[Task], int]:
    """Return the first `limit` tasks that match, and how many more there are.

    Without a filter what lies beyond the limit is not read. Raises `InvalidValue` for a
    status that does not exist.
    """
    for status in statuses:
        if status not in STATUSES:
            raise InvalidValue(
                f"there is no status {status!r}", hint=f"Known: {', '.join(STATUSES)}."
            )
    wanted = [
        status
        for status in STATUSES
        if (status in statuses if statuses else everything or status not in CLOSED)
    ]

    def matching() -> Iterator[Task]:
        for task in chain.from_iterable(
            state.scan(Task, f"status:{status}:", archived=status in CLOSED) for status in wanted
        ):
            if (
                (agent is None or task.agent == agent)
                and (kind is None or task.type == kind)
                and (feature is None or task.feature == feature)
                and (parent is None or task.parent == parent)
            ):
                yield task

    found: list[Task] = []
    more = 0
    for task in matching():
        if len(found) < limit:
            found.append(task)
        else:
            more += 1
    return found, more


def listed(state: State, context: Context, tasks: Sequence[Task]) -> str:
    """Return the tasks as a table, with the first thing that stands in the way of each."""
    rows = []
    for task in tasks:
        ways = obstacles(state, context, task)
        why = task.blocked_reason or (ways[0].detail if ways else task.error)
        rows.append(
            (task.id, task.status, task.priority, task.agent, task.title, ", ".join(task.keys), why)
        )
    columns = ("id", "status", "priority", "agent", "title", "keys", "why not")
    return table(columns, rows, "there are no tasks")


def described(task: Task, ways: Sequence[Obstacle], notes: Sequence[Note]) -> list[str]:
    """Return one task whole, a fact a line."""
    facts = {
        "status": task.status + (f" by {task.agent} ({task.session})" if task.session else ""),
        "type": task.type,
        "priority": task.priority,
        "depends on": ", ".join(
            f"{name} (open)" if name in task.waiting_for else name for name in task.depends_on
        ),
        "keys": ", ".join(task.keys),
        "requires": ", ".join(task.requires),
        "min trust": str(task.min_trust) if task.min_trust else "",
        "feature": task.feature,
        "parent": task.parent,
        "deadline": task.deadline,
        "claim ends": task.lease_until if task.status in ("assigned", "in_progress") else "",
        "blocked by": task.blocked_reason,
        "result": task.result,
        "error": " ".join(filter(None, (task.error_code, task.error))),
        "files": ", ".join(task.files_changed),
        "worktree": f"{task.worktree} on {task.branch}" if task.worktree else "",
    }
    lines = [f"{task.id}  {task.title}"]
    lines += [f"  {name:<11} {value}" for name, value in facts.items() if value != ""]
    lines += [f"  in the way  {way.code}: {way.detail}" for way in ways]
    for attempt in task.attempts:
        end = attempt.outcome or "under way"
        lines.append(f"  attempt {attempt.n}   {attempt.agent} {attempt.started_at[:19]}Z: {end}")
    lines += [
        f"  note        {one.at[:19]}Z{' ' * bool(one.agent)}{one.agent}: {one.text}"
        for one in notes
    ]
    if task.description:
        lines += ["", task.description]
    return lines


def passed_over(waiting: Sequence[Waiting]) -> list[str]:
    """Return a line for each task that was not chosen, with the reasons."""
    return [
        f"  {one.id}  {one.title}: {'; '.join(way.detail for way in one.reasons)}"
        for one in waiting
    ]
