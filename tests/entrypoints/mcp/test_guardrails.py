"""Guardrails through tools: a check says which rule and part, a dangerous result is not taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents, text

BAD = "```sh\nrm -rf /\n```"


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


def test_a_dangerous_command_is_named_with_its_part_and_nobody_checks_in(
    door: Door, agent: Agent
) -> None:
    before = refs(door.place)
    found = agent.call("check_guardrails", operation_text="cd src && git push --force origin main")
    assert (found["safe"], found["action"]) == (False, "block")
    first = found["violations"][0]
    assert first["blocked"] is True
    assert first["category"] == "git"
    assert "push --force" in first["matched_text"]
    assert first["hint"]
    quoted = "git commit -m 'never git push --force'"
    assert agent.call("check_guardrails", operation_text=quoted)["safe"] is True
    assert refs(door.place) == before


def test_paths_and_texts_are_judged_as_what_they_are(door: Door, agent: Agent) -> None:
    found = agent.call("check_guardrails", file_paths=[".env", "src/a.py"])
    assert [one["category"] for one in found["violations"]] == ["credential"]
    assert agent.call("check_guardrails", operation_text=BAD, kind="text")["safe"] is False
    # What would be judged in part only is not judged at all.
    huge = agent.refused("check_guardrails", operation_text="x" * 70_000)
    assert huge["error"]["code"] == "invalid_value"


def test_the_rules_of_the_worktree_count(door: Door, agent: Agent) -> None:
    door.write(".gitcoord.yaml", "guardrails:\n  disable: [git_force_push]\n")
    command = "git push --force origin topic"
    names = {
        one["pattern_name"]
        for one in agent.call("check_guardrails", operation_text=command)["violations"]
    }
    assert "git_force_push" not in names
    assert "`git_force_push`" not in agent.read("guardrails://patterns")
    door.write(".gitcoord.yaml", "guardrails:\n  disable: [git_force_pull]\n")
    error = agent.refused("check_guardrails", operation_text=command)["error"]
    assert (error["code"], error["hint"]) == ("invalid_config", "Did you mean git_force_push?")


def test_a_dangerous_result_is_not_taken_and_the_task_stays_claimed(
    door: Door, agent: Agent
) -> None:
    task = agent.call("submit_work", description="Tidy up")["task_id"]
    agent.call("claim_work", task_id=task)
    before = refs(door.place)
    found = agent.refused("complete_work", task_id=task, success=True, result=f"I ran\n{BAD}")
    assert refs(door.place) == before
    assert (found["reason"], found["status"]) == ("destructive_operation_blocked", "blocked")
    assert found["error"]["code"] == "denied"
    assert "rm -rf /" in text(agent.raw("complete_work", task_id=task, result=f"I ran\n{BAD}"))
    assert agent.call("get_task", task_id=task)["task"]["status"] == "assigned"
    # What was stopped is remembered with the next decision.
    assert agent.call("complete_work", task_id=task, result="tidy")["status"] == "completed"
    recorded = [one["tool"] for one in violations(door)]
    assert set(recorded) == {"complete_work"}


def violations(door: Door) -> list[dict[str, Any]]:
    from gitcoord.bootstrap import open_house
    from gitcoord.domain.record import shown
    from gitcoord.domain.violations import Violation

    house = open_house(door.place, {})
    try:
        with house.ledger.state() as state:
            return [shown(one) for one in state.all(Violation)]
    finally:
        house.close()


def test_a_dangerous_task_is_not_added(door: Door, agent: Agent) -> None:
    agent.call("register_session")
    before = refs(door.place)
    found = agent.refused("submit_work", description=f"Do\n{BAD}")
    assert found["error"]["code"] == "denied"
    hidden = agent.refused("submit_work", description="Do", input_data={"run": "rm -rf /"})
    assert hidden["error"]["code"] == "denied"
    assert refs(door.place) == before
