"""The table, for the terminal and for docs/performance.md, which keeps the newest one.

Only what stands between the two markers of the document is replaced. It names the kind
of machine, never the machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from bench.ratio import Measured, Row, Wrong
from bench.scratch import Volume

_BEGIN = "<!-- begin: measured -->\n"
_END = "<!-- end: measured -->\n"
_HEADINGS = ("row", "what", "target", "measured", "spread", "met", "baseline")


class Result(NamedTuple):
    """A row and what it came to, or why it could not be measured."""

    row: Row
    measured: Measured | None
    #: "skipped" or "failed" where there is no measure, and the reason.
    missing: str = ""
    reason: str = ""

    @property
    def met(self) -> str:
        """Say whether it keeps its target, in one word."""
        if self.measured is None:
            return self.missing
        if self.row.target is None:
            return "-"
        return "yes" if self.row.target.met(self.measured.value) else "no"


def table(results: Sequence[Result], *, wide: bool = True) -> str:
    """Return the results as an aligned table; without `wide` it leaves out what rows are."""
    lines = [_HEADINGS, *(_cells(one) for one in results)]
    if not wide:
        lines = [(cells[0], *cells[2:]) for cells in lines]
    widths = [max(len(cells[at]) for cells in lines) for at in range(len(lines[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        + " |"
        for cells in (lines[0], rule, *lines[1:])
    )


def details(results: Sequence[Result]) -> list[str]:
    """Return a line for each row with the times behind its ratio."""
    return [
        f"{one.row.name}: {one.measured.detail if one.measured else f'{one.met}, {one.reason}'}"
        for one in results
        if one.measured is None or one.measured.detail
    ]


def machine(load: float) -> str:
    """Return what kind of machine this is, in general words, and how busy it was."""
    try:
        libgit2 = f", pygit2 {version('pygit2')}"
    except PackageNotFoundError:
        libgit2 = ""
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, git {git.split()[2]}{libgit2}; "
        f"load when the run began: {load:.1f}"
    )


def load() -> float:
    """Return how many processes are running or waiting to; 0 where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def write(path: str, results: Sequence[Result], about: str, volume: Volume, *, quick: bool) -> None:
    """Replace what the document says was measured. Raises `Wrong` when it has no markers."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise Wrong(f"{path} has no place for the results: {_BEGIN.strip()} and {_END.strip()}")
    parts = ["", f"Machine: {about}."]
    if quick:
        parts += ["", "**A quick run with tiny sizes: it shows that the rows work, no speed.**"]
    parts += [
        "",
        _rounds(volume),
        "",
        table(results),
        "",
        "Behind the ratios (medians, candidate against baseline):",
        "",
        *(f"* {line}" for line in details(results)),
        "",
        *_unmet(results),
        "",
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n".join(parts) + end + tail)


def _rounds(volume: Volume) -> str:
    return (
        f"Rounds: {volume.starts} pairs of processes, {volume.rounds} pairs of work in one "
        f"process, {volume.turns} pairs of {volume.processes} processes for {volume.seconds:g} s."
    )


def _unmet(results: Sequence[Result]) -> list[str]:
    unmet = [one for one in results if one.met not in ("yes", "-")]
    if not unmet:
        return ["Every target is met."]
    names: dict[str, list[str]] = {}
    for one in unmet:
        names.setdefault(one.reason or one.row.cost or "no reason is known", []).append(
            one.row.name
        )
    lines = [f"* {', '.join(rows)}: {reason}." for reason, rows in names.items()]
    return ["Not met, and where the time goes:", "", *lines]


def _cells(one: Result) -> tuple[str, ...]:
    row, found = one.row, one.measured
    target = "-" if row.target is None else f"{row.target} {row.unit}".strip()
    if found is None:
        return row.name, row.what, target, "-", "-", one.met, row.baseline
    spread = f"{_number(found.low)}-{_number(found.high)}" if found.low < found.high else "-"
    measured = f"{_number(found.value)} {row.unit}".strip()
    return row.name, row.what, target, measured, spread, one.met, row.baseline


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
