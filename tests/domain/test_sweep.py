"""Sweeps of dead sessions and lapses of what has a time on it."""

from __future__ import annotations

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import LAPSE_LIMIT, LapseLeases, SuspectSession, SweepSession, due
from gitcoord.domain.tasks import Task, notes_of
from gitcoord.domain.time import plus
from gitcoord.domain.waiting import Waiter
from gitcoord.errors import SessionAlive, SessionEnded, SessionNotFound
from tests.domain.world import START, World

SWEEP = SweepSession(id="s-ann", beat=0, seen_at=START)


def working(life: str = "beat", **settings: object) -> World:
    world = World(**settings)
    world.session("s-ann", life=life)
    world.session("s-bob", life="beat")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", keys=("docs/",)),)), "s-bob")
    world.run(AcquireLocks(keys=("src/a.py",)), "s-ann")
    world.run(ClaimTask(id="t-1"), "s-ann")
    return world


def test_a_swept_session_is_timed_out_and_what_it_held_is_free_in_the_same_step() -> None:
    world = working()
    world.run(AcquireLocks(keys=("lib/",)), "s-bob")
    seq = world.meta.seq
    answer = world.run(SWEEP)
    assert world.meta.seq == seq + 1
    assert (answer.freed, answer.tasks) == (("docs/**", "src/a.py"), ("t-1",))
    ann = world.get(Session, "s-ann")
    assert (ann.status, ann.outcome) == ("timed_out", "timed_out")
    assert ann.lost_keys == ("docs/**", "src/a.py")
    assert ann.lost_tasks == ("t-1",)
    task = world.get(Task, "t-1")
    assert (task.status, task.used()) == ("pending", 1)
    assert "timed out" in notes_of(world.state(), "t-1")[-1].text
    assert [each.session for each in world.all(Lock)] == ["s-bob"]
    world.check()


def test_a_task_of_the_dead_is_only_marked_where_the_settings_say_so() -> None:
    world = working(stale_tasks="mark")
    world.pass_time(300)
    world.run(SWEEP)
    task = world.get(Task, "t-1")
    assert (task.status, task.session, task.stale_since) == ("assigned", "s-ann", world.now)
    assert world.all(Lock) == []


def test_what_a_sweep_frees_goes_to_who_waits_for_it() -> None:
    world = working()
    world.run(AcquireLocks(keys=("src/",), wait=60), "s-bob")
    world.run(SWEEP)
    assert [(each.key, each.session) for each in world.all(Lock)] == [("src/**", "s-bob")]


@pytest.mark.parametrize(
    ("life", "status", "wish", "why"),
    [
        ("beat", "active", SweepSession(id="s-ann", beat=1, seen_at=START), "has beaten"),
        (
            "beat",
            "active",
            SweepSession(id="s-ann", beat=0, seen_at=plus(START, -1)),
            "has acted",
        ),
        ("beat", "paused", SWEEP, "is paused"),
        ("lease", "active", SWEEP, "leases alone"),
        (
            "beat",
            "active",
            SweepSession(id="s-ann", beat=0, seen_at=START, why="process_gone"),
            "process",
        ),
    ],
)
def test_a_sweep_against_changed_presence_or_of_who_cannot_die_is_refused(
    life: str, status: str, wish: SweepSession, why: str
) -> None:
    world = World()
    world.session("s-ann", life=life, status=status)
    assert why in world.refused(SessionAlive, wish).message


def test_a_beat_between_the_look_and_the_sweep_saves_the_session() -> None:
    world = World()
    world.session("s-ann", life="beat")
    world.presence["s-ann"] = Beat(7)
    world.refused(SessionAlive, SweepSession(id="s-ann", beat=6, seen_at=START))
    world.run(SweepSession(id="s-ann", beat=7, seen_at=START))


def test_a_session_whose_process_is_gone_is_swept() -> None:
    world = World()
    world.session("s-ann", life="process")
    world.run(SweepSession(id="s-ann", beat=0, seen_at=START, why="process_gone"))
    assert world.get(Session, "s-ann").summary == "its process is gone"


def test_only_a_live_session_is_swept() -> None:
    world = working()
    world.run(SWEEP)
    world.refused(SessionEnded, SWEEP)
    world.refused(SessionNotFound, SweepSession(id="s-none", beat=0, seen_at=START))


SUSPECT = SuspectSession(id="s-ann", beat=0, seen_at=START)


def test_a_suspicion_is_noted_once_and_ends_nothing() -> None:
    world = working()
    world.pass_time(300)
    answer = world.run(SUSPECT)
    assert (answer.session, answer.agent, answer.suspect_since) == ("s-ann", "ann", world.now)
    assert world.get(Session, "s-ann").status == "active"
    assert {each.session for each in world.all(Lock)} == {"s-ann"}
    since = world.now
    world.pass_time(60)
    assert world.unchanged(SUSPECT).suspect_since == since
    world.check()


def test_a_sweep_that_rests_on_a_suspicion_is_refused_once_that_is_over() -> None:
    world = working()
    world.pass_time(300)
    since = world.run(SUSPECT).suspect_since
    world.pass_time(300)
    wish = SweepSession(id="s-ann", beat=0, seen_at=START, suspected=since)
    world.run(Heartbeat(), "s-ann")
    assert world.get(Session, "s-ann").suspect_since == ""
    assert "no longer suspected" in world.refused(SessionAlive, wish).message
    acted = world.get(Session, "s-ann").seen_at
    again = world.run(SuspectSession(id="s-ann", beat=0, seen_at=acted)).suspect_since
    world.refused(SessionAlive, wish)
    world.run(SweepSession(id="s-ann", beat=0, seen_at=acted, suspected=again))
    assert world.get(Session, "s-ann").status == "timed_out"


@pytest.mark.parametrize(
    ("fields", "wish", "why"),
    [
        ({"status": "paused"}, SUSPECT, "not suspected: it is paused"),
        ({"life": "lease"}, SUSPECT, "leases alone"),
        ({}, SuspectSession(id="s-ann", beat=1, seen_at=START), "has beaten"),
        ({}, SuspectSession(id="s-ann", beat=0, seen_at=plus(START, -1)), "has acted"),
    ],
)
def test_who_shows_life_or_cannot_die_is_not_suspected(
    fields: dict[str, str], wish: SuspectSession, why: str
) -> None:
    world = World()
    world.session("s-ann", **({"life": "beat"} | fields))
    assert why in world.refused(SessionAlive, wish).message


def test_only_a_live_session_is_suspected() -> None:
    world = working()
    world.run(SWEEP)
    world.refused(SessionEnded, SUSPECT)
    world.refused(SessionNotFound, SuspectSession(id="s-none", beat=0, seen_at=START))


def test_a_person_who_thinks_for_an_hour_loses_the_leases_and_is_told_which() -> None:
    world = working(life="lease")
    world.pass_time(3600)
    answer = world.run(LapseLeases())
    assert answer.keys == ("src/a.py",)
    assert answer.tasks == ("t-1",)
    assert world.get(Session, "s-ann").status == "active"
    assert world.all(Lock) == []
    assert world.get(Task, "t-1").status == "pending"
    notices = told(world.state(), "s-ann")
    assert {key for each in notices for key in each.keys} == {"src/a.py", "docs/**"}
    world.run(WriteHandoff(id="h-1", summary="back again"), "s-ann")
    assert world.run(AcquireLocks(keys=("src/a.py",)), "s-ann").locks
    world.check()


def test_nothing_lapses_before_its_time_and_the_tolerance_are_over() -> None:
    world = working(clock_tolerance=30)
    world.pass_time(1829.999)
    assert not due(world.state(), world.now)
    assert world.unchanged(LapseLeases()).keys == ()
    world.pass_time(0.001)
    assert due(world.state(), world.now)
    assert world.run(LapseLeases()).keys == ("src/a.py",)
    assert not due(world.state(), world.now)


def test_where_the_clock_cannot_be_trusted_nothing_lapses() -> None:
    world = working()
    world.run(AcquireLocks(keys=("src/",), wait=60), "s-bob")
    world.pass_time(90_000)
    world.clock_trusted = False
    assert world.unchanged(LapseLeases()).keys == ()


def test_each_kind_of_end_alone_is_due() -> None:
    world = World(lock_ttl_max=1000, lock_ttl=1000, waiter_ttl=30)
    world.session("s-ann")
    world.session("s-bob")
    deadline = plus(START, 50)
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="x", deadline=deadline),)), "s-ann")
    world.run(AddTasks(tasks=(NewTask(id="t-2", title="y"),)), "s-ann")
    world.run(ClaimTask(id="t-2", ttl=40), "s-ann")
    world.run(AcquireLocks(keys=("a",), ttl=60), "s-ann")
    world.run(AcquireLocks(keys=("a",), wait=10), "s-bob")
    found = []
    for seconds in (30, 40, 50, 60):
        world.now = plus(START, seconds - 0.001)
        assert not due(world.state(), world.now)
        world.now = plus(START, seconds)
        assert due(world.state(), world.now)
        found.append(world.run(LapseLeases()))
    assert [each.waiters for each in found] == [("s-bob",), (), (), ()]
    assert [each.tasks for each in found] == [(), ("t-2",), ("t-1",), ()]
    assert [each.keys for each in found] == [(), (), (), ("a",)]
    assert world.get(Task, "t-1").error_code == "deadline_exceeded"
    assert world.all(Waiter) == []


def test_a_lapsed_lock_goes_to_who_waits_for_it() -> None:
    world = working()
    world.pass_time(1795)
    world.run(AcquireLocks(keys=("src/",), wait=60), "s-bob")
    world.pass_time(5)
    world.run(LapseLeases())
    assert ("src/**", "s-bob") in [(each.key, each.session) for each in world.all(Lock)]
    world.check()


def test_an_answer_names_what_lapsed_in_the_order_of_names() -> None:
    world = World()
    world.session("s-ann")
    world.run(AcquireLocks(keys=("z",), ttl=10), "s-ann")
    world.run(AcquireLocks(keys=("a",), ttl=20), "s-ann")
    world.pass_time(20)
    assert world.run(LapseLeases()).keys == ("a", "z")
    (notice,) = told(world.state(), "s-ann")
    assert (notice.text, notice.keys) == ("Your time for a, z was over.", ("a", "z"))


def test_one_lapse_is_bounded_and_the_next_goes_on() -> None:
    world = World()
    world.session("s-ann")
    world.run(AcquireLocks(keys=tuple(f"f{n}" for n in range(LAPSE_LIMIT + 5))), "s-ann")
    world.pass_time(3600)
    assert len(world.run(LapseLeases()).keys) == LAPSE_LIMIT
    assert len(world.run(LapseLeases()).keys) == 5
    assert world.unchanged(LapseLeases()).keys == ()


def test_the_diary_says_what_was_swept_or_lapsed() -> None:
    world = working()
    assert SWEEP.subject(world.run(SWEEP), "") == "session: s-ann of ann timed out"
    world.session("s-ann-2", agent="ann", life="beat")
    wish = SuspectSession(id="s-ann-2", beat=0, seen_at=START)
    assert wish.subject(world.run(wish), "") == "session: s-ann-2 of ann shows no life"
    assert LapseLeases().subject(world.run(LapseLeases()), "") == "lease: nothing lapsed"
