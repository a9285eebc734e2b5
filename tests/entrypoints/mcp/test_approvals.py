"""Approvals over MCP: `check_guardrails` makes requests, and agents cannot decide."""

from __future__ import annotations

import os

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.approving import DecideApproval, Decided
from gitcoord.entrypoints.mcp.table import TOOLS
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents

RISKY = 'rm -rf "$SOMEWHERE"'


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


def decided(door: Door, id: str, decision: str = "approve") -> None:
    house = open_house(door.place, os.environ)
    try:
        wish = DecideApproval(id=id, decision=decision, reason="so be it")  # type: ignore[arg-type]
        house.coordinator.do(wish, Decided, agent="eve")
    finally:
        house.close()


def test_a_check_makes_a_request_and_passes_once_when_it_is_approved(
    door: Door, agent: Agent
) -> None:
    door("config", "--shared", "approvals", "on")
    first = agent.call("check_guardrails", operation_text=RISKY)
    assert (first["safe"], first["action"], first["approval_status"]) == (False, "ask", "pending")
    assert any(first["approval_id"] in note for note in first["notes"])
    again = agent.call("check_guardrails", operation_text=RISKY)
    assert again["approval_id"] == first["approval_id"]
    decided(door, first["approval_id"])
    told = agent.call("check_approval", request_id=first["approval_id"])
    assert (told["status"], told["decided_by"], told["decision_reason"]) == (
        "approved", "eve", "so be it",
    )  # fmt: skip
    passed = agent.call("check_guardrails", operation_text=RISKY)
    assert (passed["safe"], passed["action"]) == (True, "ask")
    assert agent.call("check_guardrails", operation_text=RISKY)["safe"] is False


def test_without_the_setting_a_check_changes_nothing(door: Door, agent: Agent) -> None:
    before = refs(door.place)
    found = agent.call("check_guardrails", operation_text=RISKY)
    assert (found["safe"], "approval_id" in found) == (False, False)
    assert refs(door.place) == before


def test_no_tool_decides() -> None:
    assert not [name for name in TOOLS if "decide" in name]


def test_a_request_that_there_is_not_says_what_to_do(agent: Agent) -> None:
    found = agent.refused("check_approval", request_id="a-none")
    assert found["error"]["code"] == "approval_not_found"
    assert "request_approval" in found["error"]["hint"]
