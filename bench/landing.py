"""A crew of agents that brings overlapping chores into one branch, with the queue and without.

The crew, its chores and the check are those of the tests (`tests.landing`). Each way is a day of
its own in repositories of its own; afterwards every commit that main has had is checked out and
checked. Not here: what the agents do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any, NamedTuple

from bench.hosted import hosting
from bench.ratio import Measured, Row, Skip, Target, Wrong, say
from bench.scratch import Scratch, command, git

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Ways to main: with the queue, and the two habits of plain git.
_WAYS = ("queue", "careful", "hasty")


class Day(NamedTuple):
    """What came of one way."""

    seconds: float
    processor: float
    tasks: int
    conflicts: int
    failures: int
    #: Times that all was ready and another push was faster.
    late: int
    #: Checks that ran, and the seconds that they took.
    checks: int
    checked: float
    commits: int
    broken: int

    @property
    def wasted(self) -> int:
        """Checks beyond one for each task."""
        return self.checks - self.tasks

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"{self.seconds:.0f} s ({self.processor:.0f} s of processors); "
            f"{self.conflicts} conflicts, {self.failures} repairs after a failed check, "
            f"{self.late} times too late; {self.checks} checks ({self.checked:.0f} s), "
            f"{self.broken} of {self.commits} commits on main broken"
        )


def _day(scratch: Scratch, way: str, terms: dict[str, Any]) -> Day:
    """Let the crew work one way. Raises `Wrong` when it fails, or something is lost."""
    say(f"  {way}")
    file = scratch.path("terms")
    with open(file, "w", encoding="utf-8") as out:
        json.dump({"way": way, "command": command(), **terms}, out)
    done = subprocess.run(
        [sys.executable, "-m", "tests.landing.workday", file], cwd=_CHECKOUT,
        env=scratch.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Wrong(f"{way}: {done.stderr.strip()[-2000:]}")
    found = json.loads(done.stdout)
    if found["lost"] or len(found["tallies"]) != terms["chores"]:
        raise Wrong(f"{way}: {found['lost']} are lost, {len(found['tallies'])} tasks are done")
    total = {
        name: sum(one[name] for one in found["tallies"])
        for name in ("conflicts", "failures", "lost")
    }
    return Day(
        found["seconds"], found["processor"], terms["chores"], total["conflicts"],
        total["failures"], total["lost"], len(found["checks"]),
        sum(one["seconds"] for one in found["checks"]), len(found["commits"]),
        len(found["broken"]),
    )  # fmt: skip


def _terms(scratch: Scratch, name: str, chores: int) -> dict[str, Any]:
    volume = scratch.volume
    if volume.crew_seed == "whole" and not os.path.exists(os.path.join(_CHECKOUT, ".git")):
        raise Skip("the repository that is worked in is a clone of this checkout's")
    folder = scratch.path(name)
    os.mkdir(folder)
    seconds = {"work": volume.crew_work, "check": volume.crew_check}
    return {
        "agents": volume.crew,
        "chores": chores,
        "folder": folder,
        "seed": volume.crew_seed,
        **seconds,
    }


@cache
def _here(scratch: Scratch) -> dict[str, Day]:
    """Return the days in one repository; those without the queue have a bare one to push to."""
    found = {}
    for way in _WAYS:
        terms = _terms(scratch, way, scratch.volume.chores)
        if way != "queue":
            terms["hub"] = scratch.path("hub")
            git(scratch.folder, scratch.environ, "init", "-q", "--bare", "-b", "main", terms["hub"])
        found[way] = _day(scratch, way, terms)
    return found


@cache
def _there(scratch: Scratch) -> dict[str, Day]:
    """Return the days in clones of a host; fewer chores, and not the hasty way."""
    found = {}
    with hosting(scratch) as hosted:
        for way in _WAYS[:2]:
            hosted.create(way)
            terms = _terms(scratch, f"{way}-host", max(scratch.volume.chores // 5, 6))
            terms |= {"hub": str(hosted.host.path(way)), "url": hosted.host.url(way)}
            found[way] = _day(scratch, way, terms)
    return found


def _told(days: dict[str, Day]) -> str:
    tasks = days["queue"].tasks
    return f"{tasks} tasks; " + "; ".join(f"{way}: {day}" for way, day in days.items())


def _ratio(days: dict[str, Day], ours: float, theirs: float, *, told: bool = False) -> Measured:
    value = ours / max(theirs, 1)
    return Measured(
        value, value, value, _told(days) if told else f"{ours:.4g} against {theirs:.4g}"
    )


def _time(scratch: Scratch) -> Measured:
    days = _here(scratch)
    return _ratio(days, days["queue"].seconds, days["careful"].seconds, told=True)


def _checks(scratch: Scratch) -> Measured:
    days = _here(scratch)
    return _ratio(days, days["queue"].checks, days["careful"].checks)


def _thrown_away(scratch: Scratch) -> Measured:
    days = _here(scratch)
    thrown = {way: day.late + day.conflicts + day.failures for way, day in days.items()}
    return _ratio(days, thrown["queue"], thrown["careful"])


def _broken(scratch: Scratch) -> Measured:
    days = _here(scratch)
    value = days["queue"].broken
    detail = ", ".join(f"{way} {day.broken} of {day.commits}" for way, day in days.items())
    return Measured(value, value, value, detail)


def _time_there(scratch: Scratch) -> Measured:
    days = _there(scratch)
    return _ratio(days, days["queue"].seconds, days["careful"].seconds, told=True)


def _checks_there(scratch: Scratch) -> Measured:
    days = _there(scratch)
    return _ratio(days, days["queue"].checks, days["careful"].checks)


_CAREFUL = "the same without the queue: fetch, rebase, check, push, again when somebody was faster"
_COST = (
    "a landing is six decisions and some forty processes of git for one entry, and each agent "
    "starts Python four times for a task"
)

ROWS = (
    Row(
        "landing-time",
        "8 agents bring 60 overlapping tasks into main through the queue: until all have landed",
        Target(1),
        _CAREFUL,
        _time,
        _COST,
    ),
    Row("landing-checks", "the same: runs of the check", Target(0.5), _CAREFUL, _checks),
    Row(
        "landing-thrown",
        "the same: attempts that came to nothing (too late, conflicts, failed checks)",
        Target(0.5),
        _CAREFUL,
        _thrown_away,
    ),
    Row(
        "landing-broken",
        "the same: commits on main's first line that do not pass the check",
        Target(0),
        "none: commits; the detail has those of plain git",
        _broken,
        unit="",
    ),
    Row(
        "landing-host-time",
        "8 agents, each with a clone of a host over HTTP, and 12 of the tasks",
        Target(1),
        _CAREFUL,
        _time_there,
        _COST + "; and clones know of each other only what the host has told them last",
    ),
    Row(
        "landing-host-checks",
        "the same: runs of the check",
        Target(0.5),
        _CAREFUL,
        _checks_there,
        "clones that wait for each other begin at the same moment, and what several entries do not "
        "pass together is run for halves of them again",
    ),
)
