"""Approvals over HTTP: asked for with an agent's key, decided with an admin's."""

from __future__ import annotations

from gitcoord.domain.approvals import Subject
from tests.webhook.served import Served, problem
from tests.webhook.test_api import head

PUSH = {"kind": "command", "text": "git push --force"}


def test_an_admin_decides_and_the_session_uses_it_once(served: Served) -> None:
    ada, admin = served.agent("ada"), served.key("admin", agent="lena")
    asked = ada.post("/approvals", {"id": "a-1", "about": PUSH, "why": "a rule"})
    assert asked.status_code == 201
    assert asked.json()["approval"]["subject"] == PUSH | {"head": ""}
    assert ada.post("/approvals", {"id": "a-2", "about": PUSH}).json()["new"] is False
    assert [one["id"] for one in ada.get("/approvals").json()["approvals"]] == ["a-1"]
    problem(ada.post("/approvals/use", {"about": PUSH}), 409, "approval_required")
    problem(ada.post("/approvals/a-1/decide", {"decision": "approve"}), 403, "forbidden")
    done = served.call("POST", "/approvals/a-1/decide", {"decision": "approve"}, key=admin)
    assert done.json()["approval"]["decided_by"] == "lena"
    used = ada.post("/approvals/use", {"about": PUSH}).json()["approval"]
    assert used["used_at"]
    problem(ada.post("/approvals/use", {"about": PUSH}), 409, "approval_required")
    assert ada.get("/approvals").json()["approvals"] == []
    assert ada.get("/approvals?closed=true&agent=ada").json()["approvals"][0]["id"] == "a-1"
    assert ada.get("/approvals?closed=true&agent=bob").json()["approvals"] == []
    assert ada.get("/approvals/a-1").json()["approval"]["status"] == "approved"
    assert Subject(**PUSH).head == ""  # type: ignore[arg-type]


def test_nobody_decides_their_own_and_no_session_without_the_trust(served: Served) -> None:
    ada, bob, admin = served.agent("ada"), served.agent("bob"), served.key("admin", agent="lena")
    ada.post("/approvals", {"id": "a-1", "about": PUSH})
    served.call("POST", "/approvals", {"id": "a-2", "about": PUSH}, key=admin)
    before = head(served)
    wish = {"decision": "approve"}
    own = served.call("POST", "/approvals/a-2/decide", wish, key=admin)
    problem(own, 403, "own_approval")
    # An admin's key that acts for a session has no more rights than that.
    every = served.key("admin")
    for agent in (ada, bob):
        answer = served.call("POST", "/approvals/a-1/decide", wish, key=every, session=agent.token)
        problem(answer, 403, "insufficient_trust_level")
    late = served.call("POST", "/approvals/a-9/decide", wish, key=admin)
    problem(late, 409, "approval_not_found_or_already_reviewed")
    problem(ada.get("/approvals/a-9"), 404, "approval_not_found")
    assert head(served) == before
