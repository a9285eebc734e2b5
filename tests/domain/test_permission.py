"""What a session may do: requirement 12, the order of the decision, limits, and escalation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.assignments import AssignProfile
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import ClaimTask, NextTask
from gitcoord.domain.compact import Compact
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.messages import SendMessage
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Operation, kind_of
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.permission import asked, principal
from gitcoord.domain.profiles import Profile, SetProfile
from gitcoord.domain.sessions import Session, StartSession
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.tasks import Task
from gitcoord.domain.usage import ReportUsage, Usage
from gitcoord.errors import (
    AgentSuspended,
    InsufficientTrust,
    InvalidValue,
    NotPermitted,
    ResourceLimitExceeded,
    SessionNotFound,
)
from tests.domain.world import World

LOCK = AcquireLocks(keys=("src/a.py",))


def lead(**profile: Any) -> World:
    """Ann has a profile of her own; bob has none."""
    world = World()
    world.session("s-ann")
    world.session("s-bob")
    world.run(SetProfile(name="own", **profile))
    world.run(AssignProfile(agent="ann", profile="own"))
    return world


def ask(world: World, operation: str, resource: str = "", session: str | None = "s-ann") -> Any:
    state = world.state()
    found = state.get(Session, session) if session else None
    return asked(state, principal(state, found, world.now), operation, resource)


def test_a_task_beyond_the_limit_of_files_is_passed_over_and_says_why() -> None:
    world = lead(max_files=2)
    world.run(ChangeSettings(values={"ignore": ["*.lock"]}))
    world.run(AcquireLocks(keys=("a.py",)), "s-ann")
    wide = NewTask(id="t-wide", title="Wide", keys=("c.py", "d.py"), priority=1)
    fits = NewTask(id="t-fits", title="Fits", keys=("a.py", "b.py", "x.lock", "api:GET /x"))
    world.run(AddTasks(tasks=(wide, fits)))
    found = world.run(NextTask(), "s-ann")
    assert found.task.id == "t-fits"
    (passed,) = found.waiting
    (reason,) = passed.reasons
    assert (passed.id, reason.code) == ("t-wide", "limit")
    assert "2 files, has 1, and this is 2 more" in reason.detail
    # A wish for it by name says the same, and nobody else is kept from it.
    refusal = world.refused(ResourceLimitExceeded, ClaimTask(id="t-wide"), "s-ann")
    assert refusal.details["reasons"][0]["code"] == "limit"
    assert world.run(NextTask(), "s-bob").task.id == "t-wide"


@given(
    st.integers(0, 3),
    st.lists(
        st.sets(st.sampled_from(["a", "b", "c/**", "c/d", "x.lock", "api:GET /x"]), max_size=4),
        max_size=5,
    ),
)
def test_task_next_is_never_refused_for_a_limit_of_files(
    limit: int, wishes: list[set[str]]
) -> None:
    world = lead(max_files=limit)
    world.run(ChangeSettings(values={"ignore": ["*.lock"], "tasks_per_session": 0}))
    new = [NewTask(id=f"t-{at}", title="x", keys=tuple(keys)) for at, keys in enumerate(wishes)]
    if new:
        world.run(AddTasks(tasks=tuple(new)))
    while (found := world.run(NextTask(), "s-ann")).task is not None:
        session = world.get(Session, "s-ann")
        assert session.tally is None or len(session.tally.files) <= limit
    assert all(each.reasons for each in found.waiting)


def test_requirement_12_a_reviewer_is_refused_what_its_profile_does_not_allow() -> None:
    world = lead()
    world.run(AssignProfile(agent="ann", profile="claude_code_web_reviewer"))
    refusal = world.refused(NotPermitted, LOCK, "s-ann")
    assert refusal.code == "operation_not_permitted"
    assert refusal.details["profile"] == "claude_code_web_reviewer"
    assert refusal.details["operation"] == "acquire_lock"
    assert world.run(LOCK, "s-bob").locks


def test_requirement_12_a_file_too_many_is_refused_with_the_limit() -> None:
    world = lead(max_files=2)
    world.run(AcquireLocks(keys=("a", "b", "db:schema")), "s-ann")
    refusal = world.refused(ResourceLimitExceeded, AcquireLocks(keys=("c",)), "s-ann")
    assert refusal.code == "resource_limit_exceeded"
    assert refusal.details["limit"] == {"max_files": 2}
    world.run(RenewLocks(), "s-ann")
    world.run(ReleaseLocks(keys=("a",)), "s-ann")
    world.refused(ResourceLimitExceeded, AcquireLocks(keys=("c",)), "s-ann/sub")
    world.run(AcquireLocks(keys=("a",)), "s-ann/sub")
    assert world.get(Session, "s-ann").tally.files == ("a", "b")
    assert world.get(Session, "s-bob").tally is None


def test_requirement_12_an_operation_above_the_trust_level_is_refused() -> None:
    world = lead(trust=1)
    refusal = world.refused(InsufficientTrust, LOCK, "s-ann")
    assert refusal.code == "insufficient_trust_level"
    assert (refusal.details["needed"], refusal.details["trust"]) == (2, 1)
    killed = world.refused(InsufficientTrust, KillSession(id="s-ann", reason="x"), "s-bob")
    assert killed.details["needed"] == 3


def test_trust_level_0_may_read_and_leave() -> None:
    world = lead(trust=3)
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-ann")
    world.run(LOCK, "s-ann")
    world.run(SetProfile(name="own", trust=0))
    wishes: list[Operation] = [
        LOCK,
        Heartbeat(),
        NextTask(),
        WriteHandoff(id="h", summary="x"),
        SendMessage(id="m", text="x"),
    ]
    for wish in wishes:
        assert world.refused(AgentSuspended, wish, "s-ann").code == "agent_suspended"
    assert ask(world, "check_locks").reason == "read_permitted"
    assert ask(world, "release_lock").reason == "leave_permitted"
    world.run(RecordChanges(changes=(ChangeDraft(path="src/a.py"),)), "s-ann")
    world.run(ReportUsage(usage=Usage(requests=1)), "s-ann")
    world.run(ReleaseLocks(keys=("src/a.py",)), "s-ann")
    world.run(EndSession(), "s-ann")


def test_what_is_blocked_beats_what_is_allowed_and_that_beats_the_level() -> None:
    world = lead(trust=3, allowed=("acquire_lock", "send_message"), blocked=("send_message",))
    world.run(LOCK, "s-ann")
    said = world.refused(NotPermitted, SendMessage(id="m", text="x"), "s-ann")
    assert said.message.endswith("profile own blocks it")
    said = world.refused(NotPermitted, AddTasks(tasks=(NewTask(id="t", title="x"),)), "s-ann")
    assert said.message.endswith("profile own does not allow it")
    # To take part and to leave is not what a list of operations is about.
    world.run(Heartbeat(), "s-ann")
    world.run(EndSession(), "s-ann")


def test_allowed_does_not_lift_the_trust_level() -> None:
    world = lead(trust=1, allowed=("acquire_lock",))
    world.refused(InsufficientTrust, LOCK, "s-ann")


def test_when_its_time_is_over_a_session_may_only_hand_over_and_leave() -> None:
    world = lead(max_seconds=60)
    world.run(LOCK, "s-ann")
    world.pass_time(61)
    refusal = world.refused(ResourceLimitExceeded, RenewLocks(), "s-ann")
    assert "write a handoff" in refusal.message
    world.refused(ResourceLimitExceeded, Heartbeat(), "s-ann")
    assert ask(world, "check_locks").allowed
    world.run(WriteHandoff(id="h-1", summary="x"), "s-ann")
    world.run(ReleaseLocks(keys=("src/a.py",)), "s-ann")
    world.run(EndSession(), "s-ann")


def test_calls_of_an_hour_are_counted_and_free_again_later() -> None:
    world = lead(max_calls=2)
    for key in ("a", "b"):
        world.run(AcquireLocks(keys=(key,)), "s-ann")
        world.pass_time(90)
    world.run(Heartbeat(), "s-ann")
    world.run(ReleaseLocks(keys=("a",)), "s-ann")
    refusal = world.refused(ResourceLimitExceeded, AcquireLocks(keys=("c",)), "s-ann")
    assert refusal.details["used"]["calls"] == 2
    assert refusal.details["until"] > world.now
    world.pass_time(3600)
    world.run(AcquireLocks(keys=("c",)), "s-ann")
    assert sum(world.get(Session, "s-ann").tally.calls.values()) == 1


def test_a_limit_of_no_calls_says_until_when() -> None:
    world = lead(max_calls=0)
    assert "until" in world.refused(ResourceLimitExceeded, LOCK, "s-ann").details


def test_changes_count_as_files_and_are_noted_beyond_the_limit() -> None:
    world = lead(max_files=1)
    world.run(RecordChanges(changes=(ChangeDraft(path="a"),)), "s-ann")
    assert told(world.state(), "s-ann") == []
    world.run(RecordChanges(changes=(ChangeDraft(path="b"),)), "s-ann")
    world.run(RecordChanges(changes=(ChangeDraft(path="c"),)), "s-ann")
    (notice,) = told(world.state(), "s-ann")
    assert notice.text == "You have changed 2 files; your profile allows 1."
    assert world.get(Session, "s-ann").tally.files == ("a", "b", "c")
    world.refused(ResourceLimitExceeded, AcquireLocks(keys=("d",)), "s-ann")
    world.run(WriteHandoff(id="h", summary="x"), "s-ann")
    assert not ask(world, "acquire_lock", "d").allowed
    assert ask(world, "acquire_lock", "c").allowed


def test_an_ended_session_is_not_counted_any_more() -> None:
    world = lead(max_files=1, max_calls=5)
    world.run(LOCK, "s-ann")
    world.run(EndSession(), "s-ann")
    assert world.get(Session, "s-ann").tally.files == ("src/a.py",)


def test_a_task_may_ask_for_a_trust_level() -> None:
    world = lead(trust=3)
    new = (NewTask(id="t-1", title="One", min_trust=3), NewTask(id="t-2", title="Two"))
    world.run(AddTasks(tasks=new))
    refusal = world.refused(InsufficientTrust, ClaimTask(id="t-1"), "s-bob")
    assert refusal.details["reasons"][0]["code"] == "trust"
    found = world.run(NextTask(), "s-bob")
    assert found.task.id == "t-2"
    assert [one.code for one in found.waiting[0].reasons] == ["trust"]
    assert world.run(NextTask(), "s-ann").task.id == "t-1"
    assert world.get(Task, "t-1").min_trust == 3
    world.refused(InvalidValue, AddTasks(tasks=(NewTask(id="t-3", title="x", min_trust=5),)))


def test_a_claim_takes_no_keys_that_its_session_may_not_lock() -> None:
    world = lead(trust=2, blocked=("acquire_lock",))
    new = (NewTask(id="t-1", title="One", keys=("a",)), NewTask(id="t-2", title="Two"))
    world.run(AddTasks(tasks=new))
    refusal = world.refused(NotPermitted, ClaimTask(id="t-1"), "s-ann")
    assert refusal.details["reasons"][0]["code"] == "permission"
    world.refused(NotPermitted, ClaimTask(id="t-2", keys=("a",)), "s-ann")
    found = world.run(NextTask(), "s-ann")
    assert found.task.id == "t-2"
    assert [one.code for one in found.waiting[0].reasons] == ["permission"]


def test_with_a_low_default_nobody_writes() -> None:
    world = World(agent_trust=1)
    world.session("s-ann")
    world.refused(InsufficientTrust, LOCK, "s-ann")
    world.run(StartSession(id="s-new", agent="new"))


def test_what_is_asked_by_tag_or_by_name_is_the_same_and_what_there_is_not_is_denied() -> None:
    world = lead()
    assert ask(world, "lock.acquire", "a") == ask(world, "acquire_lock", "a")
    found = ask(world, "fly_to_the_moon")
    assert (found.allowed, found.reason) == (False, "operation_not_permitted")
    assert ask(world, "acquire_lock", session=None).allowed
    assert not ask(world, "network_access", "evil.com").allowed
    assert ask(world, "network_access", "github.com").allowed
    assert ask(world, "get_work", "bug").allowed
    assert not ask(world, "cleanup_agents").allowed
    assert ask(world, "query_audit", "x").allowed


GOVERNING: list[Operation] = [
    SetProfile(name="own", trust=4),
    kind_of("profile.remove")(name="own"),  # type: ignore[call-arg]
    AssignProfile(agent="ann", profile="strands_orchestrator"),
    kind_of("policy.set")(name="all", text="permit(principal, action, resource);"),  # type: ignore[call-arg]
    kind_of("policy.remove")(name="all"),  # type: ignore[call-arg]
    kind_of("network.set")(id="n", pattern="*"),  # type: ignore[call-arg]
    kind_of("network.remove")(id="n"),  # type: ignore[call-arg]
    ChangeSettings(values={"agent_trust": 4}),
    ChangeSettings(values={"policy_engine": "cedar"}),
]


@pytest.mark.parametrize("wish", GOVERNING, ids=lambda wish: wish.tag)
@pytest.mark.parametrize("trust", [1, 2, 3])
def test_no_session_below_4_changes_what_anybody_may_do(wish: Operation, trust: int) -> None:
    world = lead(trust=trust)
    for session in ("s-ann", "s-ann/sub", "s-bob"):
        assert world.refused(InsufficientTrust, wish, session).details["operation"] == (
            "manage_permissions"
        )


def test_trust_level_4_and_a_person_change_it() -> None:
    world = lead(trust=4)
    world.run(SetProfile(name="own", description="x"), "s-ann")
    world.run(ChangeSettings(values={"agent_trust": 3}), "s-ann")
    world.run(ChangeSettings(values={"agent_trust": 2}))
    assert world.get(Profile, "own").description == "x"


def test_checking_in_with_a_privileged_type_gives_no_trust() -> None:
    world = World()
    world.run(StartSession(id="s-eve", agent="eve", type="strands"))
    world.refused(InsufficientTrust, KillSession(id="s-eve", reason="x"), "s-eve")
    world.run(StartSession(id="s-eve", agent="eve", type="admin"))
    world.refused(InsufficientTrust, SetProfile(name="x", agent_type="admin", trust=4), "s-eve")
    # A profile that a person has made for a type gives none either.
    world.run(SetProfile(name="x", agent_type="admin", trust=4))
    world.refused(InsufficientTrust, SetProfile(name="y"), "s-eve")


def test_a_sub_agent_has_what_its_session_has() -> None:
    world = lead(trust=1)
    world.refused(InsufficientTrust, LOCK, "s-ann/agent-of-bob")


def test_a_session_that_nobody_knows_has_no_rights() -> None:
    world = lead()
    world.refused(SessionNotFound, ChangeSettings(values={"agent_trust": 4}), "s-none")
    world.refused(SessionNotFound, Compact(), "s-none")
    world.refused(SessionNotFound, Heartbeat(), "s-none")


def test_a_session_that_nothing_restricts_pays_for_two_questions() -> None:
    world = World()
    world.session("s-ann")
    world.run(LOCK, "s-ann")
    tables = {table for table, _ in world.shelf.loads}
    assert not tables & {"profiles", "assignments", "policies", "network"}


def test_a_built_in_profile_that_is_assigned_restricts_without_anything_else_stored() -> None:
    world = World()
    world.session("s-ann")
    world.run(AssignProfile(agent="ann", profile="claude_code_web_reviewer"))
    world.refused(NotPermitted, LOCK, "s-ann")


def test_a_profile_that_is_stored_for_a_type_restricts_without_an_assignment() -> None:
    world = World()
    world.session("s-ann", type="helper")
    world.run(SetProfile(name="own", agent_type="helper", trust=1))
    world.refused(InsufficientTrust, LOCK, "s-ann")


def test_who_waits_for_keys_may_not_wait_for_too_many() -> None:
    world = lead(max_files=1)
    world.run(AcquireLocks(keys=("a", "b")), "s-bob")
    refusal = world.refused(ResourceLimitExceeded, AcquireLocks(keys=("a", "b"), wait=30), "s-ann")
    assert refusal.code == "resource_limit_exceeded"
    assert world.run(AcquireLocks(keys=("a", "db:x"), wait=30), "s-ann").queued
    world.run(ReleaseLocks(all=True), "s-bob")
    world.run(Heartbeat(), "s-ann")
    assert world.get(Session, "s-ann").tally.files == ("a",)
    world.refused(ResourceLimitExceeded, AcquireLocks(keys=("c",)), "s-ann")


def test_what_a_session_has_too_many_of_keeps_it_from_nothing_but_more() -> None:
    world = lead(max_files=5)
    world.run(AcquireLocks(keys=("a", "b", "c")), "s-ann")
    world.run(SetProfile(name="own", max_files=1))
    world.run(RenewLocks(), "s-ann")
    world.run(WriteHandoff(id="h", summary="x"), "s-ann")
    world.refused(ResourceLimitExceeded, AcquireLocks(keys=("d",)), "s-ann")


def test_taking_over_is_locking_as_well() -> None:
    world = lead(trust=2, blocked=("acquire_lock",))
    world.run(LOCK, "s-bob")
    wish = TakeOverLocks(keys=("src/a.py",), reason="x")
    assert world.refused(NotPermitted, wish, "s-ann").details["operation"] == "acquire_lock"
    world.run(SetProfile(name="own", blocked=("takeover_lock",)))
    assert world.refused(NotPermitted, wish, "s-ann").details["operation"] == "takeover_lock"
