"""Whole commands on a small ledger, against a Python that does nothing.

What an agent feels each time it runs one. Warm: the index is there and the compiled
modules are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count

from bench.ratio import Measured, Row, Target, alternate
from bench.scratch import Place, Scratch

_BASELINE = "`python -c pass`"
_COST = (
    "imports: click and msgspec alone cost more than four times a bare Python, our own modules "
    "and SQLite about twice it; a transaction adds its syncs and one git process"
)


@cache
def _place(scratch: Scratch) -> Place:
    return scratch.ledger("small")


def against_bare(place: Place, run: Callable[[], float], rounds: int) -> Measured:
    """Return the ratio of a command's process to a bare Python."""
    return alternate(run, place.bare, rounds, warm=2)


def _acquire(scratch: Scratch) -> Measured:
    place, number = _place(scratch), count()
    return against_bare(
        place,
        lambda: place.gitcoord("lock", "acquire", f"src/new{next(number)}.py"),
        scratch.volume.starts,
    )


def _plain(*words: str) -> Callable[[Scratch], Measured]:
    def measure(scratch: Scratch) -> Measured:
        place = _place(scratch)
        return against_bare(place, lambda: place.gitcoord(*words), scratch.volume.starts)

    return measure


ROWS = (
    Row(
        "start-acquire",
        "`gitcoord lock acquire` of a free key, whole process",
        Target(7),
        _BASELINE,
        _acquire,
        _COST,
    ),
    Row(
        "start-check",
        "`gitcoord lock check` of one path, whole process",
        Target(7),
        _BASELINE,
        _plain("lock", "check", "src/a.py"),
        _COST,
    ),
    Row(
        "start-status",
        "`gitcoord status --oneline`, whole process",
        Target(7),
        _BASELINE,
        _plain("status", "--oneline"),
        _COST,
    ),
    Row(
        "start-next",
        "`gitcoord task next` with nothing to do, whole process",
        Target(7),
        _BASELINE,
        _plain("task", "next"),
        _COST,
    ),
)
