"""Whole conversations of clients that know nothing of gitcoord, and what the ledger says then."""

from __future__ import annotations

import threading
from typing import Any

from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.locks import Lock
from gitcoord.domain.mailbox import Message
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Note, Task
from tests.webhook.compat.talking import (
    COORDINATOR,
    GOLEMXV,
    GOZEN,
    Client,
    add_task,
    ledger,
    records,
)  # fmt: skip
from tests.webhook.served import Served


def test_two_agents_of_golemxv_work_side_by_side(served: Served) -> None:
    add_task(served, "t-1", keys=["src/auth/**"], priority="high")
    golem = Client(served, GOLEMXV)
    scope = {"declared_area": "auth", "declared_files": ["src/auth/**"]}
    ada = golem.good("POST", "/checkin", {"agent_name": "ada"} | scope, 201)["data"]
    bob = golem.good("POST", "/checkin", {"agent_name": "bob"} | scope, 201)
    assert bob["meta"]["conflicts"][0]["agent_name"] == "ada"
    mine, yours = ada["session_token"], bob["data"]["session_token"]

    body = {"session_token": yours, "declared_area": "api", "declared_files": ["src/api/**"]}
    assert golem.good("POST", "/status", body)["meta"] == {}
    claim = {"task_id": "t-1"}
    won = golem.good("POST", "/tasks/claim", {"session_token": mine} | claim)["data"]
    assert (won["assigned_agent_name"], won["work_area_paths"]) == ("ada", ["src/auth/**"])
    with ledger(served) as state:
        (lock,) = state.all(Lock)
    assert (lock.key, lock.session, lock.task) == ("src/auth/**", ada["session_id"], "t-1")
    lost = golem.post("/tasks/claim", {"session_token": yours} | claim)
    assert (lost.status_code, lost.json()["errors"][0]["code"]) == (409, "CLAIM_FAILED")

    def move(status: str, **more: Any) -> None:
        said = {"session_token": mine, "status": status} | more
        assert golem.good("POST", "/tasks/t-1/status", said)["data"]["status"] == status

    move("in_progress")
    note = {"session_token": mine, "content": "The form is done."}
    golem.good("POST", "/tasks/t-1/notes", note, 201)
    said = {"session_token": yours, "to": "ada", "content": "Ready?", "type": "request"}
    golem.good("POST", "/messages", said, 201)
    (heard,) = golem.good("GET", f"/messages?session_token={mine}")["data"]
    assert (heard["sender_name"], heard["content"]) == ("bob", "Ready?")
    move("completed", result_summary="Log-in works.", files_changed=["src/auth/form.py"])
    for token in (mine, yours):
        golem.good("POST", "/heartbeat", {"session_token": token})
        out = {"session_token": token, "outcome_status": "completed", "work_summary": "Done."}
        golem.good("POST", "/checkout", out)
    assert golem.good("GET", "/presence")["data"] == []

    sessions = records(served, Session)
    assert {(one["agent"], one["status"], one["outcome"]) for one in sessions} == {
        ("ada", "ended", "completed"),
        ("bob", "ended", "completed"),
    }
    (task,) = records(served, Task)
    assert (task["status"], task["result"]) == ("completed", "Log-in works.")
    assert records(served, Lock) == []
    assert "The form is done." in {note["text"] for note in records(served, Note)}
    (message,) = records(served, Message)
    assert message["to"] == ada["session_id"]


def test_of_many_golemxv_agents_that_claim_at_once_one_wins(served: Served) -> None:
    add_task(served)
    golem = Client(served, GOLEMXV)
    tokens = [golem.good("POST", "/checkin", {}, 201)["data"]["session_token"] for _ in range(8)]
    barrier, answers = threading.Barrier(len(tokens)), []

    def claim(token: str) -> None:
        barrier.wait()
        answers.append(golem.post("/tasks/claim", {"session_token": token, "task_id": "t-1"}))

    threads = [threading.Thread(target=claim, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 7
    (task,) = records(served, Task)
    assert len(task["attempts"]) == 1


def test_an_orchestrator_and_a_worker_of_agent_coordinator(served: Served) -> None:
    boss, worker = Client(served, COORDINATOR), Client(served, COORDINATOR, agent="worker-1")
    who = {"agent_id": "worker-1", "agent_type": "codex"}
    ids = []
    for text in ("Write the parser", "Test the parser"):
        body = {"task_type": "code", "task_description": text, "depends_on": ids[-1:]}
        ids.append(boss.good("POST", "/work/submit", body)["task_id"])
    paused = {"agent_id": "boss", "agent_type": "orchestrator", "file_path": "db:schema:users"}
    assert boss.good("POST", "/locks/acquire", paused)["success"]

    work = worker.good("POST", "/work/claim", who)
    assert work["task_id"] == ids[0]
    for path, success in (("src/parser.py", True), ("db:schema:users", False)):
        found = worker.good("POST", "/locks/acquire", who | {"file_path": path})
        assert found["success"] is success
    assert found["locked_by"] == "boss"
    assert boss.good("GET", "/locks/status/src/parser.py")["lock"]["agent_type"] == "codex"
    done = {"task_id": ids[0], "agent_id": "worker-1", "success": True, "result": {"n": 1}}
    assert worker.good("POST", "/work/complete", done)["status"] == "completed"
    assert boss.good("POST", "/work/get", {"task_id": ids[0]})["task"]["result"] == {"n": 1}
    release = {"file_path": "src/parser.py", "agent_id": "worker-1"}
    assert worker.good("POST", "/locks/release", release)["success"]
    said = who | {"summary": "The parser is written.", "next_steps": ["Test it"]}
    assert worker.good("POST", "/handoffs/write", said)["success"]
    (row,) = boss.good("POST", "/handoffs/read", {"agent_name": "worker-1"})["handoffs"]
    assert row["next_steps"] == ["Test it"]

    kept = {one["agent"]: one for one in records(served, Session)}
    assert kept.keys() == {"worker-1", "boss"}
    assert (kept["worker-1"]["type"], kept["worker-1"]["client"]) == ("codex", "agent-coordinator")
    assert [one["agent"] for one in records(served, Lock)] == ["boss"]
    statuses = {one["id"]: one.get("status", "pending") for one in records(served, Task)}
    assert statuses == {ids[0]: "completed", ids[1]: "pending"}
    assert [one["agent"] for one in records(served, Handoff)] == ["worker-1"]


def test_somebody_who_watches_with_gozen(served: Served) -> None:
    zen = Client(served, GOZEN, "admin")
    limits = {"enabled": True, "session_spending_cap": 1.0}
    zen.good("PUT", "/config", {"enabled": True, "guardrails": limits})
    ada, bob = served.agent("ada"), served.agent("bob")
    task = zen.good("POST", "/tasks", {"description": "Write it", "priority": 8}, 201)
    claimed = ada.post("/tasks/next", {}).json()
    assert claimed["task"]["id"] == task["id"]
    ada.post("/locks", {"keys": ["src/**"]})
    ada.post("/session/usage", {"usage": {"requests": 1, "cost_usd": 1.25}})
    rows = {row["id"]: row for row in zen.good("GET", "/sessions")["sessions"]}
    assert (rows[ada.id]["status"], rows[bob.id]["status"]) == ("paused", "active")
    assert rows[ada.id]["current_task"] == task["id"]
    assert ada.post("/locks", {"keys": ["lib/**"]}).status_code == 423
    zen.good("POST", f"/sessions/{ada.id}/resume")
    assert ada.post("/locks", {"keys": ["lib/**"]}).status_code == 200
    zen.good("POST", f"/sessions/{ada.id}/kill")
    assert zen.good("GET", f"/tasks/{task['id']}")["status"] == "pending"
    assert zen.good("GET", "/locks")["locks"] == []
    (gone,) = [one for one in records(served, Session) if one["agent"] == "ada"]
    assert (gone["status"], gone["lost_tasks"]) == ("killed", [task["id"]])


def test_clients_of_all_systems_see_one_world(served: Served) -> None:
    golem, zen, ac = (Client(served, base) for base in (GOLEMXV, GOZEN, COORDINATOR))
    token = golem.good("POST", "/checkin", {"agent_name": "gil"}, 201)["data"]["session_token"]
    ac.good("POST", "/locks/acquire", {"agent_id": "ann", "file_path": "a.py"})
    zen.good("POST", "/tasks", {"description": "Shared", "priority": 6}, 201)
    assert {x["agent_name"] for x in golem.good("GET", "/presence")["data"]} == {"gil", "ann"}
    assert {x["agent_id"] for x in ac.good("GET", "/discovery/agents")["agents"]} == {"gil", "ann"}
    assert {x["profile"] for x in zen.good("GET", "/sessions")["sessions"]} == {"gil", "ann"}
    (task,) = golem.good("GET", "/tasks")["data"]
    assert task["priority"] == "medium"
    golem.good("POST", "/tasks/claim", {"session_token": token, "task_id": task["id"]})
    assert ac.good("POST", "/work/get", {"task_id": task["id"]})["task"]["status"] == "claimed"
    assert zen.good("GET", f"/tasks/{task['id']}")["status"] == "running"
    ours = served.call("GET", "/tasks", key=golem.key).json()["tasks"]
    assert [one["status"] for one in ours] == ["assigned"]
