"""How results look to people: aligned columns, or a table with colour on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.time import Time, seconds_between

if TYPE_CHECKING:
    from rich.table import Table


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> str:
    """Return the rows as text; `empty` is what to say when there are none.

    On a terminal a table as wide as the terminal, elsewhere plain columns that
    programs can split at two or more blanks.
    """
    if not rows:
        return empty
    cells = [["" if cell is None else plain(str(cell)) for cell in row] for row in rows]
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
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        console.print(drawn(columns, rows, console.width))
    return captured.get().strip("\n")


def drawn(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, lines: bool = False
) -> Table:
    """Return the rows as a table for a terminal of that width; `lines`: a row is one line."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column.upper(), overflow="ellipsis" if lines else "fold", no_wrap=lines)
    for row in trimmed(columns, rows, width, all_of_them=lines):
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return made


#: Columns of people's words, which are cut where a terminal is narrow; all else is shown whole.
PROSE = frozenset({"reason", "why", "why not", "title", "summary", "works on"})
#: Cells of the terminal that are left of them at least.
SHORTEST = 12


def trimmed(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, all_of_them: bool = False
) -> list[list[str]]:
    """Return the rows cut so that a line fits in `width` cells, if cutting prose is enough.

    With `all_of_them` other long cells are cut as well where it is not.
    """
    from rich.cells import cell_len, set_cell_size

    wide = [
        max([cell_len(column), *(cell_len(row[at]) for row in rows)])
        for at, column in enumerate(columns)
    ]
    prose = [at for at, column in enumerate(columns) if column in PROSE]
    for group in (prose, range(len(wide)) if all_of_them else ()):
        while group and sum(wide) + 2 * len(wide) > width:
            widest = max(group, key=lambda at: wide[at])
            if wide[widest] <= SHORTEST:
                break
            wide[widest] -= 1
    return [
        [
            cell if cell_len(cell) <= room else set_cell_size(cell, room - 1) + "…"
            for cell, room in zip(row, wide, strict=True)
        ]
        for row in rows
    ]


#: Words that carry a colour on a terminal.
STYLES: dict[str, str] = {
    "active": "green",
    "idle": "yellow",
    "stuck": "red",
    "paused": "yellow",
    "timed_out": "red",
    "killed": "red",
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


def plain(text: str) -> str:
    """Return somebody else's text without what would command or deceive the reader's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


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
