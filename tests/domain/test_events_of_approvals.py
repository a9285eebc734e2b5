"""What is told of approvals, from the records before and after."""

from __future__ import annotations

from typing import Any

from gitcoord.domain.approvals import Subject
from gitcoord.domain.approving import DecideApproval, RequestApproval, UseApproval
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.event import Event
from gitcoord.domain.operation import Operation
from gitcoord.domain.sweep import LapseLeases
from tests.domain.crew import crew
from tests.domain.telling import Watch

SECRET = "the command itself " * 10
ABOUT = Subject(kind="command", text=SECRET)


class Told:
    """A world whose every transaction is told."""

    def __init__(self) -> None:
        self.world = crew()
        self.watch = Watch(self.world)

    def run(self, *wishes: tuple[Operation, str | None], **more: Any) -> list[Event]:
        self.world.run_together(*wishes, **more)
        return self.watch.look()


def asking(number: int = 1) -> Operation:
    return RequestApproval(id=f"a-{number}", about=ABOUT, title="Deploy", why="risky", ttl=60)


def deciding(decision: Any = "approve", number: int = 1) -> Operation:
    return DecideApproval(id=f"a-{number}", decision=decision, reason="because")


def test_a_request_is_told_until_it_is_used() -> None:
    told = Told()
    (event,) = told.run((asking(), "s-ann"))
    assert (event.type, event.about) == ("approval.requested", ("s-ann",))
    assert (event.data["approval_id"], event.data["title"]) == ("a-1", "Deploy")
    assert (event.data["why"], event.data["kind"]) == ("risky", "command")
    assert SECRET not in str(event.data)
    event, notice = told.run((deciding(), None), agent="eve")
    assert (event.type, event.data["by"], event.data["reason"]) == (
        "approval.approved", "eve", "because",
    )  # fmt: skip
    assert notice.type == "agent.notice"
    (event,) = told.run((UseApproval(about=ABOUT, act="check"), "s-ann")) or [None]
    assert event is None
    (event,) = told.run((UseApproval(about=ABOUT), "s-ann"))
    assert (event.type, event.data["status"]) == ("approval.used", "approved")
    told.world.pass_time(100 * DAY)
    (event,) = [one for one in told.run((Compact(), None)) if one.type == "ledger.compacted"]
    assert event.data["removed"]["approvals"] == 1


def test_denied_and_over_are_told() -> None:
    told = Told()
    told.run((asking(), "s-ann"))
    kinds = [one.type for one in told.run((deciding("deny"), None))]
    assert kinds == ["approval.denied", "agent.notice"]
    told.run((asking(2), "s-ann"))
    told.world.pass_time(60)
    kinds = [one.type for one in told.run((LapseLeases(), None))]
    assert kinds == ["approval.expired", "agent.notice"]


def test_all_in_one_transaction_is_told_step_by_step() -> None:
    told = Told()
    events = told.run((asking(), "s-ann"), (deciding(), None), (UseApproval(about=ABOUT), "s-ann"))
    assert [one.type for one in events if one.type.startswith("approval.")] == [
        "approval.requested", "approval.approved", "approval.used",
    ]  # fmt: skip
