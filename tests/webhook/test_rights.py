"""What agents may do, over HTTP: who may change it, who is refused, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webhook.served import Agent, Served, problem

FREEZE = 'forbid(principal, action == Action::"acquire_lock", resource);'


@pytest.fixture
def admin(served: Served) -> str:
    return served.key("admin")


def put(served: Served, key: str, path: str, body: Any, status: int = 200) -> Any:
    answer = served.call("POST", path, body, key=key)
    assert answer.status_code == status, answer.text
    return answer.json()


def assigned(served: Served, admin: str, agent: str, **profile: Any) -> Agent:
    """Check an agent in that has a profile of its own."""
    put(served, admin, "/profiles/own", profile)
    put(served, admin, f"/assignments/{agent}", {"profile": "own"})
    key = served.key("agent", agent)
    answer = served.call("POST", "/sessions", {"agent": agent}, key=key)
    assert answer.status_code == 201, answer.text
    return Agent(served, key, answer.json())


def test_requirement_13_a_cloud_agent_has_the_profile_that_its_key_stands_for(
    served: Served, admin: str
) -> None:
    ada = assigned(served, admin, "ada", trust=1, max_files=0)
    mine = ada.get("/profiles/me").json()
    assert (mine["profile"]["name"], mine["source"], mine["trust"]) == ("own", "assignment", 1)
    refused = ada.post("/locks", {"keys": ["a"]})
    assert refused.status_code == 403
    assert (refused.json()["code"], refused.json()["needed"]) == ("insufficient_trust_level", 2)
    other = served.call("POST", "/sessions", {"agent": "bob"}, key=served.key("agent", "ada"))
    assert other.status_code == 403


def test_nobody_checks_in_under_a_name_with_more_trust_without_its_key(
    served: Served, admin: str
) -> None:
    ada = assigned(served, admin, "ada", trust=4)
    body = {"agent": "ada"}
    refused = served.call("POST", "/sessions", body, key=served.key("agent"))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    ac = {"agent_id": "ada", "agent_type": "x", "file_path": "a"}
    head = {"X-API-Key": served.key("agent")}
    assert served.client.post("/locks/acquire", json=ac, headers=head).status_code == 403
    assert served.call("POST", "/sessions", body, key=admin).status_code == 201
    again = served.call("POST", "/sessions", body, key=served.key("agent"), session=ada.token)
    assert again.status_code == 201
    assert served.call("POST", "/sessions", {"agent": "eve"}, key=served.key("agent")).is_success


def test_an_admins_key_is_a_person_and_its_session_is_not(served: Served, admin: str) -> None:
    ada = served.agent("ada")
    for key in (ada.key, served.key("read")):
        answer = served.call("POST", "/profiles/own", {"trust": 4}, key=key)
        assert answer.status_code == 403
    answer = served.call("POST", "/profiles/own", {"trust": 4}, key=admin, session=ada.token)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_trust_level")
    settings = {"values": {"agent_trust": 4}}
    answer = served.call("PATCH", "/settings", settings, key=admin, session=ada.token)
    assert answer.status_code == 403
    made = put(served, admin, "/profiles/own", {"trust": 4})["profile"]
    assert made["trust"] == 4
    assert [one["name"] for one in put_get(served, admin, "/profiles")["profiles"]][-1] == (
        "strands_orchestrator"
    )
    assert put(served, admin, "/profiles/own/remove", {})["profile"] is None


def put_get(served: Served, key: str, path: str) -> Any:
    answer = served.call("GET", path, key=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_policies_are_kept_asked_and_refused_when_wrong(served: Served, admin: str) -> None:
    wrong = put(served, admin, "/policies/bad", {"text": "permit("}, 400)
    assert wrong["code"] == "invalid_policy"
    put(served, admin, "/policies/freeze", {"text": FREEZE})
    ada = served.agent("ada")
    question = "/policy/check?operation=acquire_lock&resource=a"
    assert ada.get(question).json()["allowed"] is True
    served.call("PATCH", "/settings", {"values": {"policy_engine": "cedar"}}, key=admin)
    found = ada.get(question).json()
    assert (found["allowed"], found["reason"], found["engine"]) == (False, "policy_denied", "cedar")
    answer = ada.post("/locks", {"keys": ["a"]})
    assert (answer.status_code, answer.json()["policies"]) == (403, ["freeze"])
    listed = put_get(served, admin, "/policies")
    assert listed["engine"] == "cedar"
    assert "freeze" in {one["name"] for one in listed["policies"]}
    put(served, admin, "/policies/freeze/remove", {})
    put(served, admin, "/policies/freeze/remove", {}, 404)
    assert ada.post("/locks", {"keys": ["a"]}).status_code == 200


def test_network_rules_are_asked_and_accesses_kept(served: Served, admin: str) -> None:
    ada = served.agent("ada")
    blocked = ada.get("/network/check?target=docs.example.com").json()
    assert (blocked["allowed"], blocked["reason"]) == (False, "no_matching_policy")
    put(served, admin, "/network/rules", {"id": "n-1", "pattern": "*.example.com"})
    assert ada.get("/network/check?target=docs.example.com").json()["rule"] == "n-1"
    assert ada.get("/network/check?target=a@b").status_code == 400
    assert "n-1" in {one["id"] for one in put_get(served, admin, "/network/rules")["rules"]}
    put(served, admin, "/network/rules/n-1/remove", {})
    put(served, admin, "/network/rules/n-1/remove", {}, 404)
    kept = put_get(served, admin, "/network/accesses?blocked=true")["accesses"]
    assert [(one["domain"], one["agent"]) for one in kept] == [("docs.example.com", "ada")]
    said = {"accesses": [{"domain": "a.com", "allowed": True}]}
    assert ada.post("/network/accesses", said).status_code == 201


def test_agent_coordinator_tells_the_profile_and_refuses_with_the_reason(
    served: Served, admin: str
) -> None:
    put(served, admin, "/assignments/ada", {"profile": "claude-code-web-reviewer"})
    head = {"X-API-Key": served.key("agent", "ada")}
    mine = served.client.get("/profiles/me", headers=head).json()
    assert (mine["success"], mine["source"]) == (True, "assignment")
    assert mine["profile"]["trust_level"] == 1
    assert mine["profile"]["max_file_modifications"] == 0
    body = {"agent_id": "ada", "agent_type": "claude_code", "file_path": "a"}
    refused = served.client.post("/locks/acquire", json=body, headers=head)
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("operation_not_permitted: ")
    asked = body | {"operation": "acquire_lock", "context": {"trust_level": 4}}
    found = served.client.post("/policy/check", json=asked, headers=head).json()
    assert (found["allowed"], found["reason"]) == (False, "operation_not_permitted")
    assert found["diagnostics"]["not_believed"] == ["trust_level"]
    right = served.client.post("/policy/validate", json={"policy_text": FREEZE}, headers=head)
    assert right.json() == {"valid": True, "errors": []}
    # By type alone: what the client says of itself gives no trust.
    other = {"X-API-Key": served.key("agent")}
    asked = {"agent_id": "eve", "agent_type": "strands", "operation": "cleanup_agents"}
    found = served.client.post("/policy/check", json=asked, headers=other).json()
    assert (found["allowed"], found["reason"]) == (False, "insufficient_trust_level")
    assert served.client.get("/profiles/me").status_code == 401
    push = {"operation_text": "git push --force origin topic", "agent_id": "ada"}
    assert served.client.post("/guardrails/check", json=push, headers=head).json()["safe"] is False


def test_who_has_no_session_is_a_person_only_with_an_admins_key(served: Served) -> None:
    admin, some, bound = served.key("admin"), served.key("agent"), served.key("agent", "ada")
    made = served.call("POST", "/features", {"id": "ours"}, key=admin)
    assert made.status_code == 201
    for key in (some, bound):
        for path in ("/features", "/features/ours/deregister"):
            body = {"id": "ours"} if path == "/features" else {}
            refused = served.call("POST", path, body, key=key)
            assert refused.json()["code"] == "feature_taken", refused.text
    # A bound key proves whose it is, and has what that agent has.
    new = {"tasks": [{"id": "t-1", "title": "Write it"}]}
    put(served, admin, "/profiles/looker", {"trust": 1})
    put(served, admin, "/assignments/ada", {"profile": "looker"})
    problem(served.call("POST", "/tasks", new, key=bound), 403, "insufficient_trust_level")
    # Limits are a session's: without one they would not be counted.
    put(served, admin, "/profiles/looker", {"trust": 2, "max_calls": 1})
    assert served.call("POST", "/tasks", new, key=bound).json()["code"] == "session_required"
    put(served, admin, "/assignments/ada", {})
    assert served.call("POST", "/tasks", new, key=some).status_code == 201
    said = served.call("PATCH", "/settings", {"values": {"agent_trust": 1}}, key=admin)
    assert said.status_code == 200
    more = {"tasks": [{"id": "t-2", "title": "Write it"}]}
    problem(served.call("POST", "/tasks", more, key=some), 403, "insufficient_trust_level")
    assert served.call("POST", "/tasks", more, key=admin).status_code == 201
