"""Results of packages: held against plan, contracts, attempt, scope and pause."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.escalations import RaiseEscalation, Raising
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.task_moves import RetryTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    AttemptStale,
    FeaturePaused,
    GitcoordError,
    InvalidTransition,
    InvalidValue,
    NotAssigned,
    RevisionStale,
    ScopeViolation,
)
from tests.domain.crew import claimed, crew, plan, result
from tests.domain.world import World


def planned() -> World:
    world = crew()
    world.run(plan(), "s-ann")
    return world


def raising(kind: str, number: int = 1, **said: Any) -> Raising:
    fields = {"id": f"e-{number}", "queued": f"t-e{number}", "kind": kind, "summary": "Why."}
    return Raising(**(fields | said))


def test_a_result_completes_the_package_and_frees_what_waits() -> None:
    world = planned()
    task = claimed(world)
    wish = result(task, attempt=1, files_modified=("openapi/v1.yaml",))
    answer = world.run(wish, "s-ann")
    assert answer.task.status == "completed"
    assert answer.task.files_changed == ("openapi/v1.yaml",)
    assert answer.released == ["contract:login"]
    assert answer.ready == ["t-1.1-wp-api", "t-1.1-wp-ui"]
    assert (answer.escalations, answer.retried) == ([], False)
    assert wish.subject(answer, "ann") == "task: ann reports completed of wp-contract"
    world.check()


@pytest.mark.parametrize(
    ("revision", "contracts", "given"),
    [(2, 1, (1, 1)), (1, 2, (1, 1)), (2, 2, (1, 2)), (2, 2, (2, 1))],
)
def test_a_result_of_an_older_plan_or_older_contracts_is_refused(
    revision: int, contracts: int, given: tuple[int, int]
) -> None:
    world = crew()
    world.run(plan(revision, contracts), "s-ann")
    task = claimed(world)
    wish = result(task, plan_revision=given[0], contracts_revision=given[1])
    refusal = world.refused(RevisionStale, wish, "s-ann")
    assert refusal.details["plan_revision"] == revision
    assert refusal.details["contracts_revision"] == contracts
    assert world.get(Task, task).status == "assigned"


def test_the_result_of_a_task_that_a_new_plan_has_ended_is_refused() -> None:
    world = planned()
    task = claimed(world)
    world.run(plan(1, 2), "s-bob")
    refusal = world.refused(InvalidValue, result(task), "s-ann")
    assert "is no package of a plan that holds" in refusal.message


def test_the_result_of_an_earlier_attempt_is_refused() -> None:
    world = planned()
    task = claimed(world)
    world.run(result(task, attempt=1, error_code="TIMEOUT"), "s-ann")
    world.run(RetryTask(id=task), "s-ann")
    claimed(world, session="s-bob")
    refusal = world.refused(AttemptStale, result(task, attempt=1), "s-bob")
    assert refusal.details["attempt"] == 2
    assert world.run(result(task, attempt=2), "s-bob").task.status == "completed"


@pytest.mark.parametrize("path", ["src/ui/a.ts", "src/api/secret/key", "SRC/api/x", "openapi/v1"])
def test_files_outside_the_scope_complete_nothing(path: str) -> None:
    world = planned()
    world.run(result(claimed(world)), "s-ann")
    task = claimed(world, "wp-api", "s-bob")
    wish = result(task, "wp-api", files_modified=("src/api/ok.py", path))
    refusal = world.refused(ScopeViolation, wish, "s-bob")
    assert refusal.details["files"] == [path]
    assert refusal.details["write_allow"] == ["src/api/**"]
    assert refusal.details["deny"] == ["src/api/secret/**"]
    failed = result(task, "wp-api", error_code="SCOPE_VIOLATION", files_modified=(path,))
    assert world.run(failed, "s-bob").task.status == "failed"


def test_many_files_outside_are_counted() -> None:
    world = planned()
    paths = tuple(f"x{n}" for n in range(30))
    refusal = world.refused(ScopeViolation, result(claimed(world), files_modified=paths), "s-ann")
    assert "x0, x1, x2 and 27 more" in refusal.message
    assert len(refusal.details["files"]) == 20


def test_nothing_of_a_paused_feature_is_finished_by_others() -> None:
    world = planned()
    task = claimed(world)
    world.run(AcquireLocks(keys=("feature:login:pause",)), "s-bob")
    refusal = world.refused(FeaturePaused, result(task), "s-ann")
    assert refusal.details["by"] == ["s-bob"]
    assert refusal.details["until"]
    ended = world.run(result(task, error_code="PAUSED"), "s-ann").task
    assert (ended.status, ended.error_code) == ("failed", "PAUSED")


def test_who_holds_the_pause_itself_may_finish_but_not_against_an_escalation() -> None:
    world = planned()
    task = claimed(world)
    world.run(AcquireLocks(keys=("feature:login:pause",)), "s-ann")
    raised = RaiseEscalation(escalation=raising("PLAN_REVISION_REQUIRED"), feature="login")
    world.run(raised, "s-ann")
    refusal = world.refused(FeaturePaused, result(task), "s-ann")
    assert refusal.details["until"] is None
    world = planned()
    task = claimed(world)
    world.run(AcquireLocks(keys=("feature:login:pause",)), "s-ann")
    assert world.run(result(task), "s-ann").task.status == "completed"


def test_a_failure_with_a_conflict_is_tried_again_while_attempts_are_left() -> None:
    world = planned()
    task = claimed(world)
    wish = result(task, error_code="LOCK_UNAVAILABLE", escalations=[raising("RESOURCE_CONFLICT")])
    answer = world.run(wish, "s-ann")
    assert (answer.task.status, answer.retried) == ("pending", True)
    assert answer.escalations[0].task == task
    assert answer.escalations[0].feature == "login"
    assert answer.task.attempts[0].error_code == "LOCK_UNAVAILABLE"
    world.run(ClaimTask(id=task), "s-bob")
    again = result(
        task, error_code="TIMEOUT", escalations=[raising("FLAKY_TEST_QUARANTINE_REQUEST", 2)]
    )
    answer = world.run(again, "s-bob")
    assert (answer.task.status, answer.retried) == ("failed", False)
    world.check()


def test_a_failure_with_more_than_a_conflict_stays_failed() -> None:
    world = planned()
    task = claimed(world)
    both = [raising("RESOURCE_CONFLICT"), raising("VERIFICATION_INFEASIBLE", 2)]
    answer = world.run(result(task, error_code="TIMEOUT", escalations=both), "s-ann")
    assert (answer.task.status, answer.retried) == ("failed", False)
    assert [one.action for one in answer.escalations] == ["retry", "fail"]


def test_a_result_may_pause_the_feature_and_complete() -> None:
    world = planned()
    task = claimed(world)
    wish = result(task, escalations=[raising("SECURITY_ESCALATION", severity="BLOCKING")])
    assert world.run(wish, "s-ann").task.status == "completed"
    world.refused(FeaturePaused, ClaimTask(id="t-1.1-wp-api"), "s-bob")


def test_an_orchestrator_cancels_by_the_code_of_the_original() -> None:
    world = planned()
    ended = world.run(result(claimed(world), error_code="cancelled_by_orchestrator"), "s-ann")
    assert (ended.task.status, ended.task.error_code) == ("cancelled", "cancelled_by_orchestrator")
    assert world.all(Lock) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidValue, {"package": "wp-api"}),
        (InvalidValue, {"feature_id": "other"}),
        (InvalidValue, {"plan_revision": 2}),
        (InvalidValue, {"contracts_revision": 9}),
        (InvalidValue, {"error_code": "NO_IDEA"}),
        (InvalidValue, {"status": "failed"}),
        (InvalidValue, {"status": "completed", "error_code": "TIMEOUT"}),
        (InvalidValue, {"escalations": [raising("PLAN REVISION")]}),
    ],
)
def test_a_result_that_says_something_else_is_refused(
    error: type[GitcoordError], said: dict[str, Any]
) -> None:
    world = planned()
    world.refused(error, result(claimed(world), **said), "s-ann")


def test_only_who_works_on_it_hands_it_in_and_only_once() -> None:
    world = planned()
    task = claimed(world)
    world.refused(NotAssigned, result(task), "s-bob")
    world.run(result(task), "s-ann")
    world.refused(InvalidTransition, result(task), "s-ann")
    world.run(AddTasks(tasks=(NewTask(id="t-free", title="One"),)), "s-ann")
    world.run(ClaimTask(id="t-free"), "s-ann")
    refusal = world.refused(InvalidValue, result("t-free"), "s-ann")
    assert "task complete t-free" in refusal.hint
