"""Caps and rates: a step is acted upon once, only a person ends a pause, order is nothing."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.notices import told
from gitcoord.domain.pausing import Heartbeat, PauseSession, ResumeSession
from gitcoord.domain.restraint import NOTICE
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import Settings
from gitcoord.domain.signals import ReportSignals, Signals
from gitcoord.domain.time import plus
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.errors import SessionPaused
from tests.domain.world import START, World


def world(**settings: Any) -> World:
    found = World(**settings)
    found.session("s-ann")
    return found


def ann(w: World) -> Session:
    found = w.get(Session, "s-ann")
    assert isinstance(found, Session)
    return found


def spend(w: World, cost: float | None = None, **counts: int) -> None:
    w.run(ReportUsage(usage=Usage(cost_usd=cost, **counts)), "s-ann")


def go(w: World, rate: int, seconds: float = 0) -> None:
    w.run(ReportSignals(signals=Signals(at=w.pass_time(seconds), rate=rate)), "s-ann")


def warnings(w: World) -> list[str]:
    return [one.text for one in told(w.state(), "s-ann") if one.kind == NOTICE]


def test_without_an_action_there_is_no_cap_and_nothing_is_remembered() -> None:
    w = world()
    spend(w, 1e6, input_tokens=10**12, requests=10**6)
    go(w, 1000)
    assert (ann(w).status, ann(w).restraint, warnings(w)) == ("active", None, [])


def test_switching_on_the_action_alone_gives_every_cap_its_documented_default() -> None:
    documented = (10.0, 20_000_000, 2_000, 60)
    on = Settings(spending_action="pause", rate_action="pause")
    found = (on.spending_cap, on.spending_tokens, on.spending_requests, on.rate_limit)
    assert found == documented
    for usage in (
        Usage(cost_usd=10.0), Usage(output_tokens=20_000_000), Usage(requests=2_000),
    ):  # fmt: skip
        w = world(spending_action="pause")
        w.run(ReportUsage(usage=usage), "s-ann")
        assert ann(w).status == "paused", usage


@pytest.mark.parametrize("used", [{"cost": 9.99}, {"cost": None, "input_tokens": 19_999_999}])
def test_below_a_cap_it_works_on(used: dict[str, Any]) -> None:
    w = world(spending_action="pause")
    spend(w, **used)
    assert ann(w).status == "active"
    assert "80%" in warnings(w)[0]


def test_a_cost_that_is_not_known_reaches_no_cap() -> None:
    w = world(spending_action="pause", spending_cap=0.01)
    spend(w, None, requests=5)
    assert (ann(w).status, ann(w).restraint) == ("active", None)


def test_a_cap_of_zero_is_no_cap() -> None:
    w = world(spending_action="pause", spending_cap=0, spending_tokens=0, spending_requests=0)
    spend(w, 1e5, requests=10**6, input_tokens=10**11)
    assert ann(w).status == "active"


def test_the_pause_names_the_cap_and_refuses_every_act() -> None:
    w = world(spending_action="pause")
    spend(w, 12.0)
    refusal = w.refused(SessionPaused, AcquireLocks(keys=("a",)), "s-ann")
    assert "$10.00" in refusal.message
    assert "gitcoord session resume s-ann" in refusal.hint
    assert refusal.details["paused_for"] == "limit"
    w.check()


def test_asking_pauses_until_a_person_approves() -> None:
    w = world(spending_action="ask")
    spend(w, 12.0)
    refusal = w.refused(SessionPaused, AcquireLocks(keys=("a",)), "s-ann")
    assert "approves with" in refusal.hint
    assert ann(w).paused_for == "approval"


def test_warning_tells_each_step_once_and_stops_nobody() -> None:
    w = world(spending_action="warn")
    for cost in (7.9, 8.0, 9.0, 10.0, 11.0, 17.9, 18.0, 20.5):
        spend(w, cost)
        w.unchanged(ReportUsage(usage=Usage(cost_usd=cost)), "s-ann")
    assert ann(w).status == "active"
    assert [text.split(". ")[0] for text in warnings(w)] == [
        "You have used 80% of $10.00",
        "You have used $10.00",
        "You have used 80% of $20.00",
        "You have used $20.00",
    ]


def test_a_person_lifts_the_pause_until_the_next_step() -> None:
    w = world(spending_action="pause")
    spend(w, 11.0)
    w.run(ResumeSession(id="s-ann"))
    spend(w, 19.9)
    found = ann(w)
    assert (found.status, found.pause_reason, found.paused_for) == ("active", "", "")
    spend(w, 20.0)
    assert (ann(w).status, ann(w).pause_reason) == ("paused", "it has used $20.00")


def test_a_step_that_is_leapt_over_stops_as_well() -> None:
    w = world(spending_action="pause")
    spend(w, 19.0)
    assert (ann(w).status, ann(w).pause_reason) == ("paused", "it has used $10.00")


def test_a_session_does_not_lift_its_own_cap_but_its_own_pause() -> None:
    w = world(spending_action="pause", agent_trust=3)
    w.run(PauseSession(), "s-ann")
    w.run(ResumeSession(), "s-ann")
    spend(w, 11.0)
    w.refused(SessionPaused, ResumeSession(), "s-ann")
    w.refused(SessionPaused, ResumeSession(id="s-ann"), "s-ann/sub")
    w.session("s-bob")
    assert w.run(ResumeSession(id="s-ann"), "s-bob").session.status == "active"


def test_the_pause_of_a_person_is_left_as_it_is_and_the_cap_comes_after_it() -> None:
    w = world(spending_action="pause")
    w.run(PauseSession(id="s-ann", reason="lunch"))
    spend(w, 11.0)
    assert (ann(w).pause_reason, ann(w).paused_for) == ("lunch", "")
    w.run(ResumeSession(id="s-ann"))
    spend(w, 11.0)
    assert ann(w).pause_reason == "it has used $10.00"


def test_a_raised_cap_holds_from_where_it_is() -> None:
    w = world(spending_action="pause")
    spend(w, 10.0)
    w.run(ResumeSession(id="s-ann"))
    w.settings = msgspec.structs.replace(w.settings, spending_cap=30.0)
    spend(w, 29.0)
    assert ann(w).status == "active"
    spend(w, 30.0)
    assert ann(w).status == "paused"


def test_a_session_that_has_ended_is_only_counted() -> None:
    w = world(spending_action="pause")
    w.run(EndSession(), "s-ann")
    spend(w, 50.0)
    found = w.get(Session, "s-ann")
    assert (found.status, found.restraint) == ("ended", None)


def test_a_paused_session_may_beat_and_leave() -> None:
    w = world(spending_action="pause")
    spend(w, 50.0)
    assert w.run(Heartbeat(), "s-ann").status == "paused"
    w.run(EndSession(), "s-ann")
    assert w.get(Session, "s-ann").status == "ended"


def test_too_many_requests_a_minute_pause_it_and_only_later_ones_count_after_that() -> None:
    w = world(rate_action="pause")
    go(w, 60)
    assert ann(w).status == "active"
    go(w, 61)
    assert ann(w).pause_reason == "it makes more than 60 requests a minute"
    w.run(ResumeSession(id="s-ann"))
    go(w, 90, seconds=59)
    assert ann(w).status == "active"
    go(w, 90, seconds=1)
    assert ann(w).status == "paused"


def test_who_stays_too_fast_is_warned_once_and_again_after_a_calm_while() -> None:
    w = world(rate_action="warn")
    for _ in range(5):
        go(w, 70, seconds=200)
    assert len(warnings(w)) == 1
    go(w, 70, seconds=301)
    assert len(warnings(w)) == 2
    assert ann(w).status == "active"


def test_a_rate_of_long_ago_stops_nobody() -> None:
    w = world(rate_action="pause")
    old = w.now
    w.pass_time(400)
    w.run(ReportSignals(signals=Signals(at=old, rate=500)), "s-ann")
    assert ann(w).status == "active"


COSTS = st.none() | st.floats(0, 60, allow_nan=False)
REPORTS = st.lists(
    st.builds(
        lambda cost, tokens, requests: ReportUsage(
            usage=Usage(cost_usd=cost, input_tokens=tokens, requests=requests)
        ),
        COSTS, st.integers(0, 60), st.integers(0, 60),
    )
    | st.builds(
        lambda at, rate, errors: ReportSignals(
            signals=Signals(at=plus(START, at), rate=rate, errors_in_row=errors)
        ),
        st.integers(0, 100), st.integers(0, 120), st.integers(0, 9),
    ),
    max_size=4,
)  # fmt: skip
ACTIONS = st.sampled_from(["off", "warn", "pause", "ask"])


@given(REPORTS, ACTIONS, ACTIONS)
def test_reports_in_any_order_leave_the_same_record(
    reports: list[Any], spending: str, rate: str
) -> None:
    found = []
    for order in permutations(reports):
        w = world(
            spending_action=spending, rate_action=rate,
            spending_tokens=20, spending_requests=7,
        )  # fmt: skip
        w.pass_time(100)
        for report in order:
            w.run(report, "s-ann")
        found.append(ann(w))
    assert all(one == found[0] for one in found)


@given(REPORTS, ACTIONS, ACTIONS)
def test_no_report_ends_a_pause(reports: list[Any], spending: str, rate: str) -> None:
    w = world(spending_action=spending, rate_action=rate, spending_tokens=20)
    w.run(PauseSession(), "s-ann")
    for report in reports:
        w.run(report, "s-ann")
        assert ann(w).status == "paused"
    w = world(spending_action=spending, rate_action=rate, spending_tokens=20)
    paused = False
    for report in reports:
        w.run(report, "s-ann")
        paused = paused or ann(w).status == "paused"
        assert (ann(w).status == "paused") == paused


@given(st.lists(st.floats(0, 100, allow_nan=False), max_size=6), st.floats(0.5, 50))
def test_a_lower_cap_never_lets_more_pass(costs: list[float], cap: float) -> None:
    statuses = []
    for limit in (cap, cap * 2):
        w = world(spending_action="pause", spending_cap=limit)
        for cost in costs:
            spend(w, cost)
        statuses.append(ann(w).status)
    assert statuses != ["active", "paused"]
