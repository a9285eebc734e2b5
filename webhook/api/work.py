"""The tasks: lists, one with what stands in its way, the graph of what waits for what.

A list stands in an order that no move of a task changes, so that pages neither repeat nor skip one
whose status changes meanwhile.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.obstacles import Obstacle
from gitcoord.domain.tasks import Note, Task
from gitcoord.entrypoints.cli.task_text import CLOSED, STATUSES
from gitcoord.errors import InvalidValue
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitcoord.domain.state import State
    from webhook.api.asking import Asking


class TasksAsked(Paged, frozen=True, kw_only=True):
    """Which tasks; without a status all that are open."""

    status: list[str] = []
    agent: str = ""
    type: str = ""
    feature: str = ""
    parent: str = ""


class Tasks(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks, the most urgent first."""

    tasks: list[Task]
    next: str = ""


def tasks(asking: Asking, asked: TasksAsked) -> Tasks:
    """Return the tasks. Raises `InvalidValue` for a status that does not exist."""
    for name in asked.status:
        if name not in STATUSES:
            raise InvalidValue(
                f"there is no status {name!r}", hint=f"Known: {', '.join(STATUSES)}."
            )
    wanted = [x for x in STATUSES if (x in asked.status if asked.status else x not in CLOSED)]
    with asking.state() as state:
        shown, more = page(_matching(state, wanted, asked), lambda one: one.order, asked)
        return Tasks(tasks=shown, next=more)


class TaskAsked(Asked, frozen=True, kw_only=True):
    """Which task."""

    task: str


class OneTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its notes, and what stands in the way of claiming it."""

    task: Task
    notes: list[Note]
    obstacles: list[Obstacle]


def task(asking: Asking, asked: TaskAsked) -> OneTask:
    """Return one task. Raises `TaskNotFound`."""
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.domain.tasks import notes_of, task_of

    with asking.state() as state:
        found = task_of(state, asked.task)
        ways = obstacles(state, asking.context(state, asking.caller.session), found)
        return OneTask(task=found, notes=notes_of(state, found.id), obstacles=ways)


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Open tasks; each with the tasks that it waits for."""

    tasks: list[Task]
    edges: dict[str, list[str]]


def graph(asking: Asking, asked: Asked) -> Graph:
    """Return the graph of all open tasks."""
    with asking.state() as state:
        found = list(_matching(state, [x for x in STATUSES if x not in CLOSED], TasksAsked()))
    return Graph(tasks=found, edges={one.id: list(one.depends_on) for one in found})


def _matching(state: State, statuses: Sequence[str], asked: TasksAsked) -> Iterator[Task]:
    found = merge(
        *(state.scan(Task, f"status:{name}:", archived=name in CLOSED) for name in statuses),
        key=lambda one: one.order,
    )
    for one in found:
        if (
            asked.agent in ("", one.agent)
            and asked.type in ("", one.type)
            and asked.feature in ("", one.feature)
            and asked.parent in ("", one.parent)
        ):
            yield one
