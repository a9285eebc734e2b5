"""Whole commands on a large ledger: against an empty one, and against a bare Python.

Large: 10,000 live locks and 100,000 tasks, most of them closed. The first reading of a
clone is measured by the clock, for there is nothing that it could be a ratio of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count

from bench.commits import run
from bench.fill import SPECIAL, fill, forget_index, name_of, ready
from bench.ratio import Measured, Row, Target, alternate, milliseconds, say
from bench.scratch import Place, Scratch
from bench.start_up import against_bare
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.ledger.ledger import STATE

#: First readings that are measured.
_READINGS = 3
_LARGE = "10,000 live locks and 100,000 tasks"
_EMPTY = "the same on an empty ledger"
_BARE = "`python -c pass`"
_START = (
    "start-up: click and msgspec alone cost more than this target, whatever the ledger holds; "
    "`start-next` shows the same command on an empty ledger"
)


@cache
def _large(scratch: Scratch) -> Place:
    place, volume = scratch.ledger("large"), scratch.volume
    say(f"  making a ledger of {volume.locks:,} locks and {volume.tasks:,} tasks")
    house = place.house()
    try:
        fill(house, volume.locks, volume.tasks)
    finally:
        house.close()
    place.gitcoord("status", "--oneline")
    return place


@cache
def _empty(scratch: Scratch) -> tuple[Place, Iterator[str]]:
    """Return a ledger that holds nothing but the few tasks that are claimed in it."""
    place = scratch.ledger("empty")
    tasks = tuple(
        NewTask(id=name_of(n), title=f"Change part {n}", keys=(f"work/task{n}.py",))
        for n in range(scratch.volume.starts + 2)
    )
    house = place.house()
    try:
        run(house, place.session, AddTasks(tasks=tasks))
    finally:
        house.close()
    return place, iter([task.id for task in tasks])


def _acquire(scratch: Scratch) -> Measured:
    large, (empty, _), number = _large(scratch), _empty(scratch), count()

    def take(place: Place) -> float:
        return place.gitcoord("lock", "acquire", f"src/part5/new{next(number)}.py")

    return alternate(lambda: take(large), lambda: take(empty), scratch.volume.starts, warm=2)


def _claim(scratch: Scratch) -> Measured:
    large, (empty, few) = _large(scratch), _empty(scratch)
    # From the end, so that `task next`, which takes the most urgent, does not meet them.
    many = iter(ready(scratch.volume.tasks))
    return alternate(
        lambda: large.gitcoord("task", "claim", next(many)),
        lambda: empty.gitcoord("task", "claim", next(few)),
        scratch.volume.starts,
        warm=2,
    )


def _next(*words: str) -> Callable[[Scratch], Measured]:
    def measure(scratch: Scratch) -> Measured:
        place = _large(scratch)
        command = partial(place.gitcoord, "task", "next", *words)
        return against_bare(place, command, scratch.volume.starts)

    return measure


def _first_reading(scratch: Scratch) -> Measured:
    place = _large(scratch)
    seconds, git = [], []
    for _ in range(_READINGS):
        forget_index(place.house())
        seconds.append(place.gitcoord("status", "--oneline"))
        git.append(_git_reads(place))
    middle = sorted(seconds)[len(seconds) // 2]
    detail = f"git alone hands out the same bytes in {milliseconds(sorted(git)[len(git) // 2])}"
    return Measured(middle, min(seconds), max(seconds), detail)


def _git_reads(place: Place) -> float:
    begun = time.perf_counter()
    listed = place.git("ls-tree", "-r", "--format=%(objectname)", STATE)
    place.git("cat-file", "--batch", send=listed)
    return time.perf_counter() - begun


ROWS = (
    Row(
        "large-acquire",
        f"`gitcoord lock acquire`, whole process, {_LARGE}, warm",
        Target(1.5),
        _EMPTY,
        _acquire,
        "deeper trees: more objects to read and write per transaction",
    ),
    Row(
        "large-claim",
        f"`gitcoord task claim`, whole process, {_LARGE}, warm",
        Target(1.5),
        _EMPTY,
        _claim,
        "deeper trees: more objects to read and write per transaction",
    ),
    Row(
        "large-next",
        f"`gitcoord task next` that claims, whole process, {_LARGE}, warm",
        Target(3),
        _BARE,
        _next(),
        _START,
    ),
    Row(
        "large-next-nothing",
        "the same where no task is of the type that is asked for",
        Target(3),
        _BARE,
        _next("--type", "no-such-type"),
        _START,
    ),
    Row(
        "large-next-unable",
        "the same where every task of the type needs a capability that the asker has not",
        Target(3),
        _BARE,
        _next("--type", SPECIAL),
        "start-up as above; and the terms of all ready tasks of the type are read, though not "
        "the tasks",
    ),
    Row(
        "large-cold",
        f"first reading of {_LARGE} by a fresh clone (`gitcoord status --oneline`)",
        Target(5),
        "none: seconds",
        _first_reading,
        "every record is read, decoded and indexed once",
        unit="s",
    ),
)
