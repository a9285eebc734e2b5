"""Work-package files: the form, names, cycles, keys; every refusal names the places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitcoord.domain.package_file import packages_from
from gitcoord.domain.packages import WorkPackages
from gitcoord.errors import InvalidFile

STEP = {"name": "t", "kind": "command", "command": "pytest", "evidence": {}}


def package(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    return {
        "package_id": name,
        "task_type": "implement",
        "description": f"Do {name}.",
        "depends_on": list(after),
        "scope": {"write_allow": [f"src/{name}/**"]},
    } | fields


def file(*packages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "feature": {"id": "login", "plan_revision": 1},
        "contracts": {"revision": 1, "openapi": {"primary": "a.yaml", "files": ["a.yaml"]}},
        "packages": list(packages) or [package("wp-a")],
    } | fields


def problems(data: Any) -> list[dict[str, str]]:
    with pytest.raises(InvalidFile) as caught:
        packages_from(data)
    found = caught.value.details["problems"]
    assert isinstance(found, list)
    for one in found[:5]:
        assert one["reason"] in caught.value.message
    return found


def after(found: WorkPackages) -> dict[str, set[str]]:
    return {one.package_id: set(one.depends_on) for one in found.packages}


def test_a_whole_file_of_the_original_is_read() -> None:
    whole = package(
        "wp-api",
        title="Routes",
        role="implementer",
        archetype="implementer",
        priority=2,
        locks={
            "files": ["src/api.py"],
            "keys": ["api:GET /v1/users", "db:schema:users", "db:migration-slot"],
            "ttl_minutes": 60,
            "reason": "routes",
        },
        scope={"write_allow": ["src/api/**"], "read_allow": ["**"], "deny": ["src/api/old/**"]},
        worktree={"name": "wt.api", "mode": "shared"},
        timeout_minutes=30,
        retry_budget=2,
        min_trust_level=3,
        verification={
            "tier_required": "B",
            "steps": [
                STEP | {"cwd": ".", "env": {"A": "b"}, "expect_exit_code": 1},
                {
                    "name": "ci",
                    "kind": "ci",
                    "ci": {"provider": "github", "workflow": "ci.yml", "required_checks": ["x"]},
                    "evidence": {"artifacts": ["out.xml"], "result_keys": ["n"]},
                },
                {"name": "look", "kind": "manual", "manual_instructions": "Look.", "evidence": {}},
            ],
        },
        metadata={"loc": 1},
        inputs={"a": [1]},
        outputs={"result_keys": ["files_modified"], "artifacts": ["a"]},
    )
    contracts = {
        "revision": 3,
        "openapi": {"primary": "a.yaml", "files": ["a.yaml"]},
        "generated": {"pydantic_dir": "gen"},
        "mocks": {"prism": {"enabled": True}},
        "cdc": {"pact": {"enabled": False}},
    }
    found = packages_from(file(whole, contracts=contracts, defaults={"priority": 7}))
    (one,) = found.packages
    assert (one.title, one.priority, one.scope.deny) == ("Routes", 2, ("src/api/old/**",))
    assert one.verification is not None
    assert [step.kind for step in one.verification.steps] == ["command", "ci", "manual"]
    assert (found.contracts.revision, found.defaults.priority) == (3, 7)
    assert found.defaults.lock_ttl_minutes == 120


def test_the_defaults_are_those_of_the_original() -> None:
    found = packages_from(file()).defaults
    assert (found.priority, found.lock_ttl_minutes, found.timeout_minutes) == (5, 120, 60)
    assert (found.retry_budget, found.verification_tier_required) == (1, "A")
    assert found.min_trust_level == 2


@pytest.mark.parametrize(
    ("data", "place", "reason", "hint"),
    [
        ([], "", "expected `object`", ""),
        (file(schema_version=2), "schema_version", "invalid enum value 2", ""),
        (file(feature={"id": "x y", "plan_revision": 1}), "feature.id", "matching regex", ""),
        (file(feature={"id": "x", "plan_revision": 0}), "feature.plan_revision", ">= 1", ""),
        (file(feature={"id": "x"}), "feature.plan_revision", "it is missing", ""),
        (file(contracts={}), "contracts.revision", "it is missing", ""),
        (file(packages=[]), "packages", "length >= 1", ""),
        (file(package=[]), "package", "no such field", "mean packages?"),
        (file(defaults={"priorty": 1}), "defaults.priorty", "no such field", "mean priority?"),
        (file(package("WP")), "packages[0].package_id", "matching regex", ""),
        (file(package("a"), package("b", prio=1)), "packages[1].prio", "no such", "priority?"),
        (
            file(package("a", locks={"fils": []})),
            "packages[0].locks.fils",
            "no such field",
            "mean files?",
        ),
        (
            file(package("a", verification={"steps": [STEP | {"evidences": 1}]})),
            "packages[0].verification.steps[0].evidences",
            "no such field",
            "mean evidence?",
        ),
        (
            file(
                package("a", verification={"steps": [{"name": "x", "kind": "ci", "evidence": {}}]})
            ),
            "packages[0].verification.steps[0].ci",
            "a step of kind ci needs it",
            "",
        ),
        (
            file(
                package(
                    "a",
                    verification={"steps": [{"name": "x", "kind": "manual", "evidence": {}}]},
                )
            ),
            "packages[0].verification.steps[0].manual_instructions",
            "a step of kind manual needs it",
            "",
        ),
        (file(package("a"), package("a")), "packages[1].package_id", "packages[0] is 'a'", ""),
        (file(package("a", "b1"), package("b")), "packages[0].depends_on[0]", "no package", "b?"),
        (
            file(package("a", locks={"keys": ["src/a.py"]})),
            "packages[0].locks.keys[0]",
            "paths are in locks.files",
            "",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    data: Any, place: str, reason: str, hint: str
) -> None:
    (problem,) = problems(data)
    assert problem["place"] == place
    assert reason in problem["reason"]
    assert hint in problem["hint"]


@pytest.mark.parametrize(
    "key",
    [
        "api:GET /v1/users", "api:DELETE /", "db:migration-slot", "db:schema:users_2",
        "event:user.created", "flag:billing/*", "env:staging-db_1", "contract:openapi/v1.yaml",
        "feature:add-login:pause", "feature:x.y.wp-api:write", "queue:anything",
    ],
)  # fmt: skip
def test_logical_keys_in_their_strict_forms_are_taken(key: str) -> None:
    found = packages_from(file(package("a", locks={"keys": [key]})))
    assert found.packages[0].locks.keys == (key,)


@pytest.mark.parametrize(
    "key",
    [
        "api:/auth/login", "api:get /x", "api:GET x", "db:users", "db:schema:Users",
        "event:User", "flag:dark-mode", "env:DATABASE_URL", "feature:login", "feature:login:PAUSE",
    ],
)  # fmt: skip
def test_logical_keys_in_other_forms_are_refused_with_an_example(key: str) -> None:
    (problem,) = problems(file(package("a", locks={"keys": ["contract:x", key]})))
    assert problem["place"] == "packages[0].locks.keys[1]"
    assert "has not the form of its namespace" in problem["reason"]
    assert problem["hint"].startswith(f"Write it as {key.partition(':')[0]}:")


def test_a_cycle_is_shown_as_it_runs() -> None:
    with pytest.raises(InvalidFile) as caught:
        packages_from(file(package("a", "c"), package("b", "a"), package("c", "b")))
    assert caught.value.details["cycle"] == ["a", "c", "b", "a"]
    assert "a -> c -> b -> a" in caught.value.message
    assert caught.value.details["problems"][0]["place"] == "packages[0].depends_on"
    assert problems(file(package("a", "a")))[0]["reason"].endswith("a -> a")


INTEGRATING: list[Callable[[], dict[str, Any]]] = [
    lambda: package("wp-integration"),
    lambda: package("last", task_type="integration"),
    lambda: package("last", task_type="integrate"),
]


@pytest.mark.parametrize("last", INTEGRATING)
def test_what_integrates_comes_after_all_that_does_not_depend_on_it(
    last: Callable[[], dict[str, Any]],
) -> None:
    one = last()
    name = one["package_id"]
    found = after(packages_from(file(package("a"), one, package("b"), package("doc", name))))
    assert found == {"a": set(), name: {"a", "b"}, "b": set(), "doc": {name}}


def test_two_that_integrate_make_no_cycle() -> None:
    one, two = (package(x, task_type="integration") for x in ("one", "two"))
    found = after(packages_from(file(one, two, package("n", "two"), package("m", "one"))))
    from gitcoord.domain.graph import cycle

    assert cycle(found) == []
    assert found["one"] == {"n"}
    assert found["two"] == set()
