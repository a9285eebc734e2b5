"""Policies of verification: include minus exclude, what an executor needs, who may change them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.settings import Settings
from gitcoord.domain.verify_policies import (
    EXECUTORS,
    PATTERNS_LIMIT,
    POLICIES_LIMIT,
    TIERS,
    WORDS_LIMIT,
    RemoveVerifyPolicy,
    SetVerifyPolicy,
    VerifyPolicy,
    applies,
    digest_of,
    policies,
    policy_of,
)
from gitcoord.errors import InsufficientTrust, InvalidKey, InvalidValue, VerifyPolicyNotFound
from tests.domain.crew import crew
from tests.domain.world import World

LINT = SetVerifyPolicy(name="lint", include=("src/**",), command=("ruff", "check"))


def test_requirement_9_a_policy_is_made_changed_and_removed() -> None:
    world = crew(verify_timeout=90)
    found = world.run(LINT, None, agent="eve").policy
    assert found == world.get(VerifyPolicy, "lint")
    assert (found.tier, found.executor, found.timeout, found.enabled) == (0, "inline", 90.0, True)
    assert (found.by, found.at) == ("eve", world.now)
    world.pass_time(5)
    # What is not named stays; nothing new is nothing written.
    again = world.run(SetVerifyPolicy(name="lint", tier=0), None, agent="max").policy
    assert again == found
    after = world.run(
        SetVerifyPolicy(
            name="lint", tier=2, exclude=("src/gen/",), timeout=5, env=("CI", "CI"),
            enabled=False, description="quick",
        ),
        None,
        agent="max",
    ).policy  # fmt: skip
    assert (after.include, after.exclude, after.env) == (("src/**",), ("src/gen/**",), ("CI",))
    assert (after.tier, after.timeout, after.by) == (2, 5.0, "max")
    assert (after.enabled, after.description) == (False, "quick")
    assert world.run(RemoveVerifyPolicy(name="lint"), None).policy is None
    world.refused(VerifyPolicyNotFound, RemoveVerifyPolicy(name="lint"), None)
    with pytest.raises(VerifyPolicyNotFound):
        policy_of(world.state(), "lint")


SEGMENT = st.sampled_from(["src", "gen", "auth", "a.py", "b.md"])
PATH = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
PATTERN = st.lists(
    st.sampled_from(["src", "gen", "auth", "*", "**", "*.py", "a.py"]), min_size=1, max_size=3
).map("/".join)
PATTERNS = st.lists(PATTERN, max_size=3).map(tuple)


@given(PATH, PATTERNS, PATTERNS, PATTERNS)
def test_requirement_9_include_minus_exclude_decides(
    path: str, include: tuple[str, ...], exclude: tuple[str, ...], more: tuple[str, ...]
) -> None:
    def about(include: tuple[str, ...], exclude: tuple[str, ...] = ()) -> bool:
        policy = VerifyPolicy(name="p", include=include, exclude=exclude)
        return applies(policy, Settings(), path)

    assert about(include, exclude) == (about(include) and not about(exclude))
    # More to include never takes a path away, more to exclude never brings one back.
    assert about((*include, *more), exclude) or not about(include, exclude)
    assert about(include, exclude) or not about(include, (*exclude, *more))
    assert not about(include, include)


def test_case_and_odd_names_are_matched_as_lock_keys_are() -> None:
    policy = VerifyPolicy(name="p", include=("src/**",), exclude=("src/[ab].py",))
    odd = b"src/raw-\xff\n.bin".decode("utf-8", "surrogateescape")
    assert applies(policy, Settings(), odd)
    assert not applies(policy, Settings(), "SRC/c.py")
    assert applies(policy, Settings(case_folding=True), "SRC/c.py")
    assert not applies(policy, Settings(case_folding=True), "src/A.py")


def test_requirement_8_each_tier_has_a_name_and_who_checks_it() -> None:
    assert TIERS == ("STATIC", "UNIT", "INTEGRATION", "SYSTEM", "MANUAL")
    assert EXECUTORS == ("inline", "github", "inline", "inline", "person")
    world = crew()
    for tier, executor in enumerate(EXECUTORS):
        said: dict[str, Any] = {"command": ("true",)} if executor == "inline" else {}
        wish = SetVerifyPolicy(name=f"tier-{tier}", tier=tier, **said)
        assert world.run(wish, None).policy.executor == executor
    # What is named goes before what the tier says.
    assert world.run(SetVerifyPolicy(name="u", tier=1, shell="make"), None).policy.executor == (
        "inline"
    )
    ci = world.run(SetVerifyPolicy(name="c", tier=3, checks=("build",)), None).policy
    assert (ci.executor, ci.checks) == ("github", ("build",))
    assert [one.name for one in policies(world.state())] == [
        "tier-0", "tier-1", "u", "tier-2", "c", "tier-3", "tier-4",
    ]  # fmt: skip


def test_what_belonged_to_the_executor_before_goes_with_it() -> None:
    world = crew()

    def after(**said: Any) -> tuple[Any, ...]:
        found = world.run(SetVerifyPolicy(name="p", **said), None).policy
        return found.executor, found.command, found.shell, found.checks

    assert after(command=("make", "test")) == ("inline", ("make", "test"), "", ())
    assert after(shell="make test") == ("inline", (), "make test", ())
    assert after(command=("make",)) == ("inline", ("make",), "", ())
    assert after(checks=("build",)) == ("github", (), "", ("build",))
    assert after(executor="github") == ("github", (), "", ("build",))
    assert after(tier=4) == ("person", (), "", ())
    assert after(tier=1, executor="github") == ("github", (), "", ())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"tier": 5, "command": ("x",)}, "between 0 and 4"),
        ({"tier": 5}, "between 0 and 4"),
        ({"tier": -1, "command": ("x",)}, "between 0 and 4"),
        ({"include": (), "command": ("x",)}, "names paths"),
        ({"tier": 4, "command": ("x",)}, "tier 4"),
        ({"executor": "person"}, "tier 4"),
        ({}, "say what is run"),
        ({"executor": "github", "command": ("x",)}, "a command belongs"),
        ({"command": ("x",), "shell": "x"}, "or a line"),
        ({"command": ("x",), "checks": ("b",)}, "check runs belong"),
        ({"command": ("x",) * WORDS_LIMIT}, "at most 200 words"),
        ({"command": ("a\0b",)}, "no NUL"),
        ({"shell": "a\0b"}, "no NUL"),
        ({"command": ("x",), "timeout": 0.5}, "1 second"),
        ({"command": ("x",), "timeout": 86_401}, "1 second"),
        ({"command": ("x",), "env": ("A B",)}, "name of a variable"),
        ({"command": ("x",), "include": ("api:GET /x",)}, "about paths"),
        ({"command": ("x",), "include": ("x",) * (PATTERNS_LIMIT + 1)}, "at most 100"),
    ],
)
def test_a_policy_that_nobody_could_follow_is_refused(said: dict[str, Any], words: str) -> None:
    world = crew()
    refusal = world.refused(InvalidValue, SetVerifyPolicy(name="p", **said), None)
    assert words in refusal.message


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "TOKENS", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "API_KEY", "KEY",
     "GITCOORD_SESSION", "ssh_private_key", "CREDENTIALS", "DB_PASS", "GPG_PASSPHRASE",
     "GITHUB_PAT", "TOKEN2", "SSH_AUTH_SOCK", "NPM_CONFIG__AUTH", "apikey", "GH_TOKENS_RW"],
)  # fmt: skip
def test_a_check_never_sees_what_looks_like_a_secret(name: str) -> None:
    world = crew()
    wish = SetVerifyPolicy(name="p", command=("x",), env=(name,))
    assert name in world.refused(InvalidValue, wish, None).message
    fine = (
        "CI",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "NODE_ENV",
        "MONKEY",
        "PYTHONPATH",
        "AUTHOR",
        "PASSED",
        "COMPASS",
        "BYPASS_CACHE",
        "PATH_INFO",
    )
    assert world.run(SetVerifyPolicy(name="p", command=("x",), env=fine), None).policy.env == fine


def test_a_wrong_pattern_or_name_is_refused_and_there_are_not_too_many() -> None:
    world = World()
    world.refused(InvalidKey, SetVerifyPolicy(name="p", command=("x",), include=("../x",)), None)
    world.refused(InvalidValue, SetVerifyPolicy(name=" ", command=("x",)), None)
    world.put(
        *(VerifyPolicy(name=f"p{n}", include=("**",), shell="x") for n in range(POLICIES_LIMIT))
    )
    refusal = world.refused(InvalidValue, SetVerifyPolicy(name="one more", shell="x"), None)
    assert "200 policies" in refusal.message
    assert world.run(SetVerifyPolicy(name="p7", shell="y"), None).policy.shell == "y"


def test_only_people_and_trust_level_4_change_policies() -> None:
    for trust in (3, 4):
        world = crew(agent_trust=trust)
        if trust == 4:
            world.run(LINT, "s-ann")
            world.run(RemoveVerifyPolicy(name="lint"), "s-ann")
        else:
            world.refused(InsufficientTrust, LINT, "s-ann")
            world.run(LINT, None)
            world.refused(InsufficientTrust, RemoveVerifyPolicy(name="lint"), "s-ann")


def test_a_result_is_of_what_the_policy_does_and_nothing_else() -> None:
    policy = VerifyPolicy(name="p", include=("**",), command=("a", "b"), env=("CI",))
    same = {"name": "q", "include": ("x",), "exclude": ("y",), "tier": 3, "enabled": False,
            "description": "d", "at": "2026-01-05T08:00:00.000Z", "by": "eve"}  # fmt: skip
    other = {"executor": "github", "command": ("a b",), "shell": "a", "checks": ("c",),
             "timeout": 1.0, "env": ()}  # fmt: skip
    assert {*same, *other} == set(VerifyPolicy.__struct_fields__)
    replaced = msgspec.structs.replace
    assert {digest_of(replaced(policy, **{k: v})) for k, v in same.items()} == {digest_of(policy)}
    digests = {digest_of(replaced(policy, **{k: v})) for k, v in other.items()}
    assert len(digests | {digest_of(policy)}) == len(other) + 1
