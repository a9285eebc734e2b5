"""Who keeps what it holds, and who is told what it has lost: days of work, in a set clock.

A working agent keeps its locks through builds, thoughts and closed lids, or is told
exactly what it lost and who has it; a dead one always loses them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import Claimed, NextTask
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.lock_operations import AcquireLocks, Locked, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.pausing import Beaten, Heartbeat, Paused, PauseSession, ResumeSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.task_moves import Moved, MoveTask
from gitcoord.errors import (
    LockHeld,
    NotAssigned,
    NotLockHolder,
    SessionEnded,
    SessionPaused,
)
from gitcoord.ledger import machine
from gitcoord.ledger.ledger import STATE
from gitcoord.storage.oslock import OsLock
from tests.acceptance.world import World
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, session

MINUTE, HOUR = 60.0, 3600.0
#: After how many seconds without a sign of life a beating session is dead.
TTL = 120.0


@pytest.fixture
def world(repo: str) -> World:
    return World(repo)


def test_a_working_session_keeps_its_locks_through_a_silent_ten_minute_build(world: World) -> None:
    ada, bob = session(world.house, life="beat"), session(world.other, "bob")
    first = acquire(world.house, ada, "src/**", ttl=2 * MINUTE).locks[0]
    started = git(world.repo, "rev-list", "--count", STATE)
    for _ in range(20):
        world.hands.pass_(30)
        world.beat_and_renew(ada)
        assert world.look() == []
        with pytest.raises(LockHeld):
            acquire(world.other, bob, "src/a.py")
    (lock,) = world.locks(ada)
    assert (lock.key, lock.token) == ("src/**", first.token)
    assert world.session(ada).status == "active"
    # A beat is no transaction; only the renewals of a short lock are.
    commits = int(git(world.repo, "rev-list", "--count", STATE)) - int(started)
    assert commits <= 10
    assert world.notices(ada) == []


def test_a_claim_lives_through_a_long_build_by_beats_alone(world: World) -> None:
    world.add("t-1", "src/")
    ada = session(world.house, life="beat")
    world.claim(world.house, ada, "t-1")
    for _ in range(4 * 120):
        world.hands.pass_(30)
        world.beat(ada)
    assert world.look() == []
    assert world.task("t-1").session == ada.id
    assert world.keys(ada) == ["src/**"]
    assert world.task("t-1").attempts[0].ended_at == ""


def test_a_session_that_stops_beating_loses_everything_and_is_told_where_it_is(
    world: World,
) -> None:
    world.add("t-1", "src/")
    ada, bob = session(world.house, life="beat"), session(world.other, "bob")
    world.claim(world.house, ada, "t-1")
    acquire(world.house, ada, "docs/")
    world.look()
    world.hands.pass_(TTL)
    assert world.look() == [ada.id]
    world.claim(world.other, bob, "t-1")
    error = world.refused(SessionEnded, Heartbeat(), ada)
    assert error.details["status"] == "timed_out"
    assert error.details["lost_tasks"] == ["t-1"]
    lost = {each["key"]: each["held_by"] for each in error.details["lost"]}
    assert lost["docs/**"] is None
    assert lost["src/**"]["session"] == bob.id


def test_a_late_heartbeat_does_not_revive(world: World) -> None:
    ada = session(world.house, life="beat")
    acquire(world.house, ada, "a.py")
    world.look()
    world.hands.pass_(TTL)
    world.look()
    for wish in (Heartbeat(), RenewLocks(), ResumeSession(), PauseSession(), EndSession()):
        world.refused(SessionEnded, wish, ada)
    assert world.session(ada).status == "timed_out"
    assert world.keys(ada) == []
    assert world.look() == []


@pytest.fixture
def thinker(world: World) -> Session:
    """Return somebody who has claimed a task and taken a key, and then thinks for an hour."""
    world.add("t-1", "src/")
    ada = session(world.house)
    world.claim(world.house, ada, "t-1")
    acquire(world.house, ada, "docs/a.md")
    return ada


def test_who_thinks_for_an_hour_simply_goes_on_when_nobody_looked(
    world: World, thinker: Session
) -> None:
    tokens = {lock.key: lock.token for lock in world.locks(thinker)}
    world.hands.pass_(HOUR)
    answer = acquire(world.house, thinker, "docs/a.md")
    assert answer.renewed
    assert {lock.key: lock.token for lock in world.locks(thinker)} == tokens
    moved = world.house.coordinator.do(
        MoveTask(id="t-1", move="complete", result="done"), Moved, session=thinker.id
    )
    assert moved.task.status == "completed"
    assert len(moved.task.attempts) == 1
    assert world.notices(thinker) == []


def test_who_thinks_for_an_hour_loses_its_leases_but_not_its_session(
    world: World, thinker: Session
) -> None:
    world.hands.pass_(HOUR)
    assert world.look() == []
    assert world.session(thinker).status == "active"
    assert world.keys(thinker) == []
    assert world.task("t-1").status == "pending"
    assert world.task("t-1").attempts[0].outcome == "timed_out"
    said = "\n".join(world.notices(thinker))
    for word in ("docs/a.md", "t-1", "src/**"):
        assert word in said
    # Nobody took them: the thinker takes them again and goes on.
    assert world.claim(world.house, thinker, "t-1").task is not None
    assert not acquire(world.house, thinker, "docs/a.md").renewed
    assert world.keys(thinker) == ["docs/a.md", "src/**"]


def test_who_thinks_for_an_hour_is_told_what_it_lost_and_who_has_it(
    world: World, thinker: Session
) -> None:
    world.hands.pass_(HOUR)
    world.look()
    bob = session(world.other, "bob")
    world.claim(world.other, bob, "t-1")
    acquire(world.other, bob, "docs/")
    for key in ("docs/a.md", "src/**"):
        error = world.refused(NotLockHolder, RenewLocks(keys=(key,)), thinker)
        (lost,) = error.details["lost"]
        assert lost["key"] == key
        assert [(held["agent"], held["session"]) for held in lost["held_by"]] == [("bob", bob.id)]
        assert any(key in text for text in lost["notices"])
    gone = world.refused(NotAssigned, MoveTask(id="t-1", move="complete"), thinker)
    assert "bob" in str(gone.details) + gone.message
    assert world.beat(thinker).status == "active"


def test_who_loses_a_key_to_somebody_who_just_takes_it_is_told_too(
    world: World, thinker: Session
) -> None:
    bob = session(world.other, "bob")
    world.hands.pass_(HOUR)
    acquire(world.other, bob, "docs/")
    (said,) = world.notices(thinker)
    assert "docs/a.md" in said
    assert "bob" in said
    error = world.refused(NotLockHolder, RenewLocks(keys=("docs/a.md",)), thinker)
    assert error.hint == said


def test_who_loses_a_key_to_somebody_who_waited_for_it_is_told_who_has_it(
    world: World, thinker: Session
) -> None:
    bob = session(world.other, "bob")
    world.hands.pass_(30 * MINUTE - 10)
    acquire(world.other, bob, "docs/", wait=60)
    world.hands.pass_(10)
    cleo = session(world.other, "cleo")
    acquire(world.other, cleo, "elsewhere", ttl=60)
    world.other.coordinator.do(EndSession(), Ended, session=cleo.id)
    assert world.keys(bob) == ["docs/**"]
    (said,) = world.notices(thinker)
    assert "docs/a.md" in said
    assert "bob" in said


def test_a_machine_that_was_asleep_for_eight_hours_sweeps_nobody_at_wake_up(world: World) -> None:
    ada, bob = session(world.house, life="beat"), session(world.other, "bob", life="beat")
    acquire(world.house, ada, "src/", ttl=8 * HOUR)
    acquire(world.other, bob, "docs/", ttl=10 * MINUTE)
    world.look()
    world.hands.pass_(TTL - 30)
    world.beat(ada)
    world.beat(bob)
    world.look()
    world.hands.sleep(8 * HOUR - TTL)
    assert world.look() == []
    assert {world.session(who).status for who in (ada, bob)} == {"active"}
    # What had no end in the night is kept, what had one is lost and told.
    assert world.keys(ada) == ["src/**"]
    assert world.notices(ada) == []
    assert world.keys(bob) == []
    assert [("docs/**" in text) for text in world.notices(bob)] == [True]
    # Awake, they have a whole TTL for the next beat, and go on.
    world.hands.pass_(TTL - 1)
    assert world.look() == []
    world.beat_and_renew(ada)
    world.beat(bob)
    world.hands.pass_(30)
    assert world.look() == []
    assert [lock.key for lock in acquire(world.other, bob, "docs/").locks] == ["docs/**"]


def test_after_a_night_asleep_leases_that_nobody_ended_are_simply_renewed(world: World) -> None:
    ada = session(world.house, life="beat")
    token = acquire(world.house, ada, "src/").locks[0].token
    world.hands.sleep(8 * HOUR)
    world.beat_and_renew(ada)
    assert [(lock.key, lock.token) for lock in world.locks(ada)] == [("src/**", token)]
    assert world.look() == []
    assert world.keys(ada) == ["src/**"]


def test_a_client_that_crashed_is_swept_at_once_and_its_task_recovered_by_another(
    world: World,
) -> None:
    world.add("t-1", "src/")
    client = subprocess.Popen(
        [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        ada = session(world.house, life="process", process=machine.process(client.pid))
        bob = session(world.other, "bob")
        world.claim(world.house, ada, "t-1")
        # It says nothing for hours, but its process runs.
        world.hands.pass_(20 * MINUTE)
        assert world.look() == []
        nothing = world.other.coordinator.do(NextTask(), Claimed, session=bob.id)
        assert nothing.task is None
    finally:
        client.kill()
        client.communicate()
    assert world.look() == [ada.id]
    found = world.other.coordinator.do(NextTask(), Claimed, session=bob.id).task
    assert found is not None
    assert found.id == "t-1"
    assert [(one.session, one.outcome) for one in found.attempts] == [
        (ada.id, "timed_out"),
        (bob.id, ""),
    ]
    assert world.keys(bob) == ["src/**"]
    assert found.used() == 1


def test_a_task_whose_claimants_keep_crashing_fails_after_its_last_attempt(world: World) -> None:
    world.add("t-1")
    for attempt in range(3):
        who = session(world.house, f"agent-{attempt}", life="beat")
        world.claim(world.house, who, "t-1")
        world.look()
        world.hands.pass_(TTL)
        assert world.look() == [who.id]
    task = world.task("t-1")
    assert (task.status, task.error_code, task.used()) == ("failed", "attempts_exhausted", 3)


def test_a_paused_session_is_not_swept_and_goes_on_after_it(world: World) -> None:
    ada = session(world.house, life="beat")
    acquire(world.house, ada, "src/", ttl=8 * HOUR)
    world.house.coordinator.do(PauseSession(), Paused, session=ada.id)
    for _ in range(6):
        world.hands.pass_(HOUR)
        assert world.look() == []
    world.refused(SessionPaused, RenewLocks(), ada)
    assert world.keys(ada) == ["src/**"]
    world.house.coordinator.do(ResumeSession(), Paused, session=ada.id)
    # Its timeout begins anew.
    world.hands.pass_(TTL - 1)
    assert world.look() == []
    world.beat(ada)
    world.hands.pass_(TTL - 1)
    assert world.look() == []
    world.hands.pass_(TTL)
    assert world.look() == [ada.id]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda w, who: acquire(w.house, who, "b.py"), id="takes a lock"),
        pytest.param(lambda w, who: w.claim(w.house, who, "t-1"), id="claims a task"),
        pytest.param(lambda w, who: w.beat(who), id="beats"),
    ],
)
def test_every_accepted_operation_counts_as_a_heartbeat(
    world: World, act: Callable[[World, Session], Locked | Claimed | Beaten]
) -> None:
    world.add("t-1")
    ada = session(world.house, life="beat")
    world.look()
    world.hands.pass_(TTL - 1)
    act(world, ada)
    world.hands.pass_(1)
    assert world.look() == []
    world.hands.pass_(TTL - 2)
    assert world.look() == []
    world.hands.pass_(2)
    assert world.look() == [ada.id]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a process that can be stopped")
def test_a_command_that_stood_still_is_told_which_lock_it_lost_and_to_whom(repo: str) -> None:
    house = begun(repo, lock_ttl_min=0.1)
    bob = session(house, "bob")
    waits = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    run = subprocess.Popen(
        [sys.executable, "-m", "gitcoord", "run", "--lock", "a.py", "--ttl", "300ms", "--", *waits],
        cwd=repo,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdin is not None
    assert run.stderr is not None

    def taken() -> bool:
        wish = AcquireLocks(keys=("a.py",))
        return house.coordinator.run(wish, session=bob.id)[0].error is None

    def stopped() -> bool:
        run.send_signal(signal.SIGSTOP)
        # Not while it leads: then it would stop everybody.
        with OsLock(os.path.join(house.home, "lead.lock")) as lead:
            if lead.try_acquire():
                return True
        run.send_signal(signal.SIGCONT)
        return False

    try:
        until(lambda: holders(house) != [])
        until(stopped)
        until(taken)
        run.send_signal(signal.SIGCONT)
        said = run.stderr.readline()
    finally:
        run.send_signal(signal.SIGCONT)
        run.stdin.close()
        run.wait()
        run.stderr.close()
    assert "lock_not_found_or_not_owner" in said
    assert "a.py" in said
    assert "bob" in said


def holders(house: House) -> list[str]:
    with house.ledger.state() as state:
        return [lock.session for lock in state.all(Lock)]


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)
