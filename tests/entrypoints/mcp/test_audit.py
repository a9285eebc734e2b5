"""The tool and the resource of the audit."""

from __future__ import annotations

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


def test_who_asked_for_what_is_found_also_what_was_refused(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "src/**", "--session", ada)
    agent.call("register_session", agent_name="bob")
    agent.refused("acquire_lock", file_path="src/a.py")
    before = refs(door.place)
    (refused,) = agent.call("query_audit", outcome="refused")["entries"]
    assert (refused["agent_id"], refused["error_message"]) == ("bob", "lock_held")
    assert (refused["success"], refused["result"]) == (False, "refused")
    assert "commit" not in refused
    (taken,) = agent.call("query_audit", agent_id="ada", operation="acquire_lock")["entries"]
    assert (taken["operation"], taken["original_operation"]) == ("lock.acquire", "acquire_lock")
    assert (taken["success"], taken["session_id"]) == (True, ada)
    assert taken["parameters"]["keys"] == ["src/**"]
    assert taken["commit"]
    found = agent.call("query_audit", key="src/x.py", session_id=ada)["entries"]
    assert [one["operation"] for one in found] == ["lock.acquire"]
    first = agent.call("query_audit", limit=2)
    rest = agent.call("query_audit", cursor=first["next"])
    assert "next" not in rest
    assert len(first["entries"]) + len(rest["entries"]) == 5
    assert refs(door.place) == before


def test_what_is_no_time_outcome_or_cursor_is_refused(agent: Agent) -> None:
    for given in ({"since": "soon"}, {"outcome": "a b"}, {"cursor": "x"}, {"limit": 0}):
        assert agent.refused("query_audit", **given)["error"]["code"] == "invalid_value"
    assert agent.refused("query_audit", key="../x")["error"]["code"] == "invalid_key"


def test_the_resource_shows_the_newest_twenty(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    for number in range(22):
        door("lock", "acquire", f"f{number}.py", "--session", ada)
    bob = door.start("bob")
    door("lock", "acquire", "f1.py", "--session", bob, code=3)
    said = agent.read("audit://recent").splitlines()
    assert said[0] == "# Audit"
    assert len(said) == 22
    assert said[2].endswith("bob: `lock.acquire` refused (lock_held)")
    assert said[3].endswith("bob: `session.start` done")
