"""The time for a decision: our own, unless the ledger is a little ahead of it."""

from __future__ import annotations

import time

import pytest

from gitcoord.domain.time import EPOCH, from_epoch, to_epoch
from gitcoord.ledger.clock import AHEAD, Clock, Reading, SystemClock, reading
from tests.ledger.houses import START, Hands

LATER = from_epoch(to_epoch(START) + 120)


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        pytest.param("", Reading(START, True), id="a ledger that has no time yet"),
        pytest.param(EPOCH, Reading(START, True), id="a ledger of long ago"),
        pytest.param(START, Reading(START, True), id="a ledger written at this moment"),
        pytest.param(LATER, Reading(LATER, True), id="a ledger that is a little ahead"),
        pytest.param(
            from_epoch(to_epoch(START) + AHEAD),
            Reading(from_epoch(to_epoch(START) + AHEAD), True),
            id="a ledger five minutes ahead",
        ),
        pytest.param(
            from_epoch(to_epoch(START) + AHEAD + 0.001),
            Reading(START, False),
            id="a ledger further ahead than that",
        ),
        pytest.param(
            "2035-01-01T00:00:00.000Z", Reading(START, False), id="a ledger of another decade"
        ),
    ],
)
def test_the_own_clock_counts_and_never_runs_backwards_by_a_little(
    ledger: str, expected: Reading
) -> None:
    assert reading(Hands(), ledger) == expected


def test_a_clock_that_was_set_back_does_not_end_the_trust_while_it_catches_up() -> None:
    hands = Hands()
    hands.sleep(-AHEAD)
    assert reading(hands, START) == Reading(START, True)
    hands.sleep(-1)
    assert not reading(hands, START).trusted
    hands.pass_(AHEAD + 2)
    assert reading(hands, START) == Reading(from_epoch(to_epoch(START) + 1), True)


def test_the_clock_of_the_system_gives_wall_time_and_time_that_only_grows() -> None:
    clock: Clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 60
    first, second = clock.monotonic(), clock.monotonic()
    assert first <= second
    assert abs(second - time.monotonic()) < 60
