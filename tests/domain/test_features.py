"""The registry of features: claims, updates by their owner, pauses that last, ends."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.claiming import ClaimTask, NextTask
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.departure import EndSession
from gitcoord.domain.features import CLAIMS_LIMIT, Feature, feature_by, open_features
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.registering import (
    DeregisterFeature,
    PauseFeature,
    RegisterFeature,
    ResumeFeature,
    candidate,
)
from gitcoord.domain.tasks import Task
from gitcoord.domain.transfer import ImportRecords
from gitcoord.errors import (
    FeatureClosed,
    FeatureNotFound,
    FeaturePaused,
    FeatureTaken,
    InvalidFile,
    InvalidKey,
    InvalidStatus,
    InvalidValue,
    LimitReached,
    NoActiveFeature,
    SessionRequired,
    UnknownNamespace,
)
from tests.domain.crew import crew
from tests.domain.world import World


def register(id: str = "login", *claims: str, **said: Any) -> RegisterFeature:
    return RegisterFeature(id=id, claims=claims or ("src/auth/**",), **said)


def test_a60_register_and_update() -> None:
    world = crew()
    first = world.run(
        register(title="Log in", branch="feat/login", metadata={"epic": 7, "by": "x"}), "s-ann"
    )
    assert first.action == "registered"
    assert (first.feature.agent, first.feature.session) == ("ann", "s-ann")
    assert (first.feature.status, first.feature.priority) == ("active", 5)
    world.pass_time(1)
    # Title and branch stay, claims and priority are replaced, metadata are added to.
    second = world.run(
        register("login", "./src//auth/", "api:POST /login", priority="high",
                 metadata={"by": None, "on": [1]}),
        "s-ann",
    )  # fmt: skip
    after = second.feature
    assert second.action == "updated"
    assert (after.title, after.branch, after.priority) == ("Log in", "feat/login", 3)
    assert after.claims == ("src/auth/**", "api:POST /login")
    assert after.metadata == {"epic": 7, "on": [1]}
    assert after.updated_at > after.created_at == first.feature.created_at
    cleared = world.run(register(title="", branch=""), "s-ann").feature
    assert (cleared.title, cleared.branch) == ("", "")
    world.check()


def test_registering_the_same_again_changes_nothing() -> None:
    world = crew()
    world.run(register(), "s-ann")
    world.pass_time(5)
    assert world.unchanged(register(), "s-ann").action == "updated"


def test_a61_an_id_that_has_ended_is_refused_and_not_silently_left() -> None:
    world = crew()
    world.run(register(), "s-ann")
    world.run(DeregisterFeature(id="login"), "s-ann")
    refusal = world.refused(FeatureClosed, register(), "s-ann")
    assert refusal.code == "feature_not_active"
    assert "was completed by ann" in refusal.message


def test_a62_deregister() -> None:
    world = crew()
    world.run(register(), "s-ann")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", feature="login"),)), "s-ann")
    refusal = world.refused(InvalidStatus, DeregisterFeature(id="login", status="active"), "s-ann")
    assert refusal.code == "invalid_status"
    done = world.run(DeregisterFeature(id="login", status="cancelled", reason="no need"), "s-ann")
    assert (done.feature.status, done.feature.end_reason) == ("cancelled", "no need")
    assert (done.feature.ended_by, done.feature.ended_at) == ("ann", world.now)
    assert done.open_tasks == ["t-1"]
    for id in ("login", "nobody"):
        wish = DeregisterFeature(id=id)
        assert world.refused(NoActiveFeature, wish, "s-ann").code == (
            "feature_not_found_or_not_active"
        )
    world.check()


def test_what_has_ended_claims_nothing_any_more() -> None:
    world = crew()
    world.run(register("one", "a"), "s-ann")
    assert world.run(register("two", "a"), "s-bob").report.conflicts
    world.run(DeregisterFeature(id="one"), "s-ann")
    assert world.run(register("two", "a"), "s-bob").report.conflicts == []


def test_a63_open_features_come_by_priority_then_age() -> None:
    world = crew()
    for id, priority in (("late", 5), ("urgent", 1), ("later", 5)):
        world.run(register(id, priority=priority), "s-ann")
        world.pass_time(1)
    world.run(PauseFeature(id="late"), None)
    assert [one.id for one in open_features(world.state())] == ["urgent", "late", "later"]


def test_a64_conflicts_name_the_overlapping_keys_of_both() -> None:
    world = crew()
    world.run(register("api", "src/api/**", "api:POST /login", "x/1", branch="b"), "s-bob")
    world.run(register("far", "docs/**"), "s-bob")
    world.run(register("beside", "src/*/other.py"), "s-bob")
    found = world.run(register("login", "src/*/auth.py", "q/1", "q/2"), "s-ann").report
    assert (found.feasibility, found.claims, found.overlapping) == ("PARTIAL", 3, 1)
    (conflict,) = found.conflicts
    assert (conflict.feature, conflict.agent, conflict.branch) == ("api", "bob", "b")
    assert conflict.overlapping_keys == ("src/*/auth.py",)
    assert conflict.their_keys == ("src/api/**",)
    # The same is told of one that is not registered, and nothing is stored.
    state = world.state()
    asked = candidate(state, world.context(), "other", ("src/api/", "y"))
    assert [one.feature for one in asked.conflicts] == ["api", "beside", "login"]
    assert not list(state.changes())


def test_a65_what_overlaps_with_several_counts_together() -> None:
    world = crew()
    world.run(register("one", "a", *(f"p/{n}" for n in range(4))), "s-bob")
    world.run(register("two", "b", *(f"r/{n}" for n in range(4))), "s-bob")
    found = world.run(register("both", "a", "b", "c"), "s-ann").report
    assert [one.feasibility for one in found.conflicts] == ["PARTIAL", "PARTIAL"]
    assert (found.feasibility, found.overlapping) == ("SEQUENTIAL", 2)


def test_a65_the_migration_slot_is_sequential_and_found_without_a_common_key() -> None:
    world = crew()
    world.run(ChangeSettings(values={"exclusive_slots": ["migrations/"]}))
    filler = tuple(f"q/{n}" for n in range(9))
    world.run(register("one", "migrations/1.sql", *filler), "s-bob")
    found = world.run(register("two", "migrations/2.sql", "z"), "s-ann").report
    assert found.feasibility == "SEQUENTIAL"
    assert found.conflicts[0].slots == ("migrations/**",)
    assert found.overlapping == 0
    with pytest.raises(InvalidKey):
        world.run(ChangeSettings(values={"exclusive_slots": ["/x"]}))


def test_a_feature_belongs_to_the_agent_that_registered_it_and_to_people() -> None:
    world = crew()
    world.run(register(), "s-ann")
    refusal = world.refused(FeatureTaken, register(), "s-bob")
    assert (refusal.details["agent"], refusal.details["session"]) == ("ann", "s-ann")
    world.refused(FeatureTaken, DeregisterFeature(id="login"), "s-bob")
    # Another session of the same agent goes on with it, and so does a person.
    world.session("s-two", agent="ann")
    assert world.run(register(title="Two"), "s-two").feature.session == "s-ann"
    assert world.run(register(title="Three"), None, agent="eve").feature.agent == "ann"
    assert world.run(DeregisterFeature(id="login"), None, agent="eve").feature.ended_by == "eve"


def test_people_register_without_a_session_and_agents_only_with_one() -> None:
    world = World()
    found = world.run(register(), None, agent="eve").feature
    assert (found.agent, found.session) == ("eve", "")
    world.session("s-bob")
    refusal = world.refused(FeatureTaken, register(), "s-bob")
    assert "eve has registered" in refusal.message
    assert not RegisterFeature.acting or RegisterFeature.sessionless
    world.refused(SessionRequired, AcquireLocks(keys=("a",)))


def test_a_pause_stops_claims_until_it_is_lifted_whatever_becomes_of_who_paused() -> None:
    world = crew()
    world.run(register(), "s-ann")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", feature="login"),)), "s-ann")
    world.run(PauseFeature(id="login", reason="wait for the\nschema"), "s-bob")
    refusal = world.refused(FeaturePaused, ClaimTask(id="t-1"), "s-ann")
    assert "feature login is paused by bob: wait for the schema" in refusal.message
    assert world.unchanged(PauseFeature(id="login", reason="more"), "s-ann")
    world.run(EndSession(), "s-bob")
    world.pass_time(30 * DAY)
    assert world.run(NextTask(), "s-ann").task is None
    after = world.run(ResumeFeature(id="login"), None).feature
    assert (after.status, after.paused_by, after.pause_reason) == ("active", "", "")
    assert world.unchanged(ResumeFeature(id="login"), None)
    assert world.run(NextTask(), "s-ann").task.id == "t-1"
    world.check()


def test_the_end_of_a_feature_ends_its_pause() -> None:
    world = crew()
    world.run(register(), "s-ann")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", feature="login"),)), "s-ann")
    world.run(PauseFeature(id="login"), "s-ann")
    world.run(DeregisterFeature(id="login"), "s-ann")
    assert world.run(ClaimTask(id="t-1"), "s-bob").task.id == "t-1"
    for wish in (PauseFeature(id="login"), ResumeFeature(id="login")):
        world.refused(NoActiveFeature, wish, "s-ann")


def test_the_id_is_the_one_that_tasks_name() -> None:
    world = crew()
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", feature="Log in"),)), "s-ann")
    world.run(register("Log in"), "s-ann")
    assert world.get(Task, "t-1").feature == world.all(Feature)[0].id
    assert feature_by(world.state(), "Log in").id == "Log in"
    with pytest.raises(FeatureNotFound):
        feature_by(world.state(), "other")


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (InvalidValue, register("")),
        (InvalidValue, register("  ")),
        (InvalidValue, register("a<b")),
        (InvalidValue, register("x" * 101)),
        (InvalidKey, register("x\ny")),
        (InvalidKey, register("x", "../secrets")),
        (UnknownNamespace, register("x", "what:ever")),
        (InvalidValue, register("x", priority=0)),
        (InvalidValue, register("x", priority="soon")),
        (InvalidValue, register("x", title=" ")),
        (InvalidValue, register("x", metadata={"a": "b" * 17_000})),
        (LimitReached, register("x", *(f"f/{n}" for n in range(CLAIMS_LIMIT + 1)))),
        (LimitReached, register("x", slots=tuple(f"f/{n}" for n in range(CLAIMS_LIMIT + 1)))),
        (NoActiveFeature, PauseFeature(id="x")),
        (NoActiveFeature, ResumeFeature(id="x")),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(error: Any, wish: Any) -> None:
    crew().refused(error, wish, "s-ann")


@pytest.mark.parametrize(
    "branch",
    ["-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", "@",
     "a@{1}", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a\x00b", "x" * 201],
)  # fmt: skip
def test_what_git_takes_for_no_branch_is_refused(branch: str) -> None:
    crew().refused(InvalidValue, register("x", branch=branch), "s-ann")


def test_a_branch_is_kept_without_its_prefix() -> None:
    found = crew().run(register("x", branch="refs/heads/feat/x.1"), "s-ann").feature
    assert found.branch == "feat/x.1"


def test_what_has_ended_is_forgotten_after_a_while() -> None:
    world = crew()
    world.run(register("open"), "s-ann")
    for id in ("old", "new"):
        world.run(register(id), "s-ann")
        world.run(DeregisterFeature(id=id), "s-ann")
        world.pass_time(60 * DAY)
    world.run(Compact())
    assert [one.id for one in world.all(Feature, archived=True)] == ["new"]
    assert [one.id for one in world.all(Feature)] == ["open"]


def test_features_travel_to_another_ledger() -> None:
    world, other = crew(), crew()
    feature = world.run(register("login", "src/auth/", slots=("a/",)), "s-ann").feature
    record = {"id": "login", "claims": ["./src/auth/"], "slots": ["a//"], "agent": "ann",
              "session": "s-ann", "created_at": world.now, "updated_at": world.now}  # fmt: skip
    answer = other.run(ImportRecords(records=[{"table": "features", "record": record}]))
    assert answer.added == {"features": 1}
    assert other.get(Feature, "login") == feature
    for wrong in ({"id": "a\nb"}, {"id": "x", "claims": ["/x"]}, {"id": "e\u0301"}):
        wish = ImportRecords(records=[{"table": "features", "record": record | wrong}])
        other.refused(InvalidFile, wish)


def test_the_diary_says_what_happened() -> None:
    world = crew()
    wishes = [
        (register(title="Log in"), "feature: ann registers login Log in"),
        (register(), "feature: ann updates login Log in"),
        (PauseFeature(id="login", reason="why"), "feature: ann pauses login: why"),
        (ResumeFeature(id="login"), "feature: ann resumes login"),
        (DeregisterFeature(id="login", reason="landed"), "feature: ann completes login: landed"),
    ]
    for wish, line in wishes:
        assert wish.subject(world.run(wish, "s-ann"), "ann") == line
    world.run(register("other"), "s-ann")
    wish = DeregisterFeature(id="other", status="cancelled")
    assert wish.subject(world.run(wish, "s-ann"), "") == "feature: somebody cancels other"
