"""GolemXV's tools by its names: a day with all of them, and what they refuse in its words."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.entrypoints import golemxv as words
from gitcoord.entrypoints.mcp.golemxv import NEXT, TOOLS, refused
from gitcoord.entrypoints.mcp.table import selected
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents

#: The 15 tools that its documents name, and the 2 that its skills use besides.
DOCUMENTED = (
    "checkin", "heartbeat", "presence", "conflict_check", "scope_update", "checkout",
    "send_message", "get_messages", "list_tasks", "claim_task", "update_task", "complete_task",
    "activity_log", "sessions", "project_info",
)  # fmt: skip
OF_SKILLS = ("memory_search", "memory_store")


@pytest.fixture
def ada(agents: Agents) -> Agent:
    return agents.inside("golemxv", name="ada-client")


def data(agent: Agent, tool: str, **given: Any) -> Any:
    return agent.call(tool, **given).get("data")


def test_the_fifteen_and_two_tools_are_there_by_name(ada: Agent) -> None:
    assert list(TOOLS) == [*DOCUMENTED, *OF_SKILLS]
    assert selected("golemxv") == TOOLS
    assert set(ada.schemas) == {*DOCUMENTED, *OF_SKILLS}
    instructions = ada.client.instructions or ""
    assert instructions.startswith("Several agents work on one repository. Call checkin first")
    for name in NEXT.values():
        assert any(tool in name for tool in TOOLS), name


def test_a_day_with_every_tool(door: Door, agents: Agents, ada: Agent) -> None:
    door("config", "--shared", "areas", '[{"name": "login", "patterns": ["src/login/**"]}]')
    door("task", "add", "Fix the login", "--id", "7", "--priority", "1", "--keys", "src/a.py")
    first = ada.call(
        "checkin", project_slug="repo", agent_name="ada", declared_area="login",
        declared_files=["src/a.py"],
    )  # fmt: skip
    me = first["data"]
    assert (first["has_conflicts"], first["conflicts"]) == (False, [])
    assert (me["agent_name"], me["session_token"]) == ("ada", me["session_id"])
    assert me["heartbeat_interval_seconds"] == 30
    assert me["heartbeat_ttl_seconds"] == 120
    assert "notes" not in first
    bob = agents.inside("golemxv", name="bob-client")
    met = bob.call("checkin", agent_name="bob", declared_files=["src/**"], project_slug="x")
    assert met["has_conflicts"] is True
    assert met["conflicts"][0]["agent_name"] == "ada"
    assert met["conflicts"][0]["overlapping_files"] == ["src/a.py", "src/login/**"]
    assert met["notes"] == ["This server has one project, repo; there is no x."]

    assert (
        data(ada, "heartbeat", session_token=me["session_token"])["session_id"] == me["session_id"]
    )
    here = {row["agent_name"]: row for row in data(ada, "presence")}
    assert here["bob"]["declared_files"] == ["src/**"]
    assert here["ada"]["declared_area"] == "login"
    before = refs(door.place)
    checked = ada.call("conflict_check", declared_files=["src/x.py"])
    assert [one["agent_name"] for one in checked["conflicts"]] == ["bob"]
    assert ada.call("conflict_check", declared_files=["docs/x.md"])["has_conflicts"] is False
    assert refs(door.place) == before
    scoped = ada.call("scope_update", declared_files=["docs/a.md"])
    assert scoped["data"]["declared_files"] == ["docs/a.md"]
    assert scoped["data"]["declared_area"] == "login"
    # The patterns of its area still overlap what bob declares.
    assert scoped["has_conflicts"] is True

    sent = data(ada, "send_message", to="bob", content="may I?", metadata={"n": 1})
    assert sent["id"] == sent["uuid"]
    data(ada, "send_message", content="to all")
    got = data(bob, "get_messages")
    assert [(x["content"], x["recipient_type"]) for x in got] == [
        ("to all", "broadcast"), ("may I?", "direct")
    ]  # fmt: skip
    assert (got[1]["metadata"], got[1]["sender_name"]) == ({"n": 1}, "ada")
    assert data(bob, "get_messages", sender="bob") == []
    assert data(bob, "get_messages", since="2999-01-01T00:00:00Z") == []
    inbox = door.json("message", "inbox", "--session", _session(door, "bob"))["messages"]
    assert inbox == []

    (task,) = data(ada, "list_tasks", status="pending", priority="critical")
    assert (task["id"], task["work_area_paths"]) == ("7", ["src/a.py"])
    claimed = data(ada, "claim_task", task_id="7")
    assert (claimed["status"], claimed["assigned_agent_name"]) == ("assigned", "ada")
    assert [x["key"] for x in door.json("lock", "list")["locks"]] == ["src/a.py"]
    assert data(ada, "update_task", task_id="7", status="in_progress")["status"] == "in_progress"
    blocked = data(ada, "update_task", task_id="7", status="blocked", reason="no key")
    assert blocked["status"] == "blocked"
    data(ada, "update_task", task_id="7", status="in_progress")
    failed = data(ada, "update_task", task_id="7", status="failed", reason="no way")
    assert failed["status"] == "failed"
    door("task", "retry", "7", "--session", me["session_id"])
    data(ada, "claim_task", task_id="7")
    done = data(
        ada, "complete_task", task_id="7", result_summary="it works", files_changed=["src/a.py"]
    )
    assert (done["status"], done["result_summary"]) == ("completed", "it works")
    assert door.json("lock", "list")["locks"] == []
    assert [x["id"] for x in data(ada, "list_tasks", assigned_to="ada")] == ["7"]

    kept = data(
        ada, "memory_store", content="uploads hang\nfor hours", category="debug", tags=["s3"]
    )
    data(bob, "memory_store", content="we use redis", category="decision")
    (found,) = data(bob, "memory_search", query="upload", category="debug")
    assert (found["id"], found["content"]) == (kept["id"], "uploads hang\nfor hours")
    assert (found["category"], found["tags"], found["agent_name"]) == ("debug", ["s3"], "ada")
    assert data(bob, "memory_search", category="decision", tags=["s3"]) == []
    assert [x["type"] for x in door.json("memory", "recall", "--type", "error")["memories"]] == [
        "error"
    ]

    log = data(ada, "activity_log", limit=200)
    events = [one["event_type"] for one in log]
    assert {"agent.checkin", "agent.status", "agent.message", "task.claimed"} <= set(events)
    assert {one["severity"] for one in log} == {"info"}
    assert len(data(ada, "activity_log", limit=3)) == 3
    info = data(ada, "project_info")
    assert info["project"]["slug"] == "repo"
    assert info["coordination"]["conflict_mode"] == "warn"
    assert [area["name"] for area in info["work_areas"]] == ["login"]
    assert (info["active_sessions"], info["pending_tasks"]) == (2, 0)

    gone = data(ada, "checkout", outcome="partial", work_summary="half", files_touched=["src/a.py"])
    assert (gone["status"], gone["outcome"]) == ("checked_out", "partial")
    rows = {row["agent_name"]: row["status"] for row in data(bob, "sessions", limit=200)}
    assert rows == {"ada": "checked_out", "bob": "active"}
    assert [x["agent_name"] for x in data(bob, "sessions", status="checked_out")] == ["ada"]
    assert ada.called | bob.called == {*DOCUMENTED, *OF_SKILLS}
    ended = data(bob, "checkout")
    assert ended["outcome"] == "success"
    outcomes = {x["agent"]: x["outcome"] for x in door.json("session", "list", "--all")["sessions"]}
    assert outcomes == {"ada": "partial", "bob": "completed"}


def _session(door: Door, agent: str) -> str:
    found = door.json("session", "list")["sessions"]
    return next(str(one["id"]) for one in found if one["agent"] == agent)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("heartbeat", {"session_token": "0" * 64}, "SESSION_NOT_FOUND"),
    ("claim_task", {"task_id": "t-none"}, "TASK_NOT_FOUND"),
    ("update_task", {"task_id": "t-1", "status": "blocked"}, "INVALID_TRANSITION"),
    ("update_task", {"task_id": "t-1", "status": "completed"}, "VALIDATION"),
    ("complete_task", {"task_id": "t-1", "result_summary": " "}, "SUMMARY_REQUIRED"),
    ("complete_task", {"task_id": "t-1"}, "VALIDATION"),
    ("claim_task", {"task_id": "t-2"}, "CLAIM_FAILED"),
    ("complete_task", {"task_id": "t-2", "result_summary": "x"}, "NOT_ASSIGNED"),
    ("checkout", {"outcome": "great"}, "VALIDATION"),
    ("send_message", {"to": "nobody", "content": "x"}, "RECIPIENT_NOT_FOUND"),
    ("send_message", {"to": "bob", "content": ""}, "VALIDATION"),
    ("get_messages", {"since": "yesterday"}, "VALIDATION"),
    ("get_messages", {"limit": 101}, "VALIDATION"),
    ("activity_log", {"limit": 201}, "VALIDATION"),
    ("sessions", {"limit": 201}, "VALIDATION"),
    ("scope_update", {"declared_files": ["../x"]}, "VALIDATION"),
    ("conflict_check", {"declared_files": ["../x"]}, "VALIDATION"),
    ("memory_store", {"content": "x", "category": "gossip"}, "VALIDATION"),
    ("checkin", {"agent_name": "x" * 101}, "VALIDATION"),
]


def test_what_is_refused_is_told_in_its_words_and_changes_nothing(door: Door, ada: Agent) -> None:
    door("task", "add", "One", "--id", "t-1")
    door("task", "add", "Two", "--id", "t-2")
    bob = door.start("bob")
    door("task", "claim", "t-2", "--session", bob)
    ada.call("checkin", agent_name="ada")
    for tool, given, code in REFUSED:
        before = refs(door.place)
        body = ada.refused(tool, **given)
        assert body["reason"] == code, (tool, given, body)
        assert refs(door.place) == before, (tool, given)


def test_where_conflicts_block_the_check_in_is_refused(door: Door, ada: Agent) -> None:
    door("config", "--shared", "conflict_mode", "block")
    door.start("bob", "--files", "src/**")
    body = ada.refused("checkin", agent_name="ada", declared_files=["src/a.py"])
    assert body["reason"] == "CONFLICT"
    assert body["error"]["conflicts"][0]["agent"] == "bob"
    assert "send_message" in body["error"]["hint"]


def test_the_tools_of_the_other_profiles_are_named_where_they_are_missed(ada: Agent) -> None:
    from mcp.shared.exceptions import MCPError

    with pytest.raises(MCPError, match="--tools all"):
        ada.raw("acquire_lock", file_path="a.py")


def test_every_code_of_its_routes_is_a_reason_of_its_tools() -> None:
    for ours, (theirs, _) in words.CODES.items():
        assert refused({"reason": ours, "error": {"code": ours}})["reason"] == theirs
    assert refused({"error": {"code": "limit_reached"}})["reason"] == "LIMIT_REACHED"
