"""Cedar policies: the same decisions as the levels, and what is refused or fails closed."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain import cedar, policies
from gitcoord.domain.assignments import AssignProfile, Standing
from gitcoord.domain.claiming import NextTask
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.permission import Principal, asked, decide, principal
from gitcoord.domain.policies import BUILT_IN, Policy, RemovePolicy, SetPolicy, every
from gitcoord.domain.profiles import Profile, SetProfile
from gitcoord.domain.resources import LEDGER, file, task
from gitcoord.domain.resources import domain as domain_of
from gitcoord.domain.rights import NAMES
from gitcoord.domain.sessions import Session
from gitcoord.errors import (
    InsufficientTrust,
    InvalidPolicy,
    InvalidValue,
    PolicyDenied,
    PolicyEngineMissing,
    PolicyEvaluationFailed,
    PolicyLoadFailed,
    PolicyNotFound,
    TextTooLong,
)
from gitcoord.ledger.coordinator import cleaned
from tests.domain.world import World

FREEZE = (
    'forbid(principal, action == Action::"acquire_lock", resource is File)\n'
    'when { resource.path like "infra/*" };'
)
LOCK = AcquireLocks(keys=("src/a.py",))


def ruled(*texts: tuple[str, str], **profile: Any) -> World:
    """Return a ledger that Cedar rules, with these policies; ann has trust 2 or a profile."""
    world = World(policy_engine="cedar")
    world.session("s-ann")
    for name, text in texts:
        world.run(SetPolicy(name=name, text=text))
    if profile:
        world.run(SetProfile(name="own", **profile))
        world.run(AssignProfile(agent="ann", profile="own"))
    return world


NATIVE, CEDAR = World().state(), World(policy_engine="cedar").state()
names = st.sampled_from([*NAMES, "what_is_new"])
limits = st.none() | st.integers(0, 3)
profiles = st.builds(
    Profile,
    name=st.just("p"),
    allowed=st.lists(names, max_size=3).map(tuple),
    blocked=st.lists(names, max_size=2).map(tuple),
    max_files=limits,
    max_seconds=limits,
    max_calls=limits,
)
principals = st.builds(
    Principal,
    session=st.just("s-1"),
    agent=st.text(max_size=5),
    type=st.sampled_from(["", "claude_code", 'a"b\n']),
    standing=st.builds(
        Standing,
        profile=profiles,
        source=st.sampled_from(["assignment", "type", "default"]),
        trust=st.integers(0, 4),
    ),
    files=st.integers(0, 4),
    seconds=st.floats(0, 4),
    calls=st.integers(0, 4),
)
things = st.one_of(
    st.just(LEDGER),
    st.text(max_size=8).map(file),
    st.builds(task, st.text(max_size=5), st.text(max_size=5), st.integers(1, 10)),
)
domains = st.sampled_from(["github.com", "api.github.com", "evil.com", "127.0.0.1", "[::1]:80"])


@settings(max_examples=300, deadline=None)
@given(who=principals, name=names, thing=things, host=domains, new=st.integers(0, 1))
def test_cedar_decides_by_default_what_the_levels_decide(
    who: Principal, name: str, thing: Any, host: str, new: int
) -> None:
    if name == "network_access":
        thing = domain_of(NATIVE, "", host)
    native = decide(NATIVE, who, name, thing, new_files=new)
    other = decide(CEDAR, who, name, thing, new_files=new)
    assert (native.engine, other.engine) == ("native", "cedar")
    assert (other.allowed, other.reason) == (native.allowed, native.reason)


@pytest.mark.parametrize("trust", range(5))
@pytest.mark.parametrize("name", NAMES)
def test_cedar_and_the_levels_agree_on_every_operation_at_every_level(
    name: str, trust: int
) -> None:
    who = Principal(standing=Standing(profile=Profile(name="p"), source="default", trust=trust))
    thing = domain_of(NATIVE, "", "github.com") if name == "network_access" else LEDGER
    native, other = (decide(state, who, name, thing) for state in (NATIVE, CEDAR))
    assert (other.allowed, other.reason) == (native.allowed, native.reason)


def test_a_policy_is_validated_stored_switched_off_and_removed() -> None:
    world = ruled(("freeze", FREEZE))
    assert world.run(LOCK, "s-ann").locks
    frozen = AcquireLocks(keys=("./infra/main.tf",))
    refusal = world.refused(PolicyDenied, frozen, "s-ann")
    assert refusal.details["policies"] == ["freeze"]
    assert refusal.code == "policy_denied"
    # A claim takes the keys of its task, so that it needs them, too.
    new = (NewTask(id="t-1", title="x", keys=("infra/a",)), NewTask(id="t-2", title="y"))
    world.run(AddTasks(tasks=new), "s-ann")
    assert world.run(NextTask(), "s-ann").task.id == "t-2"
    world.run(SetPolicy(name="freeze", enabled=False))
    world.run(frozen, "s-ann")
    world.run(ReleaseLocks(keys=("infra/main.tf",)), "s-ann")
    world.run(SetPolicy(name="freeze", enabled=True, priority=1, description="no changes"))
    assert next(iter(every(world.state()))).name == "freeze"
    world.unchanged(SetPolicy(name="freeze", priority=1))
    assert world.run(RemovePolicy(name="freeze")).policy is None
    world.refused(PolicyNotFound, RemovePolicy(name="freeze"))
    world.run(frozen, "s-ann")


def test_a_stored_policy_replaces_the_built_in_one_of_its_name() -> None:
    world = ruled(("writes", 'permit(principal, action in Action::"write", resource);'), trust=1)
    world.run(LOCK, "s-ann")
    assert world.run(RemovePolicy(name="writes")).policy == BUILT_IN["writes"]
    world.refused(InsufficientTrust, AcquireLocks(keys=("b",)), "s-ann")
    refusal = world.refused(PolicyNotFound, RemovePolicy(name="writes"))
    assert "built-in" in refusal.message
    assert policies.policy_of(world.state(), "writes") == BUILT_IN["writes"]
    with pytest.raises(PolicyNotFound):
        policies.policy_of(world.state(), "none")


def test_what_no_policy_permits_is_denied() -> None:
    world = ruled()
    world.run(SetPolicy(name="writes", enabled=False))
    assert "no policy permits it" in world.refused(PolicyDenied, LOCK, "s-ann").message
    world.run(ReleaseLocks(all=True), "s-ann")


def test_no_policy_lets_a_session_below_4_change_policies_or_lifts_a_profile() -> None:
    everything = ("all", "permit(principal, action, resource);")
    world = ruled(everything, trust=3, blocked=("send_message",))
    for wish in (
        SetPolicy(name="x", text=FREEZE),
        SetProfile(name="own", trust=4),
        ChangeSettings(values={"policy_engine": "native"}),
    ):
        world.refused(InsufficientTrust, wish, "s-ann")
    state = world.state()
    who = principal(state, state.get(Session, "s-ann"), world.now)
    assert asked(state, who, "send_message").reason == "operation_not_permitted"
    assert asked(state, who, "cleanup_agents").allowed


@pytest.mark.parametrize(
    "text",
    [
        "permit(",
        "",
        "// nothing",
        "permit(principal, action, resource) when { principal.trust > 3 };",
        'permit(principal, action == Action::"fly", resource);',
        'permit(principal == User::"root", action, resource);',
        "permit(principal, action, resource) when {" + "(" * 5000 + "true" + ")" * 5000 + "};",
        "permit(principal, action, resource) when {" + "1 + " * 5000 + "1 == 1};",
        "permit(principal, action, resource);\0",
        "select * from policies",
    ],
)
def test_a_policy_that_does_not_fit_the_schema_is_refused(text: str) -> None:
    world = World()
    refusal = world.refused(InvalidPolicy, SetPolicy(name="bad", text=text))
    assert refusal.details["errors"]
    assert refusal.message.startswith("policy bad: ")


def test_a_policy_of_a_megabyte_is_refused() -> None:
    text = f"// {'x' * 1_000_000}\n{FREEZE}"
    with pytest.raises(TextTooLong):
        cleaned(SetPolicy(name="big", text=text))
    with pytest.raises(TextTooLong):
        cedar.errors_of(text)


@pytest.mark.parametrize("wish", [SetPolicy(name="x"), SetPolicy(name="writes", priority=-1)])
def test_wrong_values_of_a_policy_are_refused(wish: SetPolicy) -> None:
    World().refused(InvalidValue, wish)


def test_policies_that_cannot_be_read_permit_nothing() -> None:
    world = ruled()
    world.put(Policy(name="broken", text="permit("))
    refusal = world.refused(PolicyLoadFailed, LOCK, "s-ann")
    assert refusal.code == "policy_load_error"
    world.put(Policy(name="broken", text="permit(principal, action, resource) when {" + "(" * 99))
    assert "nested" in world.refused(PolicyLoadFailed, LOCK, "s-ann").details["errors"][0]
    world.run(ReleaseLocks(all=True), "s-ann")
    # People mend it.
    world.run(RemovePolicy(name="broken"))
    world.run(LOCK, "s-ann")


def test_a_policy_that_fails_permits_nothing() -> None:
    world = ruled()
    text = "forbid(principal, action, resource) when { 9223372036854775807 + context.calls > 0 };"
    world.put(Policy(name="overflow", text=text))
    world.run(SetProfile(name="own", max_calls=9))
    world.run(AssignProfile(agent="ann", profile="own"))
    world.run(SetPolicy(name="overflow", enabled=False))
    world.run(LOCK, "s-ann")
    world.run(SetPolicy(name="overflow", enabled=True))
    refusal = world.refused(PolicyEvaluationFailed, AcquireLocks(keys=("b",)), "s-ann")
    assert refusal.code == "cedar_evaluation_error"
    assert "overflow" in refusal.details["errors"][0]


def test_without_cedarpy_a_ledger_that_cedar_rules_decides_for_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ruled()
    monkeypatch.setitem(sys.modules, "cedarpy", None)
    refusal = world.refused(PolicyEngineMissing, LOCK, "s-ann")
    assert "gitcoord[cedar]" in (refusal.hint or "")
    world.refused(PolicyEngineMissing, SetPolicy(name="x", text=FREEZE))
    world.run(ReleaseLocks(all=True), "s-ann")
    # A person may go back to the levels.
    world.run(ChangeSettings(values={"policy_engine": "native"}))
    world.run(LOCK, "s-ann")


def test_a_domain_that_no_rule_allows_is_blocked_in_both_engines() -> None:
    who = Principal(standing=Standing(profile=Profile(name="p"), source="default", trust=2))
    for state in (NATIVE, CEDAR):
        found = decide(state, who, "network_access", domain_of(state, "", "evil.com"))
        assert (found.allowed, found.reason) == (False, "domain_blocked")
