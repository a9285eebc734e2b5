"""Hooks where guardrails would ask and the ledger makes requests of that."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.approvals import Approval, listed
from gitcoord.domain.approving import DecideApproval, Decided
from gitcoord.errors import GitcoordError, HostBusy, LimitReached
from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk

RISKY = 'rm -rf "$SOMEWHERE"'


def approvals(door: Door, *, closed: bool = False) -> list[Approval]:
    house = open_house(door.place, os.environ)
    try:
        with house.ledger.state() as state:
            return list(listed(state, closed=closed))
    finally:
        house.close()


def approved(door: Door, id: str) -> None:
    house = open_house(door.place, os.environ)
    try:
        house.coordinator.do(DecideApproval(id=id, decision="approve"), Decided, agent="eve")
    finally:
        house.close()


@pytest.fixture
def asking(door: Door) -> Door:
    door("config", "--shared", "approvals", "on")
    return door


@pytest.mark.parametrize("client", ["claude", "codex", "gemini"])
def test_requirement_approvals_the_same_command_passes_once_when_it_is_approved(
    asking: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    why = talk.denied(talk.shell(RISKY))
    (request,) = approvals(asking)
    assert f"gitcoord approval decide {request.id} --approve" in why
    assert (request.subject.kind, request.subject.text) == ("command", RISKY)
    assert request.session
    talk.denied(talk.shell(RISKY))
    assert [one.id for one in approvals(asking)] == [request.id]
    approved(asking, request.id)
    assert "deny" not in str(talk.shell(RISKY))
    (used,) = approvals(asking, closed=True)
    assert (used.id, bool(used.used_at)) == (request.id, True)
    talk.denied(talk.shell(RISKY))
    assert len(approvals(asking)) == 1


def test_another_command_is_another_request(asking: Door, talk: Talk) -> None:
    talk.start()
    talk.denied(talk.shell(RISKY))
    approved(asking, approvals(asking)[0].id)
    talk.denied(talk.shell(f"{RISKY} "))
    talk.denied(talk.shell('rm -rf "$ELSEWHERE"'))
    assert len(approvals(asking)) == 3


def test_an_approval_is_not_used_up_where_a_lock_stands_in_the_way(
    asking: Door, talk: Talk
) -> None:
    talk.start()
    command = f"{RISKY}; echo x >> README"
    talk.denied(talk.shell(command))
    approved(asking, approvals(asking)[0].id)
    bob = asking.start("bob")
    asking("lock", "acquire", "README", "--session", bob)
    assert "bob" in talk.denied(talk.shell(command))
    assert approvals(asking)[0].used_at == ""
    asking("lock", "release", "README", "--session", bob)
    assert "deny" not in str(talk.shell(command))
    assert approvals(asking) == []


def test_what_is_blocked_stays_blocked(asking: Door, talk: Talk) -> None:
    talk.start()
    assert "git_force_push" in talk.denied(talk.shell("git push --force origin main"))
    assert approvals(asking) == []


@pytest.mark.parametrize("trouble", [HostBusy("busy"), LimitReached("50 are open")])
def test_when_no_request_can_be_made_it_is_as_without_approvals(
    asking: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch, trouble: GitcoordError
) -> None:
    from gitcoord.ledger.coordinator import Coordinator

    talk.start()
    original = Coordinator.do

    def busy(self: Any, operation: Any, *args: Any, **more: Any) -> Any:
        if operation.tag == "approval.request":
            raise trouble
        return original(self, operation, *args, **more)

    monkeypatch.setattr(Coordinator, "do", busy)
    answered = talk.shell(RISKY)
    assert answered["hookSpecificOutput"]["permissionDecision"] == "ask"
    assert approvals(asking) == []


def test_an_approval_that_is_gone_when_it_is_needed_denies(
    asking: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.hooks import approving

    talk.start()
    talk.denied(talk.shell(RISKY))
    id = approvals(asking)[0].id
    approved(asking, id)
    monkeypatch.setattr(approving, "spent", lambda *_: None)
    assert f"approval {id} was used or is over" in talk.denied(talk.shell(RISKY))

    def unreachable(*_: Any) -> Any:
        raise HostBusy("busy")

    monkeypatch.setattr(approving, "spent", unreachable)
    assert "cannot be used now" in talk.denied(talk.shell(RISKY))
    assert approvals(asking)[0].used_at == ""
