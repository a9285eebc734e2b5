"""The task board: lanes by status, the most urgent first; and the graph of what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.obstacles import obstacles
from gitcoord.domain.tasks import Task
from webhook.dashboard.graph import drawn
from webhook.dashboard.past import Sight, sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Cards of a lane, and tasks of the graph, that are shown.
CARDS, NODES = 30, 120
#: Closed tasks among which those that were closed last are looked for.
CLOSED = 200

#: Lane -> what it is called, and the index terms of its tasks.
LANES = {
    "ready": ("Ready", ("ready:",)),
    "waiting": ("Waiting", ("later:",)),
    "in_progress": ("In progress", ("status:in_progress:", "status:assigned:")),
    "blocked": ("Blocked", ("status:blocked:",)),
    "failed": ("Failed", ("status:failed:",)),
}


class Card(NamedTuple):
    """A task on the board."""

    task: Task
    lane: str
    #: Why it cannot be claimed although it is ready; "" where it can.
    hindrance: str = ""


class Lane(NamedTuple):
    """A column of the board."""

    name: str
    title: str
    cards: list[Card]
    size: int


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the board, or with `view=graph` the graph, shows, now or in the past."""
    graph = given.get("view") == "graph"
    with sight(asking, given.get("at", "")) as seen:
        common = {
            "view": "graph" if graph else "board",
            "now": seen.now,
            "point": seen.point,
            "live": seen.point is None,
        }
        if graph:
            found = list(islice(_connected(seen), NODES + 1))
            return common | {
                "picture": drawn(found[:NODES], lane),
                "cut": len(found) > NODES,
                "total": _count(seen, "status:"),
            }
        return common | {"lanes": [*_lanes(seen), _done(seen)], "total": _count(seen, "status:")}


def lane(task: Task) -> str:
    """Return the lane of a task; that of a closed one is its status."""
    if task.status == "pending":
        return "waiting" if task.waiting_for else "ready"
    return task.status


def _lanes(seen: Sight) -> Iterator[Lane]:
    for name, (title, terms) in LANES.items():
        found = chain.from_iterable(seen.state.scan(Task, term) for term in terms)
        cards = [
            Card(task, lane(task), _hindrance(seen, task) if name == "ready" else "")
            for task in islice(found, CARDS)
        ]
        yield Lane(name, title, cards, sum(_count(seen, term) for term in terms))


def _done(seen: Sight) -> Lane:
    terms = [
        (term.split(":", 3)[3], name)
        for status in ("completed", "cancelled")
        for term, name in seen.snapshot.scan("archive/tasks", f"status:{status}:")
    ]
    # The rest of a term begins with the time at which the task was added.
    newest = sorted(terms, reverse=True)[:CLOSED]
    found = [task for _, name in newest if (task := seen.state.get(Task, name)) is not None]
    found.sort(key=lambda task: (task.completed_at or task.created_at, task.id), reverse=True)
    cards = [Card(task, lane(task)) for task in found[:CARDS]]
    return Lane("completed", "Done", cards, len(terms))


def _connected(seen: Sight) -> Iterator[Task]:
    """Yield the open tasks that wait for others, or are waited for, and those they wait for."""
    told: set[str] = set()
    for task in seen.state.scan(Task, "status:"):
        family = [task.id, *task.depends_on]
        if len(family) == 1 and not seen.state.has("tasks", f"on:{task.id}"):
            continue
        for name in family:
            found = task if name == task.id else seen.state.get(Task, name)
            if found is not None and name not in told:
                told.add(name)
                yield found


def _hindrance(seen: Sight, task: Task) -> str:
    return "; ".join(one.detail for one in obstacles(seen.state, seen.context, task))


def _count(seen: Sight, term: str) -> int:
    return sum(1 for _ in seen.snapshot.scan("tasks", term))
