"""Agent Coordinator's merge queue, as clients of its later versions call it."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.features import Feature
from gitcoord.domain.merges import Merge
from tests.gitrun import branch, git
from tests.webhook.compat.talking import COORDINATOR, Client, head, records
from tests.webhook.conftest import Maker
from tests.webhook.served import Served, begun

ADA = {"agent_id": "ada", "agent_type": "claude_code"}


@pytest.fixture
def ac(served: Served) -> Client:
    return Client(served, COORDINATOR)


def place(ac: Client) -> str:
    return ac.served.settings.projects[ac.served.project]


def feature(ac: Client, id: str, path: str, *claims: str, priority: int = 5) -> None:
    """Register a feature whose branch has a commit."""
    branch(place(ac), f"feat/{id}", path)
    body = {"feature_id": id, "branch_name": f"feat/{id}", "title": f"Do {id}"}
    more = {"resource_claims": list(claims), "merge_priority": priority}
    assert ac.good("POST", "/features/register", ADA | body | more)["success"]


def status(ac: Client, id: str) -> str:
    (found,) = [one for one in records(ac.served, Merge) if one["feature"] == id]
    return str(found.get("status", "queued"))


def test_a66_to_a69_a_feature_goes_from_queued_to_merged(ac: Client) -> None:
    feature(ac, "docs", "docs/a", priority=2)
    feature(ac, "login", "src/a", priority=1)
    pr = "https://example.com/1"
    made = ac.good("POST", "/merge-queue/enqueue", ADA | {"feature_id": "login", "pr_url": pr})
    assert (made["success"], made["feature_id"], made["status"]) == (True, "login", "queued")
    assert (made["pr_url"], made["queued_by"], made["merge_priority"]) == (pr, "ada", 1)
    # Who says no name speaks as the agent that registered the feature.
    ac.good("POST", "/merge-queue/enqueue", {"feature_id": "docs"})
    entries = ac.good("GET", "/merge-queue")["entries"]
    assert [(one["feature_id"], one["position"]) for one in entries] == [("login", 1), ("docs", 2)]
    assert [one["title"] for one in entries] == ["Do login", "Do docs"]
    assert ac.good("GET", "/merge-queue/next")["entry"] is None
    checked = ac.good("POST", "/merge-queue/check/login")
    assert (checked["passed"], checked["status"], checked["issues"]) == (True, "ready", [])
    assert checked["checks"]["feature_active"] is True
    assert checked["checked_at"]
    assert ac.good("GET", "/merge-queue/next?target=main")["entry"]["feature_id"] == "login"
    assert ac.good("GET", "/merge-queue/next?target=release")["entry"] is None
    again = ac.good("POST", "/merge-queue/enqueue", ADA | {"feature_id": "login"})
    assert (again["action"], again["merge_id"]) == ("requeued", made["merge_id"])
    assert status(ac, "login") == "queued"
    git(place(ac), "merge", "-q", "--no-edit", "feat/login")
    over = ac.good("POST", "/merge-queue/merged/login")
    assert (over["success"], over["status"]) == (True, "merged")
    (ended,) = [one for one in records(ac.served, Feature) if one["id"] == "login"]
    assert ended["status"] == "completed"
    gone = ac.good("DELETE", f"/merge-queue/{entries[1]['merge_id']}")
    assert (gone["success"], gone["status"]) == (True, "removed")
    assert ac.good("GET", "/features/docs")["status"] == "active"
    assert ac.good("GET", "/merge-queue")["entries"] == []


def test_a70_of_two_that_overlap_the_first_in_line_goes(ac: Client) -> None:
    for id, priority in (("login", 1), ("logout", 2)):
        feature(ac, id, f"src/{id}", "src/auth/**", priority=priority)
        ac.good("POST", "/merge-queue/enqueue", {"feature_id": id})
    assert ac.good("POST", "/merge-queue/check/login")["passed"] is True
    blocked = ac.good("POST", "/merge-queue/check/logout")
    assert (blocked["passed"], blocked["status"]) == (False, "blocked")
    assert blocked["checks"]["no_resource_conflicts"] is False
    assert any("login" in issue for issue in blocked["issues"])
    assert blocked["conflicts"][0]["feature_id"] == "login"
    git(place(ac), "merge", "-q", "--no-edit", "feat/login")
    ac.good("POST", "/merge-queue/merged/login")
    assert ac.good("POST", "/merge-queue/check/logout")["passed"] is True


def test_refusals_change_nothing(ac: Client) -> None:
    feature(ac, "login", "src/a")
    ac.good("POST", "/merge-queue/enqueue", ADA | {"feature_id": "login"})
    before = head(ac.served)

    def reason(method: str, path: str, body: Any = None) -> str:
        found = ac.good(method, path, body)
        assert (found["success"], found["feature_id"]) == (False, None)
        return str(found["reason"])

    assert reason("POST", "/merge-queue/merged/login") == "not_ready"
    for method, path in (("POST", "/merge-queue/check/x"), ("DELETE", "/merge-queue/x")):
        assert reason(method, path) == "merge_not_found"
    nobody = ADA | {"feature_id": "nobody", "branch_name": "feat/login"}
    assert reason("POST", "/merge-queue/enqueue", nobody) == "feature_not_found_or_not_active"
    none = ADA | {"feature_id": "login", "branch_name": "feat/none"}
    assert reason("POST", "/merge-queue/enqueue", none) == "branch_missing"
    assert head(ac.served) == before
    # Another key does not speak for an agent that it has not checked in.
    other = Client(ac.served, COORDINATOR)
    assert other.good("DELETE", "/merge-queue/login")["reason"] == "merge_taken"
    assert status(ac, "login") == "queued"
    reader = Client(ac.served, COORDINATOR, "read")
    assert reader.call("POST", "/merge-queue/check/login").status_code == 403


def test_without_a_clone_nothing_is_queued(serving: Maker, repo: str) -> None:
    begun(repo)
    served = serving({"default": f"file://{repo}"}, state=f"{repo}/../own/s.sqlite")
    ac = Client(served, COORDINATOR)
    body = {"feature_id": "login", "branch_name": "feat/login"}
    ac.good("POST", "/features/register", ADA | body)
    found = ac.good("POST", "/merge-queue/enqueue", ADA | body)
    assert (found["success"], found["reason"]) == (False, "landing_refused")
    assert ac.good("GET", "/merge-queue")["entries"] == []
