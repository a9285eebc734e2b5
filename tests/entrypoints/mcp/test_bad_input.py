"""Hostile input: a clear answer each time, nothing changed, and the connection goes on."""

from __future__ import annotations

import os
from typing import Any

import pytest

from gitcoord.entrypoints.mcp.table import TOOLS
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents, text
from tests.entrypoints.mcp.byhand import ask, say, spoken_to

HUGE = "x" * 300_000

#: What must be refused as wrong arguments, whatever the tool.
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("acquire_lock", {"file_path": 7}, "`$.file_path`"),
    ("acquire_lock", {"file_path": ["a"]}, "`$.file_path`"),
    ("acquire_lock", {"keys": "a.py"}, "`$.keys`"),
    ("acquire_lock", {"keys": [None]}, "`$.keys[0]`"),
    ("acquire_lock", {"file_path": "a", "ttl_minutes": "soon"}, "`$.ttl_minutes`"),
    ("acquire_lock", {"file_path": "a", "shared": "yes"}, "`$.shared`"),
    ("acquire_lock", {"file_path": "a", "wait_seconds": -1}, "`$.wait_seconds`"),
    ("acquire_lock", {"file_path": "a", "wait_seconds": 1e9}, "`$.wait_seconds`"),
    ("acquire_lock", {"file_path": "a", "force": True}, "no argument 'force'"),
    ("acquire_lock", {"path": "a"}, "no argument 'path'"),
    ("submit_work", {}, "description"),
    ("submit_work", {"description": "x", "input_data": [1]}, "`$.input_data`"),
    ("get_task", {"task_id": {"a": 1}}, "`$.task_id`"),
    ("list_tasks", {"limit": 100000}, "`$.limit`"),
    ("read_handoff", {"limit": 0}, "`$.limit`"),
    ("session_context", {"budget": 1}, "`$.budget`"),
    ("send_message", {"text": "x", "priority": "now"}, "`$.priority`"),
    ("heartbeat", {"a": 1}, "no argument 'a'"),
    ("heartbeat", {"x" * 5000: 1}, "no argument 'xxx"),
]
#: Keys and texts that the rules refuse.
HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("acquire_lock", {"file_path": "../outside"}, "invalid_key"),
    ("acquire_lock", {"file_path": "src/../../outside"}, "invalid_key"),
    ("acquire_lock", {"file_path": "/etc/passwd"}, "invalid_key"),
    ("acquire_lock", {"file_path": "a\0b"}, "invalid_key"),
    ("acquire_lock", {"file_path": "[" * 2000}, "invalid_key"),
    ("acquire_lock", {"file_path": HUGE}, ""),
    ("acquire_lock", {"keys": ["a.py", "../b"]}, "invalid_key"),
    ("check_locks", {"file_paths": ["../../etc/passwd"]}, "invalid_key"),
    ("get_task", {"task_id": "../x"}, "invalid_id"),
    ("get_task", {"task_id": HUGE}, "invalid_id"),
    ("complete_work", {"task_id": "a b", "success": True}, "invalid_id"),
    ("write_handoff", {"summary": HUGE}, "text_too_long"),
    ("submit_work", {"description": HUGE}, "text_too_long"),
    ("submit_work", {"description": "x", "input_data": {"a": HUGE}}, "text_too_long"),
    ("submit_work", {"description": "x", "deadline": "tomorrow"}, "invalid_value"),
    ("send_message", {"text": HUGE}, "text_too_long"),
    ("register_session", {"area": "a\x1b[31m"}, "invalid_value"),
    ("register_session", {"files": ["../x"]}, "invalid_key"),
    ("end_session", {"summary": HUGE}, "text_too_long"),
]


@pytest.fixture
def agent(agents: Agents) -> Agent:
    found = agents.inside()
    found.call("register_session")
    return found


def test_wrong_arguments_are_named_and_change_nothing(door: Door, agent: Agent) -> None:
    before = refs(door.place)
    for tool, given, words in WRONG:
        found = agent.raw(tool, **given)
        said = text(found)
        assert found.is_error, (tool, given)
        assert said.startswith("invalid_value: "), (tool, said)
        assert words in said, (tool, said)
        assert len(said) < 1000
    assert refs(door.place) == before


def test_hostile_values_are_refused_by_the_rules_and_change_nothing(
    door: Door, agent: Agent
) -> None:
    before = refs(door.place)
    for tool, given, code in HOSTILE:
        found = agent.raw(tool, **given)
        what = f"{tool} {str(given)[:60]}: {text(found)[:200]}"
        assert found.is_error, what
        assert code in ("", found.structured_content["error"]["code"]), what
        assert len(text(found)) < 5000, what
    assert refs(door.place) == before
    assert agent.log == ""


def test_null_is_the_same_as_left_out(agent: Agent) -> None:
    found = agent.call("acquire_lock", file_path="a.py", reason=None, ttl_minutes=None, keys=None)
    assert found["action"] == "acquired"


def test_a_path_out_of_the_repository_through_a_link_is_no_key(
    door: Door, agent: Agent, tmp_path: Any
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, os.path.join(door.place, "link"))
    found = agent.refused("acquire_lock", file_path=os.path.join(door.place, "link", "a.py"))
    assert found["error"]["code"] == "invalid_key"
    inside = agent.call("acquire_lock", file_path=os.path.join(door.place, "src", "new.py"))
    assert inside["locks"][0]["key"] == "src/new.py"


def test_secrets_in_texts_do_not_reach_the_ledger(door: Door, agent: Agent) -> None:
    secret = "ghp_" + "a1B2" * 9
    agent.call("write_handoff", summary=f"token {secret}")
    (found,) = agent.call("read_handoff")["handoffs"]
    assert secret not in found["summary"]


def test_lines_that_are_no_protocol_are_survived(door: Door) -> None:
    child = spoken_to(door.place, client="x" * 100_000)
    for line in (b"garbage", b"{}", b"[]", b'{"jsonrpc": "2.0"', b"\xff\xfe\x00", b"[" * 50_000):
        say(child, line)
    assert ask(child, 2, "tools/call")["error"]["code"] == -32602
    assert ask(child, 3, "no/such")["error"]["code"] == -32601
    wild = {"name": "acquire_lock", "arguments": "a.py"}
    assert ask(child, 4, "tools/call", wild)["error"]["code"] == -32602
    ask(child, 5, "tools/call", {"name": "register_session", "arguments": {}})
    # A name of a hundred thousand letters became one that fits.
    (session,) = door.json("session", "list")["sessions"]
    assert session["type"] == "x" * 100
    _, complaint = child.communicate(timeout=60)
    assert child.returncode == 0
    assert b"Traceback" not in complaint


def test_every_tool_refuses_an_argument_that_it_does_not_know(door: Door, agent: Agent) -> None:
    before = refs(door.place)
    for tool in TOOLS:
        assert agent.refused(tool, nonsense=1)["error"]["code"] == "invalid_value"
    assert refs(door.place) == before
