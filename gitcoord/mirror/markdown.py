"""Markdown in which nothing that others wrote can do anything: mention, link, format, end a cell.

Whatever is not ours stands in a code span. https://docs.github.com/get-started/writing-on-github
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitcoord.domain.locks import Lock
    from gitcoord.mirror.effects import Stamp

#: Longest foreign text that is shown, in characters.
SHOWN = 120

_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_TICKS = re.compile(r"`+")


def code(text: str, limit: int = SHOWN) -> str:
    """Return the text as a code span on one line; a long one is cut."""
    plain = _BLANK.sub(" ", text).strip()
    if len(plain) > limit:
        plain = plain[: limit - 1] + "…"
    if not plain:
        return "` `"
    longest = max((len(run) for run in _TICKS.findall(plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if plain[0] == "`" or plain[-1] == "`" else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def codes(texts: Sequence[str], shown: int = 3) -> str:
    """Return the first texts as code, and how many more there are."""
    more = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(code(text) for text in texts[:shown]) + more


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [_row(head), _row(["---"] * len(head))]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def clock(time: str) -> str:
    """Return a time of the ledger for people, to the minute: `2026-01-05 08:00 UTC`."""
    return f"{time[:10]} {time[11:16]} UTC" if time else "no end"


def why(lock: Lock) -> str:
    """Return the reason of a lock as code; "" where it has none."""
    return code(lock.reason) if lock.reason else ""


def as_of(stamp: Stamp) -> str:
    """Return which state of the ledger is shown: as of ledger 1.234, and its commit."""
    return f"As of ledger {stamp}, {code(stamp.oid[:12])}"


def small(stamp: Stamp) -> str:
    """Return the same as what stands below a comment."""
    return f"<sub>{as_of(stamp)}.</sub>"


def _row(cells: Sequence[str]) -> str:
    # A bar ends a cell of a table even within code; anywhere else the backslash would show.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
