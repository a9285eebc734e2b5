"""The merge queue and verification over HTTP: our routes, in a project that is a clone."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.gitrun import branch, git
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, begun, problem
from tests.webhook.test_api import head


@pytest.fixture
def place(served: Served) -> str:
    return served.settings.projects[served.project]


def policy(served: Served, code: str, name: str = "unit") -> None:
    """Let a command decide about every path."""
    body = {"command": [sys.executable, "-c", code], "include": ["**"]}
    answer = served.call(
        "POST", f"/verify-policies/{name}", body, key=served.key("admin", agent="lena")
    )
    assert answer.status_code == 200, answer.text


def test_a_branch_is_queued_checked_and_landed_with_its_task(served: Served, place: str) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    tip = branch(place, "feat/login", "src/a")
    branch(place, "feat/docs", "docs/a")
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "Log in"}]})
    ada.post("/features", {"id": "login", "branch": "feat/login"})
    made = ada.post("/merges", {"feature": "login", "task": "t-1", "priority": 2})
    assert made.status_code == 201
    entry = made.json()["merge"]
    assert (entry["branch"], entry["head"], entry["target"]) == ("feat/login", tip, "main")
    # Whoever says the commit needs no clone.
    docs = git(place, "rev-parse", "feat/docs")
    body = {"id": "q-docs", "branch": "feat/docs", "target": "main", "head": docs}
    assert bob.post("/merges", body | {"needs": [entry["id"]]}).json()["action"] == "queued"
    page = bob.get("/merges?limit=1").json()
    assert [(one["merge"]["id"], one["position"]) for one in page["merges"]] == [(entry["id"], 1)]
    (rest,) = bob.get(f"/merges?limit=1&cursor={page['next']}").json()["merges"]
    assert (rest["merge"]["id"], rest["position"]) == ("q-docs", 2)
    assert bob.get("/merges?status=ready&status=blocked").json()["merges"] == []
    assert bob.get("/merges?target=release").json()["merges"] == []
    one = bob.get("/merges/q-docs").json()
    assert [(x["name"], x["comes"]) for x in one["needs"]] == [(entry["id"], True)]
    assert (one["verification"], one["risk"]["score"]) == (None, 0)
    assert bob.get("/merges/next").json() == {"target": "main", "merges": []}

    known = bob.get("/merges").headers["ETag"]
    checked = bob.post("/merges/check", {"ids": [entry["id"]]}).json()
    assert [x["status"] for x in checked["merges"]] == ["ready"]
    assert bob.get("/merges", If_None_Match=known).status_code == 200
    assert bob.get("/merges/next").json()["merges"][0]["id"] == entry["id"]
    found = bob.get(f"/merges/{entry['id']}").json()
    assert found["verification"]["status"] == "not_needed"
    assert found["merge"]["paths"] == ["src/a"]

    landed = bob.post("/merges/land", {"target": "main"}).json()
    merged = [x for batch in landed["landed"] for x in batch["merges"]]
    assert [(x["branch"], x["status"]) for x in merged] == [
        ("feat/login", "merged"), ("feat/docs", "merged"),
    ]  # fmt: skip
    assert next(batch["tasks"] for batch in landed["landed"]) == ["t-1"]
    assert git(place, "rev-parse", "main") == merged[-1]["result"]
    assert bob.get("/tasks/t-1").json()["task"]["status"] == "completed"
    assert bob.get("/merges").json()["merges"] == []
    closed = bob.get("/merges?closed=true").json()["merges"]
    assert {(x["merge"]["id"], x["position"]) for x in closed} == {(entry["id"], 0), ("q-docs", 0)}


def test_what_stands_in_the_way_is_a_refusal_and_moves_nothing(served: Served, place: str) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    branch(place, "feat/login", "src/a")
    bob.post("/locks", {"keys": ["src/**"]})
    id = ada.post("/merges", {"branch": "feat/login"}).json()["merge"]["id"]
    before = git(place, "rev-parse", "main")
    found = problem(ada.post("/merges/land", {"ids": [id]}), 409, "not_ready")
    assert "bob" in found["merges"][0]["reason"]
    assert found["hint"] == "GET /api/v1/merges/{merge} says what stands in its way."
    assert git(place, "rev-parse", "main") == before
    state = head(served)
    problem(bob.post(f"/merges/{id}/remove"), 409, "merge_taken")
    problem(ada.post(f"/merges/{id}/eject", {"reason": "x"}), 403, "forbidden")
    # An agent's key without a session is no person.
    nobody = served.call("POST", f"/merges/{id}/remove", key=served.key("agent"))
    problem(nobody, 409, "merge_taken")
    problem(ada.get("/merges/q-none"), 404, "merge_not_found")
    problem(ada.post("/merges/check", {"ids": ["q-none"]}), 404, "merge_not_found")
    problem(ada.post("/merges", {"branch": "feat/none"}), 404, "branch_missing")
    problem(ada.post("/merges", {"branch": 1}), 400, "invalid_value")
    problem(ada.post("/merges/land", {"id": id}), 400, "invalid_value")
    problem(ada.post("/merges/land", {"ids": [id]}, Idempotency_Key="x"), 400, "invalid_value")
    reader = served.key("read")
    problem(served.call("POST", "/merges/land", {}, key=reader), 403, "forbidden")
    assert head(served) == state
    gone = ada.post(f"/merges/{id}/remove", {"reason": "done otherwise"}).json()["merge"]
    assert (gone["status"], gone["reason"]) == ("removed", "done otherwise")


def test_an_admin_ejects_and_whoever_queued_it_is_told(served: Served, place: str) -> None:
    ada = served.agent("ada")
    branch(place, "feat/login", "src/a")
    id = ada.post("/merges", {"branch": "feat/login"}).json()["merge"]["id"]
    admin = served.key("admin", agent="lena")
    wish = {"reason": "It breaks the build."}
    found = served.call("POST", f"/merges/{id}/eject", wish, key=admin).json()["merge"]
    assert (found["status"], found["ended_by"]) == ("ejected", "lena")
    assert any("breaks the build" in one["text"] for one in ada.get("/notices").json()["notices"])


def test_commands_run_only_where_the_operator_said_so(serving: Maker, repo: str) -> None:
    places = {"default": begun(repo)}
    careful, willing = serving(places), serving(places, run_checks=True)
    ada = careful.agent("ada")
    policy(careful, "open('ran', 'w'); print('all is well')")
    branch(repo, "feat/login", "src/a")
    id = ada.post("/merges", {"branch": "feat/login"}).json()["merge"]["id"]
    before = git(repo, "rev-parse", "main")
    found = problem(ada.post("/merges/land", {"ids": [id]}), 409, "not_ready")
    assert "unit has not run" in found["detail"]
    assert ada.post("/merges/land").json()["waiting"].keys() == {id}
    assert git(repo, "rev-parse", "main") == before
    assert ada.get("/verifications").json()["verifications"] == []

    key = willing.key("agent", agent="eve")
    landed = willing.call("POST", "/merges/land", {"ids": [id]}, key=key).json()
    assert [x["status"] for x in landed["landed"][0]["merges"]] == ["merged"]
    tip = git(repo, "rev-parse", "main")
    (known,) = ada.get("/verifications").json()["verifications"]
    assert (known["commit"], known["agent"]) == (tip, "eve")
    assert [(x["policy"], x["status"]) for x in known["results"]] == [("unit", "passed")]
    assert "all is well" in known["results"][0]["output"]
    assert ada.get(f"/verifications/{tip}").json()["verification"] == known
    tree = git(repo, "rev-parse", "main^{tree}")
    assert len(ada.get(f"/verifications?tree={tree}").json()["verifications"]) == 1
    for other in ("agent=ada", "branch=main", f"tree={tip}"):
        assert ada.get(f"/verifications?{other}").json()["verifications"] == [], other


def test_a_project_without_a_clone_refuses_what_needs_git(serving: Maker, repo: str) -> None:
    begun(repo)
    served = serving({"default": f"file://{repo}"}, state=f"{repo}/../own/s.sqlite")
    ada = served.agent("ada")
    tip = branch(repo, "feat/login", "src/a")
    problem(ada.get("/merges/next"), 400, "invalid_value")
    assert ada.get("/merges/next?target=main").json()["merges"] == []
    state = git(repo, "rev-parse", "refs/coord/state")
    for path, body in (
        ("/merges", {"branch": "feat/login"}),
        ("/merges/check", {}),
        ("/merges/land", {}),
    ):
        found = problem(ada.post(path, body), 409, "landing_refused")
        assert "no clone of default" in found["detail"]
    assert git(repo, "rev-parse", "refs/coord/state") == state
    made: Any = ada.post("/merges", {"branch": "feat/login", "target": "main", "head": tip})
    assert (made.status_code, made.json()["merge"]["head"]) == (201, tip)


def test_policies_of_verification_are_set_listed_and_removed(served: Served) -> None:
    ada, admin = served.agent("ada"), served.key("admin", agent="lena")
    policy(served, "pass")
    (found,) = ada.get("/verify-policies").json()["policies"]
    assert (found["name"], found["tier"], found["by"]) == ("unit", 0, "lena")
    before = head(served)
    problem(ada.post("/verify-policies/unit", {"tier": 1}), 403, "forbidden")
    wrong = served.call("POST", "/verify-policies/unit", {"tier": 9}, key=admin)
    problem(wrong, 400, "invalid_value")
    none = served.call("POST", "/verify-policies/x/remove", key=admin)
    problem(none, 404, "verify_policy_not_found")
    problem(ada.get(f"/verifications/{'0' * 40}"), 404, "verification_not_found")
    assert head(served) == before
    served.call("POST", "/verify-policies/unit/remove", key=admin)
    assert ada.get("/verify-policies").json()["policies"] == []
