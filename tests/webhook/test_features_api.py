"""Features over HTTP: our routes."""

from __future__ import annotations

from tests.webhook.served import Served, problem
from tests.webhook.test_api import head


def test_a_feature_is_registered_compared_paused_and_ended(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    wish = {"id": "login", "claims": ["src/auth/**", "a", "b"], "title": "Log in"}
    first = ada.post("/features", wish)
    assert first.status_code == 201
    assert first.json()["action"] == "registered"
    problem(bob.post("/features", wish), 409, "feature_taken")
    asked = bob.get("/features/conflicts?feature=new&claim=src/auth/x&claim=c").json()["report"]
    assert (asked["feasibility"], asked["conflicts"][0]["feature"]) == ("PARTIAL", "login")
    bob.post("/features", {"id": "new", "claims": ["src/auth/x"], "priority": 1})
    assert [one["id"] for one in bob.get("/features").json()["features"]] == ["new", "login"]
    page = bob.get("/features?limit=1").json()
    rest = bob.get(f"/features?limit=1&cursor={page['next']}").json()
    assert [one["id"] for one in rest["features"]] == ["login"]
    task = {"tasks": [{"id": "t-1", "title": "One", "feature": "login"}]}
    bob.post("/tasks", task)
    assert ada.post("/features/login/pause", {"reason": "wait"}).json()["feature"]["paused_at"]
    problem(bob.post("/tasks/t-1/claim"), 409, "paused")
    assert ada.post("/features/login/resume").json()["feature"]["status"] == "active"
    found = bob.get("/features/matrix").json()
    assert [one["features"] for one in found["pairs"]] == [["new", "login"]]
    assert [[x["id"] for x in each] for each in found["forecast"]["rounds"]] == [["t-1"]]
    shown = bob.get("/features/login").json()
    assert (shown["open_tasks"], shown["report"]["overlapping"]) == (["t-1"], 1)
    ended = ada.post("/features/login/deregister", {"status": "cancelled"}).json()
    assert (ended["feature"]["status"], ended["open_tasks"]) == ("cancelled", ["t-1"])
    assert bob.get("/features/login").json()["report"] is None
    assert [one["id"] for one in bob.get("/features?all=true").json()["features"]] == ["login"]


def test_what_is_wrong_is_refused_and_changes_nothing(served: Served) -> None:
    ada = served.agent("ada")
    ada.post("/features", {"id": "login"})
    before = head(served)
    problem(ada.get("/features/nobody"), 404, "feature_not_found")
    gone = ada.post("/features/nobody/deregister")
    problem(gone, 404, "feature_not_found_or_not_active")
    problem(ada.post("/features/login/deregister", {"status": "x"}), 400, "invalid_status")
    problem(ada.post("/features", {"id": "x", "claims": ["/etc"]}), 400, "invalid_key")
    problem(ada.get("/features/conflicts?feature=x"), 400, "invalid_value")
    assert head(served) == before


def test_an_admins_key_without_a_session_is_a_person_and_no_other(served: Served) -> None:
    served.agent("ada").post("/features", {"id": "login"})
    body = {"reason": "gone"}
    for key in (served.key("agent"), served.key("agent", agent="eve")):
        refused = served.call("POST", "/features/login/deregister", body, key=key)
        assert (refused.status_code, refused.json()["code"]) == (409, "feature_taken")
    key = served.key("admin", agent="eve")
    found = served.call("POST", "/features/login/deregister", {"reason": "gone"}, key=key)
    assert found.json()["feature"]["ended_by"] == "eve"
