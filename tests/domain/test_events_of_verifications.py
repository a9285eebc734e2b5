"""What is told of checks, from the records before and after."""

from __future__ import annotations

from gitcoord.domain.event import Event
from gitcoord.domain.operation import Operation
from gitcoord.domain.verify_policies import RemoveVerifyPolicy, SetVerifyPolicy
from tests.domain.checked import COMMIT, noted, policy, result
from tests.domain.crew import crew
from tests.domain.telling import Watch


class Told:
    """A world with one policy whose every transaction is told."""

    def __init__(self) -> None:
        self.world = crew(verifications_kept=1)
        self.watch = Watch(self.world)
        self.unit = policy(self.world)
        self.first = self.watch.look()

    def run(self, *wishes: tuple[Operation, str | None]) -> list[Event]:
        self.world.run_together(*wishes)
        return self.watch.look()


def test_each_new_result_is_told_once() -> None:
    told = Told()
    (event,) = told.run((noted(result(told.unit, "running"), branch="feat"), "s-ann"))
    assert (event.type, event.about) == ("verification.started", ("s-ann",))
    assert event.data == {
        "commit": COMMIT, "tree": "b" * 40, "branch": "feat", "risk": 0, "session_id": "s-ann",
        "agent_name": "ann", "policy": "unit", "status": "running", "tier": 0,
        "executor": "inline", "exit_code": None, "reason": "", "url": "",
    }  # fmt: skip
    lint = policy(told.world, "lint")
    told.watch.look()
    told.world.pass_time(1)
    events = told.run((noted(result(told.unit, exit_code=0), result(lint, "timeout")), "s-ann"))
    assert [(one.type, one.data["policy"]) for one in events] == [
        ("verification.passed", "unit"), ("verification.failed", "lint"),
    ]  # fmt: skip
    # Nothing of what a command wrote is told, and nothing that was told before.
    assert "output" not in events[0].data
    told.world.pass_time(1)
    events = told.run((noted(result(lint, "failed")), None))
    assert [(one.type, one.data["status"], one.about) for one in events] == [
        ("verification.failed", "failed", ())
    ]


def test_what_waits_or_could_not_be_tried_is_told_as_waiting() -> None:
    told = Told()
    for status in ("pending", "error"):
        (event,) = told.run((noted(result(told.unit, status)), "s-ann"))
        assert (event.type, event.data["status"]) == ("verification.waiting", status)
        told.world.pass_time(1)


def test_a_commit_that_is_forgotten_is_not_told() -> None:
    told = Told()
    told.run((noted(result(told.unit)), None))
    told.world.pass_time(1)
    (event,) = told.run((noted(result(told.unit), commit="c" * 40), None))
    assert event.data["commit"] == "c" * 40


def test_policies_are_told_when_they_change_and_go() -> None:
    told = Told()
    (first,) = told.first
    assert (first.type, first.data["name"], first.data["include"]) == (
        "verification.policy_set", "unit", ["src/**"],
    )  # fmt: skip
    (event,) = told.run((SetVerifyPolicy(name="unit", enabled=False), None))
    assert (event.type, event.data["enabled"]) == ("verification.policy_set", False)
    (event,) = told.run((RemoveVerifyPolicy(name="unit"), None))
    assert (event.type, event.data) == ("verification.policy_removed", {"name": "unit"})
