"""Life and death as a judge sees them with its own clock, told as stories."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.life import IDLE_AFTER, Observation, status_of, verdict
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session, StartSession
from gitcoord.domain.sweep import SweepSession
from gitcoord.domain.time import plus
from gitcoord.errors import SessionAlive
from tests.domain.world import START, World

BOOT = "boot-1"


class Judge:
    """A judge with a monotonic clock of its own, as the ledger has one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = 1000.0
        self.boot = BOOT
        self.seen: dict[str, Observation] = {}
        self.processes: dict[str, bool] = {}

    def look(self) -> dict[str, str]:
        """Return the verdict on every live session and sweep the dead."""
        found = {}
        for session in self.world.all(Session):
            beat = self.world.presence.get(session.id, Beat(0)).count
            sign = (beat, session.seen_at, self.boot)
            old = self.seen.get(session.id)
            since = old.since if old and (old.beat, old.seen_at, old.boot) == sign else self.clock
            seen = Observation(
                beat, session.seen_at, since, self.boot, self.processes.get(session.id)
            )
            self.seen[session.id] = seen
            found[session.id] = verdict(session, seen, self.clock, self.boot)
            if found[session.id] == "dead":
                why = "process_gone" if seen.process_alive is False else "silent"
                self.world.run(
                    SweepSession(id=session.id, beat=seen.beat, seen_at=seen.seen_at, why=why)
                )
        return found

    def pass_time(self, seconds: float) -> None:
        self.clock += seconds
        self.world.pass_time(seconds)

    def beat(self, session: str) -> None:
        self.world.run(Heartbeat(), session)
        count = self.world.presence.get(session, Beat(0)).count
        self.world.presence[session] = Beat(count + 1, self.world.now)


def begin(life: str, **fields: Any) -> tuple[World, Judge]:
    world = World()
    world.run(StartSession(id="s-ann", agent="ann", life=life, **fields))
    world.run(AcquireLocks(keys=("src/a.py",), ttl=7200), "s-ann")
    judge = Judge(world)
    judge.look()
    return world, judge


def test_a_session_with_a_silent_ten_minute_build_lives_as_long_as_it_beats() -> None:
    world, judge = begin("beat")
    for _ in range(20):
        judge.pass_time(30)
        judge.beat("s-ann")
        assert judge.look() == {"s-ann": "alive"}
    assert [each.session for each in world.all(Lock)] == ["s-ann"]


def test_a_session_that_stops_beating_is_first_suspect_then_dead() -> None:
    world, judge = begin("beat")
    verdicts = []
    for _ in range(4):
        judge.pass_time(30)
        verdicts.append(judge.look()["s-ann"])
    assert verdicts == ["alive", "suspect", "suspect", "dead"]
    assert world.get(Session, "s-ann").status == "timed_out"
    assert world.all(Lock) == []


def test_a_person_who_thinks_for_an_hour_keeps_the_session_of_leases() -> None:
    world, judge = begin("lease")
    judge.pass_time(3600)
    assert judge.look() == {"s-ann": "alive"}
    assert world.get(Session, "s-ann").status == "active"


def test_after_a_machine_was_asleep_nobody_is_swept_at_wake_up() -> None:
    world, judge = begin("beat")
    judge.pass_time(30)
    judge.beat("s-ann")
    judge.look()
    world.pass_time(8 * 3600)  # the wall clock went on, the judge's clock stood still
    assert judge.look() == {"s-ann": "alive"}
    judge.pass_time(30)
    judge.beat("s-ann")
    assert judge.look() == {"s-ann": "alive"}


def test_after_a_boot_the_judge_watches_for_a_whole_ttl_again() -> None:
    _, judge = begin("beat")
    judge.pass_time(119)
    judge.boot, judge.clock = "boot-2", 5000.0
    assert judge.look() == {"s-ann": "alive"}
    judge.pass_time(119)
    assert judge.look() == {"s-ann": "suspect"}
    judge.pass_time(1)
    assert judge.look() == {"s-ann": "dead"}


def test_what_was_watched_before_a_boot_proves_nothing() -> None:
    session = World().session("s-ann", life="beat")
    seen = Observation(0, session.seen_at, 0.0, "boot-1")
    assert verdict(session, seen, 1e6, "boot-2") == "alive"


def test_an_operation_is_a_sign_of_life_even_without_a_beat() -> None:
    world, judge = begin("beat")
    seen = judge.seen["s-ann"]
    judge.pass_time(119)
    world.run(AcquireLocks(keys=("src/b.py",)), "s-ann")
    judge.pass_time(1)
    assert verdict(world.get(Session, "s-ann"), seen, judge.clock, BOOT) == "alive"
    assert judge.look() == {"s-ann": "alive"}


def test_a_process_is_dead_when_it_is_known_to_be_gone_and_alive_while_it_runs() -> None:
    world, judge = begin("process")
    judge.processes["s-ann"] = True
    judge.pass_time(86_400)
    assert judge.look() == {"s-ann": "alive"}
    judge.processes["s-ann"] = False
    assert judge.look() == {"s-ann": "dead"}
    assert world.get(Session, "s-ann").status == "timed_out"


def test_where_the_process_cannot_be_seen_the_presence_of_its_machine_vouches_for_it() -> None:
    _, judge = begin("process")
    judge.pass_time(119)
    assert judge.look() == {"s-ann": "suspect"}
    judge.pass_time(1)
    assert judge.look() == {"s-ann": "dead"}


def test_a_paused_session_never_dies() -> None:
    session = World().session("s-ann", life="process", status="paused")
    seen = Observation(0, session.seen_at, 0.0, BOOT, process_alive=False)
    assert verdict(session, seen, 1e6, BOOT) == "alive"


def test_a_sweep_that_meets_a_later_beat_is_refused() -> None:
    world, judge = begin("beat")
    seen = judge.seen["s-ann"]
    judge.pass_time(200)
    judge.beat("s-ann")
    wish = SweepSession(id="s-ann", beat=seen.beat, seen_at=world.get(Session, "s-ann").seen_at)
    assert "has beaten" in world.refused(SessionAlive, wish).message


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "active"),
        ({"status": "paused"}, "paused"),
        ({"status": "ended"}, "ended"),
        ({"status": "killed"}, "ended"),
        ({"status": "timed_out"}, "timed_out"),
    ],
)
def test_a_list_shows_how_a_session_is(fields: dict[str, Any], expected: str) -> None:
    session = World().session("s-ann", **fields)
    assert status_of(session, START) == expected


@pytest.mark.parametrize(
    ("life", "quiet"), [("beat", 120.0), ("process", IDLE_AFTER), ("lease", IDLE_AFTER)]
)
def test_a_session_is_idle_after_a_while_without_operation_or_beat(life: str, quiet: float) -> None:
    session = World().session("s-ann", life=life)
    assert status_of(session, plus(START, quiet)) == "active"
    late = plus(START, quiet + 1)
    assert status_of(session, late) == "idle"
    assert status_of(session, late, beaten_at=plus(START, 2)) == "active"
