"""Agent Coordinator's approvals, as clients of its later versions call them."""

from __future__ import annotations

import pytest

from tests.webhook.compat.talking import COORDINATOR, Client, head
from tests.webhook.served import Served

ADA = {"agent_id": "ada", "agent_type": "claude_code"}


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


@pytest.fixture
def admin(served: Served) -> Client:
    return Client(served, COORDINATOR, "admin")


def test_a_request_is_made_listed_decided_and_checked(ac: Client, admin: Client) -> None:
    body = ADA | {"operation": "force_push", "resource": "main", "context": {"risk": 1}}
    made = ac.good("POST", "/approvals/request", body | {"timeout_seconds": 60})
    assert (made["success"], made["status"]) == (True, "pending")
    assert ac.good("POST", "/approvals/request", body)["request_id"] == made["request_id"]
    (row,) = ac.good("GET", "/approvals/pending")["approvals"]
    assert (row["agent_id"], row["operation"], row["resource"]) == ("ada", "force_push", "main")
    assert row["context"] == {"risk": 1, "resource": "main"}
    assert ac.good("GET", "/approvals/pending?agent_id=bob")["approvals"] == []
    at = f"/approvals/{made['request_id']}"
    assert ac.call("POST", f"{at}/decide", {"decision": "approved"}).status_code == 403
    decision = {"decision": "denied", "decided_by": "eve", "reason": "too late"}
    assert admin.good("POST", f"{at}/decide", decision)["status"] == "denied"
    checked = ac.good("GET", at)
    assert (checked["success"], checked["status"]) == (True, "denied")
    assert checked["reason"] == "eve: too late"
    assert ac.good("GET", "/approvals/pending")["approvals"] == []
    before = head(ac.served)
    assert admin.call("POST", f"{at}/decide", decision).status_code == 404
    assert ac.get("/approvals/a-none").status_code == 404
    assert head(ac.served) == before


def test_a_decision_may_come_without_words(ac: Client, admin: Client) -> None:
    for decision, status in (("denied", "denied"), ("approved", "approved")):
        made = ac.good("POST", "/approvals/request", ADA | {"operation": decision})
        at = f"/approvals/{made['request_id']}"
        assert admin.good("POST", f"{at}/decide", {"decision": decision})["status"] == status
    refused = ac.good("POST", "/approvals/request", ADA | {"operation": " "})
    assert (refused["success"], refused["error"]) == (False, "invalid_value")
