"""GoZen's agent API: each route with its documented request, answer and errors."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest

from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import Settings
from gitcoord.domain.tasks import Task
from tests.webhook.compat.talking import GOZEN, Client, head, ledger, records
from tests.webhook.served import Agent, Served

#: The configuration that GoZen's documentation shows.
SAMPLE: dict[str, Any] = {
    "enabled": True,
    "coordinator": {"enabled": True, "lock_timeout_sec": 600, "inject_warnings": True},
    "observatory": {"enabled": True, "stuck_threshold": 7, "idle_timeout_min": 30},
    "guardrails": {
        "enabled": True,
        "session_spending_cap": 5.0,
        "request_rate_limit": 30,
        "auto_pause_on_cap": True,
    },
}


@pytest.fixture
def zen(served: Served) -> Client:
    return Client(served, GOZEN, "admin")


def failed(answer: httpx.Response, status: int) -> str:
    """Return the words of an error."""
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found.keys() <= {"error", "conflicts"}
    return str(found["error"])


def agreed(served: Served) -> Settings:
    with ledger(served) as state:
        return state.settings


def used(agent: Agent, **usage: Any) -> None:
    assert agent.post("/session/usage", {"usage": usage}).status_code == 200


def test_the_configuration_is_that_of_the_shared_settings(zen: Client) -> None:
    found = zen.good("GET", "/config")
    assert found["coordinator"]["lock_timeout_sec"] == 1800
    assert found["observatory"]["stuck_threshold"] == 5
    assert found["guardrails"]["enabled"] is False
    assert found["task_queue"] == {"enabled": True, "max_retries": 3, "workers": 1}
    assert found["runtime"] == {"enabled": False}
    assert zen.good("PUT", "/config", SAMPLE) == {"status": "ok"}
    settings = agreed(zen.served)
    assert (settings.lock_ttl, settings.stuck_errors) == (600.0, 7)
    assert (settings.spending_cap, settings.spending_action) == (5.0, "pause")
    assert (settings.rate_limit, settings.rate_action) == (30, "warn")
    found = zen.good("GET", "/config")
    assert found["guardrails"] == SAMPLE["guardrails"] | {"sensitive_ops_detect": True}
    assert zen.good("GET", "/guardrails") == found["guardrails"]


def test_what_was_read_can_be_written_back_and_changes_nothing(zen: Client) -> None:
    for values in ({}, {"spending_action": "ask"}, {"rate_action": "pause", "stuck_errors": 9}):
        body = {"values": values}
        zen.served.call("PATCH", "/settings", body, key=zen.key)
        before = agreed(zen.served)
        zen.good("PUT", "/config", zen.good("GET", "/config"))
        assert agreed(zen.served) == before


def test_a_section_with_only_enabled_gets_the_documented_defaults(zen: Client) -> None:
    names = ("coordinator", "observatory", "guardrails", "task_queue")
    zen.good("PUT", "/config", {"enabled": True} | {name: {"enabled": True} for name in names})
    settings = agreed(zen.served)
    assert (settings.spending_cap, settings.spending_action) == (10.0, "pause")
    assert (settings.rate_limit, settings.rate_action) == (60, "warn")
    assert (settings.lock_ttl, settings.stuck_errors, settings.max_attempts) == (300.0, 5, 3)


def test_limits_of_zero_are_none_and_a_section_that_is_left_out_stays(zen: Client) -> None:
    zen.good("PUT", "/config", SAMPLE)
    limits = {"enabled": True, "session_spending_cap": 0, "auto_pause_on_cap": False}
    zen.good("PUT", "/config", {"enabled": True, "guardrails": limits})
    settings = agreed(zen.served)
    assert (settings.spending_action, settings.rate_action) == ("off", "warn")
    assert (settings.lock_ttl, settings.stuck_errors) == (600.0, 7)
    limits["session_spending_cap"] = 2
    zen.good("PUT", "/config", {"enabled": True, "guardrails": limits})
    assert agreed(zen.served).spending_action == "warn"
    off = {"guardrails": {"enabled": False}, "observatory": {"enabled": False}}
    zen.good("PUT", "/config", {"enabled": True} | off)
    settings = agreed(zen.served)
    assert (settings.spending_action, settings.rate_action) == ("off", "off")
    assert (settings.stuck_errors, settings.stuck_repeats, settings.stuck_after) == (0, 0, 0)


@pytest.mark.parametrize(
    "wish, place",
    [
        ({"enabled": False}, "enabled"),
        ({"coordinator": {"enabled": False}}, "coordinator.enabled"),
        ({"coordinator": {"enabled": True, "inject_warnings": False}}, "inject_warnings"),
        ({"coordinator": {"enabled": True, "lock_timeout_sec": 10**6}}, "lock_ttl"),
        ({"observatory": {"enabled": True, "idle_timeout_min": 5}}, "idle_timeout_min"),
        ({"guardrails": {"enabled": True, "sensitive_ops_detect": False}}, "sensitive_ops"),
        ({"guardrails": {"enabled": True, "max_api_calls": 5}}, "max_api_calls"),
        ({"task_queue": {"enabled": False}}, "task_queue.enabled"),
        ({"task_queue": {"enabled": True, "workers": 4}}, "workers"),
        ({"runtime": {"enabled": True}}, "runtime"),
        ({"runtime": {"max_turns": 5}}, "max_turns"),
    ],
)
def test_what_cannot_be_had_is_refused_and_not_taken(
    zen: Client, wish: dict[str, Any], place: str
) -> None:
    before = head(zen.served)
    assert place in failed(zen.call("PUT", "/config", {"enabled": True} | wish), 400)
    assert head(zen.served) == before


def test_sessions_are_shown_with_their_numbers(zen: Client) -> None:
    ada = zen.served.agent("ada", task="login", client="web", worktree="/w")
    used(ada, requests=3, errors=1, input_tokens=100, output_tokens=20, cost_usd=0.5)
    signals = {"calls": 9, "errors_in_row": 6, "error_text": "no such file"}
    ada.post("/session/signals", {"signals": signals})
    bob = zen.served.agent("bob")
    found = zen.good("GET", "/sessions")
    rows = {row["id"]: row for row in found["sessions"]}
    row = rows[ada.id]
    assert row == zen.good("GET", f"/sessions/{ada.id}")
    assert row.items() >= {
        "profile": "ada", "client": "web", "project_path": "/w", "current_task": "login",
        "total_tokens": 120, "total_cost": 0.5, "request_count": 3, "error_count": 1,
        "status": "stuck", "last_errors": ["no such file"], "retry_count": 6,
    }.items()  # fmt: skip
    assert {"start_time", "last_activity"} <= row.keys()
    unknown = rows[bob.id]
    assert (unknown["total_tokens"], unknown["total_cost"], unknown["status"]) == (0, 0.0, "active")
    assert (unknown["usage_known"], row["usage_known"], row["cost_known"]) == (False, True, True)
    totals = {"total_sessions": 2, "active": 1, "stuck": 1, "total_tokens": 120, "total_cost": 0.5}
    assert found["stats"].items() >= totals.items()
    numbers = zen.good("GET", f"/sessions/{ada.id}/metrics")
    assert (numbers["session_id"], numbers["request_count"]) == (ada.id, 3)
    stats = zen.good("GET", "/stats")
    assert stats["observatory"] == found["stats"]
    assert stats["guardrails"] == {"enabled": False, "spending": {ada.id: 0.5}}
    assert stats["task_queue"]["total"] == 0
    assert zen.good("GET", "/guardrails/spending") == {"spending": {ada.id: 0.5}}


def test_a_session_is_paused_resumed_and_killed_and_obeys(zen: Client) -> None:
    ada = zen.served.agent("ada")
    at = f"/sessions/{ada.id}"
    assert failed(zen.call("POST", f"{at}/resume"), 404)
    assert zen.good("POST", f"{at}/pause") == {"status": "paused"}
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 423
    assert zen.good("POST", f"{at}/resume") == {"status": "resumed"}
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 200
    assert zen.good("POST", f"{at}/kill") == {"status": "killed"}
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 410
    assert records(zen.served, Lock) == []
    assert zen.good("GET", at)["status"] == "killed"
    assert zen.good("GET", "/sessions")["stats"]["killed"] == 1
    for act in ("kill", "pause", "resume"):
        assert failed(zen.call("POST", f"{at}/{act}"), 404)


def test_a_session_that_is_not_there_or_has_left_is_not_found(zen: Client) -> None:
    ada = zen.served.agent("ada")
    ada.post("/session/end", {"outcome": "completed"})
    for id in (ada.id, "s-none", "odd id"):
        assert failed(zen.get(f"/sessions/{id}"), 404)
        assert failed(zen.get(f"/sessions/{id}/metrics"), 404)
        assert failed(zen.call("POST", f"/sessions/{id}/kill"), 404)
    assert zen.good("GET", "/sessions")["sessions"] == []


def test_locks_are_listed_taken_and_released_for_who_is_proved(zen: Client) -> None:
    ada, bob = zen.served.agent("ada"), zen.served.agent("bob")
    client = Client(zen.served, GOZEN)
    body = {"path": "src/a.py", "session_id": ada.token}
    found = client.good("POST", "/locks", body, 201)
    assert (found["status"], found["lock"]["session_id"]) == ("acquired", ada.id)
    held = client.post("/locks", {"path": "src/**", "session_id": bob.token})
    assert "ada" in failed(held, 409)
    assert held.json()["conflicts"][0]["session"] == ada.id
    (row,) = client.good("GET", "/locks")["locks"]
    assert row.keys() >= {"path", "session_id", "locked_at", "expires_at"}
    at = "/locks/src/a.py"
    before = head(zen.served)
    assert "session_id" in failed(client.call("DELETE", at), 400)
    assert failed(client.call("DELETE", f"{at}?session_id={ada.id}"), 403)
    assert failed(client.call("DELETE", f"{at}?session_id={bob.token}"), 404)
    assert failed(zen.call("DELETE", f"{at}?session_id={bob.id}"), 404)
    assert head(zen.served) == before
    assert zen.good("DELETE", f"{at}?session_id={ada.id}") == {"status": "released"}
    assert records(zen.served, Lock) == []


def test_changes_are_shown_newest_first(zen: Client) -> None:
    ada = zen.served.agent("ada")
    for path, kind in (("a.py", "create"), ("b.py", "rename")):
        change = {"path": path, "kind": kind, "summary": "so", "old_path": ""}
        more = {"old_path": "c.py"} if kind == "rename" else {}
        assert ada.post("/changes", {"changes": [change | more]}).status_code == 201
    rows = zen.good("GET", "/changes")["changes"]
    assert [(x["path"], x["change_type"]) for x in rows] == [("b.py", "modify"), ("a.py", "create")]
    assert (rows[0]["old_path"], rows[0]["session_id"], rows[0]["summary"]) == (
        "c.py", ada.id, "so",
    )  # fmt: skip
    assert zen.good("GET", "/changes?since=2999-01-01T00:00:00Z")["changes"] == []
    assert failed(zen.get("/changes?since=odd"), 400)


@pytest.mark.parametrize("queue", ["/tasks", "/queue"])
def test_tasks_are_added_listed_cancelled_and_deleted(zen: Client, queue: str) -> None:
    task = zen.good("POST", queue, {"description": "Do it\nwell", "priority": 9}, 201)
    assert task.items() >= {"description": "Do it\nwell", "priority": 9}.items()
    assert (task["status"], task["retry_count"], task["max_retries"]) == ("pending", 0, 3)
    assert task["id"].startswith("task-")
    urgent = zen.good("POST", queue, {"description": "First", "priority": 10}, 201)
    low = zen.good("POST", queue, {"description": "Last"}, 201)
    found = zen.good("GET", queue)
    assert [x["id"] for x in found["tasks"]] == [urgent["id"], task["id"], low["id"]]
    assert found["stats"].items() >= {"total": 3, "pending": 3, "running": 0}.items()
    assert zen.good("GET", f"{queue}/{task['id']}") == task
    assert zen.good("POST", f"{queue}/{task['id']}/cancel") == {"status": "cancelled"}
    assert failed(zen.call("POST", f"{queue}/{task['id']}/cancel"), 404)
    assert zen.good("DELETE", f"{queue}/{low['id']}") == {"status": "deleted"}
    assert zen.good("DELETE", f"{queue}/{low['id']}") == {"status": "deleted"}
    assert zen.good("GET", queue)["stats"]["cancelled"] == 2
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("POST", "/cancel")):
        assert failed(zen.call(method, f"{queue}/task-none{path}"), 404)


def test_a_task_runs_fails_is_tried_again_and_stays_when_it_is_done(zen: Client) -> None:
    id = zen.good("POST", "/tasks", {"description": "Do it"}, 201)["id"]
    ada = zen.served.agent("ada")
    at = f"/tasks/{id}"
    assert failed(zen.call("POST", f"{at}/retry"), 404)
    for failures in range(1, 5):
        assert ada.post(f"/tasks/{id}/claim", {}).status_code == 200
        shown = zen.good("GET", at)
        assert (shown["status"], shown["assigned_to"]) == ("running", ada.id)
        assert "started_at" in shown
        ada.post(f"/tasks/{id}/move", {"move": "fail", "error": "no luck"})
        shown = zen.good("GET", at)
        assert (shown["status"], shown["retry_count"]) == ("failed", failures)
        counted = {"tokens": 0, "cost": 0.0}
        assert shown["result"] == {"success": False, "output": "", "error": "no luck"} | counted
        assert zen.good("POST", f"{at}/retry") == {"status": "retrying"}
    ada.post(f"/tasks/{id}/claim", {})
    ada.post(f"/tasks/{id}/move", {"move": "complete", "result": "Done."})
    shown = zen.good("GET", at)
    assert shown["result"] == {"success": True, "output": "Done.", "error": ""} | counted
    assert "completed_at" in shown
    assert "history" in failed(zen.call("DELETE", at), 409)
    assert [one["status"] for one in records(zen.served, Task)] == ["completed"]


def test_a_task_without_words_is_named_all_the_same(zen: Client) -> None:
    assert zen.good("POST", "/tasks", {}, 201)["description"] == "task"


def test_what_guardrails_found_is_listed(zen: Client) -> None:
    ada = zen.served.agent("ada")
    found = {"rule": "drop_table", "category": "database", "severity": "block"}
    body = {"violations": [found | {"action": "blocked", "part": "DROP TABLE x"}]}
    assert ada.post("/violations", body).status_code == 201
    (row,) = zen.good("GET", "/guardrails/operations")["operations"]
    assert (row["type"], row["session_id"], row["blocked"]) == ("db_operation", ada.id, True)
    assert "DROP TABLE x" in row["description"]


def test_there_is_no_runtime_and_it_says_so(zen: Client) -> None:
    assert "runtime" in failed(zen.get("/runtime"), 503)
    assert "runtime" in failed(zen.get("/runtime/rt-1"), 503)
    assert "runtime" in failed(zen.call("POST", "/runtime/rt-1/cancel"), 503)
    assert "runtime" in failed(zen.call("POST", "/runtime/run", {"description": "x"}), 400)


def test_what_http_has_against_a_request_is_an_error(zen: Client) -> None:
    client = zen.served.client
    assert failed(client.get(f"{GOZEN}/sessions"), 401)
    assert failed(Client(zen.served, GOZEN, "agent").call("PUT", "/config", SAMPLE), 403)
    assert failed(Client(zen.served, GOZEN, "read").post("/tasks"), 403)
    assert failed(zen.get("/odd"), 404)
    assert failed(client.get(GOZEN), 404)
    assert failed(zen.call("DELETE", "/sessions"), 405)
    assert failed(zen.call("POST", "/changes"), 405)
    answer = client.put(f"{GOZEN}/config", content=b"{", headers={"X-API-Key": zen.key})
    assert "JSON" in failed(answer, 400)
    assert failed(zen.call("POST", "/tasks", {"priority": "high"}), 400)
    before = head(zen.served)
    assert failed(zen.call("POST", "/tasks"), 400)
    assert head(zen.served) == before


def test_sessions_of_the_other_systems_are_shown_too(zen: Client) -> None:
    Client(zen.served, "/_gxv/api/v1").good("POST", "/checkin", {"agent_name": "gil"}, 201)
    (row,) = zen.good("GET", "/sessions")["sessions"]
    assert (row["profile"], row["client"]) == ("gil", "golemxv")
    assert len(records(zen.served, Session)) == 1
