"""How results look to people: aligned columns, or a table with colour on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gitcoord.domain.time import Time, seconds_between


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> str:
    """Return the rows as text; `empty` is what to say when there are none.

    On a terminal a table as wide as the terminal, elsewhere plain columns that
    programs can split at two or more blanks.
    """
    if not rows:
        return empty
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        return _rich(columns, cells)
    widths = [
        max(len(column), *(len(row[at]) for row in cells)) for at, column in enumerate(columns)
    ]
    lines = [[column.upper() for column in columns], *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().strip("\n")


#: Words that carry a colour on a terminal.
STYLES: dict[str, str] = {
    "active": "green",
    "idle": "yellow",
    "paused": "yellow",
    "timed_out": "red",
    "ended": "dim",
    "pending": "cyan",
    "assigned": "blue",
    "in_progress": "blue",
    "blocked": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "exclusive": "bold",
    "ok": "green",
    "warning": "yellow",
    "error": "red",
    "note": "cyan",
}


def left(now: Time, end: Time) -> str:
    """Return how long from now until `end`, in words as short as `4m`; "over" when past."""
    return "over" if end <= now else span(seconds_between(now, end))


def ago(now: Time, then: Time) -> str:
    """Return how long ago `then` was."""
    return span(max(0.0, seconds_between(then, now))) + " ago" if then else "never"


def span(seconds: float) -> str:
    """Return a duration with one or two units: 45s, 12m, 3h20m, 4d."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        rest = whole % 3600 // 60
        return f"{whole // 3600}h{rest:02d}m" if rest else f"{whole // 3600}h"
    return f"{whole // 86400}d"
