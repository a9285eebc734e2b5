"""The graph of tasks as a picture: places of boxes and curves of arrows, left to right. Pure.

A task stands right of all that it waits for. Within a column tasks stand near what they are
joined to (one pass of barycentres each way). Not here: SVG, which is a template.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.graph import waves

if TYPE_CHECKING:
    from gitcoord.domain.tasks import Task

#: Measures in units of the picture, which are pixels at its natural size.
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 208, 52, 64, 16, 12
#: Characters of a title, and of an id, that fit into a box.
TITLE, ID = 28, 24


class Box(NamedTuple):
    """One task: its upper left corner, and what is written in it."""

    x: int
    y: int
    task: Task
    lane: str
    id: str
    title: str


class Arrow(NamedTuple):
    """One dependency, from what has to be done first: the path of its curve."""

    path: str
    #: Whether what has to be done first is done.
    met: bool
    words: str


class Picture(NamedTuple):
    """All of it, and its size."""

    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]


def drawn(tasks: Sequence[Task], lane: Callable[[Task], str]) -> Picture:
    """Return the picture of tasks; dependencies on others are left out."""
    known = {task.id: task for task in tasks}
    edges = {
        task.id: [name for name in task.depends_on if name in known] for task in known.values()
    }
    columns = _columns(edges)
    boxes = {}
    for column, names in enumerate(columns):
        for line, name in enumerate(names):
            task = known[name]
            x, y = EDGE + column * (WIDTH + GAP_X), EDGE + line * (HEIGHT + GAP_Y)
            boxes[name] = Box(x, y, task, lane(task), _cut(name, ID), _cut(task.title, TITLE))
    arrows = [
        Arrow(_curve(boxes[first], boxes[name]), known[first].status == "completed",
              f"{name} waits for {first}")
        for name, needs in edges.items()
        for first in needs
    ]  # fmt: skip
    most = max((len(names) for names in columns), default=0)
    return Picture(
        2 * EDGE + len(columns) * (WIDTH + GAP_X) - (GAP_X if columns else 0),
        2 * EDGE + most * (HEIGHT + GAP_Y) - (GAP_Y if most else 0),
        list(boxes.values()),
        arrows,
    )


def _columns(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    wave = waves(edges)
    columns: list[list[str]] = [[] for _ in range(max(wave.values(), default=-1) + 1)]
    for name in edges:
        columns[wave[name]].append(name)
    back: defaultdict[str, list[str]] = defaultdict(list)
    for name, needs in edges.items():
        for first in needs:
            back[first].append(name)
    for order, joined in ((columns, edges), (columns[::-1], back)):
        place: dict[str, float] = {}
        for names in order:
            names.sort(key=lambda name: _middle(joined.get(name, ()), place))
            place |= {name: at / max(1, len(names) - 1) for at, name in enumerate(names)}
    return columns


def _middle(names: Iterable[str], place: Mapping[str, float]) -> float:
    found = [place[name] for name in names if name in place]
    return sum(found) / len(found) if found else 0.5


def _curve(start: Box, end: Box) -> str:
    x1, y1 = start.x + WIDTH, start.y + HEIGHT // 2
    x2, y2 = end.x, end.y + HEIGHT // 2
    bend = max(GAP_X // 2, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 4} {y2}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
