"""Who may do what: every route wants a key, of its project, with its scope."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.gitrun import git
from tests.webhook.conftest import Maker
from tests.webhook.served import API, Served, begun, problem
from webhook.api.table import LINES, Line
from webhook.keys import SCOPES
from webhook.running import without_keys


def path_of(line: Line) -> str:
    return line.path.replace("{session}", "s-1").replace("{task}", "t-1").replace("{id}", "x-1")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.id)
def test_no_route_answers_without_a_key_or_with_one_that_is_too_small(
    guarded: Served, line: Line
) -> None:
    head = git(guarded.settings.projects["default"], "rev-parse", "refs/coord/state")
    body = dict(line.example) if line.tag else None
    for key in ("", "gc_000000000000_" + "A" * 43, "0" * 64, "x" * 5000):
        refused = guarded.call(line.method, path_of(line), body, key=key)
        assert "Bearer" in refused.headers["WWW-Authenticate"]
        problem(refused, 401, "unauthorized")
    for scope in SCOPES[: SCOPES.index(line.scope)]:
        refused = guarded.call(line.method, path_of(line), body, key=guarded.key(scope))
        assert line.scope in problem(refused, 403, "forbidden")["detail"]
    assert git(guarded.settings.projects["default"], "rev-parse", "refs/coord/state") == head


@pytest.fixture
def two(serving: Maker, repo: str, tmp_path: Path) -> Served:
    other = str(tmp_path / "other")
    git(str(tmp_path), "init", "-q", other)
    places = {"web": begun(repo), "api": begun(other)}
    return serving(places, state=str(tmp_path / "state" / "service.sqlite"))


def test_a_project_without_a_key_that_is_good_is_known(two: Served) -> None:
    assert without_keys(two.service) == ["web", "api"]
    two.key("read", project="api")
    assert without_keys(two.service) == ["web"]
    (made,) = two.service.keys.list()
    two.service.keys.revoke(made.id, at=0)
    # A key of a project that is not served here, perhaps under another name.
    two.key("read", project="default")
    assert without_keys(two.service) == ["web", "api"]


def test_a_key_reaches_its_own_project_and_no_other(two: Served) -> None:
    ada = two.agent("ada")
    assert ada.post("/locks", {"keys": ["src/**"]}).status_code == 200
    stranger = two.key("admin", project="api")
    assert two.call("GET", "/locks", key=stranger).json()["locks"] == []
    problem(two.call("GET", f"/sessions/{ada.id}", key=stranger), 404, "session_not_found")
    refused = two.call("GET", "/locks", key=stranger, Gitcoord_Project="web")
    problem(refused, 403, "forbidden")
    own = two.call("GET", "/locks", key=stranger, Gitcoord_Project="api")
    assert own.status_code == 200


def test_a_session_token_is_good_in_its_own_project_only(two: Served) -> None:
    ada = two.agent("ada")
    stranger = two.key("admin", project="api")
    refused = two.call("POST", "/locks", {"keys": ["a"]}, key=stranger, session=ada.token)
    problem(refused, 403, "forbidden")
    assert two.call("POST", "/locks", {"keys": ["a"]}, key=ada.token).status_code == 200


def test_a_token_alone_acts_for_its_session_and_is_no_admin(served: Served) -> None:
    ada = served.agent("ada")
    assert len(ada.token) == 64
    answer = served.call("POST", "/locks", {"keys": ["src/a.py"]}, key=ada.token)
    assert answer.json()["locks"][0]["session"] == ada.id
    refused = served.call("PATCH", "/settings", {"values": {}}, key=ada.token)
    problem(refused, 403, "forbidden")


def test_a_forged_token_and_one_of_an_ended_session_are_good_for_nothing(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    forged = ada.token[:-1] + ("0" if ada.token[-1] != "0" else "1")
    for wrong in (forged, "f" * 64, ada.token.upper()):
        refused = served.call("POST", "/locks", {"keys": ["a"]}, key=bob.key, session=wrong)
        assert refused.status_code in (400, 403)
        problem(served.call("GET", "/locks", key=wrong), 401, "unauthorized")
    assert ada.post("/session/end", {"outcome": "completed"}).status_code == 200
    problem(ada.post("/locks", {"keys": ["a"]}), 410, "session_ended")
    problem(ada.get("/locks"), 403, "forbidden")
    problem(served.call("GET", "/locks", key=ada.token), 401, "unauthorized")


def test_an_id_is_no_proof_unless_the_key_is_bound_to_its_agent(served: Served) -> None:
    ada = served.agent("ada")
    body = {"keys": ["a"]}
    stranger = served.key("agent")
    problem(served.call("POST", "/locks", body, key=stranger, session=ada.id), 403, "forbidden")
    other = served.key("agent", agent="bob")
    problem(served.call("POST", "/locks", body, key=other, session=ada.id), 403, "forbidden")
    own = served.key("agent", agent="ada")
    for key in (own, served.key("admin")):
        answer = served.call("POST", "/locks", body, key=key, session=ada.id)
        assert answer.json()["locks"][0]["agent"] == "ada"
    part = served.call("POST", "/locks", body, key=ada.key, session=f"{ada.token}/helper")
    assert part.json()["locks"][0]["session"] == f"{ada.id}/helper"


def test_a_bound_key_checks_in_as_its_agent_only(served: Served) -> None:
    key = served.key("agent", agent="ada")
    problem(served.call("POST", "/sessions", {"agent": "bob"}, key=key), 403, "forbidden")
    answer = served.call("POST", "/sessions", {}, key=key)
    assert answer.json()["session"]["agent"] == "ada"


def test_who_is_bound_to_an_agent_acts_for_no_other_whatever_is_shown(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    before = served.call("GET", "/locks", key=ada.key).headers["ETag"]
    for scope in ("agent", "admin"):
        bound = served.key(scope, agent="bob")
        for shown in (ada.token, f"{ada.token}/helper", ada.id):
            refused = served.call("POST", "/locks", {"keys": ["a"]}, key=bound, session=shown)
            problem(refused, 403, "forbidden")
        problem(served.call("GET", "/messages", key=bound, session=ada.token), 403, "forbidden")
        # A check-in would answer with the token.
        for body in ({"id": ada.id}, {"agent": "ada"}, {"agent": "ada", "id": ada.id}):
            problem(served.call("POST", "/sessions", body, key=bound), 403, "forbidden")
        own = served.call("POST", "/sessions", {"id": bob.id}, key=bound)
        assert own.json()["session_token"] == bob.token
    assert served.call("GET", "/locks", key=ada.key).headers["ETag"] == before
    bound = served.key("agent", agent="ada")
    taken = served.call("POST", "/locks", {"keys": ["a"]}, key=bound, session=ada.token)
    assert taken.json()["locks"][0]["session"] == ada.id


def test_a_token_alone_is_good_for_its_agent_and_its_session_only(served: Served) -> None:
    ada, twin = served.agent("ada"), served.agent("ada")
    problem(served.call("POST", "/sessions", {"agent": "eve"}, key=ada.token), 403, "forbidden")
    problem(served.call("POST", "/sessions", {"id": twin.id}, key=ada.token), 403, "forbidden")
    refused = served.call("POST", "/locks", {"keys": ["a"]}, key=ada.token, session=twin.id)
    problem(refused, 403, "forbidden")
    again = served.call("POST", "/sessions", {"id": ada.id}, key=ada.token).json()
    assert (again["session"]["id"], again["resumed"]) == (ada.id, True)


def test_the_token_of_an_ended_session_begins_nothing_new(served: Served, serving: Maker) -> None:
    ada, admin = served.agent("ada"), served.key("admin")
    killed = served.call("POST", f"/sessions/{ada.id}/kill", {"reason": "x"}, key=admin)
    assert killed.status_code == 200
    before = len(served.call("GET", "/sessions", key=admin).json()["sessions"])
    for path in ("/sessions", "/leases/lapse"):
        problem(served.call("POST", path, {}, key=ada.token), 401, "unauthorized")
        problem(ada.post(path, {}), 403, "forbidden")
    # What its session would do is told why it cannot, also by a service that has just begun.
    for each in (served, serving(dict(served.settings.projects))):
        refused = each.call("POST", "/locks", {"keys": ["a"]}, key=ada.token)
        problem(refused, 410, "session_ended")
    assert len(served.call("GET", "/sessions", key=admin).json()["sessions"]) == before


def test_another_keys_conversation_is_not_continued(served: Served) -> None:
    said = {"client": "web", "client_session": "c-1"}
    ada = served.agent("ada", **said)
    again = served.call("POST", "/sessions", {"agent": "ada"} | said, key=ada.key).json()
    assert (again["session"]["id"], again["resumed"]) == (ada.id, True)
    assert again["session_token"] == ada.token
    thief = served.call("POST", "/sessions", {"agent": "eve"} | said, key=served.key("agent"))
    assert thief.json()["session"]["id"] != ada.id
    named = served.call(
        "POST", "/sessions", {"agent": "eve", "id": ada.id}, key=served.key("agent")
    )
    problem(named, 403, "forbidden")


@pytest.mark.parametrize("said", [{"process": {"pid": 1}}, {"machine": "m"}, {"life": "process"}])
def test_what_only_this_machine_can_say_is_not_taken_from_elsewhere(
    served: Served, said: dict[str, object]
) -> None:
    body = {"agent": "ada"} | said
    problem(served.call("POST", "/sessions", body, key=served.key("agent")), 400, "invalid_value")


def test_a_revoked_key_ends_at_once(served: Served) -> None:
    key = served.key("read")
    assert served.call("GET", "/locks", key=key).status_code == 200
    served.service.keys.revoke(served.service.keys.list()[0].id, at=0)
    problem(served.call("GET", "/locks", key=key), 401, "unauthorized")


def test_health_needs_no_key_and_says_nothing_of_anybody(served: Served) -> None:
    assert served.client.get("/health").json().keys() == {"status", "version"}
    assert served.client.get("/ready").json() == {"ready": True, "projects": 1}
    problem(served.client.get("/metrics"), 401, "unauthorized")


def test_with_keys_everywhere_only_health_is_open(serving: Maker) -> None:
    closed = serving(require_key_everywhere=True)
    assert closed.client.get("/health").status_code == 200
    problem(closed.client.get("/ready"), 401, "unauthorized")
    key = closed.key("read")
    assert closed.client.get("/ready", headers={"X-API-Key": key}).status_code == 200
    answered = set()
    for route in closed.client.app.routes:
        path = re.sub(r"{\w+(:\w+)?}", "x", route.path)
        # What only says that there is no such route says it alike to all methods.
        nowhere = "OPTIONS" in route.methods
        for method in {"GET"} if nowhere else route.methods - {"HEAD"}:
            body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
            found = closed.client.request(method, path, follow_redirects=False, **body)
            # A page without a log-in leads to the log-in, and the stream of pages is empty.
            if found.status_code < 300 and found.content:
                answered.add((method, route.path))
    assert answered == {("GET", "/health"), ("GET", "/dashboard/login")}
    document = f"{API}/openapi.json"
    problem(closed.client.get(document), 401, "unauthorized")
    assert closed.client.get(document, headers={"X-API-Key": key}).json()["openapi"]


def test_numbers_are_those_of_the_keys_project(two: Served) -> None:
    two.agent("ada").post("/locks", {"keys": ["a", "b"]})
    two.call("GET", "/changes", key=two.key("read", project="api"))
    two.client.get("/nothing")
    for name, count, mine, others in (
        ("web", 2, "locks", "changes"),
        ("api", 0, "changes", "locks"),
    ):
        key = {"Authorization": f"Bearer {two.key('read', project=name)}"}
        text = two.client.get("/metrics", headers=key).text
        assert f'gitcoord_locks{{project="{name}"}} {count:.1f}' in text
        assert f'project="{name}",route="{API}/{mine}",status="200"}} 1.0' in text
        assert (
            f'gitcoord_request_seconds_count{{project="{name}",route="{API}/{mine}"}} 1.0' in text
        )
        assert f"{API}/{others}" not in text
        assert 'method="any",project="",route="unknown",status="404"} 1.0' in text
