"""What the routes do: operations, questions, pages, waiting, requests that are sent again."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from gitcoord.domain.operation import OPERATIONS
from tests.gitrun import git
from tests.webhook.conftest import Maker
from tests.webhook.served import API, Served, problem
from webhook.api.table import LINES, covered


def head(served: Served) -> str:
    return git(served.settings.projects[served.project], "rev-parse", "refs/coord/state")


#: Operations that only whoever works with git, or sees GitHub, may decide.
LANDING = ("check", "checked", "begin", "land", "hand_over", "back", "settle", "note_pull")


def test_every_operation_of_the_domain_has_one_route() -> None:
    # Ports are leased in the machine's ledger, by routes of their own.
    of_the_machine = {tag for tag in OPERATIONS if tag.startswith("port.")}
    # What a check or landing consists of belongs to one: /merges/check and /merges/land.
    of_a_landing = {f"merge.{x}" for x in LANDING}
    assert covered() == set(OPERATIONS) - of_the_machine - of_a_landing
    assert len({(line.method, line.path) for line in LINES}) == len(LINES)
    assert len({line.id for line in LINES}) == len(LINES)


def test_a_held_key_is_refused_with_its_holder_and_nothing_changes(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    assert ada.post("/locks", {"keys": ["src/**"], "reason": "auth"}).status_code == 200
    before = head(served)
    found = problem(bob.post("/locks", {"keys": ["src/a.py"]}), 409, "lock_held")
    assert found["conflicts"][0]["agent"] == "ada"
    assert found["conflicts"][0]["reason"] == "auth"
    assert found["hint"]
    assert head(served) == before
    assert bob.get("/locks/check?path=src/a.py").json()["free"] is False
    assert ada.get("/locks/check?path=src/a.py&path=b").json()["free"] is True
    assert ada.post("/locks/release", {"keys": ["src/**"]}).json()["keys"] == ["src/**"]
    assert bob.post("/locks", {"keys": ["src/a.py"]}).status_code == 200


def test_a_task_goes_from_the_queue_to_its_end(served: Served) -> None:
    ada = served.agent("ada")
    task = {"id": "t-1", "title": "Parser", "keys": ["src/parser/**"]}
    assert ada.post("/tasks", {"tasks": [task]}).status_code == 201
    claimed = ada.post("/tasks/next", {}).json()
    assert (claimed["task"]["id"], claimed["locks"][0]["key"]) == ("t-1", "src/parser/**")
    note = ada.post("/tasks/t-1/notes", {"text": "half done"})
    assert note.status_code == 201
    shown = ada.get("/tasks/t-1").json()
    assert (shown["task"]["status"], shown["notes"][-1]["text"]) == ("assigned", "half done")
    moved = ada.post("/tasks/t-1/move", {"move": "complete", "result": "merged"}).json()
    assert moved["task"]["status"] == "completed"
    problem(ada.post("/tasks/t-1/move", {"move": "start"}), 422, "invalid_transition")
    problem(ada.get("/tasks/t-2"), 404, "task_not_found")
    assert ada.get("/tasks?status=completed").json()["tasks"][0]["id"] == "t-1"
    problem(ada.get("/tasks?status=done"), 400, "invalid_value")


def test_what_is_left_for_others_can_be_read(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    assert ada.post("/handoffs", {"id": "h-1", "summary": "login works"}).status_code == 201
    assert ada.post("/changes", {"changes": [{"path": "src/a.py"}]}).status_code == 201
    letter = {"id": "m-1", "text": "the password is new", "to": "bob", "needs_ack": True}
    assert ada.post("/messages", letter).status_code == 201
    assert bob.get("/handoffs?agent=ada").json()["handoffs"][0]["summary"] == "login works"
    assert bob.get("/changes?path=src/").json()["changes"][0]["path"] == "src/a.py"
    assert bob.get("/messages").json()["messages"][0]["text"] == letter["text"]
    assert bob.post("/messages/ack", {"ids": ["m-1"]}).status_code == 200
    assert ada.get("/messages/sent").json()["messages"][0]["id"] == "m-1"
    eve = served.agent("eve")
    assert eve.get("/messages").json()["messages"] == []
    assert letter["text"] not in eve.get("/log").text


def test_a_person_kills_and_pauses_with_an_admins_key(served: Served) -> None:
    ada, admin = served.agent("ada"), served.key("admin")
    assert served.call("POST", f"/sessions/{ada.id}/pause", {}, key=admin).status_code == 200
    problem(ada.post("/locks", {"keys": ["a"]}), 423, "session_paused")
    assert served.call("POST", f"/sessions/{ada.id}/resume", {}, key=admin).status_code == 200
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 200
    body = {"reason": "wrong branch"}
    assert served.call("POST", f"/sessions/{ada.id}/kill", body, key=admin).status_code == 200
    assert served.call("GET", "/locks", key=admin).json()["locks"] == []
    named = served.call("POST", "/locks", {"keys": ["a"]}, key=admin, session=ada.id)
    problem(named, 410, "session_ended")
    problem(served.call("POST", "/sessions/x-9/pause", {}, key=admin), 404, "session_not_found")


def test_the_same_request_sent_again_gets_the_first_answer(served: Served) -> None:
    ada = served.agent("ada")
    first = ada.post("/locks", {"keys": ["a"]}, Idempotency_Key="k-1")
    before = head(served)
    again = ada.post("/locks", {"keys": ["a"]}, Idempotency_Key="k-1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert head(served) == before
    other = ada.post("/locks", {"keys": ["b"]}, Idempotency_Key="k-1")
    problem(other, 422, "operation_reused")
    bob = served.agent("bob")
    assert bob.post("/locks", {"keys": ["b"]}, Idempotency_Key="k-1").status_code == 200
    for wrong in ("", "x" * 256):
        problem(ada.post("/locks", {"keys": ["c"]}, Idempotency_Key=wrong), 400, "invalid_value")


def test_a_check_in_that_is_sent_again_is_one_session(served: Served) -> None:
    key = served.key("agent")
    answers = [
        served.call("POST", "/sessions", {"area": "auth"}, key=key, Idempotency_Key="c-1").json()
        for _ in range(2)
    ]
    assert answers[0]["session"]["id"] == answers[1]["session"]["id"]
    assert len(served.call("GET", "/sessions", key=key).json()["sessions"]) == 1


def test_what_is_known_is_not_sent_again(served: Served) -> None:
    ada = served.agent("ada")
    first = ada.get("/locks")
    tag = first.headers["ETag"]
    assert ada.get("/locks", If_None_Match=tag).status_code == 304
    assert ada.get("/locks", If_None_Match=f'"x", {tag.removeprefix("W/")}').status_code == 304
    assert ada.get("/locks", If_None_Match='"x"').status_code == 200
    ada.post("/locks", {"keys": ["a"]})
    changed = ada.get("/locks", If_None_Match=tag)
    assert (changed.status_code, len(changed.json()["locks"])) == (200, 1)


def test_a_question_waits_for_a_change_and_no_longer(served: Served) -> None:
    ada = served.agent("ada")
    tag = ada.get("/locks").headers["ETag"]
    assert ada.get("/locks?wait=0.1", If_None_Match=tag).status_code == 304
    later = threading.Timer(0.3, ada.post, ("/locks", {"keys": ["a"]}))
    later.start()
    answer = ada.get("/locks?wait=30", If_None_Match=tag)
    later.join()
    assert [one["key"] for one in answer.json()["locks"]] == ["a"]
    for wrong in ("-1", "61", "x", "nan"):
        problem(ada.get(f"/locks?wait={wrong}"), 400, "invalid_value")


def test_a_lock_is_waited_for_in_the_queue(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    ada.post("/locks", {"keys": ["a"]})
    problem(bob.post("/locks", {"keys": ["a"], "wait": 0.2}), 503, "wait_timed_out")
    assert ada.get("/locks").json()["waiting"] == []
    later = threading.Timer(0.3, ada.post, ("/locks/release", {"keys": ["a"]}))
    later.start()
    granted = bob.post("/locks", {"keys": ["a"], "wait": 30})
    later.join()
    assert granted.json()["locks"][0]["agent"] == "bob"


@pytest.mark.parametrize(
    ("path", "field", "make"),
    [
        ("/locks", "locks", lambda ada, n: ada.post("/locks", {"keys": [f"f{n}"]})),
        (
            "/tasks",
            "tasks",
            lambda ada, n: ada.post("/tasks", {"tasks": [{"id": f"t-{n}", "title": f"T{n}"}]}),
        ),
        (
            "/changes",
            "changes",
            lambda ada, n: ada.post("/changes", {"changes": [{"path": f"f{n}"}]}),
        ),
        ("/log", "transactions", lambda ada, n: ada.post("/locks", {"keys": [f"f{n}"]})),
    ],
)
def test_pages_show_each_item_once_while_others_are_added(
    served: Served, path: str, field: str, make: Any
) -> None:
    ada = served.agent("ada")
    for number in range(7):
        make(ada, number)
    whole = ada.get(f"{path}?limit=500").json()[field]
    seen: list[Any] = []
    more = ""
    while True:
        page = ada.get(f"{path}?limit=3" + (f"&cursor={more}" if more else "")).json()
        seen += page[field]
        more = page["next"]
        if not more:
            break
        make(ada, 100 + len(seen))
    assert [one for one in seen if one in whole] == whole
    assert len({str(one) for one in seen}) == len(seen)
    for wrong in ("%00", "!!!", "a" * 63):
        answer = ada.get(f"{path}?cursor={wrong}")
        assert answer.status_code in (200, 400)
    problem(ada.get(f"{path}?limit=0"), 400, "invalid_value")


def test_settings_are_changed_by_an_admin_only_to_what_is_valid(served: Served) -> None:
    admin = served.key("admin")
    body = {"values": {"lock_ttl": 60}}
    assert served.call("PATCH", "/settings", body, key=admin).status_code == 200
    assert served.call("GET", "/settings", key=admin).json()["settings"]["lock_ttl"] == 60
    wrong = served.call("PATCH", "/settings", {"values": {"lock_tll": 1}}, key=admin)
    problem(wrong, 400, "unknown_setting")


def test_a_ledger_is_begun_once_and_moved_by_export_and_import(
    serving: Maker, repo: str, tmp_path: Any
) -> None:
    served = serving({"default": repo})
    admin = served.key("admin")
    problem(served.call("GET", "/locks", key=admin), 503, "not_initialised")
    assert served.client.get("/ready").status_code == 503
    assert served.call("POST", "/ledger", {}, key=admin).status_code == 201
    problem(served.call("POST", "/ledger", {}, key=admin), 409, "already_initialised")
    assert served.call("GET", "/locks", key=admin).status_code == 200
    assert served.client.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_body"),
        (b"\xff\xfe", "application/json", 400, "malformed_body"),
        (b"[1]", "application/json", 400, "malformed_body"),
        (b'"x"', "application/json", 400, "malformed_body"),
        (b"[" * 100_000, "application/json", 400, "malformed_body"),
        (b"keys=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "", 415, "unsupported_media_type"),
        (b'{"keys": "a"}', "application/json", 400, "invalid_value"),
        (b'{"keys": ["a"], "more": 1}', "application/json", 400, "invalid_value"),
        (b'{"keys": ["../x"]}', "application/json", 400, "invalid_key"),
        (b'{"keys": ["a\\u0000b"]}', "application/json", 400, "invalid_key"),
        (b'{"keys": ["\\ud800"]}', "application/json", 400, "malformed_body"),
        (b'{"keys": ["a"], "ttl": 1e999}', "application/json", 400, "malformed_body"),
        (b"{" + b'"a":1,' * 200_000 + b'"b":1}', "application/json", 413, "body_too_large"),
    ],
    ids=range(14),
)
def test_a_body_that_is_none_is_refused_and_changes_nothing(
    served: Served, data: bytes, kind: str, status: int, code: str
) -> None:
    ada = served.agent("ada")
    before = head(served)
    headers = {"Authorization": f"Bearer {ada.token}"} | ({"Content-Type": kind} if kind else {})
    answer = served.client.post(f"{API}/locks", content=data, headers=headers)
    problem(answer, status, code)
    assert head(served) == before


def test_a_body_without_a_length_is_counted_while_it_comes(served: Served) -> None:
    ada = served.agent("ada")
    headers = {"Authorization": f"Bearer {ada.token}", "Content-Type": "application/json"}
    pieces = (b" " * 100_000 for _ in range(20))
    answer = served.client.post(f"{API}/locks", content=pieces, headers=headers)
    problem(answer, 413, "body_too_large")


def test_the_path_and_the_body_cannot_disagree(served: Served) -> None:
    ada = served.agent("ada")
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "T"}, {"id": "t-2", "title": "U"}]})
    problem(ada.post("/tasks/t-1/claim", {"id": "t-2"}), 400, "invalid_value")
    assert ada.post("/tasks/t-1/claim", {"id": "t-1"}).json()["task"]["id"] == "t-1"


def test_what_is_not_there_is_a_problem_document_too(served: Served) -> None:
    problem(served.client.get("/api/v1/nothing"), 404, "not_found")
    refused = served.client.delete("/api/v1/locks")
    problem(refused, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(refused.headers["Allow"].split(", "))
    problem(served.agent("ada").get("/locks?nonsense=1"), 400, "invalid_value")


def test_a_bug_says_so_and_nothing_else(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: object) -> None:
        raise RuntimeError("secret detail")

    key = served.key("read")
    monkeypatch.setattr(type(served.service.projects["default"]), "fresh", broken)
    found = served.call("GET", "/locks", key=key)
    assert "secret" not in found.text
    problem(found, 500, "bug")


def test_many_requests_at_once_become_few_commits(served: Served) -> None:
    agents = [served.agent(f"a{number}") for number in range(12)]
    place = served.settings.projects["default"]
    before = int(git(place, "rev-list", "--count", "refs/coord/state"))
    barrier = threading.Barrier(len(agents))
    answers: list[int] = []

    def take(number: int) -> None:
        barrier.wait()
        for turn in range(4):
            body = {"keys": [f"d{number}/f{turn}"]}
            answers.append(agents[number].post("/locks", body).status_code)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(len(agents))]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 60
    assert answers == [200] * 48
    assert int(git(place, "rev-list", "--count", "refs/coord/state")) - before < 48
