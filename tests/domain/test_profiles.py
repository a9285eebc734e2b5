"""Profiles, who has which, and what that comes to for a session."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.assignments import Assignment, AssignProfile, raised, standing
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.pausing import PauseSession, ResumeSession
from gitcoord.domain.profiles import (
    BUILT_IN,
    LEVELS,
    NO_LIMIT,
    Profile,
    RemoveProfile,
    SetProfile,
    every,
    of_type,
    profile_of,
)
from gitcoord.domain.rights import (
    NAMES,
    NEEDED,
    TAGS,
    TYPES,
    briefly,
    guard_trust,
    kind_of,
    name_of,
)
from gitcoord.domain.sessions import Session
from gitcoord.domain.task_moves import MoveTask
from gitcoord.errors import InvalidValue, ProfileInUse, ProfileNotFound
from tests.domain.world import START, World


def with_ann(**fields: Any) -> World:
    world = World()
    world.session("s-ann", **fields)
    return world


def found(world: World, id: str = "s-ann") -> Any:
    return standing(world.state(), world.get(Session, id))


def test_a_profile_is_made_and_changed_field_by_field() -> None:
    world = World()
    made = world.run(SetProfile(name="rev", trust=1, max_files=0, allowed=("recall",))).profile
    assert (made.trust, made.max_files, made.allowed, made.created_at) == (1, 0, ("recall",), START)
    world.pass_time(5)
    after = world.run(SetProfile(name="rev", max_files=NO_LIMIT, max_calls=9)).profile
    assert (after.trust, after.max_files, after.max_calls) == (1, None, 9)
    assert after.created_at == START < after.changed_at
    world.unchanged(SetProfile(name="rev", trust=1))
    assert world.get(Profile, "rev") == after


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trust", 7),
        ("trust", -1),
        ("max_files", -2),
        ("max_seconds", 10**12),
        ("agent_type", "<x>"),
        ("allowed", ("a\nb",)),
        ("blocked", ("release_lock",)),
        ("name", ""),
    ],
)
def test_a_wrong_profile_is_refused(field: str, value: Any) -> None:
    world = World()
    world.refused(InvalidValue, SetProfile(**({"name": "rev"} | {field: value})))


def test_a_stored_profile_replaces_the_built_in_one_of_its_name() -> None:
    world = World()
    assert profile_of(world.state(), "claude-code-cli").max_files == 100
    changed = world.run(SetProfile(name="claude-code-cli", max_files=3)).profile
    assert changed.name == "claude_code_cli"
    assert changed.allowed == BUILT_IN["claude_code_cli"].allowed
    assert profile_of(world.state(), "claude_code_cli").max_files == 3
    again = world.run(RemoveProfile(name="claude_code_cli")).profile
    assert again == BUILT_IN["claude_code_cli"]
    assert [one.name for one in every(world.state())] == sorted(BUILT_IN)


def test_what_is_not_stored_cannot_be_removed() -> None:
    world = World()
    refusal = world.refused(ProfileNotFound, RemoveProfile(name="claude_code_cli"))
    assert "built-in" in refusal.message
    world.refused(ProfileNotFound, RemoveProfile(name="x"))
    with pytest.raises(ProfileNotFound):
        profile_of(world.state(), "x")


def test_a_profile_that_an_agent_needs_is_neither_removed_nor_switched_off() -> None:
    world = World()
    world.run(SetProfile(name="rev", trust=1))
    world.run(AssignProfile(agent="ann", profile="rev"))
    assert world.refused(ProfileInUse, RemoveProfile(name="rev")).details["agents"] == ["ann"]
    world.refused(ProfileInUse, SetProfile(name="rev", enabled=False))
    world.run(AssignProfile(agent="ann"))
    world.run(SetProfile(name="rev", enabled=False))
    world.refused(ProfileInUse, AssignProfile(agent="ann", profile="rev"))
    assert world.run(RemoveProfile(name="rev")).profile is None


def test_an_assignment_beats_the_type_and_the_type_beats_the_default() -> None:
    world = with_ann(type="claude_code")
    assert (found(world).profile.name, found(world).source) == ("claude_code_cli", "type")
    world.run(AssignProfile(agent="ann", profile="claude-code-web-reviewer"))
    assert (found(world).profile.name, found(world).source) == (
        "claude_code_web_reviewer",
        "assignment",
    )
    world.unchanged(AssignProfile(agent="ann", profile="claude_code_web_reviewer"))
    world.run(AssignProfile(agent="ann"))
    world.unchanged(AssignProfile(agent="ann"))
    assert world.all(Assignment) == []
    world.session("s-bob")
    assert (found(world, "s-bob").profile.name, found(world, "s-bob").source) == (
        "default",
        "default",
    )
    world.refused(ProfileNotFound, AssignProfile(agent="ann", profile="none"))


def test_a_type_gives_no_more_trust_than_everybody_has() -> None:
    world = with_ann(type="strands")
    assert BUILT_IN["strands_orchestrator"].trust == 3
    assert (found(world).trust, found(world).level) == (2, "standard")
    world.run(AssignProfile(agent="ann", profile="strands_orchestrator"))
    assert found(world).trust == 3
    world = World(agent_trust=4)
    world.session("s-ann", type="strands")
    assert found(world).trust == 3


def test_the_oldest_enabled_profile_of_a_type_counts_and_stored_ones_first() -> None:
    world = with_ann(type="claude_code")
    world.run(SetProfile(name="b", agent_type="claude_code", trust=1))
    world.pass_time(1)
    world.run(SetProfile(name="a", agent_type="claude_code", trust=2))
    assert found(world).profile.name == "b"
    world.run(SetProfile(name="b", enabled=False))
    assert found(world).profile.name == "a"
    world.run(SetProfile(name="a", enabled=False))
    world.run(SetProfile(name="claude_code_cli", enabled=False))
    assert found(world).profile.name == "claude_code_web_reviewer"
    assert of_type(world.state(), "") is None
    assert of_type(world.state(), "none") is None


def test_guardrails_judge_by_the_trust_of_the_session() -> None:
    world = with_ann()
    state = world.state
    assert (guard_trust(state(), None), guard_trust(state(), "s-ann")) == (2, 2)
    assert briefly(state(), world.get(Session, "s-ann")) == (2, "default")
    world.run(SetProfile(name="lead", trust=4))
    world.run(AssignProfile(agent="ann", profile="lead"))
    assert (guard_trust(state(), "s-ann/sub"), guard_trust(state(), None)) == (4, 2)
    assert briefly(state(), world.get(Session, "s-ann")) == (4, "lead")
    world.run(SetProfile(name="lead", blocked=("force_push",)))
    assert guard_trust(state(), "s-ann") == 2


def test_a_name_with_more_trust_is_known_as_such() -> None:
    world = World()
    assert not raised(world.state(), "ann")
    world.run(AssignProfile(agent="bob", profile="claude_code_web_reviewer"))
    assert not raised(world.state(), "ann")
    assert not raised(world.state(), "bob")
    world.run(AssignProfile(agent="ann", profile="strands_orchestrator"))
    assert raised(world.state(), "ann")


def test_every_tag_has_a_name_and_every_name_a_level() -> None:
    from gitcoord.domain.operation import OPERATIONS

    assert set(OPERATIONS) <= {tag.partition(":")[0] for tag in TAGS}
    assert set(TAGS.values()) <= set(NAMES)
    assert set(NAMES.values()) == set(NEEDED)
    assert kind_of("what_a_later_gitcoord_has") == "write"
    assert len(LEVELS) == 5


def test_the_types_that_the_gate_knows_are_those_of_built_in_profiles() -> None:
    assert {one.agent_type for one in BUILT_IN.values()} == TYPES


def test_giving_a_task_back_is_leaving_and_completing_it_is_not() -> None:
    assert name_of(MoveTask(id="t", move="release"), "s") == "release_work"
    assert name_of(MoveTask(id="t", move="complete"), "s") == "complete_work"


def test_only_what_says_more_than_a_level_restricts() -> None:
    assert not Profile(name="x", trust=3).restricts
    assert Profile(name="x", blocked=("recall",)).restricts
    assert Profile(name="x", max_calls=0).restricts
    world = with_ann()
    assert not found(world).restricts
    world.run(SetProfile(name="low", trust=1))
    world.run(AssignProfile(agent="ann", profile="low"))
    assert found(world).restricts


def test_a_session_may_pause_itself_and_change_what_nobody_guards_needs_level_3() -> None:
    assert name_of(PauseSession(), "s-ann") == "check_in"
    assert name_of(ResumeSession(id="s-ann"), "s-ann/sub") == "check_in"
    assert name_of(ResumeSession(id="s-bob"), "s-ann") == "cleanup_agents"
    assert name_of(ChangeSettings(values={"lock_ttl": 60}), "s") == "change_settings"
    assert name_of(ChangeSettings(values={"agent_trust": 1}), "s") == "manage_permissions"


def test_what_is_removed_in_a_transaction_restricts_nobody_after_it() -> None:
    world = with_ann()
    state = world.state()
    assert not state.holds("profiles")
    state.put(Profile(name="x"))
    assert state.holds("profiles")
    state.remove(Profile(name="x"))
    assert not state.holds("profiles")
    world.run(SetProfile(name="x"))
    world.run(SetProfile(name="y"))
    state = world.state()
    state.remove(Profile(name="x"))
    assert state.holds("profiles")
    state.remove(Profile(name="y"))
    assert not state.holds("profiles")
