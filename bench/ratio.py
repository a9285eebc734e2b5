"""Ratios: a candidate and a baseline measured in turn, and what came of it.

Alternating (A B A B ...) lets a machine that gets slower hit both alike. Figures are
medians; the spread is the lowest and highest ratio of single rounds. Measures nothing
itself: whoever calls passes functions that return seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.scratch import Scratch

#: Runs a piece of work and returns how many seconds it took.
Timed = Callable[[], float]


class Target(NamedTuple):
    """The bound that a row is held against."""

    bound: float
    #: Whether more is better: then the ratio says how many times faster the candidate is.
    least: bool = False

    def met(self, value: float) -> bool:
        """Say whether the value keeps the bound."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        """Return the bound in words."""
        return f"at {'least' if self.least else 'most'} {self.bound:g}"


class Measured(NamedTuple):
    """What one row came to; `low` and `high` are its spread."""

    value: float
    low: float
    high: float
    #: What else is worth knowing: the times behind the ratio, percentiles, counts.
    detail: str = ""


class Row(NamedTuple):
    """One line of the table and how it is measured."""

    name: str
    what: str
    #: None: worth knowing, without a bound.
    target: Target | None
    baseline: str
    measure: Callable[[Scratch], Measured]
    #: Where the time goes; the document says it where the target is not met.
    cost: str = ""
    unit: str = "x"


class Skip(Exception):
    """A row that cannot be measured here; its text says why."""


class Wrong(Exception):
    """The measured program did not do its work, so that its speed means nothing."""


def alternate(
    candidate: Timed, baseline: Timed, rounds: int, *, least: bool = False, warm: int = 1
) -> Measured:
    """Return candidate : baseline in seconds, or with `least` baseline : candidate.

    `warm` rounds go first and do not count.
    """
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(warm + rounds):
        pair = candidate(), baseline()
        if number >= warm:
            ours.append(pair[0])
            theirs.append(pair[1])
    return of_rounds(ours, theirs, least=least)


def of_rounds(ours: Sequence[float], theirs: Sequence[float], *, least: bool = False) -> Measured:
    """Return the ratio of seconds (or, both alike, of anything else) taken in pairs."""
    above, below = (theirs, ours) if least else (ours, theirs)
    single = [a / b for a, b in zip(above, below, strict=True)]
    detail = f"{milliseconds(median(ours))} against {milliseconds(median(theirs))}"
    return Measured(median(above) / median(below), min(single), max(single), detail)


def milliseconds(seconds: float) -> str:
    """Return the time in ms with about three digits."""
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def say(text: str) -> None:
    """Tell on stderr what goes on: some rows take minutes."""
    print(text, file=sys.stderr, flush=True)
