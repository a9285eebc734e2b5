"""Totals of what a session has used: they only grow, and telling twice is telling once."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.departure import EndSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.usage import LARGEST, PARTS, ReportUsage, Usage, merged, total
from gitcoord.errors import InvalidId, InvalidValue, LimitReached, SessionNotFound, SessionRequired
from tests.domain.world import World

FIRST = Usage(
    requests=2,
    errors=1,
    input_tokens=100,
    output_tokens=20,
    cache_read_tokens=1000,
    cache_write_tokens=50,
    cost_usd=0.25,
    model="model-1",
)
LATER = Usage(
    requests=3,
    errors=1,
    input_tokens=150,
    output_tokens=30,
    cache_read_tokens=2000,
    cache_write_tokens=50,
    cost_usd=0.5,
    model="model-2",
)


@pytest.fixture
def world() -> World:
    found = World()
    found.session("s-ann")
    return found


def used(world: World) -> Session:
    found = world.get(Session, "s-ann")
    assert isinstance(found, Session)
    return found


def report(world: World, usage: Usage, holder: str = "s-ann") -> Usage:
    found = world.run(ReportUsage(usage=usage), holder).usage
    assert isinstance(found, Usage)
    return found


def test_a_session_that_has_reported_nothing_has_no_usage(world: World) -> None:
    assert used(world).usage is None


def test_newer_totals_replace_older_ones_and_never_go_down(world: World) -> None:
    assert report(world, FIRST) == FIRST == used(world).usage
    assert report(world, LATER) == LATER == used(world).usage
    assert world.unchanged(ReportUsage(usage=FIRST), "s-ann").usage == LATER
    world.check()


def test_reporting_twice_is_reporting_once(world: World) -> None:
    report(world, FIRST)
    world.unchanged(ReportUsage(usage=FIRST), "s-ann")


def test_of_each_number_the_larger_one_is_kept() -> None:
    one = Usage(requests=5, input_tokens=1, output_tokens=9)
    other = Usage(requests=1, errors=2, input_tokens=7, cost_usd=1.0, model="m")
    both = Usage(requests=5, errors=2, input_tokens=7, output_tokens=9, cost_usd=1.0, model="m")
    assert merged(one, other) == merged(other, one) == both


def test_what_is_not_known_is_none_and_never_zero(world: World) -> None:
    assert report(world, Usage(requests=1)).cost_usd is None
    assert report(world, Usage(requests=1, cost_usd=0.0)).cost_usd == 0.0
    assert report(world, Usage(requests=2)).cost_usd == 0.0


def test_a_whole_number_is_a_price(world: World) -> None:
    found = report(world, Usage(cost_usd=2))
    assert isinstance(found.cost_usd, float)


def test_sub_agents_count_to_their_session(world: World) -> None:
    report(world, FIRST)
    assert used(world).usage_parts == {}
    report(world, Usage(requests=1, input_tokens=7, cost_usd=0.5, model="small"), "s-ann/sub")
    report(world, Usage(requests=1, input_tokens=7, cost_usd=0.5, model="small"), "s-ann/sub")
    found = used(world)
    assert set(found.usage_parts) == {"", "sub"}
    assert found.usage is not None
    assert (found.usage.requests, found.usage.input_tokens) == (3, 107)
    assert (found.usage.cost_usd, found.usage.model) == (0.75, "model-1")
    report(world, LATER)
    found = used(world)
    assert found.usage is not None
    assert (found.usage.requests, found.usage.input_tokens) == (4, 157)
    report(world, Usage(requests=1), "s-ann/other")
    found = used(world)
    assert found.usage is not None
    assert (found.usage.requests, found.usage.cost_usd) == (5, None)
    world.check()


def test_a_sub_agent_may_be_the_first(world: World) -> None:
    report(world, Usage(requests=1, model="small"), "s-ann/sub")
    found = used(world)
    assert (found.usage, set(found.usage_parts)) == (Usage(requests=1, model="small"), {"sub"})


def test_reports_in_any_order_come_to_the_same() -> None:
    reports = [
        (FIRST, "s-ann"), (LATER, "s-ann"), (FIRST, "s-ann/a"), (LATER, "s-ann/a"),
        (FIRST, "s-ann/b"),
    ]  # fmt: skip
    ends = set()
    for order in permutations(reports):
        world = World()
        world.session("s-ann")
        for usage, holder in order:
            report(world, usage, holder)
        ends.add(msgspec.json.encode(used(world), order="sorted"))
    assert len(ends) == 1


counts = st.integers(0, 1000)
usages = st.builds(
    Usage,
    requests=counts,
    errors=counts,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cost_usd=st.none() | st.floats(0, 100),
)


@given(usages, usages, usages)
def test_merging_has_no_order_and_no_doubles(one: Usage, two: Usage, three: Usage) -> None:
    assert merged(one, one) == one
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


def test_nothing_adds_up_to_nothing_known() -> None:
    assert total([]) == Usage()
    assert LATER.tokens == 2230


@pytest.mark.parametrize(
    "fields",
    [
        {"requests": -1},
        {"output_tokens": LARGEST + 1},
        {"cost_usd": -0.01},
        {"cost_usd": float("inf")},
        {"cost_usd": float("nan")},
    ],
)
def test_what_is_no_count_and_no_price_is_refused(world: World, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        ReportUsage(usage=Usage(**fields)).apply(world.state(), world.context("s-ann"))
    assert used(world).usage is None


def test_a_long_model_name_is_one_short_line(world: World) -> None:
    assert report(world, Usage(model="m\n" + "x" * 200)).model == "m " + "x" * 98


def test_the_number_of_sub_agents_is_bounded(world: World) -> None:
    report(world, Usage(requests=1))
    for number in range(PARTS):
        report(world, Usage(requests=1), f"s-ann/{number}")
    world.refused(LimitReached, ReportUsage(usage=Usage(requests=1)), "s-ann/more")
    assert report(world, Usage(requests=2), "s-ann/7").requests == PARTS + 2
    assert report(world, Usage(requests=2)).requests == PARTS + 3


def test_it_is_kept_whatever_became_of_the_session(world: World) -> None:
    world.run(EndSession(), "s-ann")
    assert report(world, FIRST) == FIRST
    found = used(world)
    assert (found.usage, found.status) == (FIRST, "ended")
    world.check()


def test_somebody_must_have_used_it(world: World) -> None:
    wish = ReportUsage(usage=FIRST)
    world.refused(SessionRequired, wish)
    world.refused(SessionNotFound, wish, "s-eve")
    world.refused(InvalidId, wish, "s-ann/")


def test_the_diary_says_how_much(world: World) -> None:
    wish = ReportUsage(usage=FIRST)
    answer = world.run(wish, "s-ann")
    assert wish.subject(answer, "ann") == "session: ann has used 2 requests, 1170 tokens"
