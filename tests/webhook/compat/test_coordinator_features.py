"""Agent Coordinator's registry of features, as clients of its later versions call it."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.features import Feature
from tests.webhook.compat.talking import COORDINATOR, Client, head, records
from tests.webhook.served import Served

ADA = {"agent_id": "ada", "agent_type": "claude_code"}
BOB = {"agent_id": "bob"}


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


def register(ac: Client, id: str, *claims: str, who: Any = ADA, **more: Any) -> Any:
    body = who | {"feature_id": id, "resource_claims": list(claims)} | more
    return ac.good("POST", "/features/register", body)


def test_requirement_feature_registry_over_http(ac: Client) -> None:
    first = register(ac, "login", "src/auth/**", "a", title="Log in", merge_priority=2,
                     metadata={"epic": 7}, branch_name="feat/login")  # fmt: skip
    assert (first["success"], first["action"], first["reason"]) == (True, "registered", None)
    assert register(ac, "login", "src/auth/**", "a")["action"] == "updated"
    asked = {"candidate_feature_id": "new", "candidate_claims": ["src/auth/x", "b", "c"]}
    found = ac.good("POST", "/features/conflicts", asked)
    assert (found["feasibility"], found["total_candidate_claims"]) == ("PARTIAL", 3)
    assert found["total_conflicting_claims"] == 1
    assert found["conflicts"][0]["feature_id"] == "login"
    assert found["conflicts"][0]["overlapping_keys"] == ["src/auth/x"]
    (active,) = ac.good("GET", "/features/active")["features"]
    assert (active["feature_id"], active["merge_priority"]) == ("login", 5)
    assert (active["title"], active["branch_name"]) == ("Log in", "feat/login")
    assert ac.good("GET", "/features/login")["metadata"] == {"epic": 7}
    # Who ends it need not say who it is, as in the original.
    ended = ac.good("POST", "/features/deregister", {"feature_id": "login"})
    assert (ended["success"], ended["status"]) == (True, "completed")
    assert ac.good("GET", "/features/active")["features"] == []
    assert ac.good("GET", "/features/login")["status"] == "completed"


def test_refusals_have_the_originals_codes(ac: Client) -> None:
    register(ac, "login", "a")
    register(ac, "done", "a")
    ac.good("POST", "/features/deregister", {"feature_id": "done", "status": "cancelled"})
    before = head(ac.served)
    assert register(ac, "done", "a")["reason"] == "feature_not_active"
    for body, reason in (
        ({"feature_id": "login", "status": "active"}, "invalid_status"),
        ({"feature_id": "nobody"}, "feature_not_found_or_not_active"),
        ({"feature_id": "done"}, "feature_not_found_or_not_active"),
    ):
        refused = ac.good("POST", "/features/deregister", ADA | body)
        assert (refused["success"], refused["reason"]) == (False, reason)
    assert head(ac.served) == before
    assert ac.get("/features/nobody").status_code == 404
    assert register(ac, "login", "b", who=BOB)["reason"] == "feature_taken"
    # Another key does not speak for an agent that it has not checked in.
    other = Client(ac.served, COORDINATOR)
    refused = other.good("POST", "/features/deregister", {"feature_id": "login"})
    assert refused["reason"] == "feature_taken"
    (feature,) = [one for one in records(ac.served, Feature) if one["id"] == "login"]
    assert (feature["agent"], feature["claims"]) == ("ada", ["a"])
