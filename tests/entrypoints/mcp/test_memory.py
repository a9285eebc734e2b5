"""The tools and the resource of memory, where they differ from the day with every tool."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


def test_row_a56_memories_of_all_agents_are_recalled_unless_one_is_named(
    door: Door, agent: Agent
) -> None:
    door("memory", "remember", "by ada", "--outcome", "positive", "--session", door.start("ada"))
    agent.call("register_session", agent_name="bob")
    first = agent.call("remember", summary="by bob", details="a text")["memory_id"]
    found = agent.call("recall")["memories"]
    assert [(x["agent_name"], x["relevance_score"]) for x in found] == [("ada", 1.0), ("bob", 0.8)]
    assert found[1]["details"] == "a text"
    assert found[0].keys() == {
        "id", "event_type", "summary", "outcome", "lessons", "tags", "relevance_score",
        "created_at", "agent_name", "used",
    }  # fmt: skip
    assert [x["id"] for x in agent.call("recall", agent_name="bob")["memories"]] == [first]
    task = agent.call("submit_work", title="What ada did", description="by ada")["task_id"]
    assert "by ada" in [x["summary"] for x in agent.call("recall", task_id=task)["memories"]]
    other = agent.call("remember", summary="it helped", used_memories=[first])
    assert other["action"] == "created"
    (helped,) = agent.call("recall", agent_name="bob", query="by bob")["memories"][:1]
    assert helped["used"] == 1


def test_looking_changes_nothing_and_the_resource_has_the_newest_ten(
    door: Door, agent: Agent
) -> None:
    assert "There is none yet." in agent.read("memories://recent")
    door("memory", "remember", "uploads hang\nfor hours", "--tag", "s3", "--lesson", "split them")
    before = refs(door.place)
    assert len(agent.call("recall", query="upload")["memories"]) == 1
    said = agent.read("memories://recent")
    assert "## uploads hang for hours\n" in said
    assert "- split them" in said
    assert refs(door.place) == before
    for number in range(12):
        door("memory", "remember", f"number {number}")
    said = agent.read("memories://recent")
    assert "number 11" in said
    assert "number 2\n" in said
    assert "number 1\n" not in said


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("remember", {"summary": " "}, "summary_required"),
    ("remember", {}, "invalid_value"),
    ("remember", {"summary": "x", "event_type": "dream"}, "invalid_value"),
    ("remember", {"summary": "x", "outcome": "good"}, "invalid_value"),
    ("remember", {"summary": "x", "details": "y" * 2**20}, "text_too_long"),
    ("remember", {"summary": "x", "details": {"y": "y" * 2**20}}, "text_too_long"),
    ("remember", {"summary": "x", "used_memories": ["k-none"]}, "memory_not_found"),
    ("recall", {"min_relevance": 1.5}, "invalid_value"),
    ("recall", {"limit": 0}, "invalid_value"),
    ("recall", {"task_id": "t-none"}, "task_not_found"),
    ("working_memory", {"set": {"a": "x" * 20_000}}, "limit_reached"),
    ("working_memory", {"set": {"a": "x"}, "clear": ["a"]}, "invalid_value"),
]


def test_what_makes_no_sense_is_refused_and_changes_nothing(door: Door, agent: Agent) -> None:
    agent.call("register_session")
    before = refs(door.place)
    for tool, given, code in REFUSED:
        assert agent.refused(tool, **given)["error"]["code"] == code, (tool, code)
        assert refs(door.place) == before


def test_a_search_made_of_operators_finds_nothing_and_is_no_error(agent: Agent, door: Door) -> None:
    door("memory", "remember", "x")
    for query in ('"', "NEAR(a", "* OR *", "🚀", "\u0000"):
        assert agent.call("recall", query=query)["memories"] == [], query
