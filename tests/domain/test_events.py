"""Events: what they say, what they do not, and that whoever hears them knows the state."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask, NextTask
from gitcoord.domain.compact import Compact
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.conflicts import ChangeScope
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.event import TYPES, Event
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks, LeaveQueue, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.messages import AckMessages, SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.observatory import stuck
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import PauseSession, ResumeSession
from gitcoord.domain.sessions import Session, StartSession
from gitcoord.domain.signals import ReportSignals, Signals
from gitcoord.domain.sweep import LapseLeases, SuspectSession, SweepSession
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import NoteTask, Task
from gitcoord.domain.unlanded import DropMarks, MarkDraft
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.domain.violations import RecordViolations, ViolationDraft
from gitcoord.domain.waiting import Waiter
from gitcoord.errors import GitcoordError
from tests.domain.telling import Reader, Watch
from tests.domain.world import World


class Told:
    """A world in which each operation is told."""

    def __init__(self, **settings: Any) -> None:
        self.world = World(**settings)
        self.watch = Watch(self.world)

    def run(self, operation: Any, session: str | None = None) -> list[Event]:
        self.world.run(operation, session)
        return self.look()

    def look(self) -> list[Event]:
        found = self.watch.look()
        for event in found:
            assert event.type in TYPES
            msgspec.json.encode(event.data)
        return found

    def sessions(self, *names: str) -> None:
        for name in names:
            self.world.session(name)
        self.watch.look()


def kinds_of(events: list[Event]) -> list[str]:
    return [event.type for event in events]


@pytest.fixture
def told() -> Told:
    found = Told()
    found.sessions("s-ada", "s-bob")
    return found


def test_a_check_in_says_who_and_where_and_a_check_out_what_came_of_it() -> None:
    told = Told()
    wish = StartSession(id="s-ada", agent="ada", area="api", files=("src/a.py",))
    (event,) = told.run(wish)
    assert event.type == "agent.checkin"
    said = [event.data[name] for name in ("session_id", "agent_name", "area", "files")]
    assert said == ["s-ada", "ada", "api", ["src/a.py"]]
    assert event.about == ("s-ada",)
    (event,) = told.run(EndSession(summary="all done"), "s-ada")
    assert event.type == "agent.checkout"
    assert event.data["outcome_status"] == "completed"
    assert event.data["work_summary"] == "all done"


def test_a_conflict_is_told_with_both_sides_and_a_change_of_scope_with_its_conflicts() -> None:
    told = Told()
    told.run(StartSession(id="s-ada", agent="ada", area="api"))
    checkin, conflict = told.run(StartSession(id="s-bob", agent="bob", area="api"))
    assert (checkin.type, conflict.type) == ("agent.checkin", "agent.conflict")
    assert conflict.data["agent_name"] == "bob"
    (rival,) = conflict.data["conflicts"]
    assert (rival["session_id"], rival["overlapping_areas"]) == ("s-ada", ["api"])
    assert conflict.about == ("s-bob", "s-ada")
    (status,) = told.run(ChangeScope(area="web"), "s-bob")
    assert (status.type, status.data["area"], status.data["conflicts"]) == (
        "agent.status",
        "web",
        [],
    )
    kinds = kinds_of(told.run(ChangeScope(area="api"), "s-bob"))
    assert kinds == ["agent.status", "agent.conflict"]
    # A task named without another scope is no new conflict.
    assert kinds_of(told.run(ChangeScope(task="t"), "s-bob")) == ["agent.status"]


def test_a_lock_is_told_as_taken_extended_and_freed(told: Told) -> None:
    (event,) = told.run(AcquireLocks(keys=("a.py",), reason="fix"), "s-ada")
    assert (event.type, event.data["agent_name"], event.data["reason"]) == (
        "lock.acquired",
        "ada",
        "fix",
    )
    told.world.pass_time(1000)
    renewed = told.run(RenewLocks(), "s-ada")
    assert kinds_of(renewed) == ["lock.renewed"]
    assert renewed[0].data["expires_at"] > event.data["expires_at"]
    (event,) = told.run(ReleaseLocks(all=True), "s-ada")
    assert (event.type, event.data["why"]) == ("lock.released", "released")


def test_a_stronger_lock_is_a_new_grant_and_nothing_is_told_as_free(told: Told) -> None:
    told.run(AcquireLocks(keys=("a.py",), mode="shared"), "s-ada")
    (event,) = told.run(AcquireLocks(keys=("a.py",)), "s-ada")
    assert (event.type, event.data["mode"], event.data["token"]) == (
        "lock.acquired",
        "exclusive",
        2,
    )


def test_a_lock_that_ran_out_was_not_released(told: Told) -> None:
    told.run(AcquireLocks(keys=("a.py",), ttl=10), "s-ada")
    told.world.pass_time(60)
    assert kinds_of(told.run(LapseLeases())) == ["lock.expired", "agent.notice"]
    told.run(AcquireLocks(keys=("a.py",), ttl=10), "s-ada")
    told.world.pass_time(60)
    kinds = kinds_of(told.run(AcquireLocks(keys=("a.py",)), "s-bob"))
    assert kinds == ["lock.expired", "lock.acquired", "agent.notice"]


def test_a_take_over_names_who_took_it(told: Told) -> None:
    told.run(AcquireLocks(keys=("src/a.py", "b.py")), "s-ada")
    taken, got, notice = told.run(TakeOverLocks(keys=("src/**",), reason="gone"), "s-bob")
    assert taken.type == "lock.taken_over"
    assert [(x["agent_name"], x["key"]) for x in taken.data["by"]] == [("bob", got.data["key"])]
    assert taken.about == ("s-ada", "s-bob")
    assert (notice.type, notice.data["session_id"]) == ("agent.notice", "s-ada")


def test_the_queue_is_told(told: Told) -> None:
    told.run(AcquireLocks(keys=("a.py",)), "s-ada")
    (event,) = told.run(AcquireLocks(keys=("a.py",), wait=60), "s-bob")
    assert (event.type, event.data["agent_name"]) == ("lock.queued", "bob")
    kinds = kinds_of(told.run(ReleaseLocks(all=True), "s-ada"))
    assert kinds[:3] == ["lock.unqueued", "lock.released", "lock.acquired"]


def test_who_has_lost_a_place_in_the_queue_and_comes_back_is_told_with_the_new_one(
    told: Told,
) -> None:
    told.run(AcquireLocks(keys=("a.py",), ttl=20), "s-ada")
    (first,) = told.run(AcquireLocks(keys=("a.py",), wait=60), "s-bob")
    told.world.pass_time(30)
    # Ada comes after her lock and Bob's place have lapsed, and Bob a moment later.
    ada, bob = AcquireLocks(keys=("a.py",)), AcquireLocks(keys=("a.py",), wait=60)
    told.world.run_together((ada, "s-ada"), (bob, "s-bob"))
    left, queued = [each for each in told.look() if each.type.endswith("queued")]
    assert (left.type, left.data["ticket"]) == ("lock.unqueued", first.data["ticket"])
    assert (queued.type, queued.data["agent_name"]) == ("lock.queued", "bob")
    assert queued.data["ticket"] > first.data["ticket"]


def test_an_end_by_others_says_how_and_frees_because_of_it(told: Told) -> None:
    told.run(AcquireLocks(keys=("a.py",)), "s-ada")
    events = told.run(KillSession(id="s-ada", reason="stuck"))
    assert kinds_of(events) == ["lock.released", "session.killed", "agent.checkout"]
    assert events[0].data["why"] == "session_killed"
    assert events[1].data["lost_keys"] == [events[0].data["key"]]
    told.world.session("s-eve", life="beat")
    told.look()
    wish = SweepSession(id="s-eve", beat=0, seen_at=told.world.get(Session, "s-eve").seen_at)
    events = told.run(wish)
    assert kinds_of(events) == ["session.timed_out", "agent.checkout"]
    assert events[1].data["outcome_status"] == "timed_out"


def test_pause_and_suspicion_are_told_when_they_begin_and_end(told: Told) -> None:
    assert kinds_of(told.run(PauseSession(id="s-ada"))) == ["agent.status", "session.paused"]
    status, resumed = told.run(ResumeSession(id="s-ada"))
    assert (status.data["status"], resumed.type) == ("active", "session.resumed")
    told.world.session("s-eve", life="beat")
    told.look()
    told.world.presence["s-eve"] = Beat(3)
    seen = told.world.get(Session, "s-eve").seen_at
    (event,) = told.run(SuspectSession(id="s-eve", beat=3, seen_at=seen))
    assert event.type == "session.suspected"
    assert kinds_of(told.run(AcquireLocks(keys=("a",)), "s-eve")) == [
        "session.cleared",
        "lock.acquired",
    ]


def test_a_pause_says_why_and_whether_somebody_has_to_approve(told: Told) -> None:
    *_, paused = told.run(PauseSession(id="s-ada", reason="lunch"))
    assert (paused.data["reason"], paused.data["paused_for"]) == ("lunch", "")
    *_, resumed = told.run(ResumeSession(id="s-ada"))
    assert "reason" not in resumed.data
    told.run(ChangeSettings(values={"spending_action": "ask", "spending_requests": 3}))
    events = told.run(ReportUsage(usage=Usage(requests=3)), "s-bob")
    (paused,) = [event for event in events if event.type == "session.paused"]
    assert (paused.data["reason"], paused.data["paused_for"]) == (
        "it has used 3 requests",
        "approval",
    )


def test_the_death_of_a_suspect_is_no_sign_of_life() -> None:
    told = Told()
    told.world.session("s-eve", life="beat")
    told.look()
    seen = told.world.get(Session, "s-eve").seen_at
    told.run(SuspectSession(id="s-eve", beat=0, seen_at=seen))
    kinds = kinds_of(told.run(SweepSession(id="s-eve", beat=0, seen_at=seen)))
    assert kinds == ["session.timed_out", "agent.checkout"]


def test_usage_is_told_and_a_mere_sign_of_life_is_not(told: Told) -> None:
    (event,) = told.run(ReportUsage(usage=Usage(requests=2, input_tokens=9)), "s-ada")
    assert (event.type, event.data["usage"]["input_tokens"]) == ("session.usage", 9)
    session = told.world.get(Session, "s-ada")
    told.world.put(msgspec.structs.replace(session, seen_at=told.world.pass_time(50)))
    assert told.look() == []


def test_a_task_is_told_from_its_addition_to_its_end(told: Told) -> None:
    draft = NewTask(id="t-1", title="build", keys=("src/a.py",))
    (event,) = told.run(AddTasks(tasks=(draft,)))
    assert (event.type, event.data["status"], event.data["title"]) == (
        "task.created",
        "pending",
        "build",
    )
    kinds = kinds_of(told.run(ClaimTask(id="t-1"), "s-ada"))
    assert kinds == ["lock.acquired", "task.status_changed", "task.claimed", "task.note"]
    events = told.run(MoveTask(id="t-1", move="block", reason="no key"), "s-ada")
    assert {"from": "assigned", "to": "blocked"}.items() <= events[0].data.items()
    assert kinds_of(events) == ["task.status_changed", "task.changed", "task.note"]
    told.run(MoveTask(id="t-1", move="start"), "s-ada")
    events = told.run(MoveTask(id="t-1", move="complete", result="it builds"), "s-ada")
    assert kinds_of(events) == [
        "lock.released",
        "task.attempt_ended",
        "task.status_changed",
        "task.completed",
        "task.note",
    ]
    assert events[3].data["result"] == "it builds"


def test_a_task_that_is_added_and_claimed_at_once_is_told_as_both(told: Told) -> None:
    draft = NewTask(id="t-1", title="build")
    told.world.run_together((AddTasks(tasks=(draft,)), None), (ClaimTask(id="t-1"), "s-ada"))
    events = told.look()
    assert kinds_of(events) == [
        "task.created",
        "task.status_changed",
        "task.claimed",
        "task.note",
    ]
    assert events[0].data["status"] == "pending"


def test_a_task_of_the_past_is_told_in_the_status_that_it_has(told: Told) -> None:
    before = told.world.now
    told.world.pass_time(60)
    told.run(AcquireLocks(keys=("a",)), "s-ada")
    told.world.put(Task(id="t-9", title="old", status="completed", created_at=before))
    (event,) = told.look()
    assert (event.type, event.data["status"]) == ("task.created", "completed")


def test_where_dead_sessions_keep_their_tasks_these_are_told_as_stale() -> None:
    told = Told(stale_tasks="mark")
    told.sessions("s-ada")
    told.run(AddTasks(tasks=(NewTask(id="t-1", title="build"),)))
    told.run(ClaimTask(id="t-1"), "s-ada")
    told.world.put(msgspec.structs.replace(told.world.get(Session, "s-ada"), life="beat"))
    told.look()
    seen = told.world.get(Session, "s-ada").seen_at
    kinds = kinds_of(told.run(SweepSession(id="s-ada", beat=0, seen_at=seen)))
    assert kinds == ["task.stale", "task.note", "session.timed_out", "agent.checkout"]


def test_the_text_of_a_message_for_one_session_is_told_to_nobody(told: Told) -> None:
    events = told.run(SendMessage(id="m-1", text="the secret", to="bob"), "s-ada")
    assert kinds_of(events) == ["agent.message"]
    assert b"secret" not in msgspec.json.encode([event.data for event in events])
    assert (events[0].data["to_agent"], events[0].data["characters"]) == ("bob", 10)
    assert events[0].about == ("s-ada", "s-bob")
    (event,) = told.run(SendMessage(id="m-2", text="hello all"), "s-ada")
    assert (event.data["to"], event.data["text"]) == (None, "hello all")
    (event,) = told.run(AckMessages(ids=("m-1",)), "s-bob")
    assert (event.type, event.data["status"]) == ("message.heard", "acknowledged")
    assert b"secret" not in msgspec.json.encode(event.data)


def test_handoffs_changes_notes_violations_and_marks_are_told(told: Told) -> None:
    (event,) = told.run(WriteHandoff(id="h-1", summary="half way"), "s-ada")
    assert (event.type, event.data["summary"], event.data["agent_name"]) == (
        "handoff.written",
        "half way",
        "ada",
    )
    wish = RecordChanges(changes=(ChangeDraft(path="a.py"),))
    assert kinds_of(told.run(wish, "s-ada")) == ["change.recorded"]
    told.world.pass_time(10)
    assert kinds_of(told.run(wish, "s-ada")) == ["change.recorded"]
    met = ViolationDraft(rule="no-force", category="git", severity="block", action="blocked")
    (event,) = told.run(RecordViolations(violations=(met,)), "s-ada")
    assert (event.type, event.data["rule"]) == ("guardrail.violation", "no-force")
    told.run(AcquireLocks(keys=("a.py",)), "s-ada")
    mark = MarkDraft(key="a.py", branch="work", head="0" * 40)
    kinds = kinds_of(told.run(ReleaseLocks(keys=("a.py",), marks=(mark,)), "s-ada"))
    assert kinds == ["lock.released", "mark.unlanded"]
    (name,) = told.world.shelf.tables["unlanded"]
    assert kinds_of(told.run(DropMarks(names=(name,)))) == ["mark.landed"]
    told.run(AddTasks(tasks=(NewTask(id="t-1", title="x"),)))
    (event,) = told.run(NoteTask(id="t-1", text="hm"), "s-ada")
    assert (event.type, event.data["text"], event.data["task_id"]) == ("task.note", "hm", "t-1")


def test_settings_are_told_with_what_they_were(told: Told) -> None:
    (event,) = told.run(ChangeSettings(values={"lock_ttl": 60}))
    assert event.type == "settings.changed"
    assert event.data["changed"] == {"lock_ttl": {"before": 1800.0, "after": 60.0}}


def test_what_is_forgotten_did_not_happen_again(told: Told) -> None:
    told.run(AddTasks(tasks=(NewTask(id="t-1", title="x"),)))
    told.run(MoveTask(id="t-1", move="cancel"), "s-ada")
    told.run(EndSession(), "s-ada")
    told.world.pass_time(1e7)
    (event,) = told.run(Compact())
    assert event.type == "ledger.compacted"
    assert event.data["removed"] == {"notes": 1, "sessions": 1, "tasks": 1}


AGENTS = ("s-0", "s-1", "s-2")
KEYS = ("a", "b", "src/a", "src/**", "**")
TASKS = ("t-0", "t-1", "t-2")
key_sets = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True).map(tuple)
tasks = st.sampled_from(TASKS)
operations = st.one_of(
    st.builds(
        AcquireLocks,
        keys=key_sets,
        mode=st.sampled_from(["exclusive", "shared"]),
        ttl=st.sampled_from([20.0, 100.0]),
        wait=st.sampled_from([0.0, 60.0]),
    ),
    st.builds(ReleaseLocks, keys=key_sets),
    st.just(ReleaseLocks(all=True)),
    st.just(RenewLocks()),
    st.just(LeaveQueue()),
    st.builds(TakeOverLocks, keys=key_sets, reason=st.just("mine")),
    st.just(LapseLeases()),
    st.builds(lambda x: AddTasks(tasks=(NewTask(id=x, title=x, keys=("src/a",)),)), tasks),
    st.builds(ClaimTask, id=tasks, ttl=st.just(50.0)),
    st.just(NextTask()),
    st.builds(
        MoveTask,
        id=tasks,
        move=st.sampled_from(["start", "block", "complete", "fail", "cancel", "release"]),
        reason=st.just("so"),
    ),
    st.builds(PauseSession, id=st.sampled_from(AGENTS)),
    st.builds(ResumeSession, id=st.sampled_from(AGENTS)),
    st.builds(KillSession, id=st.sampled_from(AGENTS), reason=st.just("off")),
    st.builds(StartSession, id=st.from_regex("s-[0-9]", fullmatch=True), agent=st.just("x")),
)
wishes = st.lists(st.tuples(operations, st.sampled_from(AGENTS)), min_size=1, max_size=4)


@given(steps=st.lists(st.tuples(wishes, st.sampled_from([0.0, 1.0, 30.0])), max_size=25))
@hypothesis_settings(max_examples=150)
def test_whoever_hears_the_events_knows_who_holds_what(steps: list[Any]) -> None:
    world = World()
    watch, reader = Watch(world), Reader()
    for name in AGENTS:
        world.session(name)
    steps = [([], 0.0), *steps]
    for together, seconds in steps:
        world.pass_time(seconds)
        outcomes = world.run_together(*together)
        assert all(not isinstance(x, GitcoordError) or x.code for x in outcomes)
        for event in watch.look():
            reader.hear(event.type, event.data)
        locks = {(x.key, x.session): (x.mode, x.token, x.expires_at) for x in world.all(Lock)}
        assert reader.locks == locks
        waiting = {(x.session, x.keys): x.ticket for x in world.all(Waiter)}
        assert reader.waiting == waiting
        known = [*world.all(Task), *world.all(Task, archived=True)]
        assert {n: s for n, (s, _) in reader.tasks.items()} == {x.id: x.status for x in known}
        assert {n: w for n, (_, w) in reader.tasks.items()} == {x.id: x.session for x in known}
        assert reader.sessions == {x.id: x.status for x in world.all(Session)}


def test_a_session_that_gets_stuck_and_on_again_is_told_once_each(told: Told) -> None:
    told.sessions("s-ada")

    def report(errors: int) -> list[Event]:
        told.world.pass_time(1)
        signals = Signals(at=told.world.now, errors_in_row=errors)
        return told.run(ReportSignals(signals=signals), "s-ada")

    assert report(4) == []
    (event,) = report(5)
    assert (event.type, event.data["cause"]) == ("session.stuck", "same_error")
    assert event.data["session_id"] == "s-ada"
    assert "5 times" in event.data["why"]
    assert report(6) == []
    assert kinds_of(report(0)) == ["session.unstuck"]
    assert report(0) == []


def test_another_threshold_tells_whom_it_makes_stuck_and_whom_no_more(told: Told) -> None:
    signals = Signals(at=told.world.now, errors_in_row=6)
    told.run(ReportSignals(signals=signals), "s-ada")
    settings, unstuck = told.run(ChangeSettings(values={"stuck_errors": 7}))
    assert (settings.type, unstuck.type) == ("settings.changed", "session.unstuck")
    assert unstuck.data["session_id"] == "s-ada"
    assert kinds_of(told.run(ChangeSettings(values={"lock_ttl": 60}))) == ["settings.changed"]
    kinds = kinds_of(told.run(ChangeSettings(values={"stuck_errors": 6})))
    assert kinds == ["settings.changed", "session.stuck"]


def test_progress_that_only_the_ledger_knows_of_keeps_a_session_from_being_told_as_stuck(
    told: Told,
) -> None:
    told.sessions("s-ada")
    told.run(AddTasks(tasks=(NewTask(id="t-1", title="x"),)))

    def report(minutes: int) -> tuple[list[str], bool]:
        told.world.pass_time(60 * minutes)
        signals = Signals(at=told.world.now, quiet_calls=20)
        found = kinds_of(told.run(ReportSignals(signals=signals), "s-ada"))
        ada = told.world.get(Session, "s-ada")
        return found, any(stuck(told.world.state(), ada))

    told.world.pass_time(60 * 10)
    told.run(ClaimTask(id="t-1"), "s-ada")
    assert report(25) == ([], False)
    assert report(10) == (["session.stuck"], True)
    told.run(RecordChanges(changes=(ChangeDraft(path="a"),)), "s-ada")
    assert report(1) == (["session.unstuck"], False)
    assert report(20) == ([], False)
    assert report(20) == (["session.stuck"], True)
