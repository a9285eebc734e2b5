"""Decisions at a git host: against `git push`, many at once, and what looking there costs.

The host is on loopback, where a request costs what git and the disk cost; rows with "50 ms"
add that to every request, as a host far away does. All pushes are durable on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from statistics import mean, median
from typing import NamedTuple

from bench.group import Turn, compared, turn
from bench.hosted import FAR, Copyist, Decider, Hosted, fill_with_branches, hosting
from bench.ratio import (
    Measured,
    Row,
    Skip,
    Target,
    Wrong,
    alternate,
    milliseconds,
    of_rounds,
    percentile,
)
from bench.scratch import Place, Scratch
from gitcoord.bootstrap import House

#: Branches of the larger repository.
BRANCHES = 10_000


def _decision(scratch: Scratch, latency: float, way: str) -> Measured:
    """Measure decisions, "decide" in this process or "command", against git's own push."""
    with hosting(scratch) as hosted:
        place = hosted.ledger("decisions")
        copyist, house = Copyist(hosted, "decisions"), place.house()
        hosted.host.set(latency=latency)
        try:
            work = getattr(Decider(place, house), way)
            return alternate(work, copyist.push, scratch.volume.starts, warm=2)
        finally:
            house.close()


def _requests(scratch: Scratch) -> Measured:
    """Count what the host is asked in one decision with a known head."""
    rounds = scratch.volume.starts
    with hosting(scratch) as hosted:
        place = hosted.ledger("requests")
        copyist, house = Copyist(hosted, "requests"), place.house()
        try:
            decider = Decider(place, house)
            ways = (decider.decide, decider.command, copyist.push)
            decider.decide()
            rows = [[len(hosted.counted(work)[1]) for work in ways] for _ in range(rounds)]
        finally:
            house.close()
    ours = [number for row in rows for number in row[:2]]
    here, command, push = (f"{mean(one):.2f}" for one in zip(*rows, strict=True))
    detail = (
        f"on average {here} in one process, {command} as a command, which now and then also looks "
        f"for dead sessions; `git push --force-with-lease` {push}"
    )
    return Measured(median(ours), min(ours), max(ours), detail)


class _Contest(NamedTuple):
    """What many processes did at a host far away, both ways."""

    group: list[Turn]
    lock: list[Turn]
    #: Seconds of single decisions of a process that is alone, before each turn of the group.
    alone: list[float]


@cache
def _contest(scratch: Scratch) -> _Contest:
    if scratch.volume.processes < 2:
        raise Skip("one process is no group")
    found = _Contest([], [], [])
    for _ in range(scratch.volume.turns):
        with hosting(scratch) as hosted:
            hosted.host.set(latency=FAR)
            place = hosted.ledger("group")
            found.alone.extend(_alone(scratch, place))
            found.group.append(turn(scratch, place, "group"))
            found.lock.append(turn(scratch, hosted.ledger("lock"), "lock"))
    return found


def _alone(scratch: Scratch, place: Place) -> list[float]:
    house = place.house()
    try:
        decider = Decider(place, house)
        decider.decide()
        return [decider.decide() for _ in range(scratch.volume.pairs)]
    finally:
        house.close()


def _group(scratch: Scratch) -> Measured:
    contest = _contest(scratch)
    return compared(contest.group, contest.lock)


def _slowest(scratch: Scratch) -> Measured:
    contest = _contest(scratch)
    trip = median(contest.alone)
    last = [percentile(one.took, 0.99) for one in contest.group]
    every = percentile([took for one in contest.group for took in one.took], 0.99)
    detail = (
        f"p99 {milliseconds(every)}; a process that is alone decides in {milliseconds(trip)}, "
        f"{milliseconds(FAR)} of which were added"
    )
    return Measured(every / trip, min(last) / trip, max(last) / trip, detail)


class _Polls(NamedTuple):
    """What looking costs: each pair is with many other branches and with none."""

    seconds: Measured
    bytes: Measured


@cache
def _polls(scratch: Scratch) -> _Polls:
    with hosting(scratch) as hosted:
        places = [hosted.ledger(name) for name in ("many", "few")]
        branches = min(BRANCHES, scratch.volume.medium)
        fill_with_branches(str(hosted.host.path("many")), scratch.environ, branches)
        houses = [place.house() for place in places]
        try:
            many, few = (partial(_look, house, scratch.volume.pairs) for house in houses)
            seconds = alternate(many, few, scratch.volume.rounds, least=False, warm=2)
            sizes = [_sizes(hosted, work) for work in (many, few)]
        finally:
            for house in houses:
                house.close()
    counted = of_rounds(*sizes)
    each = f"{scratch.volume.pairs} looks"
    ours, theirs = (f"{median(one):.0f} bytes" for one in sizes)
    return _Polls(
        seconds._replace(detail=f"{seconds.detail} for {each}; {branches:,} branches"),
        counted._replace(detail=f"{ours} against {theirs} for a look; {branches:,} branches"),
    )


def _look(house: House, times: int) -> float:
    assert house.wire is not None
    begun = time.perf_counter()
    for _ in range(times):
        house.wire.refresh()
    return time.perf_counter() - begun


def _sizes(hosted: Hosted, look: Callable[[], float]) -> Sequence[float]:
    """Return the bytes of each look, both ways. Raises `Wrong` when one asked for more."""
    requests = hosted.counted(look)[1]
    if any(one["command"] != "ls-refs" for one in requests):
        raise Wrong("a look at a host where nothing has moved asks for more than its refs")
    return [one["bytes_in"] + one["bytes_out"] for one in requests]


_PUSH = "`git push --force-with-lease` of the same change at the same host"
_NONE = "the same where there are no other branches"

ROWS = (
    Row(
        "wire-decision",
        "a decision at a git host over HTTP, head known, in one process",
        Target(0.5),
        _PUSH,
        partial(_decision, latency=0.0, way="decide"),
        "the host's own git, which both sides wait for, and the syncs of what the mirror keeps",
    ),
    Row(
        "wire-decision-far",
        "the same, 50 ms added to every request",
        Target(0.5),
        _PUSH,
        partial(_decision, latency=FAR, way="decide"),
        "one request against two, and what the host and the rules take comes on top of ours alone",
    ),
    Row(
        "wire-command",
        "`gitcoord lock acquire` at a git host over HTTP, whole process",
        Target(0.5),
        _PUSH,
        partial(_decision, latency=0.0, way="command"),
        "start-up of Python and its imports, which costs more than a request on loopback saves",
    ),
    Row(
        "wire-command-far",
        "the same, 50 ms added to every request",
        Target(0.5),
        _PUSH,
        partial(_decision, latency=FAR, way="command"),
        "start-up of Python and its imports, beside the one request",
    ),
    Row(
        "wire-requests",
        "requests that the host counts for a decision with a known head, in one process or as a "
        "command",
        Target(1),
        "none: requests",
        _requests,
        "something was asked beside the push",
        unit="",
    ),
    Row(
        "wire-group",
        "16 processes of one clone, each taking and giving back its own key at a git host, 50 ms "
        "added to every request, packing included: rate",
        Target(6, least=True),
        "the same transactions, each alone under a blocking flock",
        _group,
        "the writers, their leader, the packing and the host want the same processors",
    ),
    Row(
        "wire-group-p99",
        "the slowest hundredth of those operations in the group",
        Target(3),
        "a single decision of a process that is alone, at the same host",
        _slowest,
        "whoever comes just after a round has begun waits for it and for the next, and for the "
        "hand-over between them, on processors that all of them share with the host",
    ),
    Row(
        "wire-poll",
        "looking whether a git host has decided anything, 10,000 other branches there",
        Target(1.2),
        _NONE,
        lambda scratch: _polls(scratch).seconds,
        "the host's git, which opens its packed refs",
    ),
    Row(
        "wire-poll-bytes",
        "bytes of that request and its answer",
        Target(1),
        _NONE,
        lambda scratch: _polls(scratch).bytes,
        "the host names refs that nobody asked for",
    ),
)
