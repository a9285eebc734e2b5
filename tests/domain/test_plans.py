"""Plans: packages become tasks whole or not at all, and only a newer plan takes their place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.escalations import Escalation, RaiseEscalation, Raising
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.plans import Plan, plan_of
from gitcoord.domain.side_by_side import Package
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.transfer import ImportRecords
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    GitcoordError,
    IdTaken,
    InvalidFile,
    InvalidKey,
    InvalidValue,
    LimitReached,
    RevisionStale,
)
from tests.domain.crew import PACKAGES, claimed, crew, plan
from tests.domain.world import World


def test_packages_become_tasks_of_the_feature_in_their_order() -> None:
    world = crew()
    answer = world.run(plan(), "s-ann")
    contract, api, ui = answer.tasks
    assert (contract.feature, contract.keys, contract.wave) == ("login", ("contract:login",), 0)
    assert (api.depends_on, api.keys, api.wave) == ((contract.id,), ("api:POST /login",), 1)
    assert (ui.depends_on, ui.max_attempts) == ((contract.id,), 2)
    held = world.get(Plan, "login")
    assert held == answer.plan
    assert (held.plan_revision, held.contracts_revision, held.by) == (1, 1, "ann")
    assert [one.task for one in held.packages] == [contract.id, api.id, ui.id]
    assert plan_of(world.state(), api.id) == held
    assert held.package_of(api.id).id == "wp-api"
    assert held.package_of("t-none") is None
    assert plan_of(world.state(), "t-none") is None
    world.check()


def test_a_person_may_make_a_plan() -> None:
    assert crew().run(plan(), None, agent="root").plan.by == "root"


OVERLAPPING = (Package(id="a", write=("src/**",)), Package(id="b", write=("src/*.py",)))


def test_packages_that_would_collide_are_refused_with_the_pair_and_the_keys() -> None:
    refusal = crew().refused(InvalidFile, plan(packages=OVERLAPPING), "s-ann")
    assert refusal.details["clashes"] == [
        {"packages": ("a", "b"), "keys": [("src/**", "src/*.py")]}
    ]
    assert refusal.details["problems"][0]["place"] == "packages[1]"
    assert "a and b could run side by side" in refusal.message


@pytest.mark.parametrize(
    ("error", "packages"),
    [
        (DependencyCycle, (Package(id="a", depends_on=("b",)), Package(id="b", depends_on=("a",)))),
        (DependencyNotFound, (Package(id="a", depends_on=("z",)),)),
        (IdTaken, (Package(id="a"), Package(id="a"))),
        (InvalidKey, (Package(id="a", write=("/etc/**",)),)),
        (InvalidValue, ()),
        (LimitReached, tuple(Package(id=f"p{n}") for n in range(501))),
    ],
)
def test_a_plan_that_cannot_be_is_refused_whole(
    error: type[GitcoordError], packages: tuple[Package, ...]
) -> None:
    crew().refused(error, plan(packages=packages), "s-ann")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidValue, {"feature": ""}),
        (InvalidValue, {"tasks": (NewTask(id="t-1", title="x", ref="other"),)}),
        (IdTaken, {"tasks": tuple(NewTask(id="t-1", title="x", ref=x.id) for x in PACKAGES)}),
    ],
)
def test_a_wrong_wish_changes_nothing(error: type[GitcoordError], said: dict[str, Any]) -> None:
    crew().refused(error, plan(**said), "s-ann")


@pytest.mark.parametrize(("revision", "contracts"), [(2, 2), (1, 3), (3, 1), (1, 1)])
def test_a_plan_that_is_not_newer_is_refused(revision: int, contracts: int) -> None:
    world = crew()
    world.run(plan(2, 2), "s-ann")
    refusal = world.refused(RevisionStale, plan(revision, contracts), "s-bob")
    assert (refusal.details["plan_revision"], refusal.details["contracts_revision"]) == (2, 2)
    assert refusal.code == "revision_stale"


def test_a_newer_plan_ends_what_is_open_and_leaves_what_is_done() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    done = claimed(world)
    world.run(MoveTask(id=done, move="complete"), "s-ann")
    held = claimed(world, "wp-api", "s-bob")
    answer = world.run(plan(1, 2), "s-ann")
    assert answer.superseded == [held, "t-1.1-wp-ui"]
    assert world.get(Task, done).status == "completed"
    ended = world.get(Task, held)
    assert (ended.status, ended.error_code) == ("cancelled", "cancelled_by_orchestrator")
    assert "superseded by plan 1 with contracts 2 of login" in ended.error
    assert world.all(Lock) == []
    assert {one.id for one in world.all(Task)} == {one.id for one in answer.tasks}
    # Who worked by the old plan is told, and can finish nothing of it.
    assert plan_of(world.state(), held) is None
    claimed(world)
    world.check()


def test_what_was_forgotten_of_the_plan_before_is_in_nobodys_way() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    world.remove(world.get(Task, "t-1.1-wp-ui"))
    assert world.run(plan(2), "s-ann").superseded == ["t-1.1-wp-contract", "t-1.1-wp-api"]


def test_the_feature_is_named_as_its_pause_lock_names_it() -> None:
    world = crew()
    wide = msgspec.structs.replace(plan(), feature="ﬁ")
    answer = world.run(wide, "s-ann")
    assert answer.plan.feature == answer.tasks[0].feature
    world.refused(RevisionStale, wide, "s-ann")


def test_a_plan_is_forgotten_with_its_last_task() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    for package in PACKAGES[:2]:
        world.run(MoveTask(id=f"t-1.1-{package.id}", move="cancel"), "s-ann")
    world.pass_time(100 * DAY)
    # The third still waits for the first.
    assert world.run(Compact()).removed["tasks"] == 1
    assert world.get(Plan, "login") is not None
    world.run(MoveTask(id="t-1.1-wp-ui", move="cancel"), None)
    world.pass_time(100 * DAY)
    world.run(Compact())
    assert world.all(Plan) == []


def test_plans_and_escalations_travel_with_their_tasks() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    raised = Raising(id="e-1", queued="t-e", kind="SCOPE_VIOLATION", summary="Why.")
    world.run(RaiseEscalation(escalation=raised, feature="login"), "s-ann")
    records = [
        {"table": kind.table, "record": msgspec.to_builtins(one)}
        for kind in (Plan, Escalation, Task)
        for one in world.all(kind)
    ]
    other = World()
    assert other.run(ImportRecords(records=records)).added == {
        "plans": 1, "escalations": 1, "tasks": 4,
    }  # fmt: skip
    assert other.all(Plan) == world.all(Plan)
    assert other.all(Escalation) == world.all(Escalation)
    assert plan_of(other.state(), "t-1.1-wp-api") == world.get(Plan, "login")
    ports = {"table": "ports", "record": {}}
    assert other.run(ImportRecords(records=[ports])).left_behind == {"ports": 1}
    other.check()


def test_a_package_without_anything_to_wait_for_can_be_claimed_at_once() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    refusal = world.refused(
        type(_refused(world, "t-1.1-wp-api")), ClaimTask(id="t-1.1-wp-api"), "s-bob"
    )
    assert "waits for t-1.1-wp-contract" in refusal.message
    assert claimed(world) == "t-1.1-wp-contract"


def _refused(world: Any, task: str) -> GitcoordError:
    (outcome,) = world.run_together((ClaimTask(id=task), "s-bob"))
    assert isinstance(outcome, GitcoordError)
    return outcome
