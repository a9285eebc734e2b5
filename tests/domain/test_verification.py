"""What a change needs, how a tree stands to it, and how risky it is: questions over the state."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.transfer import ImportRecords
from gitcoord.domain.verification import (
    HISTORY,
    known_of,
    need,
    newest,
    refusal_of,
    result_for,
    risk_of,
    standing,
    verification_by,
)
from gitcoord.domain.verify_policies import SetVerifyPolicy
from gitcoord.errors import (
    InsufficientTrust,
    InvalidKey,
    InvalidValue,
    VerificationFailed,
    VerificationMissing,
    VerificationNotFound,
)
from tests.domain.checked import COMMIT, OTHER, TREE, noted, policy, result
from tests.domain.crew import crew
from tests.domain.world import World

SRC = ("src/a.py",)


def names(world: World, *paths: str, wide: bool = False) -> tuple[Any, list[str]]:
    found = need(world.state(), paths, wide=wide)
    return found.tier, [one.name for one in found.policies]


def stands(world: World, tree: str = TREE, **said: Any) -> tuple[str, str]:
    found = standing(world.state(), tree, SRC, **said)
    return found.status, found.text


def test_requirement_8_changed_files_choose_their_checks() -> None:
    world = crew()
    policy(world, "docs", include=("docs/**",))
    policy(world, "unit", tier=1, command=("make",), exclude=("src/gen/**",))
    policy(world, "off", enabled=False)
    policy(world, "auth", tier=4, include=("src/auth/**",))
    assert names(world, "README") == (None, [])
    assert names(world, "docs/a", "README") == (0, ["docs"])
    assert names(world, "src/a.py", "docs/a") == (1, ["docs", "unit"])
    assert names(world, "src/gen/a.py") == (None, [])
    # The tier of a change is the highest of its policies, and all of them have to pass.
    assert names(world, "src/auth/a.py", "src/gen/b.py") == (4, ["unit", "auth"])
    assert names(world) == (None, [])
    assert names(world, "README", wide=True) == (4, ["docs", "unit", "auth"])
    assert need(world.state(), ("src/auth/a.py",)).person
    assert not need(world.state(), SRC).person


def test_requirement_8_a_result_is_kept_and_used_again() -> None:
    world = crew()
    unit = policy(world)
    assert stands(world) == ("pending", "unit has not run")
    world.run(noted(result(unit)), "s-ann")
    assert stands(world) == ("passed", "passed: unit")
    # It is of the tree, whatever commit has it; another tree has none.
    assert result_for(world.state(), TREE, unit) is not None
    assert stands(world, OTHER)[0] == "pending"
    # It is of what the policy says today.
    world.run(SetVerifyPolicy(name="unit", timeout=7), None)
    assert stands(world) == ("pending", "unit has not run")
    world.run(SetVerifyPolicy(name="unit", timeout=600, tier=3), None)
    assert stands(world)[0] == "passed"


def test_nothing_is_needed_where_no_policy_is_about_the_paths() -> None:
    found = standing(World().state(), TREE, SRC)
    assert (found.status, found.text) == ("not_needed", "no policy asks for a check")


def test_a_standing_tells_what_is_missing_and_what_failed() -> None:
    world = crew()
    first, second = policy(world, "a"), policy(world, "b", tier=1, checks=("ci",))
    third = policy(world, "c", tier=2, command=("x",))
    world.run(noted(result(first), result(second, "pending", reason="waits for ci")), None)
    found = standing(world.state(), TREE, SRC)
    assert (found.status, found.missing, found.failed) == ("pending", ("b", "c"), ())
    assert found.text == "b pending (waits for ci), c has not run"
    for status in ("failed", "timeout"):
        world.run(noted(result(third, status, reason="too bad")), None)
        found = standing(world.state(), TREE, SRC)
        assert (found.status, found.missing, found.failed) == ("failed", ("b",), ("c",))
        assert found.text == f"b pending (waits for ci), c {status} (too bad)"
    # What could not be tried says nothing about the change.
    world.run(noted(result(third, "error")), None)
    assert stands(world) == ("pending", "b pending (waits for ci), c error")
    known = known_of(world.state(), TREE, need(world.state(), SRC))
    assert [one.policy for one in known] == ["a", "b", "c"]


def test_a_person_counts_only_where_that_is_asked_for() -> None:
    world = crew()
    policy(world, "sec", tier=4)
    assert stands(world) == ("not_needed", "no policy asks for a check")
    assert stands(world, person=True) == ("pending", "sec has not run")
    policy(world, "unit")
    assert stands(world) == ("pending", "unit has not run")
    assert stands(world, person=True) == ("pending", "unit has not run, sec has not run")


def test_of_several_commits_with_one_tree_the_newest_settled_result_counts() -> None:
    world = crew()
    unit = policy(world)
    for commit, status in (("1" * 40, "failed"), ("2" * 40, "passed"), ("3" * 40, "running")):
        world.run(noted(result(unit, status), commit=commit), None)
        world.pass_time(1)
    assert stands(world)[0] == "passed"
    world.run(noted(result(unit, "failed"), commit="0" * 40), None)
    assert stands(world)[0] == "failed"


def test_what_stands_against_landing_is_a_refusal_with_the_next_command() -> None:
    world = crew()
    unit = policy(world)
    assert refusal_of(standing(world.state(), TREE, ()), COMMIT) is None
    missing = refusal_of(standing(world.state(), TREE, SRC), COMMIT)
    assert isinstance(missing, VerificationMissing)
    assert missing.as_dict()["missing"] == ["unit"]
    assert "verify run" in str(missing.hint)
    world.run(noted(result(unit, "failed")), None)
    failed = refusal_of(standing(world.state(), TREE, SRC), COMMIT)
    assert isinstance(failed, VerificationFailed)
    assert (failed.details["failed"], failed.message) == (["unit"], "aaaaaaaaaa: unit failed")
    world.run(noted(result(unit)), None)
    assert refusal_of(standing(world.state(), TREE, SRC), COMMIT) is None


def test_the_newest_verifications_come_first() -> None:
    world = crew()
    for commit in "123":
        world.run(noted(commit=commit * 40), None)
        world.pass_time(1)
    world.run(noted(commit="1" * 40), None)
    assert [one.commit[0] for one in newest(world.state())] == ["1", "3", "2"]
    assert [one.commit[0] for one in newest(world.state(), 2)] == ["1", "3"]


def test_what_is_known_of_a_commit_is_found_by_its_whole_name() -> None:
    world = crew()
    world.run(noted(), None)
    assert verification_by(world.state(), COMMIT).tree == TREE
    for name in (OTHER, COMMIT[:10], "HEAD"):
        with pytest.raises(VerificationNotFound):
            verification_by(world.state(), name)


def score(world: World, *paths: str, **said: Any) -> int:
    return risk_of(world.state(), paths, now=world.now, **said).score


def test_the_risk_comes_from_size_and_risky_paths() -> None:
    world = crew()
    assert score(world) == 0
    assert score(world, "a", "b", "a") == 1
    assert score(world, "a", lines=500) == 10
    assert score(world, "src/auth/x.py") == 30
    assert score(world, "src/auth/x.py", "poetry.lock") == 41
    # Where not all paths are known every pattern may be met.
    assert score(world, "a", wide=True) == 100
    mine = crew(risky_paths=[{"pattern": "core/**", "weight": 50}])
    assert (score(mine, "core/x"), score(mine, "src/auth/x.py")) == (50, 0)
    folded = crew(case_folding=True)
    assert score(folded, "SRC/Auth/x.py") == 30


def test_the_risk_counts_live_locks_of_others() -> None:
    world = crew()
    world.run(AcquireLocks(keys=("src/**",), ttl=60), "s-bob")
    world.run(AcquireLocks(keys=("lib/a", "docs/"), mode="shared"), "s-bob")
    assert score(world, "src/a", session="s-ann/sub") == 10
    assert score(world, "src/a", session="s-bob/sub") == 0
    assert score(world, "src/a") == 10
    # One lock counts once; a name that no key can have counts as all of its folder.
    assert score(world, "src/a", "src/b", "lib/a", session="s-ann") == 21
    for odd, locks in (("src/\udcff", 1), ("docs/x\udcff/y", 1), ("x\n", 3), ("new/\udcff", 0)):
        assert score(world, odd, session="s-ann") == 10 * locks, odd
    assert score(world, wide=True) == score(crew(), wide=True) == 100
    few = crew(risky_paths=[])
    few.run(AcquireLocks(keys=("src/a", "x")), "s-bob")
    assert score(few, wide=True, session="s-ann") == 45
    assert score(few, wide=True, session="s-bob") == 25
    world.pass_time(61)
    assert score(world, "src/a", session="s-ann") == 0


def test_the_risk_counts_failed_checks_of_the_branch_and_the_agent() -> None:
    world = crew()
    unit = policy(world)
    for commit in "123":
        world.run(noted(result(unit, "failed"), commit=commit * 40, branch="feat"), "s-ann")
        world.pass_time(1)
    world.run(noted(result(unit, "timeout"), commit="4" * 40, branch="feat"), "s-bob")
    assert score(world, branch="feat") == 24
    assert score(world, agent="bob") == 8
    assert score(world, agent="bob", branch="feat") == 24
    assert score(world, agent="eve", branch="x") == score(world) == 0
    for number in range(HISTORY):
        world.pass_time(1)
        world.run(noted(result(unit), commit=f"{number:040x}", branch="feat"), "s-bob")
    assert score(world, branch="feat") == 0


def test_the_settings_say_from_which_risk_on_a_person_approves() -> None:
    for limit, person in ((0, False), (30, True), (31, False)):
        world = crew(risk_approval=limit)
        risk = risk_of(world.state(), ("src/auth/x.py",), now=world.now)
        assert (risk.score, risk.person) == (30, person)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"risky_paths": [{"pattern": "../x", "weight": 1}]}, InvalidKey),
        ({"risky_paths": [{"pattern": "api:GET /x", "weight": 1}]}, InvalidValue),
        ({"risky_paths": [{"pattern": "x", "weight": 101}]}, InvalidValue),
        ({"risk_approval": 101}, InvalidValue),
        ({"verify_timeout": 0.5}, InvalidValue),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], error: Any) -> None:
    crew().refused(error, ChangeSettings(values=values), None)


def test_what_a_person_has_to_approve_is_no_agents_to_change() -> None:
    for values in ({"risk_approval": 0}, {"risky_paths": []}):
        crew(agent_trust=3).refused(InsufficientTrust, ChangeSettings(values=values), "s-ann")
        world = crew(agent_trust=4)
        world.run(ChangeSettings(values=values), "s-ann")


def test_policies_and_results_do_not_travel() -> None:
    records = [{"table": table, "record": {}} for table in ("verify_policies", "verifications")]
    found = crew().run(ImportRecords(records=records), None)
    assert found.left_behind == {"verify_policies": 1, "verifications": 1}


PATHS = st.lists(
    st.sampled_from(["a", "src/b", "src/auth/c", "poetry.lock", "app/migrations/1", "lib/d"]),
    max_size=6,
)


@pytest.fixture(scope="module")
def held() -> World:
    world = crew()
    world.run(AcquireLocks(keys=("src/**", "lib/d")), "s-bob")
    return world


@given(PATHS, PATHS)
def test_the_risk_never_falls_when_a_path_is_added(
    held: World, paths: list[str], more: list[str]
) -> None:
    assert score(held, *paths) <= score(held, *paths, *more)
    assert score(held, *paths) <= score(held, *paths, wide=True)
