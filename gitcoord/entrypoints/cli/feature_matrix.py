"""The picture of all features against each other, and of ready tasks that fit together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitcoord.domain.forecast import Forecast, Matrix, Planned
    from gitcoord.entrypoints.cli.desk import Desk

#: How a cell shows what two features are to each other.
CELLS = {"FULL": ".", "PARTIAL": "P", "SEQUENTIAL": "S"}
#: Widest name of a feature beside the picture, width of a column, and least columns of a block.
NAME, CELL, LEAST = 28, 4, 4


def show(desk: Desk, *, whole: bool) -> None:
    """Show the pairs that overlap; `whole`: as a matrix of all, with the forecast of tasks."""
    from gitcoord.domain.forecast import forecast, matrix

    with desk.state() as state:
        found = matrix(state)
        if not whole:
            desk.show({"pairs": found.pairs}, lambda: "\n".join(_pairs(found)))
            return
        holder = desk.perhaps
        session = None
        if holder is not None:
            from gitcoord.domain.sessions import Session, root

            session = state.get(Session, root(holder), archived=False)
        ahead = forecast(state, desk.context(state, holder), session)
    width = shutil.get_terminal_size((100, 24)).columns
    desk.show(
        {"features": found.features, "pairs": found.pairs, "forecast": ahead},
        lambda: "\n".join([*drawn(found, width), "", *told(ahead, width)]),
    )


def drawn(found: Matrix, width: int) -> list[str]:
    """Return the matrix as lines of at most `width` characters, in blocks of columns."""
    if not found.features:
        return ["no features are registered"]
    names = [_named(one.id, one.status) for one in found.features]
    cells = {pair.features: CELLS[pair.feasibility] for pair in found.pairs}
    side = min(NAME, max(map(len, names)))
    digits = len(str(len(names)))
    room = max(LEAST, (width - digits - 1 - side) // CELL)
    lines: list[str] = []
    for start in range(0, len(names), room):
        block = range(start, min(start + room, len(names)))
        lines += [""] if start else []
        lines.append(" " * (digits + 1 + side) + "".join(f"{at + 1:>{CELL}}" for at in block))
        for row, name in enumerate(names):
            marks = "".join(f"{_cell(found, cells, row, at):>{CELL}}" for at in block)
            lines.append(f"{row + 1:>{digits}} {_cut(name, side):<{side}}{marks}")
    lines += ["", ". side by side   P some claims overlap   S one after the other"]
    return [*lines, *(_cut(line, width) for line in _pairs(found))]


def told(ahead: Forecast, width: int) -> list[str]:
    """Return the forecast as lines of at most `width` characters."""
    lines: list[str] = []
    for number, group in enumerate(ahead.rounds):
        head = "ready tasks that fit together now" if not number else "after one of those"
        lines += ["" for _ in range(bool(number))]
        lines.append(f"round {number + 1}: {head}")
        lines += [_cut(f"  {_task(one)}", width) for one in group]
    if ahead.held:
        lines += [*([""] if lines else []), "not to be had now"]
        lines += [_cut(f"  {_task(one)}", width) for one in ahead.held]
    lines += ["... and more that were not looked at"] if ahead.more else []
    return lines or ["no task is ready"]


def _task(one: Planned) -> str:
    parts = [one.id, f"P{one.priority}"]
    parts += [f"after {', '.join(x.task for x in one.after)}"] if one.after else []
    met = list(dict.fromkeys(f"{x.kind} {x.name}" for x in one.collisions))
    parts += [f"meets {', '.join(met)}"] if met else []
    parts += [one.obstacles[0].detail] if one.obstacles else []
    return "  ".join([*parts, one.title])


def _pairs(found: Matrix) -> Iterator[str]:
    for pair in found.pairs:
        one, other = pair.features
        keys = dict.fromkeys([*pair.overlapping_keys, *(f"slot {slot}" for slot in pair.slots)])
        yield f"{CELLS[pair.feasibility]}  {one} and {other}: {', '.join(keys)}"
    if not found.pairs:
        yield "no two features overlap"


def _cell(found: Matrix, cells: dict[tuple[str, str], str], row: int, column: int) -> str:
    if row == column:
        return "-"
    # Pairs stand in the order of the features.
    one, other = sorted((row, column))
    return cells.get((found.features[one].id, found.features[other].id), CELLS["FULL"])


def _named(name: str, status: str) -> str:
    return f"{name} (paused)" if status == "paused" else name


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
