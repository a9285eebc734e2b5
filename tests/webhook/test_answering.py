"""How requests are answered: tags, pages, what is refused before it is decided, bugs."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.webhook.conftest import Maker
from tests.webhook.served import API, Served, problem
from tests.webhook.test_api import head
from webhook.access import Caller
from webhook.api import records
from webhook.api.answering import _seen
from webhook.api.asking import Asking
from webhook.api.table import LINES
from webhook.limits import HEADERS
from webhook.problems import HINTS


def test_the_tag_of_an_answer_is_never_newer_than_what_it_says(served: Served) -> None:
    ada = served.agent("ada")

    def meanwhile(asking: Asking, asked: records.ChangesAsked) -> records.Changes:
        found = records.changes(asking, asked)
        # Somebody decides between the look and the answer.
        assert ada.post("/changes", {"changes": [{"path": "late"}]}).status_code == 201
        return found

    line = next(one for one in LINES if one.query is records.changes)._replace(query=meanwhile)
    asking = Asking(Caller(served.service.projects["default"], "read", "test"))
    told = _seen(line, asking, records.ChangesAsked(), 0, [])
    assert b"late" not in told.body
    again = ada.get("/changes", If_None_Match=told.headers["ETag"])
    assert (again.status_code, "late" in again.text) == (200, True)


def test_caches_keep_apart_what_is_shown_to_whom(served: Served) -> None:
    ada = served.agent("ada")
    first = ada.get("/messages")
    for answer in (first, ada.get("/messages", If_None_Match=first.headers["ETag"])):
        assert {"Authorization", "Gitcoord-Session"} <= set(answer.headers["Vary"].split(", "))
        assert "private" in answer.headers["Cache-Control"]
    assert ada.get("/tasks/none").headers["Cache-Control"] == "no-store"


def test_nothing_is_taken_and_then_ignored(serving: Maker, repo: str) -> None:
    fresh = serving({"default": repo})
    admin = fresh.key("admin")
    once = fresh.call("POST", "/ledger", {}, key=admin, Idempotency_Key="k")
    assert "Idempotency-Key" in problem(once, 400, "invalid_value")["detail"]
    assert fresh.call("POST", "/ledger", {}, key=admin).status_code == 201
    ada = fresh.agent("ada")
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "one"}, {"id": "t-2", "title": "two"}]})
    before = head(fresh)
    problem(ada.post("/locks?wait=30", {"keys": ["a"]}), 400, "invalid_value")
    assert head(fresh) == before
    # What the path says is not said otherwise behind it.
    problem(ada.get("/tasks/t-1?task=t-2"), 400, "invalid_value")
    target = {"url": "https://a.example/"}
    for path, more in (("/notifications?x=1", {}), ("/notifications", {"Idempotency_Key": "k"})):
        problem(fresh.call("POST", path, target, key=admin, **more), 400, "invalid_value")
    assert fresh.call("GET", "/notifications", key=admin).json()["notifications"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tasks", {"tasks": [{"id": "t-9", "title": "x", "description": "git push --force"}]}),
        ("/tasks", {"tasks": [{"id": "t-8", "title": "y"}, {"id": "t-9", "title": "rm -rf ~/"}]}),
        ("/tasks/t-1/move", {"move": "complete", "result": "ran `git push --force origin main`"}),
    ],
)
def test_guardrails_are_asked_as_they_are_by_the_tools(
    served: Served, path: str, body: dict[str, Any]
) -> None:
    ada = served.agent("ada")
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "Parser"}]})
    assert ada.post("/tasks/t-1/claim", {}).status_code == 200
    refused = problem(ada.post(path, body), 403, "denied")
    assert refused["violations"]
    (kept,) = ada.get("/tasks?status=assigned&status=pending").json()["tasks"]
    assert (kept["id"], kept["status"]) == ("t-1", "assigned")
    # Records of violations go with the next transaction.
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 200
    recorded = ada.get("/violations").json()["violations"]
    assert {(one["session"], one["action"]) for one in recorded} == {(ada.id, "blocked")}
    assert {one["tool"] for one in recorded} == {f"POST {API}{path.replace('t-1', '{id}')}"}


def test_an_answer_after_a_dead_holder_was_ended_is_the_first_one_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The commands have just looked who lives.
    monkeypatch.setattr("gitcoord.ledger.judge.EVERY", 0.0)
    place = served.settings.projects["default"]
    # Its process has ended before anybody asks.
    own = f"{sys.executable} -m gitcoord"
    script = f"{own} session start --name gone --life process --pid $$ && {own} lock acquire a"
    subprocess.run(["sh", "-c", script], cwd=place, check=True, capture_output=True)
    ada = served.agent("ada")
    assert [one["agent"] for one in ada.get("/locks").json()["locks"]] == ["gone"]
    first = ada.post("/locks", {"keys": ["a"]}, Idempotency_Key="k-1")
    assert first.status_code == 200, first.text
    again = ada.post("/locks", {"keys": ["a"]}, Idempotency_Key="k-1")
    assert again.json() == first.json()


def test_a_task_that_moves_between_two_pages_is_shown_once(served: Served) -> None:
    ada = served.agent("ada")
    ada.post("/tasks", {"tasks": [{"id": f"t-{n}", "title": f"T{n}"} for n in range(6)]})
    first = ada.get("/tasks?limit=3").json()
    # One of those that were shown would stand behind the cursor now, one of the others before it.
    for name in ("t-0", "t-4"):
        assert ada.post(f"/tasks/{name}/claim", {}).status_code == 200
    assert ada.post("/tasks/t-4/move", {"move": "start"}).status_code == 200
    second = ada.get(f"/tasks?limit=3&cursor={first['next']}").json()
    seen = [one["id"] for page in (first, second) for one in page["tasks"]]
    assert (seen, second["next"]) == ([f"t-{n}" for n in range(6)], "")


def test_every_list_has_pages(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    for number, priority in enumerate(("low", "urgent", "normal")):
        ada.post("/handoffs", {"id": f"h-{number}", "summary": f"S{number}"})
        letter = {"id": f"m-{number}", "text": f"T{number}", "to": "bob", "priority": priority}
        assert ada.post("/messages", letter).status_code == 201
    for agent, path, name, order in (
        (ada, "/handoffs?", "handoffs", ["h-2", "h-1", "h-0"]),
        (bob, "/messages?", "messages", ["m-1", "m-2", "m-0"]),
        (bob, "/messages?all=true&", "messages", ["m-2", "m-1", "m-0"]),
        (ada, "/messages/sent?", "messages", ["m-2", "m-1", "m-0"]),
    ):
        one = agent.get(f"{path}limit=2").json()
        two = agent.get(f"{path}limit=2&cursor={one['next']}").json()
        assert [each["id"] for page in (one, two) for each in page[name]] == order
        assert two["next"] == ""


def test_the_methods_of_a_path_are_all_named(served: Served) -> None:
    refused = served.client.delete(f"{API}/locks")
    assert refused.headers["Allow"] == "GET, HEAD, POST"


def test_a_bug_is_answered_logged_and_counted_like_all_else(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_words: object) -> None:
        raise RuntimeError("secret detail")

    key = served.key("read")
    with monkeypatch.context() as patched, caplog.at_level("INFO", "gitcoord.service"):
        patched.setattr(type(served.service.projects["default"]), "fresh", broken)
        found = served.call("GET", "/locks", key=key)
    assert {name: found.headers[name] for name in HEADERS} == HEADERS
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("gitcoord.")]
    assert lines[0] == f"a bug at GET {API}/locks"
    assert lines[1].startswith(f"GET {API}/locks 500 in ")
    text = served.client.get("/metrics", headers={"X-API-Key": key}).text
    assert f'route="{API}/locks",status="500"}} 1.0' in text


def test_what_to_do_next_can_be_done_over_http(serving: Maker, repo: str) -> None:
    fresh = serving({"default": repo})
    admin = fresh.key("admin")
    none = problem(fresh.call("GET", "/locks", key=admin), 503, "not_initialised")
    assert "POST /api/v1/ledger" in none["hint"]
    assert fresh.call("POST", "/ledger", {}, key=admin).status_code == 201
    ada, bob = fresh.agent("ada"), fresh.agent("bob")
    ada.post("/locks", {"keys": ["a"]})
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "T"}]})
    ada.post("/tasks/t-1/claim", {})
    refused = [
        bob.post("/locks", {"keys": ["a"]}),
        bob.post("/tasks/t-1/claim", {}),
        bob.post("/tasks/t-1/move", {"move": "complete"}),
        bob.post("/tasks/t-9/claim", {}),
        bob.post("/messages/ack", {"ids": ["m-9"]}),
        bob.get("/sessions/s-none"),
        fresh.call("POST", "/locks", {"keys": ["b"]}, key=admin),
        fresh.call(
            "POST", "/sessions", {"agent": "x", "id": "s-none"}, key=admin, session="s-none"
        ),
    ]
    fresh.call("POST", f"/sessions/{bob.id}/pause", {"reason": "x"}, key=admin)
    refused.append(bob.post("/locks", {"keys": ["b"]}))
    ada.post("/session/end", {"outcome": "completed"})
    refused.append(ada.post("/locks", {"keys": ["b"]}))
    named = {}
    for answer in refused:
        if answer.status_code >= 400:
            named[answer.json()["code"]] = answer.json().get("hint", "")
    assert len(named) >= 9
    assert {code: hint for code, hint in named.items() if "`gitcoord " in hint} == {}
    # A route that a hint names is one of ours.
    for hint in HINTS.values():
        for method, path in re.findall(r"(GET|POST) /api/v1([-/\w{}]+)", hint):
            assert (method, path) in {(line.method, line.path) for line in LINES}, hint
