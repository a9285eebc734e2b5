"""The time for a decision: our own, unless the ledger is a little ahead of it."""

from __future__ import annotations

import time

import msgspec
import pytest

from gitcoord.domain.time import EPOCH, from_epoch, to_epoch
from gitcoord.ledger import machine
from gitcoord.ledger.clock import AHEAD, Clock, HostClock, Reading, SystemClock, reading
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


TRUE = START
YEARS = 9 * 365 * 86_400.0


def corrected(hands: Hands, host: float | None = None) -> HostClock:
    """Return a clock that has seen the host's date, or has not."""
    clock = HostClock(hands, "boot-1")
    if host is not None:
        clock.observed(host, hands.monotonic())
    return clock


def wrong_by(seconds: float) -> Hands:
    hands = Hands()
    hands.sleep(seconds)
    return hands


def test_without_a_date_the_clock_is_our_own_and_says_so() -> None:
    clock = corrected(Hands())
    assert (clock.offset, clock.known) == (None, False)
    assert clock.wall() == to_epoch(START)
    assert clock.monotonic() == Hands().monotonic()


@pytest.mark.parametrize("seconds", [3600.0, YEARS, -3600.0])
@pytest.mark.parametrize("ledger", [START, LATER])
def test_a_wrong_clock_does_no_harm_where_the_host_names_its_date(
    seconds: float, ledger: str
) -> None:
    clock = corrected(wrong_by(seconds), to_epoch(TRUE))
    assert clock.offset == -seconds
    # Not beyond the host's date, but for a ledger that is there already.
    assert reading(clock, ledger) == Reading(ledger, True)
    assert reading(clock, from_epoch(to_epoch(START) - 1)) == Reading(TRUE, True)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(3600.0, Reading(from_epoch(to_epoch(START) + 3600), True), id="hour ahead"),
        pytest.param(YEARS, Reading(from_epoch(to_epoch(START) + YEARS), True), id="years ahead"),
        pytest.param(
            -3600.0, Reading(from_epoch(to_epoch(START) - 3600), False), id="an hour behind"
        ),
    ],
)
def test_without_a_date_a_wrong_clock_counts_for_its_own_decisions_only(
    seconds: float, expected: Reading
) -> None:
    found = reading(corrected(wrong_by(seconds)), START)
    assert found == expected
    # Another machine, whose clock is right, ends nobody's lease by what was written then.
    other = reading(corrected(Hands()), found.now)
    assert other == Reading(START, seconds < 0)


@pytest.mark.parametrize("difference", [-1.9, 0.0, 1.9])
def test_differences_below_two_seconds_count_as_none(difference: float) -> None:
    assert corrected(Hands(), to_epoch(START) + difference).offset == 0


def test_a_date_counts_from_the_moment_at_which_it_was_seen() -> None:
    hands = Hands()
    clock = HostClock(hands, "boot-1")
    asked = hands.monotonic()
    hands.pass_(30)
    clock.observed(to_epoch(START) + 100, asked)
    assert clock.offset == 100
    assert clock.wall() == to_epoch(START) + 130
    hands.pass_(3600)
    assert clock.wall() == to_epoch(START) + 3730


@pytest.mark.parametrize("seconds", [-10.0, 10.0])
def test_after_the_clock_was_set_or_the_machine_slept_the_date_is_asked_anew(
    seconds: float,
) -> None:
    hands = Hands()
    clock = corrected(hands, to_epoch(START) + 100)
    hands.sleep(1.5)
    assert clock.known
    hands.sleep(seconds)
    assert not clock.known
    assert clock.wall() == hands.wall()
    clock.observed(to_epoch(START) + 500, hands.monotonic())
    assert clock.wall() == to_epoch(START) + 500


def test_a_later_process_of_the_same_boot_knows_the_date_without_asking() -> None:
    hands = wrong_by(3600)
    kept = HostClock(hands, "boot-1").observed(to_epoch(START), hands.monotonic())
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    hands.pass_(86_400)
    for boot, offset in (("boot-1", -3600.0), ("boot-2", None)):
        later = HostClock(hands, boot)
        later.recall(kept)
        assert later.offset == offset


def test_what_was_kept_before_the_clock_was_set_counts_for_nothing() -> None:
    hands = Hands()
    kept = corrected(hands).observed(to_epoch(START) + 100, hands.monotonic())
    hands.sleep(2.1)
    later = corrected(hands)
    later.recall(kept)
    assert not later.known


@pytest.mark.parametrize(
    "change",
    [
        {"host": "soon"},
        {"wall": None},
        {"monotonic": []},
        {"boot": 7},
        {"host": 1e300},
        {"host": -1e12},
        {"monotonic": 1e9},
    ],
)
def test_a_spoilt_comparison_counts_for_nothing(change: dict[str, object]) -> None:
    hands = Hands()
    kept = corrected(hands).observed(to_epoch(START) + 100, hands.monotonic())
    later = corrected(hands)
    later.recall(kept | change)
    assert not later.known
    assert reading(later, START).trusted


def test_where_boots_cannot_be_told_apart_nothing_is_recalled() -> None:
    hands = Hands()
    kept = HostClock(hands, "").observed(to_epoch(START) + 100, hands.monotonic())
    later = HostClock(hands, "")
    later.recall(kept)
    assert not later.known


def test_the_boot_is_that_of_the_machine_unless_another_is_named() -> None:
    hands = Hands()
    assert HostClock(hands).observed(0.0, hands.monotonic())["boot"] == machine.boot()
