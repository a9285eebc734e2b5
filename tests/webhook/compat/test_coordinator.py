"""Agent Coordinator's HTTP API: each route with its documented request, answer and refusals."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest

from gitcoord.domain.locks import Lock
from gitcoord.domain.notices import Notice
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.domain.violations import Violation
from tests.webhook.compat.talking import COORDINATOR, Client, add_task, head, records
from tests.webhook.served import Served

ADA = {"agent_id": "ada", "agent_type": "claude_code"}
BOB = {"agent_id": "bob", "agent_type": "codex"}
LOCK = {"success", "action", "file_path", "expires_at", "reason", "locked_by", "lock_reason"}
WORK = {"task_id", "task_type", "description", "input_data", "priority", "deadline", "reason"}
#: What deletes everything, as a text that guardrails block.
DANGER = "Then\n```sh\nrm -rf /\n```"


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


def refused(answer: httpx.Response, status: int) -> Any:
    """Return the detail of what HTTP has against a request."""
    assert answer.status_code == status, answer.text
    return answer.json()["detail"]


def locked(client: Client, who: dict[str, Any], path: str, **more: Any) -> Any:
    return client.good("POST", "/locks/acquire", who | {"file_path": path} | more)


def test_a_lock_is_taken_refreshed_and_released(ac: Client) -> None:
    found = locked(ac, ADA, "src/a.py", reason="login")
    assert found.keys() >= LOCK
    assert (found["success"], found["action"], found["file_path"]) == (True, "acquired", "src/a.py")
    assert (found["reason"], found["lock_reason"], found["locked_by"]) == (None, None, None)
    assert locked(ac, ADA, "src/a.py")["action"] == "refreshed"
    (lock,) = records(ac.served, Lock)
    assert (lock["key"], lock["agent"], lock["reason"]) == ("src/a.py", "ada", "login")
    assert lock["ttl"] == 1800.0
    freed = ac.good("POST", "/locks/release", {"file_path": "src/a.py", "agent_id": "ada"})
    assert (freed["success"], freed["action"]) == (True, "released")
    assert records(ac.served, Lock) == []


def test_null_is_the_same_as_left_out(ac: Client) -> None:
    said = ADA | dict.fromkeys(("session_id", "reason", "ttl_minutes"))
    assert locked(ac, said, "a")["success"]
    assert ac.good("POST", "/work/claim", ADA | {"task_types": None})["reason"]


def test_a_lock_of_another_is_refused_with_its_holder(ac: Client) -> None:
    held = locked(ac, ADA, "src/**", reason="login")
    before = head(ac.served)
    found = locked(ac, BOB | {"session_id": "b"}, "src/a.py")
    assert (found["success"], found["action"]) == (False, None)
    assert (found["reason"], found["locked_by"]) == ("locked_by_other", "ada")
    assert (found["lock_reason"], found["expires_at"]) == ("login", held["expires_at"])
    freed = ac.good("POST", "/locks/release", {"file_path": "src/**", "agent_id": "bob"})
    assert (freed["success"], freed["reason"]) == (False, "lock_not_found_or_not_owner")
    assert [one["agent"] for one in records(ac.served, Lock)] == ["ada"]
    assert head(ac.served) != before, "bob has checked in, and no more"


@pytest.mark.parametrize(
    "more, reason",
    [
        ({"ttl_minutes": 481}, "ttl_out_of_range"),
        ({"ttl_minutes": 0}, "ttl_out_of_range"),
        ({"file_path": ""}, "invalid_file_path"),
        ({"file_path": "../x"}, "invalid_file_path"),
        ({"file_path": "odd:x"}, "unknown_namespace"),
        ({"agent_id": "  "}, "invalid_agent_id"),
    ],
)
def test_a_lock_that_cannot_be_is_refused(ac: Client, more: dict[str, Any], reason: str) -> None:
    found = ac.good("POST", "/locks/acquire", ADA | {"file_path": "a"} | more)
    assert (found["success"], found["reason"]) == (False, reason)
    assert found.keys() >= LOCK
    assert records(ac.served, Lock) == []


def test_two_sessions_of_one_agent_are_rivals_and_each_lock_is_released_by_the_agent(
    ac: Client,
) -> None:
    one, two = ADA | {"session_id": "one"}, ADA | {"session_id": "two"}
    assert locked(ac, one, "a")["success"]
    assert locked(ac, two, "a")["reason"] == "locked_by_other"
    assert locked(ac, two, "b")["success"]
    for path in ("a", "b"):
        # The original's release does not say which session it is.
        assert ac.good("POST", "/locks/release", {"file_path": path, "agent_id": "ada"})["success"]
    assert records(ac.served, Lock) == []


def test_another_key_does_not_act_for_the_sessions_of_this_one(ac: Client) -> None:
    assert locked(ac, ADA, "a")["success"]
    thief = Client(ac.served, COORDINATOR)
    assert locked(thief, ADA, "a")["reason"] == "locked_by_other"
    freed = thief.good("POST", "/locks/release", {"file_path": "a", "agent_id": "ada"})
    assert freed["reason"] == "lock_not_found_or_not_owner"
    assert len(records(ac.served, Lock)) == 1


def test_a_bound_key_acts_for_its_agent_only(ac: Client) -> None:
    bound = Client(ac.served, COORDINATOR, agent="ada")
    before = head(ac.served)
    answer = bound.post("/locks/acquire", BOB | {"file_path": "a"})
    assert "agent_id" in refused(answer, 403)
    assert head(ac.served) == before
    assert locked(bound, {}, "a")["agent"] == "ada"
    assert locked(ac, {}, "b")["agent"] == "cloud-agent"
    kinds = {one["agent"]: one["type"] for one in records(ac.served, Session)}
    assert kinds == {"ada": "cloud_agent", "cloud-agent": "cloud_agent"}


def test_who_holds_a_path_is_told_without_a_key(ac: Client) -> None:
    locked(ac, ADA, "src/**", reason="login")
    locked(ac, ADA, "feature:f-1:pause")
    ask = ac.served.client.get
    assert ask("/locks/status/doc/b.md").json() == {"locked": False, "file_path": "doc/b.md"}
    found = ask("/locks/status/src/a.py").json()
    lock = found["lock"]
    assert (found["locked"], found["file_path"]) == (True, "src/a.py")
    assert lock.keys() == {"locked_by", "agent_type", "locked_at", "expires_at", "reason"}
    assert (lock["locked_by"], lock["agent_type"]) == ("ada", "claude_code")
    assert ask("/locks/status/feature:f-1:pause").json()["locked"] is True
    assert ask("/locks/status/src/[id].py").json()["locked"] is True
    assert refused(ask("/locks/status/x%00"), 422)


def test_an_admin_frees_what_others_hold_and_they_are_told(ac: Client) -> None:
    locked(ac, ADA, "src/**", reason="login")
    (session,) = records(ac.served, Session)
    admin = Client(ac.served, COORDINATOR, "admin")
    ac.served.call("POST", f"/sessions/{session['id']}/pause", {"reason": "lunch"}, key=admin.key)
    before = head(ac.served)
    assert refused(ac.call("DELETE", "/locks/src/a.py"), 403)
    none = admin.good("DELETE", "/locks/doc/b.md")
    assert none == {
        "released": False, "prior_holder_agent_id": None, "prior_acquired_at": None,
    }  # fmt: skip
    assert head(ac.served) == before
    found = admin.good("DELETE", "/locks/src/a.py")
    assert (found["released"], found["prior_holder_agent_id"]) == (True, "ada")
    assert found["prior_acquired_at"].endswith("Z")
    assert records(ac.served, Lock) == []
    (notice,) = records(ac.served, Notice)
    assert (notice["to"], "freed by key" in notice["text"]) == (session["id"], True)


def submitted(client: Client, **more: Any) -> str:
    body = {"task_type": "test", "task_description": "Test the parser\nwell"} | more
    found = client.good("POST", "/work/submit", body)
    assert found["success"], found
    return str(found["task_id"])


def test_work_is_submitted_claimed_and_completed(ac: Client) -> None:
    id = submitted(ac, input_data={"n": 1}, priority=2)
    later = submitted(ac, depends_on=[id])
    work = ac.good("POST", "/work/claim", ADA | {"task_types": ["test"]})
    assert work.keys() >= WORK
    assert (work["success"], work["task_id"], work["task_type"]) == (True, id, "test")
    assert (work["description"], work["input_data"]) == ("Test the parser\nwell", {"n": 1})
    assert (work["priority"], work["deadline"]) == (2, None)
    none = ac.good("POST", "/work/claim", BOB)
    assert (none["success"], none["reason"]) == (False, "no_tasks_available")
    body = {"task_id": id, "agent_id": "ada", "success": True, "result": {"tests": 3}}
    done = ac.good("POST", "/work/complete", body)
    assert (done["success"], done["status"], done["task_id"]) == (True, "completed", id)
    before = head(ac.served)
    task = ac.good("POST", "/work/get", {"task_id": id})["task"]
    assert head(ac.served) == before
    assert (task["status"], task["result"], task["claimed_by"]) == (
        "completed", {"tests": 3}, "ada",
    )  # fmt: skip
    assert ac.good("POST", "/work/claim", BOB)["task_id"] == later


def test_row_a20_a_task_is_submitted_with_a_deadline(ac: Client) -> None:
    end = "2099-01-02T03:04:05Z"
    id = submitted(ac, deadline=end)
    found = ac.good("POST", "/work/claim", ADA)
    assert (found["task_id"], found["deadline"]) == (id, "2099-01-02T03:04:05.000Z")
    wrong = {"task_type": "x", "task_description": "y", "deadline": "soon"}
    refused = ac.good("POST", "/work/submit", wrong)
    assert (refused["success"], refused["reason"]) == (False, "invalid_value")
    assert len(records(ac.served, Task)) == 1


def test_only_who_has_claimed_it_completes_a_task_and_once(ac: Client) -> None:
    id = submitted(ac)
    ac.good("POST", "/work/claim", ADA)
    before = records(ac.served, Task)
    body = {"task_id": id, "agent_id": "bob", "success": True}
    found = ac.good("POST", "/work/complete", body)
    assert (found["success"], found["status"]) == (False, None)
    assert found["reason"] == "task_not_found_or_not_claimed_by_agent"
    assert records(ac.served, Task) == before
    assert ac.good("POST", "/work/complete", body | {"agent_id": "ada"})["success"]
    again = ac.good("POST", "/work/complete", body | {"agent_id": "ada", "success": False})
    assert (again["success"], again["reason"]) == (False, "invalid_transition")


@pytest.mark.parametrize(
    "result, message, status, error, code",
    [
        ({}, "no luck", "failed", "no luck", ""),
        (
            {"error_code": "cancelled_by_orchestrator", "reason": "superseded"},
            "",
            "cancelled",
            "superseded",
            "cancelled_by_orchestrator",
        ),
    ],
    ids=["failed", "cancelled"],
)
def test_a_failed_completion_fails_or_cancels(
    ac: Client, result: dict[str, Any], message: str, status: str, error: str, code: str
) -> None:
    id = submitted(ac)
    ac.good("POST", "/work/claim", ADA)
    body = {"task_id": id, "agent_id": "ada", "success": False, "result": result}
    done = ac.good("POST", "/work/complete", body | {"error_message": message})
    assert done["status"] == status
    (task,) = records(ac.served, Task)
    assert (task["status"], task["error"], task.get("error_code", "")) == (status, error, code)


def test_guardrails_look_at_new_tasks_and_at_results(ac: Client) -> None:
    found = ac.good("POST", "/work/submit", {"task_type": "x", "task_description": DANGER})
    assert (found["success"], found["task_id"]) == (False, None)
    assert found["reason"] == "destructive_operation_blocked"
    id = submitted(ac)
    ac.good("POST", "/work/claim", ADA)
    body = {"task_id": id, "agent_id": "ada", "success": True, "result": {"next": DANGER}}
    found = ac.good("POST", "/work/complete", body)
    assert (found["success"], found["status"]) == (False, "blocked")
    (task,) = records(ac.served, Task)
    assert task["status"] == "assigned"
    # Violations ride on the next transaction; who submits does not say who it is.
    locked(ac, ADA, "a")
    assert {one.get("agent") for one in records(ac.served, Violation)} == {None, "ada"}


def test_what_is_not_known_is_not_found_in_words(ac: Client) -> None:
    for id in ("t-9", "not an id"):
        found = ac.good("POST", "/work/get", {"task_id": id})
        assert found["success"] is False
    assert ac.good("POST", "/work/get", {"task_id": "t-9"})["reason"] == "task_not_found"
    found = ac.good(
        "POST", "/work/submit", {"task_type": "x", "task_description": "y", "depends_on": ["t-9"]}
    )
    assert (found["success"], found["reason"]) == (False, "dependency_not_found")


def test_an_operation_is_judged(ac: Client) -> None:
    body = {"operation_text": "git push --force origin main", "file_paths": [".env"]}
    found = ac.good("POST", "/guardrails/check", body)
    assert found["safe"] is False
    names = {"pattern_name", "category", "severity", "matched_text", "blocked"}
    assert all(one.keys() >= names for one in found["violations"])
    assert {one["category"] for one in found["violations"]} >= {"git", "credential"}
    found = ac.good("POST", "/guardrails/check", {"operation_text": "ls"})
    assert (found["safe"], found["violations"]) == (True, [])


@pytest.mark.parametrize("path", ["/handoffs/write", "/handoff/write", "/handoffs"])
def test_a_handoff_is_written_and_read(ac: Client, path: str) -> None:
    lists = {
        name: [name]
        for name in (
            "completed_work", "in_progress", "decisions", "next_steps", "relevant_files",
        )
    }  # fmt: skip
    assert ac.good("POST", "/handoffs/read", {})["handoffs"] == []
    written = ac.good("POST", path, ADA | {"summary": "Login works."} | lists)
    assert (written["success"], written["error"]) == (True, None)
    ac.good("POST", path, BOB | {"summary": "Logout works."})
    for reading in ("/handoffs/read", "/handoff/read"):
        (row,) = ac.good("POST", reading, {"agent_name": "ada"})["handoffs"]
        assert (row["id"], row["agent_name"]) == (written["handoff_id"], "ada")
        assert {name: row[name] for name in lists} == lists
    newest = ac.good("POST", "/handoffs/read", {})
    assert (newest["handoffs"][0]["summary"], newest["truncated"]) == ("Logout works.", True)
    (row,) = ac.good("GET", "/handoffs/latest")["handoffs"]
    assert row["agent_name"] == "bob"
    empty = ac.good("POST", path, ADA | {"summary": " "})
    assert (empty["success"], empty["handoff_id"]) == (False, None)
    assert empty["error"] == "summary_required"


def test_what_the_bridge_script_hands_over_is_kept_whole(ac: Client) -> None:
    content = {"next_steps": ["Test it"], "decisions": [{"odd": 1}], "branch": "b"}
    written = ac.good(
        "POST", "/handoff/write", {"agent_id": "ada", "summary": "S", "content": content}
    )
    ac.good("POST", "/handoff/write", {"agent_id": "bob", "summary": "T"})
    (row,) = ac.good("POST", "/handoff/read", {"agent_id": "ada", "limit": 5})["handoffs"]
    assert (row["id"], row["next_steps"], row["decisions"]) == (
        written["handoff_id"], ["Test it"], [],
    )  # fmt: skip
    assert row["summary"].startswith("S\n\ncontent:")
    assert '{"decisions":[{"odd":1}],"branch":"b"}' in row["summary"]


def test_a_session_registers_beats_and_is_found(ac: Client) -> None:
    said = ADA | {"session_id": "mine", "capabilities": ["python"], "current_task": "login"}
    found = ac.good("POST", "/discovery/register", said)
    assert found == {"success": True, "session_id": "mine"}
    assert ac.good("POST", "/discovery/register", said)["success"]
    locked(ac, ADA | {"session_id": "mine"}, "a")
    beat = ac.good("POST", "/discovery/heartbeat", {"agent_id": "ada", "session_id": "mine"})
    assert (beat["success"], beat["session_id"], beat["error"]) == (True, "mine", None)
    none = ac.good("POST", "/discovery/heartbeat", {"agent_id": "ada", "session_id": "other"})
    assert (none["success"], none["error"]) == (False, "session_not_found")
    (row,) = ac.good("GET", "/discovery/agents?capability=python")["agents"]
    assert (row["agent_id"], row["agent_type"], row["status"]) == ("ada", "claude_code", "active")
    assert (row["capabilities"], row["current_task"]) == (["python"], "login")
    # Our own id is as good as the client's.
    body = {"agent_id": "ada", "session_id": row["session_id"]}
    assert ac.good("POST", "/discovery/heartbeat", body)["success"]
    assert ac.good("GET", "/discovery/agents?capability=cobol")["agents"] == []
    assert ac.good("GET", "/discovery/agents?status=disconnected")["agents"] == []
    (detail,) = refused(ac.get("/discovery/agents?status=odd"), 422)
    assert detail["loc"] == ["query", "status"]
    swept = {"success": True, "agents_cleaned": 0, "locks_released": 0}
    cleaned = ac.good("POST", "/discovery/cleanup", {"stale_threshold_minutes": 1})
    assert cleaned == swept | {"stale": []}
    cleaned = ac.good("POST", "/discovery/cleanup", {"idle_minutes": 0})
    assert cleaned == swept | {"stale": [row["session_id"]]}
    (detail,) = refused(ac.post("/discovery/cleanup", {"dry_run": True}), 422)
    assert detail["loc"] == ["body", "dry_run"]


def test_whom_a_person_has_killed_is_refused_until_it_registers_anew(ac: Client) -> None:
    locked(ac, ADA, "a")
    (session,) = records(ac.served, Session)
    admin = ac.served.key("admin")
    answer = ac.served.call("POST", f"/sessions/{session['id']}/kill", {"reason": "no"}, key=admin)
    assert answer.status_code == 200
    before = head(ac.served)
    assert "no" in refused(ac.post("/locks/acquire", ADA | {"file_path": "a"}), 403)
    assert head(ac.served) == before
    assert ac.good("POST", "/discovery/register", ADA)["success"]
    assert locked(ac, ADA, "a")["success"]


def test_a_paused_session_is_refused_with_the_reason(ac: Client) -> None:
    locked(ac, ADA, "a")
    (session,) = records(ac.served, Session)
    admin = ac.served.key("admin")
    ac.served.call("POST", f"/sessions/{session['id']}/pause", {"reason": "lunch"}, key=admin)
    assert "lunch" in refused(ac.post("/locks/acquire", ADA | {"file_path": "b"}), 403)


def test_the_bridge_script_sees_every_capability_that_there_is(ac: Client) -> None:
    add_task(ac.served)
    before = head(ac.served)
    assert ac.served.client.get("/health").status_code == 200
    probes = {
        "CAN_LOCK": [("POST", "/locks/acquire")],
        "CAN_QUEUE_WORK": [("POST", "/work/claim")],
        "CAN_HANDOFF": [
            ("POST", "/handoff/write"), ("POST", "/handoffs/write"), ("GET", "/handoffs/latest"),
        ],
        "CAN_MEMORY": [("POST", "/memory/query")],
        "CAN_GUARDRAILS": [("POST", "/guardrails/check")],
        "CAN_FEATURE_REGISTRY": [("GET", "/features/active")],
        "CAN_MERGE_QUEUE": [("GET", "/merge-queue")],
        "CAN_ISSUES": [("POST", "/issues/list")],
    }  # fmt: skip

    def seen(client: Client) -> dict[str, bool]:
        found = {}
        for flag, routes in probes.items():
            answers = [client.call(m, p, None if m == "GET" else {}) for m, p in routes]
            codes = [one.status_code for one in answers]
            found[flag] = any(code < 500 and code not in (401, 403, 404) for code in codes)
        return found

    there = {"CAN_LOCK", "CAN_QUEUE_WORK", "CAN_HANDOFF", "CAN_MEMORY", "CAN_GUARDRAILS",
             "CAN_FEATURE_REGISTRY", "CAN_MERGE_QUEUE"}  # fmt: skip
    assert {flag for flag, can in seen(ac).items() if can} == there
    assert not any(seen(Client(ac.served, COORDINATOR, key="wrong")).values())
    assert head(ac.served) == before, "a probe does nothing"


@pytest.mark.parametrize(
    "path, body, place",
    [
        ("/locks/acquire", {}, "file_path"),
        ("/locks/release", {}, "file_path"),
        ("/work/claim", {}, "agent_id"),
        ("/work/complete", {"task_id": "t-1", "agent_id": "ada"}, "success"),
        ("/work/submit", {"task_type": "x"}, "task_description"),
        ("/work/get", {}, "task_id"),
        ("/guardrails/check", {}, "operation_text"),
        ("/handoffs/write", {}, "summary"),
        ("/locks/acquire", {"file_path": 7}, "file_path"),
    ],
)
def test_a_body_that_does_not_fit_names_the_field(
    ac: Client, path: str, body: dict[str, Any], place: str
) -> None:
    before = head(ac.served)
    (detail,) = refused(ac.post(path, body), 422)
    assert detail["loc"] == ["body", place]
    assert detail["type"] == ("value_error" if "file_path" in body else "missing")
    assert head(ac.served) == before


def test_values_are_taken_as_loosely_as_the_original_takes_them(ac: Client) -> None:
    assert locked(ac, ADA, "a", ttl_minutes="2")["success"]
    assert records(ac.served, Lock)[0]["ttl"] == 120.0
    id = submitted(ac, priority="3")
    ac.good("POST", "/work/claim", ADA)
    body = {"task_id": id, "agent_id": "ada", "success": "false"}
    assert ac.good("POST", "/work/complete", body)["status"] == "failed"
    decided = ADA | {"summary": "S", "decisions": ["One", {"two": 2}]}
    ac.good("POST", "/handoffs/write", decided)
    (row,) = ac.good("POST", "/handoffs/read", {})["handoffs"]
    assert row["decisions"] == ["One", '{"two":2}']


def test_without_a_reason_none_is_told(ac: Client) -> None:
    locked(ac, ADA, "a")
    found = locked(ac, BOB, "a")
    assert (found["locked_by"], found["lock_reason"]) == ("ada", None)


def test_what_http_has_against_a_request_is_a_detail(ac: Client) -> None:
    client = ac.served.client
    assert refused(client.post("/locks/acquire", json={"file_path": "a"}), 401)
    assert refused(Client(ac.served, COORDINATOR, "read").post("/work/claim", ADA), 403)
    assert refused(ac.get("/guardrails/odd"), 404)
    assert refused(ac.get("/locks/odd"), 405)
    assert refused(ac.post("/work"), 404)
    assert refused(ac.get("/work/claim"), 405)
    assert ac.get("/work/claim").headers["Allow"] == "POST"
    headers = {"X-API-Key": ac.key}
    (broken,) = refused(client.post("/work/claim", content=b"{", headers=headers), 422)
    assert broken["type"] == "json_invalid"
    assert refused(ac.post("/work/claim", []), 422)
    (empty,) = refused(ac.call("POST", "/discovery/register"), 422)
    assert (empty["type"], empty["loc"]) == ("missing", ["body"])


def test_the_result_of_a_package_is_held_against_its_plan(ac: Client) -> None:
    ada = ac.served.agent("ada")
    body = {
        "feature": "f",
        "plan_revision": 2,
        "contracts_revision": 1,
        "packages": [{"id": "wp-a", "write": ["src/**"]}],
        "tasks": [{"id": "t-1", "ref": "wp-a", "title": "Do it"}],
    }
    assert ada.post("/plans", body).status_code == 201
    assert ada.get("/plans?feature=f").json()["plans"][0]["packages"][0]["task"] == "t-1"
    assert ada.get("/plans?feature=g").json()["plans"] == []
    ac.good("POST", "/work/claim", ADA)
    result = {
        "feature_id": "f",
        "package_id": "wp-a",
        "plan_revision": 1,
        "contracts_revision": 1,
        "status": "failed",
        "error_code": "TIMEOUT",
        "escalations": [{"type": "PLAN_REVISION_REQUIRED"}],
    }
    said = {"task_id": "t-1", "agent_id": "ada", "success": False, "result": result}
    before = head(ac.served)
    found = ac.good("POST", "/work/complete", said)
    assert (found["success"], found["reason"]) == (False, "revision_stale")
    assert head(ac.served) == before
    result["plan_revision"] = 2
    found = ac.good("POST", "/work/complete", said)
    assert (found["success"], found["status"]) == (True, "failed")
    (raised,) = ada.get("/escalations").json()["escalations"]
    assert [raised["id"]] == found["escalations"]
    assert raised["pauses"] is True
    path = f"/escalations/{raised['id']}/resolve"
    assert ada.post(path, {"resolution": "No."}).json()["escalation"]["status"] == "resolved"
    assert ada.get("/escalations").json()["escalations"] == []
    assert len(ada.get("/escalations?all=true").json()["escalations"]) == 1
