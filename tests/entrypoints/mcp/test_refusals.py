"""A refusal is read by a model: code, holder, until when, next step, in words and as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.signals import ReportSignals, Signals
from gitcoord.domain.usage import ReportUsage, Usage
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import ERAS, Agent, Agents, text


@pytest.mark.parametrize("era", ERAS)
def test_a_held_lock_names_its_holder_and_what_to_do(door: Door, agents: Agents, era: str) -> None:
    ada = door.start("ada")
    words = ("src/**", "--reason", "moving files", "--session", ada)
    (lock,) = door.json("lock", "acquire", *words)["locks"]
    agent = agents.inside(era=era)
    agent.call("register_session", agent_name="bob")
    before = refs(door.place)
    found = agent.refused("acquire_lock", file_path="src/a.py")
    assert refs(door.place) == before
    assert (found["reason"], found["locked_by"]) == ("locked_by_other", "ada")
    assert (found["expires_at"], found["lock_reason"]) == (lock["expires_at"], "moving files")
    (conflict,) = found["error"]["conflicts"]
    assert (conflict["key"], conflict["session"], conflict["token"]) == (
        "src/**",
        ada,
        lock["token"],
    )
    said = text(agent.raw("acquire_lock", file_path="src/a.py"))
    assert said.startswith("lock_held: ")
    for word in ("ada", ada, lock["expires_at"], "moving files", "wait_seconds"):
        assert word in said
    # A refusal is no failure of the connection.
    assert agent.call("acquire_lock", file_path="docs/a.md")["action"] == "acquired"


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("release_lock", {"file_path": "a.py"}, "lock_not_found_or_not_owner", "check_locks"),
    ("release_lock", {}, "usage", "release_lock"),
    ("acquire_lock", {}, "usage", "acquire_lock"),
    ("acquire_lock", {"file_path": "a.py", "ttl_minutes": 0}, "ttl_out_of_range", ""),
    ("acquire_lock", {"file_path": "a.py", "ttl_minutes": 481}, "ttl_out_of_range", ""),
    ("acquire_lock", {"file_path": "xyz:a"}, "unknown_namespace", ""),
    ("renew_locks", {"keys": ["a.py"]}, "lock_not_found_or_not_owner", "check_locks"),
    ("get_task", {"task_id": "t-none"}, "task_not_found", "list_tasks"),
    ("claim_work", {"task_id": "t-none"}, "task_not_found", "list_tasks"),
    ("complete_work", {"task_id": "t-none", "success": True}, "task_not_found", "list_tasks"),
    ("submit_work", {"description": "x", "depends_on": ["t-none"]}, "dependency_not_found", ""),
    ("submit_work", {"description": "x", "priority": 11}, "invalid_value", ""),
    ("submit_work", {"description": "x", "priority": "asap"}, "invalid_value", "critical"),
    ("list_tasks", {"status": ["nowhere"]}, "invalid_value", "pending"),
    ("write_handoff", {"summary": " "}, "summary_required", ""),
    ("discover_agents", {"status": "lost"}, "invalid_value", "timed_out"),
    ("end_session", {"outcome": "great"}, "invalid_value", "partial"),
    ("send_message", {"text": "x", "to": "nobody"}, "recipient_not_found", "discover_agents"),
    ("send_message", {"text": ""}, "invalid_value", ""),
    ("ack_message", {"message_ids": ["m-none"]}, "message_not_found", "read_messages"),
]


@pytest.fixture
def agent(agents: Agents) -> Agent:
    found = agents.inside()
    found.call("register_session", agent_name="bob")
    return found


def test_what_cannot_be_done_changes_nothing_and_says_what_can(door: Door, agent: Agent) -> None:
    before = refs(door.place)
    for tool, given, code, hint in REFUSED:
        error = agent.refused(tool, **given)["error"]
        assert (tool, given, error["code"]) == (tool, given, code)
        assert hint in error.get("hint", ""), (tool, given)
        assert refs(door.place) == before, (tool, given)


def test_a_task_that_somebody_else_holds_is_theirs_to_end(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    task = door.json("task", "add", "Login", "--session", ada)["task"]["id"]
    door("task", "claim", task, "--session", ada)
    before = refs(door.place)
    found = agent.refused("complete_work", task_id=task, success=True)
    assert found["reason"] == "task_not_found_or_not_claimed_by_agent"
    assert (found["error"]["code"], found["error"]["agent"]) == ("not_assigned", "ada")
    assert agent.refused("claim_work", task_id=task)["error"]["code"] == "claim_failed"
    assert refs(door.place) == before


def test_a_failed_attempt_and_a_cancelled_task_end_as_what_they_are(
    door: Door, agent: Agent
) -> None:
    task = agent.call("submit_work", description="Login")["task_id"]
    agent.call("claim_work", task_id=task)
    failed = agent.call(
        "complete_work", task_id=task, success=False, error_message="no network",
        result={"error_code": "TIMEOUT"},
    )  # fmt: skip
    assert failed["status"] == "failed"
    shown = agent.call("get_task", task_id=task)["task"]
    assert (shown["error_message"], shown["error_code"]) == ("no network", "TIMEOUT")
    # The convention of the original, which there works for claimed tasks only.
    given = {"error_code": "cancelled_by_orchestrator", "reason": "plan changed"}
    other = agent.call("submit_work", description="Logout")["task_id"]
    done = agent.call("complete_work", task_id=other, success=False, result=given)
    assert done["status"] == "cancelled"
    shown = agent.call("get_task", task_id=other)["task"]
    assert (shown["status"], shown["error_code"]) == ("cancelled", "cancelled_by_orchestrator")
    assert shown["error_message"] == "plan changed"


def test_a_session_that_a_person_has_ended_is_not_begun_anew(door: Door, agent: Agent) -> None:
    first = agent.call("acquire_lock", file_path="a.py")["session"]
    door("session", "kill", first, "--reason", "too slow")
    before = refs(door.place)
    for tool in ("acquire_lock", "acquire_lock", "register_session"):
        given = {"file_path": "b.py"} if tool == "acquire_lock" else {}
        found = agent.refused(tool, **given)["error"]
        assert (found["code"], found["status"]) == ("session_ended", "killed")
        assert "Stop working" in found["hint"]
    assert refs(door.place) == before
    # Looking is no work.
    (shown,) = agent.call("discover_agents", status="killed")["agents"]
    assert (shown["session_id"], shown["status"]) == (first, "killed")


def test_a_session_that_others_have_ended_is_told_once_and_then_begun_anew(
    door: Door, agent: Agent
) -> None:
    first = agent.call("acquire_lock", file_path="a.py")["session"]
    door("session", "end", "--session", first)
    found = agent.refused("acquire_lock", file_path="b.py")
    assert found["error"]["code"] == "session_ended"
    assert "checks in anew" in found["error"]["hint"]
    again = agent.call("acquire_lock", file_path="b.py")["session"]
    assert again != first


def test_a_paused_session_is_refused_with_the_reason_and_shown_with_it(
    door: Door, agent: Agent
) -> None:
    session = agent.call("acquire_lock", file_path="a.py")["session"]
    door("session", "pause", session, "--reason", "wait for the merge")
    before = refs(door.place)
    found = agent.refused("acquire_lock", file_path="b.py")["error"]
    assert refs(door.place) == before
    assert found["code"] == "session_paused"
    assert "wait for the merge" in found["message"]
    assert "until a person resumes" in found["hint"]
    (shown,) = agent.call("discover_agents", status="paused")["agents"]
    assert (shown["status"], shown["why"]) == ("paused", "wait for the merge")
    assert "total_tokens" not in shown
    door("session", "resume", session)
    agent.call("acquire_lock", file_path="b.py")


def test_a_stuck_session_is_found_by_its_status(door: Door, agent: Agent) -> None:
    session = agent.call("acquire_lock", file_path="a.py")["session"]
    assert agent.call("discover_agents", status="stuck")["agents"] == []
    house = open_house(door.place, {})
    stuck = ReportSignals(signals=Signals(errors_in_row=5))
    used = ReportUsage(usage=Usage(requests=1, input_tokens=7, cost_usd=0.5))
    house.coordinator.run(stuck, used, session=session)
    house.close()
    (shown,) = agent.call("discover_agents", status="stuck")["agents"]
    assert shown["why"] == "the same error 5 times in a row"
    assert (shown["total_tokens"], shown["cost_usd"]) == (7, 0.5)


def test_what_happened_to_a_session_comes_with_its_next_answer(door: Door, agent: Agent) -> None:
    agent.call("acquire_lock", file_path="a.py")
    ada = door.start("ada")
    door("lock", "takeover", "a.py", "--reason", "release day", "--session", ada)
    found = agent.call("acquire_lock", file_path="b.py")
    assert found["notes"] == ["ada took over a.py: release day"]
    assert "notes" not in agent.call("acquire_lock", file_path="b.py")


def test_without_a_repository_or_a_ledger_every_tool_says_so(
    agents: Agents, tmp_path: Any, make_repo: Callable[[], str]
) -> None:
    bare = tmp_path / "nothing"
    bare.mkdir()
    agent = agents.stdio(at=str(bare))
    found = agent.refused("session_context")
    assert found["error"]["code"] == "not_a_repository"
    assert agent.refused("acquire_lock", file_path="a")["error"]["code"] == "not_a_repository"
    place = make_repo()
    other = agents.stdio(at=place)
    assert other.refused("check_locks")["error"]["code"] == "not_initialised"
    # The ledger may come later, while the server runs.
    import subprocess

    from tests.entrypoints.mcp.agents import COMMAND

    subprocess.run([*COMMAND, "init"], cwd=place, check=True, capture_output=True)
    assert other.call("check_locks")["locks"] == []


@pytest.fixture
def make_repo(tmp_path: Any) -> Callable[[], str]:
    from tests.conftest import first_commit

    return lambda: first_commit(tmp_path / "later")


def test_a_fault_of_ours_is_no_traceback_for_the_model(
    agents: Agents, door: Door, tmp_path: Any
) -> None:
    # A package that is found first and breaks one operation.
    (tmp_path / "sitecustomize.py").write_text(
        "import gitcoord.domain.handoffs as broken\n"
        "def newest(*given, **named):\n    raise ZeroDivisionError('secret thing')\n"
        "broken.newest = newest\n"
    )
    agent = agents.stdio(PYTHONPATH=str(tmp_path))
    found = agent.raw("read_handoff")
    assert found.is_error
    assert "secret thing" not in str(found)
    assert "bug" in text(found)
    assert "Traceback" in agent.log
    assert "secret thing" in agent.log
    assert agent.call("check_locks")["locks"] == []
