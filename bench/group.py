"""Many processes that write one ledger at once: group commit against a plain file lock.

Both ways make the same transactions with the same code, and both are packed while they
run. Afterwards the chain is read back: every success stands in it exactly once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from statistics import median
from typing import NamedTuple

from bench.packer import Objects, Packer
from bench.ratio import Measured, Row, Skip, Target, Wrong, milliseconds, of_rounds, percentile
from bench.scratch import Place, Scratch
from gitcoord.ledger.ledger import STATE

#: The checkout in which `python -m bench.writer` is found.
_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Seconds between two looks whether packing is due.
_LOOK = 0.2


class Report(NamedTuple):
    """What one process says: times are seconds of the machine's monotonic clock."""

    begun: float
    ended: float
    took: list[float]
    done: list[str]
    errors: list[str]


class Turn(NamedTuple):
    """What the processes did in one run."""

    #: Seconds per operation, over all processes together.
    each: float
    took: list[float]
    #: Operations in a commit, on average.
    shared: float
    most: Objects
    packed: int


def _group(scratch: Scratch) -> Measured:
    if sys.platform == "win32":
        raise Skip("the baseline needs flock")
    ours: list[Turn] = []
    theirs: list[Turn] = []
    for _ in range(scratch.volume.turns):
        ours.append(turn(scratch, scratch.ledger("group"), "group"))
        theirs.append(turn(scratch, scratch.ledger("lock"), "lock"))
    return compared(ours, theirs)


def compared(ours: list[Turn], theirs: list[Turn]) -> Measured:
    """Return how many times faster a group is than the lock."""
    result = of_rounds([one.each for one in ours], [one.each for one in theirs], least=True)
    return result._replace(detail=f"group: {_words(ours)}; lock: {_words(theirs)}")


def _words(turns: list[Turn]) -> str:
    took = [one for turn in turns for one in turn.took]
    rate = median([1 / turn.each for turn in turns])
    middle, last = (milliseconds(percentile(took, share)) for share in (0.5, 0.99))
    loose, packs = (max(turn.most[at] for turn in turns) for at in (0, 1))
    return (
        f"{rate:.0f} operations/s, {median([turn.shared for turn in turns]):.1f} in a commit, "
        f"p50 {middle}, p99 {last}, at most {loose} loose objects and {packs} packs, "
        f"packed {sum(turn.packed for turn in turns)} times"
    )


def turn(scratch: Scratch, place: Place, way: str) -> Turn:
    """Let the processes write for a while, as a "group" or each under the "lock".

    Raises `Wrong` when an operation failed or is not in the chain exactly once.
    """
    seconds, count = scratch.volume.seconds, scratch.volume.processes
    reports = [scratch.path("report") for _ in range(count)]
    running = [
        _writer(place, "bench.writer", place.path, str(number), way, str(seconds), report)
        for number, report in enumerate(reports)
    ]
    try:
        with Packer(place) as packer:
            _play(running, packer)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()
    told = [_read(report) for report in reports]
    errors = Counter(code for one in told for code in one.errors)
    if errors:
        raise Wrong(f"refused or failed while measuring: {dict(errors)}")
    done = [name for one in told for name in one.done]
    commits = commits_of(place, done)
    elapsed = max(one.ended for one in told) - min(one.begun for one in told)
    took = [each for one in told for each in one.took]
    return Turn(elapsed / len(done), took, len(done) / commits, packer.most, packer.runs)


def _writer(place: Place, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=_CHECKOUT,
        env=place.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _play(running: list[subprocess.Popen[str]], packer: Packer) -> None:
    """Start all at once, and pack while they work."""
    for process in running:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise Wrong("a writer did not start")
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    while any(process.poll() is None for process in running):
        packer.look()
        time.sleep(_LOOK)


def _read(path: str) -> Report:
    try:
        with open(path, encoding="ascii") as file:
            return Report(**json.load(file))
    except FileNotFoundError as error:
        raise Wrong("a writer ended without a report; its words are above") from error


def commits_of(place: Place, done: list[str]) -> int:
    """Return in how many commits of the chain these operations stand.

    Raises `Wrong` unless each of them is there exactly once.
    """
    house = place.house()
    try:
        house.follow()
        head = str(house.store.read_ref(STATE))
        commits = [
            [line[7:].decode() for line in raw.split(b"\n") if line.startswith(b"Op-Id: ")]
            for _, raw in house.store.chain(head)
        ]
    finally:
        house.close()
    stored = Counter(name for names in commits for name in names)
    wrong = [name for name in done if stored[name] != 1]
    if wrong or len(set(done)) != len(done):
        raise Wrong(f"{len(wrong)} of {len(done)} successes are not in the chain exactly once")
    ours = set(done)
    return sum(not ours.isdisjoint(names) for names in commits)


ROWS = (
    Row(
        "group",
        "16 processes, each taking and giving back its own key, packing included: rate",
        Target(4, least=True),
        "the same transactions, each alone under a blocking flock",
        _group,
        "most of the waiting operations share each commit, but a commit of many costs its leader "
        "more Python than one of one, while the writers and the packing want the same processors",
    ),
)
