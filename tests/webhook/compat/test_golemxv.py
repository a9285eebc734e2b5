"""GolemXV's agent API: each route with its documented request, answer and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from gitcoord.domain.mailbox import Message
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    GitcoordError,
    HostUnreachable,
    LockHeld,
    QueuedBehind,
    SessionEnded,
    SessionNotFound,
)
from tests.gitrun import git
from tests.webhook.compat.talking import GOLEMXV, Client, add_task, head, ledger, records
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, begun
from webhook.compat import golemxv


@pytest.fixture
def golem(served: Served) -> Client:
    return Client(served, GOLEMXV)


def checked_in(client: Client, name: str, **said: Any) -> str:
    """Check in and return the session token."""
    found = client.good("POST", "/checkin", {"agent_name": name} | said, 201)
    return str(found["data"]["session_token"])


def failed(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the body of a failure, which is this one in GolemXV's envelope."""
    found = answer.json()
    assert (answer.status_code, found["errors"][0]["code"]) == (status, code), found
    assert found["data"] is None
    assert found["errors"][0]["message"]
    assert isinstance(found, dict)
    return found


def settings(served: Served, **values: Any) -> None:
    answer = served.call("PATCH", "/settings", {"values": values}, key=served.key("admin"))
    assert answer.status_code == 200, answer.text


def test_a_check_in_answers_with_session_token_and_intervals(golem: Client) -> None:
    said = {"agent_name": "ada", "declared_area": "auth", "declared_files": ["src/auth.py"]}
    found = golem.good("POST", "/checkin", said | {"heartbeat_ttl_seconds": 60}, 201)
    data = found["data"]
    assert found["meta"] == {}
    assert data["agent_name"] == "ada"
    assert len(data["session_token"]) == 64
    assert data["heartbeat_interval_seconds"] == 15
    assert data["heartbeat_ttl_seconds"] == 60
    with ledger(golem.served) as state:
        session = state.get(Session, data["session_id"])
    assert session is not None
    assert (session.agent, session.area, session.files) == ("ada", "auth", ("src/auth.py",))
    assert (session.life, session.ttl, session.client) == ("beat", 60.0, "golemxv")


def test_without_a_name_one_is_made_up_and_the_projects_times_hold(golem: Client) -> None:
    data = golem.good("POST", "/checkin", {}, 201)["data"]
    assert data["agent_name"]
    assert (data["heartbeat_interval_seconds"], data["heartbeat_ttl_seconds"]) == (30, 120)


def test_no_body_at_all_is_an_empty_one(golem: Client) -> None:
    # So do its published scripts check in.
    said = {"Content-Type": "application/json"}
    assert golem.call("POST", "/checkin", headers=said).status_code == 201
    failed(golem.call("POST", "/heartbeat", headers=said), 400, "MISSING_TOKEN")


def test_nobody_is_told_to_beat_without_a_pause(golem: Client) -> None:
    data = golem.good("POST", "/checkin", {"heartbeat_ttl_seconds": 1}, 201)["data"]
    assert (data["heartbeat_interval_seconds"], data["heartbeat_ttl_seconds"]) == (1, 1)


def test_a_conflict_is_told_and_the_session_goes_on(golem: Client) -> None:
    scope = {"declared_area": "auth", "declared_files": ["src/**"]}
    checked_in(golem, "ada", **scope)
    found = golem.good("POST", "/checkin", {"agent_name": "bob"} | scope, 201)
    assert found["meta"]["has_conflicts"] is True
    (conflict,) = found["meta"]["conflicts"]
    assert conflict["agent_name"] == "ada"
    assert conflict["overlapping_areas"] == ["auth"]
    assert conflict["overlapping_files"] == ["src/**"]
    assert (conflict["type"], conflict["overlap"]) == ("file", ["auth", "src/**"])


def test_where_conflicts_block_the_session_is_closed_at_once(golem: Client) -> None:
    settings(golem.served, conflict_mode="block")
    checked_in(golem, "ada", declared_area="auth")
    refused = failed(
        golem.post("/checkin", {"agent_name": "bob", "declared_area": "auth"}), 409, "CONFLICT"
    )
    meta = refused["meta"]
    assert (meta["agent_name"], meta["conflicts"][0]["agent_name"]) == ("bob", "ada")
    with ledger(golem.served) as state:
        session = state.get(Session, meta["session_id"])
    assert session is not None
    assert (session.status, session.outcome) == ("ended", "blocked")
    beat = golem.post("/heartbeat", {"session_token": meta["session_token"]})
    failed(beat, 404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    "said",
    [
        {"agent_name": "a" * 101},
        {"declared_area": "a" * 101},
        {"declared_files": ["../outside"]},
        {"declared_files": "src"},
        {"heartbeat_ttl_seconds": 10**9},
    ],
    ids=["name", "area", "files", "kind", "ttl"],
)
def test_a_check_in_that_is_wrong_is_refused(golem: Client, said: dict[str, Any]) -> None:
    before = head(golem.served)
    failed(golem.post("/checkin", said), 400, "VALIDATION")
    assert head(golem.served) == before


def test_a_heartbeat_shows_life(golem: Client) -> None:
    token = checked_in(golem, "ada")
    data = golem.good("POST", "/heartbeat", {"session_token": token})["data"]
    assert data["last_heartbeat_at"].endswith("Z")
    assert data["session_id"] == golem.good("GET", "/presence")["data"][0]["id"]


def test_presence_lists_who_is_here(golem: Client) -> None:
    checked_in(golem, "ada", declared_files=["src/a.py"])
    gone = checked_in(golem, "bob")
    golem.good("POST", "/checkout", {"session_token": gone})
    (row,) = golem.good("GET", "/presence")["data"]
    names = {"id", "agent_name", "declared_area", "declared_files", "started_at"}
    assert row.keys() >= names | {"last_heartbeat_at"}
    assert (row["agent_name"], row["declared_area"]) == ("ada", None)
    assert row["declared_files"] == ["src/a.py"]


def test_a_scope_is_changed_and_what_is_left_out_stays(golem: Client) -> None:
    checked_in(golem, "ada", declared_files=["lib/**"])
    token = checked_in(golem, "bob", declared_area="auth")
    body = {"session_token": token, "declared_files": ["lib/b.py"]}
    found = golem.good("POST", "/status", body)
    assert found["data"]["declared_area"] == "auth"
    assert found["data"]["declared_files"] == ["lib/b.py"]
    assert found["meta"]["conflicts"][0]["agent_name"] == "ada"
    settings(golem.served, conflict_mode="block")
    body["declared_files"] = ["lib/c.py"]
    refused = failed(golem.post("/status", body), 409, "CONFLICT")
    assert refused["meta"]["conflicts"][0]["agent_name"] == "ada"


@pytest.mark.parametrize("outcome", ["completed", "partial", "failure"])
def test_a_check_out_says_how_the_work_ended(golem: Client, outcome: str) -> None:
    token = checked_in(golem, "ada")
    body = {"session_token": token, "outcome_status": outcome, "work_summary": "Done."}
    data = golem.good("POST", "/checkout", body | {"files_touched": ["a.py"]})["data"]
    assert (data["status"], data["outcome_status"]) == ("checked_out", outcome)
    (session,) = records(golem.served, Session)
    assert (session["status"], session["outcome"]) == ("ended", outcome)
    assert (session["summary"], session["files_touched"]) == ("Done.", ["a.py"])


def test_a_check_out_that_is_wrong_leaves_the_session(golem: Client) -> None:
    token = checked_in(golem, "ada")
    for said in ({"outcome_status": "blocked"}, {"work_summary": "x" * 10_001}):
        failed(golem.post("/checkout", {"session_token": token} | said), 400, "VALIDATION")
    golem.good("POST", "/heartbeat", {"session_token": token})


def test_init_writes_golem_yaml(golem: Client) -> None:
    areas = [{"name": "auth", "patterns": ["src/auth/**"], "description": "Log-in"}]
    settings(golem.served, areas=areas, conflict_mode="block")
    answer = golem.post("/init")
    assert answer.headers["Content-Type"].startswith("text/yaml")
    found = yaml.safe_load(answer.text)
    assert found["project"]["slug"] == "default"
    assert found["coordination"] == {
        "conflict_mode": "block",
        "heartbeat_interval_seconds": 30,
        "heartbeat_ttl_seconds": 120,
    }
    area = {"name": "auth", "slug": "auth", "file_patterns": ["src/auth/**"]}
    assert found["work_areas"] == [area | {"description": "Log-in"}]


def test_the_realtime_token_points_to_the_event_stream(golem: Client) -> None:
    found = failed(golem.get("/realtime/token"), 503, "NOT_CONFIGURED")
    assert "/api/v1/events" in found["errors"][0]["message"]


def test_messages_are_sent_to_one_and_to_all_and_read_newest_first(golem: Client) -> None:
    ada, bob = checked_in(golem, "ada"), checked_in(golem, "bob")
    said = {"session_token": ada, "to": "broadcast", "content": "Hello", "type": "status"}
    first = golem.good("POST", "/messages", said, 201)["data"]
    assert first["id"] == first["uuid"]
    said = {"session_token": ada, "to": "bob", "content": "Psst", "metadata": {"n": 1}}
    second = golem.good("POST", "/messages", said, 201)["data"]
    rows = golem.good("GET", f"/messages?session_token={bob}")["data"]
    assert [row["id"] for row in rows] == [second["id"], first["id"]]
    direct, everybody = rows
    assert (direct["recipient_type"], direct["recipient_name"]) == ("direct", "bob")
    assert (direct["content"], direct["metadata"]) == ("Psst", {"n": 1})
    assert (everybody["recipient_type"], everybody["type"]) == ("broadcast", "status")
    assert (everybody["sender_name"], everybody["metadata"]) == ("ada", None)
    # Its published scripts read other names than its documents write.
    assert [(row["sender"], row["recipient"]) for row in rows] == [
        ("ada", "bob"), ("ada", "broadcast"),
    ]  # fmt: skip
    later = golem.good("GET", f"/messages?since={rows[1]['created_at']}&sender=ada")["data"]
    assert [row["id"] for row in later] == [second["id"]]
    assert golem.good("GET", "/messages?sender=bob")["data"] == []
    assert len(golem.good("GET", "/messages?limit=1")["data"]) == 1
    receipts = {x["id"]: x["receipts"] for x in records(golem.served, Message)}
    assert receipts[second["id"]][0]["read_at"]


def test_direct_messages_are_shown_to_the_key_of_their_sessions_and_to_no_other(
    golem: Client,
) -> None:
    other = Client(golem.served, GOLEMXV)
    ada, bob = checked_in(golem, "ada"), checked_in(other, "bob")
    eve = Client(golem.served, GOLEMXV)
    golem.good("POST", "/messages", {"session_token": ada, "to": "bob", "content": "for bob"}, 201)
    for client in (golem, other):
        assert len(client.good("GET", "/messages")["data"]) == 1
    assert eve.good("GET", "/messages")["data"] == []
    assert len(eve.good("GET", f"/messages?session_token={bob}")["data"]) == 1


@pytest.mark.parametrize(
    "said, status, code",
    [
        ({"to": ""}, 400, "MISSING_FIELD"),
        ({"content": ""}, 400, "MISSING_FIELD"),
        ({"content": "x" * 50_001}, 400, "VALIDATION"),
        ({"type": "system"}, 400, "VALIDATION"),
        ({"to": "nobody"}, 404, "RECIPIENT_NOT_FOUND"),
    ],
)
def test_a_message_that_is_wrong_is_not_sent(
    golem: Client, said: dict[str, Any], status: int, code: str
) -> None:
    ada = checked_in(golem, "ada")
    checked_in(golem, "bob")
    before = head(golem.served)
    body = {"session_token": ada, "to": "bob", "content": "Hello"} | said
    failed(golem.post("/messages", body), status, code)
    assert head(golem.served) == before


def test_a_name_that_several_sessions_have_names_no_recipient(golem: Client) -> None:
    ada = checked_in(golem, "ada")
    checked_in(golem, "bob")
    checked_in(golem, "bob")
    body = {"session_token": ada, "to": "bob", "content": "Hello"}
    found = failed(golem.post("/messages", body), 404, "RECIPIENT_NOT_FOUND")
    assert "several" in found["errors"][0]["message"]


@pytest.mark.parametrize("query", ["limit=x", "limit=", "since=yesterday"])
def test_wrong_parameters_of_messages_are_refused(golem: Client, query: str) -> None:
    failed(golem.get(f"/messages?{query}"), 400, "VALIDATION")


def test_tasks_are_listed_by_urgency_and_then_by_age(golem: Client) -> None:
    for id, priority in (("t-1", "low"), ("t-2", "critical"), ("t-3", "high"), ("t-4", "low")):
        add_task(golem.served, id, priority=priority)
    rows = golem.good("GET", "/tasks")["data"]
    assert [row["id"] for row in rows] == ["t-2", "t-3", "t-1", "t-4"]
    assert [row["priority"] for row in rows] == ["critical", "high", "low", "low"]
    assert rows[0]["assigned_agent_name"] is None
    low = golem.good("GET", "/tasks?priority=low&limit=1")["data"]
    assert [row["id"] for row in low] == ["t-1"]
    token = checked_in(golem, "ada")
    golem.good("POST", "/tasks/claim", {"session_token": token, "task_id": "t-4"})
    mine = golem.good("GET", "/tasks?assigned_to=ada&status=assigned")["data"]
    assert [row["id"] for row in mine] == ["t-4"]


@pytest.mark.parametrize(
    "query, code",
    [("status=odd", "INVALID_STATUS"), ("priority=odd", "VALIDATION"), ("limit=5.1", "VALIDATION")],
)
def test_wrong_parameters_of_tasks_are_refused(golem: Client, query: str, code: str) -> None:
    failed(golem.get(f"/tasks?{query}"), 400, code)


@pytest.mark.parametrize("limit, shown", [("0", 1), ("-7", 1), ("51", 50), ("500", 50)])
def test_a_limit_beyond_the_range_is_the_nearest(golem: Client, limit: str, shown: int) -> None:
    tasks = [{"id": f"t-{n}", "title": "Do it"} for n in range(51)]
    golem.served.call("POST", "/tasks", {"tasks": tasks}, key=golem.key)
    assert len(golem.good("GET", f"/tasks?limit={limit}")["data"]) == shown


def test_of_two_agents_one_gets_the_task(golem: Client) -> None:
    add_task(golem.served)
    ada, bob = checked_in(golem, "ada"), checked_in(golem, "bob")
    data = golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})["data"]
    assert (data["id"], data["status"], data["assigned_agent_name"]) == ("t-1", "assigned", "ada")
    assert data["updated_at"] >= data["assigned_at"]
    before = head(golem.served)
    lost = golem.post("/tasks/claim", {"session_token": bob, "task_id": "t-1"})
    assert "ada" in failed(lost, 409, "CLAIM_FAILED")["errors"][0]["message"]
    assert head(golem.served) == before


def test_one_task_for_each_session_where_the_settings_say_so(golem: Client) -> None:
    settings(golem.served, tasks_per_session=1)
    add_task(golem.served, "t-1")
    add_task(golem.served, "t-2")
    ada = checked_in(golem, "ada")
    golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})
    more = golem.post("/tasks/claim", {"session_token": ada, "task_id": "t-2"})
    failed(more, 409, "CLAIM_FAILED")


def test_a_claim_without_a_task_or_of_none_is_refused(golem: Client) -> None:
    ada = checked_in(golem, "ada")
    failed(golem.post("/tasks/claim", {"session_token": ada}), 400, "MISSING_FIELD")
    for id in ("t-9", 9, "../odd id"):
        none = golem.post("/tasks/claim", {"session_token": ada, "task_id": id})
        failed(none, 404, "TASK_NOT_FOUND")


def test_a_task_goes_through_its_states(golem: Client) -> None:
    add_task(golem.served)
    ada = checked_in(golem, "ada")

    def moved(status: str, **more: Any) -> str:
        body = {"session_token": ada, "status": status} | more
        return str(golem.good("POST", "/tasks/t-1/status", body)["data"]["status"])

    golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})
    assert moved("in_progress") == "in_progress"
    assert moved("blocked") == "blocked"
    assert moved("pending") == "pending"
    golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})
    assert moved("in_progress") == "in_progress"
    assert moved("failed", reason="no luck") == "failed"
    assert moved("pending") == "pending"
    golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})
    assert moved("in_progress") == "in_progress"
    done = {"result_summary": "Works.", "files_changed": ["a.py"]}
    assert moved("completed", **done) == "completed"
    (task,) = records(golem.served, Task)
    assert (task["result"], task["files_changed"]) == ("Works.", ["a.py"])
    assert [x["outcome"] for x in task["attempts"]] == ["released", "failed", "completed"]
    again = golem.post("/tasks/t-1/status", {"session_token": ada, "status": "failed"})
    failed(again, 422, "INVALID_TRANSITION")


@pytest.mark.parametrize(
    "path, said, status, code",
    [
        ("/tasks/t-1/status", {}, 400, "MISSING_FIELD"),
        ("/tasks/t-1/status", {"status": "odd"}, 400, "INVALID_STATUS"),
        ("/tasks/t-1/status", {"status": "assigned"}, 422, "INVALID_TRANSITION"),
        ("/tasks/t-1/status", {"status": "in_progress"}, 403, "NOT_ASSIGNED"),
        ("/tasks/t-9/status", {"status": "in_progress"}, 404, "TASK_NOT_FOUND"),
        ("/tasks/t-9/notes", {"content": "x"}, 404, "TASK_NOT_FOUND"),
        ("/tasks/t-1/notes", {}, 400, "MISSING_FIELD"),
        ("/tasks/t-1/notes", {"content": "x" * 50_001}, 400, "VALIDATION"),
        ("/tasks/t-1/notes", {"content": "x", "type": "system"}, 400, "VALIDATION"),
    ],
)
def test_what_is_wrong_with_a_move_or_a_note(
    golem: Client, path: str, said: dict[str, Any], status: int, code: str
) -> None:
    add_task(golem.served)
    ada, bob = checked_in(golem, "ada"), checked_in(golem, "bob")
    golem.good("POST", "/tasks/claim", {"session_token": ada, "task_id": "t-1"})
    before = head(golem.served)
    failed(golem.post(path, {"session_token": bob} | said), status, code)
    assert head(golem.served) == before


def test_a_note_is_kept(golem: Client) -> None:
    add_task(golem.served)
    ada = checked_in(golem, "ada")
    body = {"session_token": ada, "content": "Half way."}
    data = golem.good("POST", "/tasks/t-1/notes", body, 201)["data"]
    assert (data["task_id"], data["content"], data["type"]) == ("t-1", "Half way.", "progress")
    assert data.keys() == {"id", "task_id", "content", "type", "created_at"}


ACTING: list[tuple[str, dict[str, Any]]] = [
    ("/heartbeat", {}),
    ("/status", {"declared_area": "x"}),
    ("/checkout", {}),
    ("/messages", {"to": "broadcast", "content": "x"}),
    ("/tasks/claim", {"task_id": "t-1"}),
    ("/tasks/t-1/status", {"status": "cancelled"}),
    ("/tasks/t-1/notes", {"content": "x"}),
]


@pytest.mark.parametrize("path, body", ACTING)
def test_nothing_is_done_without_a_token_that_is_good_here(
    serving: Maker, repo: str, tmp_path: Any, path: str, body: dict[str, Any]
) -> None:
    other = str(tmp_path / "other")
    git(str(tmp_path), "init", "-q", other)
    places = {"web": begun(repo), "api": begun(other)}
    served = serving(places, state=str(tmp_path / "state" / "service.sqlite"))
    golem = Client(served, GOLEMXV)
    add_task(served)
    ended = checked_in(golem, "ada")
    golem.good("POST", "/checkout", {"session_token": ended})
    stranger = Client(served, GOLEMXV, key=served.key("agent", project="api"))
    foreign = checked_in(stranger, "eve")
    before = head(served)
    failed(golem.post(path, body), 400, "MISSING_TOKEN")
    forged = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
    for token in (ended, foreign, forged, "f" * 64, "short", foreign.upper()):
        refused = golem.post(path, {"session_token": token} | body)
        failed(refused, 404, "SESSION_NOT_FOUND")
    assert head(served) == before


def test_a_paused_session_is_told_so(golem: Client) -> None:
    token = checked_in(golem, "ada")
    id = golem.good("GET", "/presence")["data"][0]["id"]
    key = golem.served.key("admin")
    golem.served.call("POST", f"/sessions/{id}/pause", {"reason": "lunch"}, key=key)
    refused = golem.post("/status", {"session_token": token, "declared_area": "x"})
    assert "lunch" in failed(refused, 423, "SESSION_PAUSED")["errors"][0]["message"]
    golem.good("POST", "/heartbeat", {"session_token": token})


def told(served: Served, method: str, path: str, **more: Any) -> httpx.Response:
    return served.client.request(method, path, **more)


@pytest.mark.parametrize(
    "ask, status, code",
    [
        (lambda s: told(s, "GET", f"{GOLEMXV}/presence"), 401, "UNAUTHORIZED"),
        (lambda s: told(s, "GET", f"{GOLEMXV}/odd"), 404, "NOT_FOUND"),
        (lambda s: told(s, "GET", "/_gxv/dashboard/api/feed"), 404, "NOT_FOUND"),
        (lambda s: told(s, "GET", f"{GOLEMXV}/checkin"), 405, "METHOD_NOT_ALLOWED"),
        (lambda s: told(s, "DELETE", f"{GOLEMXV}/tasks"), 405, "METHOD_NOT_ALLOWED"),
        (lambda s: Client(s, GOLEMXV, key="gxv_old").get("/presence"), 401, "UNAUTHORIZED"),
        (lambda s: Client(s, GOLEMXV, "read").post("/checkin"), 403, "FORBIDDEN"),
        (lambda s: Client(s, GOLEMXV).post("/checkin", []), 400, "VALIDATION"),
        (
            lambda s: told(
                s,
                "POST",
                f"{GOLEMXV}/checkin",
                content=b"{",
                headers={"X-API-Key": s.key("agent")},
            ),
            400,
            "VALIDATION",
        ),
    ],
)
def test_what_http_has_against_a_request_is_told_in_the_envelope(
    served: Served, ask: Callable[[Served], httpx.Response], status: int, code: str
) -> None:
    failed(ask(served), status, code)


def test_too_many_requests_are_told_in_the_envelope(serving: Maker) -> None:
    golem = Client(serving(rate=4), GOLEMXV)
    golem.good("GET", "/presence")
    refused = golem.get("/presence")
    failed(refused, 429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 0


def test_the_token_of_a_session_that_has_ended_reads_nothing(golem: Client) -> None:
    ada = checked_in(golem, "ada")
    assert golem.good("GET", f"/messages?session_token={ada}")["data"] == []
    golem.good("POST", "/checkout", {"session_token": ada})
    failed(golem.get(f"/messages?session_token={ada}"), 404, "SESSION_NOT_FOUND")
    failed(golem.get("/messages?session_token=odd"), 404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    "error, status, code",
    [
        (SessionEnded("it has ended"), 404, "SESSION_NOT_FOUND"),
        (SessionNotFound("there is none"), 404, "SESSION_NOT_FOUND"),
        (LockHeld("another has its key"), 409, "CLAIM_FAILED"),
        (QueuedBehind("another waits for its key"), 409, "CLAIM_FAILED"),
        (HostUnreachable("no answer"), 503, "HOST_UNREACHABLE"),
    ],
)
def test_what_happens_between_two_looks_has_its_code_too(
    error: GitcoordError, status: int, code: str
) -> None:
    answer = golemxv.SYSTEM.refused(None, error)
    found = json.loads(bytes(answer.body))
    assert (answer.status_code, found["errors"][0]["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)
