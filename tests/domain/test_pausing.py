"""Heartbeats, pauses and resumptions."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Heartbeat, PauseSession, ResumeSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import SweepSession
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import plus
from gitcoord.errors import SessionAlive, SessionEnded, SessionNotFound, SessionRequired
from tests.domain.world import START, World


def world_with(**fields: Any) -> World:
    world = World()
    world.session("s-ann", **fields)
    return world


def test_a_heartbeat_says_until_when_the_session_may_be_silent_and_writes_nothing() -> None:
    world = world_with(life="beat")
    world.pass_time(10)
    answer = world.unchanged(Heartbeat(), "s-ann")
    assert (answer.status, answer.interval) == ("active", 30)
    assert answer.expires_at == plus(START, 130)
    assert Heartbeat().alive(answer, world.context()) == "s-ann"
    assert Heartbeat().acting is False


def test_a_heartbeat_is_carried_by_the_presence_and_costs_no_transaction() -> None:
    world = world_with(life="beat")
    world.pass_time(100)
    world.unchanged(Heartbeat(), "s-ann")
    assert world.get(Session, "s-ann").seen_at == START


def test_a_heartbeat_extends_a_claim_that_is_half_over() -> None:
    world = world_with(life="beat")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", keys=("docs/",)),)), "s-ann")
    world.run(ClaimTask(id="t-1", ttl=100), "s-ann")
    world.pass_time(60)
    world.run(Heartbeat(), "s-ann")
    assert world.get(Task, "t-1").lease_until == plus(START, 160)
    assert [each.expires_at for each in world.all(Lock)] == [plus(START, 160)]


def test_a_heartbeat_takes_away_a_suspicion() -> None:
    world = world_with(life="beat", suspect_since=START)
    world.pass_time(1)
    world.run(Heartbeat(), "s-ann")
    session = world.get(Session, "s-ann")
    assert (session.suspect_since, session.seen_at) == ("", world.now)


def test_silence_does_not_end_a_session_of_leases_so_its_heartbeat_names_no_end() -> None:
    assert world_with(life="lease").unchanged(Heartbeat(), "s-ann").expires_at == ""


def test_a_paused_session_may_beat_and_stays_as_it_is() -> None:
    world = world_with(life="beat", status="paused")
    world.pass_time(100)
    answer = world.unchanged(Heartbeat(), "s-ann")
    assert (answer.status, answer.expires_at) == ("paused", "")


def test_a_late_heartbeat_does_not_revive() -> None:
    world = world_with(life="beat")
    world.run(AcquireLocks(keys=("src/a.py",)), "s-ann")
    world.pass_time(120)
    world.run(SweepSession(id="s-ann", beat=0, seen_at=START))
    refusal = world.refused(SessionEnded, Heartbeat(), "s-ann")
    assert refusal.details["status"] == "timed_out"
    assert [each["key"] for each in refusal.details["lost"]] == ["src/a.py"]


def test_a_pause_stops_the_timeout_and_a_resumption_starts_it_anew() -> None:
    world = world_with(life="beat")
    world.run(AcquireLocks(keys=("src/a.py",)), "s-ann")
    world.pass_time(60)
    paused = world.run(PauseSession(), "s-ann").session
    assert (paused.status, paused.paused_at) == ("paused", world.now)
    world.pass_time(1000)
    sweep = SweepSession(id="s-ann", beat=0, seen_at=paused.seen_at)
    assert "paused" in world.refused(SessionAlive, sweep).message
    resumed = world.run(ResumeSession(id="s-ann")).session
    assert (resumed.status, resumed.paused_at, resumed.seen_at) == ("active", "", world.now)
    assert [each.session for each in world.all(Lock)] == ["s-ann"]
    world.refused(SessionAlive, sweep)


def test_pausing_and_resuming_twice_changes_nothing() -> None:
    world = world_with()
    world.unchanged(ResumeSession(id="s-ann"))
    world.run(PauseSession(id="s-ann"))
    world.pass_time(5)
    assert world.unchanged(PauseSession(id="s-ann")).session.paused_at == START


@pytest.mark.parametrize("wish", [PauseSession, ResumeSession])
def test_only_a_live_session_can_be_paused_or_resumed(wish: type[Operation]) -> None:
    world = world_with()
    world.run(EndSession(), "s-ann")
    world.refused(SessionEnded, wish(id="s-ann"))
    world.refused(SessionNotFound, wish(id="s-none"))
    world.refused(SessionRequired, wish())


def test_the_diary_says_who_paused_whom() -> None:
    world = world_with()
    pause, resume = PauseSession(id="s-ann"), ResumeSession(id="s-ann")
    assert pause.subject(world.run(pause), "bob") == "session: bob pauses s-ann of ann"
    assert resume.subject(world.run(resume), "") == "session: somebody resumes s-ann of ann"
