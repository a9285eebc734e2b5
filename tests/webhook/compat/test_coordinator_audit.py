"""Agent Coordinator's route of the audit log, and requirement 17 of its specification."""

from __future__ import annotations

import pytest

from tests.webhook.compat.talking import COORDINATOR, Client, head
from tests.webhook.served import Served

LOCK = {"agent_id": "ada", "agent_type": "codex", "file_path": "src/a.py"}


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


def test_requirement_17_operations_refusals_and_violations_are_in_the_audit(ac: Client) -> None:
    ac.good("POST", "/locks/acquire", LOCK)
    ac.good("POST", "/locks/acquire", LOCK | {"agent_id": "bob", "session_id": "b"})
    wish = {"task_type": "x", "task_description": "write docs", "agent_id": "ada"}
    ac.good("POST", "/work/submit", wish)
    before = head(ac.served)
    entries = ac.good("GET", "/audit")["entries"]
    assert head(ac.served) == before
    names = [(x["agent_id"], x["operation"], x["success"], x["error_message"]) for x in entries]
    assert ("ada", "acquire_lock", True, None) in names
    assert ("bob", "acquire_lock", False, "lock_held") in names
    assert any(name[1] == "submit_task" for name in names)
    mine = ac.good("GET", "/audit?agent_id=ada&operation=acquire_lock&limit=5")["entries"]
    assert len(mine) == 1
    assert mine[0].keys() == {
        "id", "agent_id", "agent_type", "operation", "parameters", "result", "duration_ms",
        "success", "error_message", "created_at",
    }  # fmt: skip
    assert (mine[0]["agent_type"], mine[0]["parameters"]["keys"]) == ("codex", ["src/a.py"])
    assert len(ac.good("GET", "/audit?limit=1")["entries"]) == 1


def test_a_name_that_stands_for_two_operations_finds_both(ac: Client) -> None:
    for number in range(2):
        wish = {"task_type": "x", "task_description": f"task {number}", "agent_id": "ada"}
        ac.good("POST", "/work/submit", wish)
    ac.good("POST", "/work/claim", {"agent_id": "ada", "agent_type": "codex"})
    found = ac.good("GET", "/audit?operation=claim_task")["entries"]
    assert [one["operation"] for one in found] == ["claim_task"]
