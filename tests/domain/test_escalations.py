"""Escalations: what is done about each kind, and pauses that last until they are resolved."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.claiming import ClaimTask, NextTask
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.departure import EndSession
from gitcoord.domain.escalations import (
    KINDS,
    Escalation,
    RaiseEscalation,
    Raising,
    ResolveEscalation,
    listed,
)
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    EscalationNotFound,
    FeaturePaused,
    GitcoordError,
    IdTaken,
    InvalidId,
    InvalidValue,
    OwnApproval,
    ReasonRequired,
    SessionRequired,
    TaskNotFound,
)
from tests.domain.crew import crew, plan
from tests.domain.world import World


def raising(kind: str = "SECURITY_ESCALATION", number: int = 1, **said: Any) -> RaiseEscalation:
    fields = {"id": f"e-{number}", "queued": f"t-e{number}", "kind": kind, "summary": "It leaks."}
    mine = {name: said.pop(name) for name in list(said) if name in ("feature", "task")}
    return RaiseEscalation(escalation=Raising(**(fields | said)), **mine)


ACTIONS = {
    "CONTRACT_REVISION_REQUIRED": ("revise_contracts", True),
    "PLAN_REVISION_REQUIRED": ("replan", True),
    "RESOURCE_CONFLICT": ("retry", False),
    "ENV_RESOURCE_CONFLICT": ("retry", False),
    "VERIFICATION_INFEASIBLE": ("fail", False),
    "SCOPE_VIOLATION": ("fail", False),
    "SECURITY_ESCALATION": ("ask_person", False),
    "FLAKY_TEST_QUARANTINE_REQUEST": ("quarantine", False),
    "SOMETHING_ELSE": ("ask_person", False),
}


@pytest.mark.parametrize(("kind", "action", "pauses"), [(k, *v) for k, v in ACTIONS.items()])
def test_what_is_done_about_each_kind(kind: str, action: str, pauses: bool) -> None:
    assert set(ACTIONS) == {*KINDS, "SOMETHING_ELSE"}
    world = crew()
    found = world.run(raising(kind.lower(), feature="login"), "s-ann").escalation
    assert (found.kind, found.action, found.pauses) == (kind, action, pauses)
    assert world.get(Escalation, "e-1") == found
    world.check()


@pytest.mark.parametrize("severity", ["NON_BLOCKING", "LOW", "MEDIUM", "HIGH", "BLOCKING"])
def test_what_blocks_pauses_whatever_its_kind(severity: str) -> None:
    found = crew().run(raising(severity=severity, feature="login"), "s-ann").escalation
    assert found.pauses == (severity == "BLOCKING")


def test_it_stands_in_the_queue_as_the_most_urgent_task() -> None:
    world = crew()
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One", priority=1),)), "s-ann")
    world.pass_time(1)
    found = world.run(raising("PLAN_REVISION_REQUIRED", feature="login", details="All."), "s-ann")
    task = world.get(Task, found.escalation.queued)
    assert (task.type, task.priority, task.feature) == ("escalation", 1, "")
    assert task.title == "PLAN_REVISION_REQUIRED: It leaks."
    assert task.description == "action: replan\nfeature: login\n\nAll."
    # Its own pause is not in the way of who ends it.
    assert world.run(NextTask(types=("escalation",)), "s-bob").task.id == task.id


def test_a_pause_stops_claims_of_the_feature_until_it_is_resolved() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    world.run(raising(severity="BLOCKING", task="t-1.1-wp-contract"), "s-ann")
    refusal = world.refused(FeaturePaused, ClaimTask(id="t-1.1-wp-contract"), "s-bob")
    assert "feature login is paused by ann: SECURITY_ESCALATION e-1: It leaks." in refusal.message
    assert world.run(NextTask(feature="login"), "s-bob").task is None
    # It does not end with who has raised it, nor by time, as a lock would.
    world.run(EndSession(), "s-ann")
    world.pass_time(30 * DAY)
    world.refused(FeaturePaused, ClaimTask(id="t-1.1-wp-contract"), "s-bob")
    answer = world.run(ResolveEscalation(id="e-1", resolution="The key is new."), "s-bob")
    assert (answer.escalation.status, answer.escalation.resolved_by) == ("resolved", "bob")
    ended = world.get(Task, "t-e1")
    assert (ended.status, ended.error_code) == ("cancelled", "resolved")
    assert world.run(ClaimTask(id="t-1.1-wp-contract"), "s-bob").task is not None
    world.check()


def test_two_pauses_end_one_by_one() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    for number in (1, 2):
        world.run(raising(number=number, severity="BLOCKING", feature="login"), "s-ann")
    world.run(ResolveEscalation(id="e-1", resolution="ok"), None)
    world.refused(FeaturePaused, ClaimTask(id="t-1.1-wp-contract"), "s-bob")
    world.run(ResolveEscalation(id="e-2", resolution="ok"), None)
    assert world.run(ClaimTask(id="t-1.1-wp-contract"), "s-bob").task is not None


def test_what_asks_for_a_person_is_not_resolved_by_whoever_raised_it() -> None:
    world = crew()
    world.run(raising(), "s-ann")
    own = world.refused(OwnApproval, ResolveEscalation(id="e-1", resolution="ok"), "s-ann")
    assert own.message == "ann has raised e-1"
    world.run(raising("RESOURCE_CONFLICT", number=2), "s-ann")
    world.run(ResolveEscalation(id="e-2", resolution="it was free again"), "s-ann")
    assert world.run(ResolveEscalation(id="e-1", resolution="ok"), "s-bob").escalation.resolution


def test_resolving_twice_changes_nothing_and_leaves_a_task_that_is_done() -> None:
    world = crew()
    world.run(raising(), "s-ann")
    world.run(ClaimTask(id="t-e1"), "s-bob")
    world.run(MoveTask(id="t-e1", move="complete"), "s-bob")
    first = world.run(ResolveEscalation(id="e-1", resolution="ok"), "s-bob").escalation
    assert world.get(Task, "t-e1").status == "completed"
    again = world.run(ResolveEscalation(id="e-1", resolution="other"), None)
    assert again.escalation == first
    world.remove(world.get(Task, "t-e1"))
    world.run(raising(number=2), "s-ann")
    world.remove(world.get(Task, "t-e2"))
    assert world.run(ResolveEscalation(id="e-2", resolution="ok"), None)


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (IdTaken, raising(number=1)),
        (IdTaken, raising(number=2, queued="t-e1")),
        (InvalidId, raising(id="e 1")),
        (InvalidValue, raising("", number=2)),
        (InvalidValue, raising("a b", number=2)),
        (InvalidValue, raising("X" * 65, number=2)),
        (InvalidValue, raising(number=2, summary=" ")),
        (InvalidValue, raising("PLAN_REVISION_REQUIRED", number=2)),
        (InvalidValue, raising(number=2, severity="BLOCKING", task="t-free")),
        (TaskNotFound, raising(number=2, task="t-none")),
        (EscalationNotFound, ResolveEscalation(id="e-9", resolution="ok")),
        (InvalidId, ResolveEscalation(id="e 9", resolution="ok")),
        (ReasonRequired, ResolveEscalation(id="e-1", resolution=" ")),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    error: type[GitcoordError], wish: Any
) -> None:
    world = crew()
    world.run(AddTasks(tasks=(NewTask(id="t-free", title="One"),)), "s-ann")
    world.run(raising(), "s-ann")
    world.refused(error, wish, "s-ann")


def test_only_a_session_raises() -> None:
    World().refused(SessionRequired, raising())


def test_a_new_revision_resolves_what_asked_for_it_and_nothing_else() -> None:
    world = crew()
    world.run(plan(), "s-ann")
    kinds = ["CONTRACT_REVISION_REQUIRED", "PLAN_REVISION_REQUIRED", "SECURITY_ESCALATION"]
    for number, kind in enumerate(kinds):
        world.run(raising(kind, number, feature="login"), "s-ann")
    world.run(raising(kinds[0], 7, feature="other"), "s-ann")
    assert world.run(plan(1, 2), "s-ann").resolved == ["e-0"]
    assert world.get(Escalation, "e-0").resolution == "there is a new revision of the contracts"
    assert world.run(plan(2, 2), "s-ann").resolved == ["e-1"]
    assert world.get(Escalation, "e-1").resolution == "there is a new revision of the plan"
    assert [one.id for one in listed(world.state())] == ["e-2", "e-7"]
    assert [one.id for one in listed(world.state(), closed=True)] == ["e-0", "e-1", "e-2", "e-7"]
    world.check()


def test_what_is_resolved_is_forgotten_after_a_while() -> None:
    world = crew()
    world.run(raising(), "s-ann")
    world.run(raising(number=2), "s-ann")
    world.run(ResolveEscalation(id="e-1", resolution="ok"), None)
    world.pass_time(100 * DAY)
    world.run(Compact())
    assert [one.id for one in listed(world.state(), closed=True)] == ["e-2"]


def test_the_diary_says_what_is_paused() -> None:
    world = crew()
    wish = raising(severity="BLOCKING", feature="login")
    answer = world.run(wish, "s-ann")
    assert wish.subject(answer, "ann") == (
        "escalation: ann raises SECURITY_ESCALATION, login is paused"
    )
