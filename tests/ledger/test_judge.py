"""Who is found dead: by a whole TTL of the judge's own watching, or by a process that ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Process, Session
from gitcoord.domain.sweep import SweepSession
from gitcoord.errors import SessionAlive
from gitcoord.ledger import machine
from gitcoord.ledger.clock import Reading
from gitcoord.ledger.decide import decide
from gitcoord.ledger.judge import EVERY, Verdicts
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.request import Request
from tests.gitrun import git
from tests.ledger.houses import START, Hands, acquire, begun, opened, session

TTL = 120.0
NOBODY = Verdicts([], [], False)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def house(repo: str, hands: Hands) -> House:
    return begun(repo, hands)


def beat(house: House, who: Session) -> Beaten:
    return house.coordinator.do(Heartbeat(), Beaten, session=who.id)


def status(house: House, who: Session) -> str:
    with house.ledger.state() as state:
        found = state.get(Session, who.id)
    assert found is not None
    return found.status


def test_a_session_that_does_not_beat_is_suspect_then_dead_and_what_it_held_is_free(
    house: House, hands: Hands
) -> None:
    ada = session(house, life="beat")
    acquire(house, ada, "a.py")
    judge = house.judge()
    assert judge.look() == NOBODY
    hands.pass_(TTL / 2 - 1)
    assert judge.look() == NOBODY
    hands.pass_(1)
    assert judge.look() == Verdicts([], [ada.id], False)
    hands.pass_(TTL / 2)
    assert judge.look() == Verdicts([ada.id], [], False)
    assert status(house, ada) == "timed_out"
    with house.ledger.state() as state:
        assert list(state.all(Lock)) == []
    assert judge.look() == NOBODY


def test_a_beat_between_two_looks_starts_the_watch_anew(house: House, hands: Hands) -> None:
    ada = session(house, life="beat")
    judge = house.judge()
    judge.look()
    hands.pass_(TTL - 1)
    beat(house, ada)
    for _ in range(3):
        hands.pass_(TTL / 3)
        assert judge.look().swept == []
    hands.pass_(TTL / 3)
    assert judge.look().swept == [ada.id]


def test_only_the_own_watching_counts_not_how_old_the_last_sign_of_life_is(
    house: House, hands: Hands
) -> None:
    ada = session(house, life="beat")
    hands.pass_(10 * TTL)
    assert house.judge().look() == NOBODY
    assert status(house, ada) == "active"


def test_looks_of_many_short_processes_add_up(repo: str, house: House, hands: Hands) -> None:
    ada = session(house, life="beat")
    found = []
    for _ in range(5):
        found.append(opened(repo, hands).judge().look().swept)
        hands.pass_(TTL / 4)
    assert found == [[], [], [], [], [ada.id]]


def test_only_the_dead_session_is_swept(house: House, hands: Hands) -> None:
    ada, bob = session(house, life="beat"), session(house, "bob", life="beat")
    acquire(house, ada, "a.py")
    acquire(house, bob, "b.py")
    judge = house.judge()
    judge.look()
    hands.pass_(TTL)
    beat(house, bob)
    assert judge.look().swept == [ada.id]
    with house.ledger.state() as state:
        assert [lock.key for lock in state.all(Lock)] == ["b.py"]


def test_a_sweep_by_an_old_sign_of_life_is_refused_and_moves_nothing(
    repo: str, house: House
) -> None:
    ada = session(house, life="beat")
    seen = house.presence.beats()[ada.id].count
    beat(house, ada)
    head = git(repo, "rev-parse", STATE)
    wish = SweepSession(id=ada.id, beat=seen, seen_at=ada.seen_at)
    assert isinstance(house.coordinator.run(wish)[0].error, SessionAlive)
    assert git(repo, "rev-parse", STATE) == head


def test_of_a_beat_and_a_sweep_in_one_group_the_first_wins(house: House) -> None:
    ada = session(house, life="beat")
    count = house.presence.beats()[ada.id].count
    signs = {ada.id: Beat(count, START)}
    live = Request([Heartbeat()], session=ada.id)
    sweep = Request([SweepSession(id=ada.id, beat=count, seen_at=ada.seen_at)])
    for group, codes in (
        ([live, sweep], [None, "session_alive"]),
        ([sweep, live], [None, "session_ended"]),
    ):
        with house.ledger.state() as state:
            replies = decide(state, group, Reading(START, True), signs).replies
        assert [reply.error and reply.error.code for reply in replies] == codes
    assert signs == {ada.id: Beat(count, START)}


def test_what_was_watched_before_a_boot_counts_for_nothing(house: House, hands: Hands) -> None:
    ada = session(house, life="beat")
    judge = house.judge()
    judge.look()
    path = Path(house.home, "watch.json")
    path.write_text(path.read_text().replace(machine.boot(), "another-boot"))
    hands.pass_(TTL)
    assert judge.look() == NOBODY
    hands.pass_(TTL)
    assert judge.look().swept == [ada.id]


def test_a_broken_memory_of_the_judge_costs_one_more_ttl(house: House, hands: Hands) -> None:
    ada = session(house, life="beat")
    judge = house.judge()
    judge.look()
    Path(house.home, "watch.json").write_text("{half of it")
    hands.pass_(TTL)
    assert judge.look() == NOBODY
    hands.pass_(TTL)
    assert judge.look().swept == [ada.id]


def test_on_the_side_the_machine_looks_once_in_a_while(
    repo: str, house: House, hands: Hands
) -> None:
    path = Path(house.home, "watch.json")
    house.judge().look_if_due()
    first = path.read_bytes()
    session(house, life="beat")
    hands.pass_(EVERY - 1)
    opened(repo, hands).judge().look_if_due()
    assert path.read_bytes() == first
    hands.pass_(1)
    opened(repo, hands).judge().look_if_due()
    assert path.read_bytes() != first


def test_a_look_at_the_living_writes_no_transaction(repo: str, house: House, hands: Hands) -> None:
    session(house, life="beat")
    session(house, "bob")
    head = git(repo, "rev-parse", STATE)
    house.judge().look()
    hands.pass_(TTL / 2)
    house.judge().look()
    assert git(repo, "rev-parse", STATE) == head


def test_a_look_ends_leases_that_are_over_but_not_by_a_doubtful_clock(
    repo: str, house: House, hands: Hands
) -> None:
    ada = session(house)
    acquire(house, ada, "a.py", ttl=60)
    hands.pass_(59)
    assert house.judge().look() == NOBODY
    hands.pass_(1)
    slow = Hands("2026-01-01T00:00:00.000Z")
    assert opened(repo, slow).judge().look() == NOBODY
    assert house.judge().look() == Verdicts([], [], True)
    assert status(house, ada) == "active"
    with house.ledger.state() as state:
        assert list(state.all(Lock)) == []


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that lives until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def of(process: subprocess.Popen[bytes]) -> Process:
    found = machine.process(process.pid)
    assert found is not None
    return found


def test_a_session_of_a_process_ends_with_it_at_once(
    house: House, child: subprocess.Popen[bytes], hands: Hands
) -> None:
    ada = session(house, life="process", process=of(child))
    acquire(house, ada, "a.py")
    judge = house.judge()
    hands.pass_(10 * TTL)
    assert judge.look() == NOBODY
    child.kill()
    child.wait()
    assert judge.look().swept == [ada.id]
    with house.ledger.state() as state:
        assert list(state.all(Lock)) == []


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="needs a process that nobody waits for")
def test_a_process_that_has_ended_is_gone_though_its_parent_does_not_look(
    house: House, child: subprocess.Popen[bytes]
) -> None:
    ada = session(house, life="process", process=of(child))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert house.judge().look().swept == [ada.id]


@pytest.mark.parametrize("field", ["started", "boot"])
def test_another_process_with_the_same_number_is_not_taken_for_it(house: House, field: str) -> None:
    mine = machine.process()
    assert mine is not None
    ada = session(house, life="process", process=msgspec.structs.replace(mine, **{field: "1"}))
    assert house.judge().look().swept == [ada.id]


def test_for_a_process_of_another_machine_its_presence_vouches(house: House, hands: Hands) -> None:
    mine = machine.process()
    assert mine is not None
    away = msgspec.structs.replace(mine, host="elsewhere", pid=2**22 + 1)
    ada = session(house, life="process", process=away)
    judge = house.judge()
    judge.look()
    hands.pass_(TTL - 1)
    assert judge.look().swept == []
    hands.pass_(1)
    assert judge.look().swept == [ada.id]
