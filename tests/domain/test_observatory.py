"""How a session fares: stuck by its reports, paused with a reason, and what it has used."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import KillSession
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.observatory import GONE, QUIET_CALLS, Observed, observed
from gitcoord.domain.operation import OPERATIONS, kind_of
from gitcoord.domain.pausing import Heartbeat, PauseSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.signals import (
    ReportSignals,
    Signals,
    excerpt,
    fingerprint,
    latest,
)
from gitcoord.domain.time import plus
from gitcoord.domain.usage import PARTS, ReportUsage, Usage
from gitcoord.errors import (
    InvalidValue,
    LimitReached,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    SessionRequired,
)
from tests.domain.world import START, World


@pytest.fixture
def world() -> World:
    found = World()
    found.session("s-ann")
    return found


def see(world: World, holder: str = "s-ann", **fields: Any) -> None:
    world.run(ReportSignals(signals=Signals(**fields)), holder)


def fares(world: World) -> Observed:
    session = world.get(Session, "s-ann")
    return observed(world.state(), session, world.now)


def test_a_session_of_an_older_gitcoord_has_no_signals_and_is_as_before() -> None:
    stored = b'{"id":"s-old","agent":"old","started_at":"%s","seen_at":"%s","later":{"x":1}}'
    data = stored % (START.encode(), START.encode())
    session = msgspec.json.decode(data, type=Session)
    assert (session.signals, session.restraint, session.paused_for) == ({}, None, "")
    found = observed(World().state(), session, plus(START, 5))
    assert (found.status, found.why, found.duration) == ("active", "", 5.0)
    assert (found.tokens, found.cost_usd, found.requests, found.errors) == (None,) * 4


def test_what_it_has_used_is_shown_with_its_task(world: World) -> None:
    world.run(
        ReportUsage(usage=Usage(requests=3, errors=1, input_tokens=7, output_tokens=2)), "s-ann"
    )
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="x"),)), "s-ann")
    world.run(ClaimTask(id="t-1"), "s-ann")
    see(world, rate=4)
    world.pass_time(90)
    found = fares(world)
    assert (found.tokens, found.requests, found.errors, found.cost_usd) == (9, 3, 1, None)
    assert (found.task, found.duration, found.rate) == ("t-1", 90.0, 4)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"errors_in_row": 4}, ""),
        ({"errors_in_row": 5, "error_text": "no such file"}, "same_error"),
        ({"repeats": 9, "call": "Bash"}, ""),
        ({"repeats": 10, "call": "Bash"}, "retry_loop"),
    ],
)
def test_it_is_stuck_from_the_documented_number_on(
    world: World, fields: dict[str, Any], cause: str
) -> None:
    see(world, **fields)
    found = fares(world)
    assert (found.status, found.cause) == ("stuck" if cause else "active", cause)
    assert (fields.get("error_text") or fields.get("call") or "") in found.why or not cause


def late(world: World, minutes: float, calls: int = QUIET_CALLS) -> None:
    world.pass_time(minutes * 60)
    world.run(Heartbeat(), "s-ann")
    session = world.get(Session, "s-ann")
    world.put(msgspec.structs.replace(session, seen_at=world.now))
    see(world, quiet_calls=calls)


def test_calls_that_go_on_without_progress_are_no_progress(world: World) -> None:
    late(world, 29.9)
    assert fares(world).status == "active"
    late(world, 0.1)
    assert (fares(world).status, fares(world).cause) == ("stuck", "no_progress")


def test_few_calls_in_a_long_time_are_no_sign_of_being_stuck(world: World) -> None:
    late(world, 60, QUIET_CALLS - 1)
    assert fares(world).status == "active"


def test_a_change_or_a_claim_in_the_ledger_is_progress(world: World) -> None:
    world.pass_time(1200)
    world.run(RecordChanges(changes=(ChangeDraft(path="a"),)), "s-ann")
    late(world, 20)
    assert fares(world).status == "active"
    late(world, 10)
    assert fares(world).status == "stuck"
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="x"),)), "s-ann")
    world.run(ClaimTask(id="t-1"), "s-ann")
    assert fares(world).status == "active"


@pytest.mark.parametrize("setting", ["stuck_errors", "stuck_repeats", "stuck_after"])
def test_a_threshold_of_zero_is_not_looked_at(setting: str) -> None:
    world = World(**{setting: 0})
    world.session("s-ann")
    late(world, 60)
    field = {"stuck_errors": "errors_in_row", "stuck_repeats": "repeats"}.get(setting)
    see(world, quiet_calls=QUIET_CALLS if field is None else 0, **({field: 99} if field else {}))
    assert fares(world).status == "active"


def test_who_waits_for_its_person_is_idle_and_not_stuck(world: World) -> None:
    see(world, errors_in_row=9)
    assert fares(world).status == "stuck"
    world.run(Heartbeat(idle=True), "s-ann")
    assert fares(world).status == "idle"


def test_who_is_paused_or_killed_is_shown_with_the_reason(world: World) -> None:
    see(world, errors_in_row=9)
    world.run(PauseSession(id="s-ann", reason="lunch"))
    found = fares(world)
    assert (found.status, found.cause, found.why) == ("paused", "person", "lunch")
    world.run(KillSession(id="s-ann", reason="it loops"))
    found = fares(world)
    assert (found.status, found.cause, found.why) == ("killed", "person", "it loops")


def test_a_sub_agent_is_looked_at_apart_until_it_is_gone(world: World) -> None:
    see(world, "s-ann/sub", errors_in_row=7)
    see(world, errors_in_row=0)
    found = fares(world)
    assert (found.cause, "sub-agent sub" in found.why) == ("same_error", True)
    world.pass_time(GONE + 1)
    see(world)
    world.put(msgspec.structs.replace(world.get(Session, "s-ann"), seen_at=world.now))
    assert fares(world).status == "active"


def test_the_latest_report_counts_and_a_late_one_does_not(world: World) -> None:
    early = world.now
    world.pass_time(10)
    see(world, calls=9)
    world.unchanged(ReportSignals(signals=Signals(at=early, calls=1, errors_in_row=9)), "s-ann")
    assert fares(world).status == "active"
    world.check()


def test_what_is_no_report_is_refused(world: World) -> None:
    def wish(**fields: Any) -> ReportSignals:
        return ReportSignals(signals=Signals(**fields))

    world.refused(InvalidValue, wish(calls=-1), "s-ann")
    world.refused(InvalidValue, wish(at="yesterday"), "s-ann")
    world.refused(SessionRequired, wish())
    world.refused(SessionNotFound, wish(), "s-nobody")
    full = {str(number): Signals(at=START) for number in range(PARTS)}
    world.put(msgspec.structs.replace(world.get(Session, "s-ann"), signals=full))
    world.refused(LimitReached, wish(), "s-ann/one-more")
    world.run(wish(), "s-ann/7")
    world.run(wish(), "s-ann")


def test_one_error_has_one_fingerprint_whatever_its_numbers() -> None:
    one = fingerprint("Bash", "Exit code 1\nerror at line 12 after 0.31s (pid 4711, 0xdeadbeef)")
    same = fingerprint("Bash", "Exit code 1\n error at line 9 after 1.2s (pid 8, 0xfeed)")
    assert one == same
    assert len({one, fingerprint("Edit", "Exit code 1"), fingerprint("Bash", "denied")}) == 3


def test_no_secret_of_an_error_is_kept(world: World) -> None:
    secret = "ghp_" + "a1B2" * 9
    see(world, error_text=f"cannot log in\nwith {secret} at the host " + "x" * 500)
    kept = world.get(Session, "s-ann").signals[""].error_text
    assert kept.startswith("cannot log in with [secret] at")
    assert len(kept) == 200
    assert secret not in excerpt("x" * 190 + secret)


SIGNALS = st.builds(
    Signals,
    at=st.integers(0, 5).map(lambda second: plus(START, second)),
    calls=st.integers(0, 3), errors_in_row=st.integers(0, 20), repeats=st.integers(0, 20),
    quiet_calls=st.integers(0, 60), error=st.sampled_from(["", "a", "b"]),
)  # fmt: skip


@given(SIGNALS, SIGNALS, SIGNALS)
def test_of_reports_in_any_order_the_same_one_is_the_latest(
    a: Signals, b: Signals, c: Signals
) -> None:
    assert latest(a, b) == latest(b, a)
    assert latest(latest(a, b), c) == latest(a, latest(b, c))
    assert latest(a, a) == a


@given(
    SIGNALS,
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.floats(1, 5000)),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 3000)),
    st.floats(0, 9000),
)
def test_a_higher_threshold_never_makes_more_sessions_stuck(
    signals: Signals, low: tuple[int, int, float], more: tuple[int, int, float], age: float
) -> None:
    names = ("stuck_errors", "stuck_repeats", "stuck_after")
    stuck = []
    for values in (low, tuple(map(sum, zip(low, more, strict=True)))):
        world = World(**dict(zip(names, values, strict=True)))
        session = world.session("s-ann", signals={"": signals}, started_at=plus(START, -age))
        stuck.append(observed(world.state(), session, world.now).status == "stuck")
    assert stuck != [False, True]


#: What a session may do, or others may do to it, whatever its state.
NOT_ACTING = {
    "session.start", "session.heartbeat", "session.end", "session.pause", "session.resume",
    "session.kill", "session.suspect", "session.sweep", "session.usage", "session.signals",
    "message.read", "guard.record", "lock.landed", "lease.lapse", "config.set", "ledger.compact",
    "ledger.import", "ledger.init", "network.record", "port.allocate", "port.release",
}  # fmt: skip


def test_every_other_operation_needs_a_session_that_is_neither_paused_nor_gone() -> None:
    found = {tag for tag in OPERATIONS if not kind_of(tag).acting}
    assert found == NOT_ACTING
    world = World()
    world.session("s-paused", status="paused")
    world.session("s-gone", status="killed", ended_at=START)
    wish = RecordChanges(changes=(ChangeDraft(path="a"),))
    world.refused(SessionPaused, wish, "s-paused")
    world.refused(SessionEnded, wish, "s-gone")
