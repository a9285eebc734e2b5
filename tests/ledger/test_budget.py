"""What a push budget leaves, and what may wait for it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.lock_operations import AcquireLocks, RenewLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sweep import LapseLeases, SuspectSession, SweepSession
from gitcoord.domain.time import from_epoch, plus, to_epoch
from gitcoord.ledger.budget import (
    WINDOW,
    Allowance,
    Delay,
    allowance,
    delay,
    patience,
    recent,
)
from gitcoord.ledger.journal import compose
from gitcoord.ledger.request import Request
from tests.domain.world import START, World

NOW = 1_000_000.0
TIMES = st.lists(st.floats(NOW - 200, NOW), max_size=30)


def test_without_a_limit_there_is_always_room() -> None:
    assert allowance([NOW] * 100, 0, NOW) == Allowance(None, NOW)
    assert not allowance([NOW] * 100, 0, NOW).spent


def test_the_pushes_of_the_last_minute_count_and_older_ones_do_not() -> None:
    made = [NOW - 61, NOW - 60, NOW - 59, NOW - 1]
    assert allowance(made, 3, NOW) == Allowance(1, NOW)
    assert allowance(made, 2, NOW) == Allowance(0, NOW + 1)


@given(TIMES, st.integers(1, 10))
def test_the_next_push_is_free_when_it_is_said_to_be_and_not_earlier(
    made: list[float], limit: int
) -> None:
    found = allowance(made, limit, NOW)
    assert found.left is not None
    assert 0 <= found.left <= limit
    assert found.spent == (found.left == 0) == (found.free_at > NOW)
    assert not allowance(made, limit, found.free_at).spent
    if found.spent:
        assert found.free_at <= NOW + WINDOW
        assert allowance(made, limit, math.nextafter(found.free_at, 0)).spent


@given(TIMES, st.integers(1, 10))
def test_only_the_newest_pushes_up_to_the_limit_have_to_be_known(
    made: list[float], limit: int
) -> None:
    newest = sorted(made, reverse=True)[:limit]
    assert allowance(newest, limit, NOW) == allowance(made, limit, NOW)


@given(st.lists(st.floats(NOW, NOW + 300), min_size=3, max_size=9))
def test_pushes_that_lie_ahead_close_the_budget_for_a_minute_at_most(made: list[float]) -> None:
    assert allowance(made, 3, NOW) == Allowance(0, NOW + WINDOW)


def test_what_waits_for_the_budget_waits_only_so_long() -> None:
    spent = Allowance(0, NOW + 40)
    assert delay(spent, NOW, 100, NOW) == Delay(from_epoch(NOW + 40))
    assert delay(spent, NOW - 80, 100, NOW) == Delay(from_epoch(NOW + 20))
    assert delay(spent, NOW - 100, 100, NOW) is None
    assert delay(Allowance(1, NOW), NOW, 100, NOW) is None
    assert delay(Allowance(None, NOW), NOW, 100, NOW) is None
    assert delay(spent, NOW, math.inf, NOW) == Delay(from_epoch(NOW + 40))


def test_a_delay_is_never_told_too_short_and_has_words_for_people() -> None:
    found = delay(Allowance(0, NOW + 0.0004), NOW, 9, NOW)
    assert found is not None
    assert to_epoch(found.until) >= NOW + 0.0004
    assert str(Delay(START)) == f"delayed until {START} by the push budget"


def test_transactions_of_the_last_minute_are_read_up_to_the_first_older_one() -> None:
    def commits() -> object:
        for seconds in (-5, 10, 59, 60):
            time = plus(START, -seconds)
            yield "0" * 40, compose("0" * 40, None, [], [], time, "m-1")
        raise AssertionError("read on")

    found = recent(commits(), START)  # type: ignore[arg-type]
    assert found == [to_epoch(START) - seconds for seconds in (-5, 10, 59)]


def world(**fields: object) -> World:
    found = World(beat_interval=60, beat_ttl=300)
    found.session("s-ann", life="beat", **({"ttl": 300.0} | fields))
    return found


def asked(found: World, *operations: Operation, session: str | None = "s-ann") -> float:
    return patience(found.state(), [Request([one], session=session) for one in operations], START)


def test_nobody_asking_waits_for_as_long_as_it_takes() -> None:
    assert patience(world().state(), [], START) == math.inf


@pytest.mark.parametrize(
    "wish",
    [
        LapseLeases(),
        SuspectSession(id="s-ann", beat=0, seen_at=START),
        SweepSession(id="s-ann", beat=0, seen_at=START),
        Heartbeat(),
    ],
)
def test_what_nobody_waits_for_may_wait_for_a_third_of_the_ttl(wish: Operation) -> None:
    assert asked(world(), wish) == 100


def test_decisions_never_wait_and_make_those_go_that_wait_beside_them() -> None:
    found = world()
    assert asked(found, AcquireLocks(keys=("a",))) == 0
    assert asked(found, Heartbeat(), AcquireLocks(keys=("a",))) == 0


def test_a_heartbeat_waits_for_a_third_of_its_own_ttl_where_that_is_shorter() -> None:
    assert asked(world(ttl=30.0), Heartbeat()) == 10


def test_a_heartbeat_that_has_to_be_written_does_not_wait() -> None:
    assert asked(world(suspect_since=START), Heartbeat()) == 0
    assert asked(world(), Heartbeat(), session="s-none") == 0
    assert asked(world(), Heartbeat(), session=None) == 0


def test_a_heartbeat_that_extends_a_claim_does_not_wait() -> None:
    found = world()
    found.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-ann")
    found.run(ClaimTask(id="t-1", ttl=100), "s-ann")
    assert asked(found, Heartbeat()) == 100
    late = [Request([Heartbeat()], session="s-ann")]
    assert patience(found.state(), late, plus(START, 51)) == 0


def test_a_renewal_waits_until_the_first_of_its_locks_has_half_of_its_time_left() -> None:
    found = world()
    found.run(AcquireLocks(keys=("a",), ttl=100), "s-ann")
    found.run(AcquireLocks(keys=("b",), ttl=600), "s-ann")
    assert asked(found, RenewLocks()) == 50
    assert asked(found, RenewLocks(keys=("./b",))) == 300
    late = [Request([RenewLocks()], session="s-ann")]
    assert patience(found.state(), late, plus(START, 80)) == 0


def test_a_renewal_of_what_is_not_held_is_told_so_at_once() -> None:
    found = world()
    assert asked(found, RenewLocks()) == 0
    assert asked(found, RenewLocks(keys=("a",))) == 0
