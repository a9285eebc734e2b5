"""What is told of plans and escalations, from the records before and after."""

from __future__ import annotations

from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.escalations import RaiseEscalation, Raising, ResolveEscalation
from gitcoord.domain.new_tasks import NewTask
from gitcoord.domain.plans import AddPlan
from gitcoord.domain.side_by_side import Package
from tests.domain.crew import crew
from tests.domain.telling import Watch


def planned(revision: int = 1) -> AddPlan:
    return AddPlan(
        feature="login",
        title="Log in",
        plan_revision=revision,
        contracts_revision=1,
        packages=(Package(id="api"),),
        tasks=(NewTask(id=f"t-{revision}", ref="api", title="Build"),),
    )


def test_a_plan_and_its_next_revision_are_told() -> None:
    world = crew()
    watch = Watch(world)
    world.run(planned(), "s-ann")
    event = next(one for one in watch.look() if one.type == "plan.made")
    assert event.data == {
        "feature_id": "login", "title": "Log in", "plan_revision": 1, "contracts_revision": 1,
        "by": "ann", "packages": [{"id": "api", "task_id": "t-1"}],
    }  # fmt: skip
    world.run(planned(2), "s-ann")
    told = [one.data["plan_revision"] for one in watch.look() if one.type == "plan.made"]
    assert told == [2]


def test_an_escalation_is_told_when_it_is_raised_and_when_it_is_resolved() -> None:
    world = crew()
    watch = Watch(world)
    wish = Raising(id="e-1", queued="q-1", kind="PLAN_REVISION_REQUIRED", summary="It grew")
    world.run(RaiseEscalation(escalation=wish, feature="login"), "s-ann")
    (event,) = [one for one in watch.look() if one.type.startswith("escalation.")]
    assert (event.type, event.about) == ("escalation.raised", ("s-ann",))
    assert event.data == {
        "escalation_id": "e-1", "kind": "PLAN_REVISION_REQUIRED", "severity": "MEDIUM",
        "action": "replan", "summary": "It grew", "feature_id": "login", "task_id": "",
        "pauses": True, "status": "open", "session_id": "s-ann", "agent_name": "ann",
    }  # fmt: skip
    world.run(ResolveEscalation(id="e-1", resolution="It is split"), agent="eve")
    (event,) = [one for one in watch.look() if one.type.startswith("escalation.")]
    assert (event.type, event.data["by"]) == ("escalation.resolved", "eve")
    assert event.data["resolution"] == "It is split"
    world.pass_time(200 * DAY)
    world.run(Compact())
    assert [one.type for one in watch.look()] == ["ledger.compacted"]
