"""The merge queue and verification over MCP: a branch goes from queued to landed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitcoord.domain.merge_moves import MOVES
from gitcoord.domain.merge_rules import RULES
from gitcoord.entrypoints.mcp.table_landing import LANDING
from tests.entrypoints.door import Door, refs
from tests.entrypoints.mcp.agents import Agent, Agents
from tests.gitrun import branch, git

#: Every tool of the queue and of verification.
QUEUE = {tool.name for tool in LANDING if tool.run.__module__.endswith(("merges", "verification"))}


@pytest.fixture
def agent(agents: Agents) -> Agent:
    return agents.inside()


def test_the_guide_names_every_status_check_and_tool() -> None:
    text = (Path(__file__).parents[3] / "docs" / "landing.md").read_text(encoding="utf-8")
    statuses = {status for status, _ in MOVES} | {*MOVES.values()}
    checks = {rule.__name__.strip("_") for rule in RULES} | {"branch", "mergeable", "needs"}
    for name in statuses | checks | QUEUE | {"verification"}:
        assert f"`{name}`" in text, name


def test_a_branch_is_queued_checked_verified_and_landed(door: Door, agent: Agent) -> None:
    door(
        "verify",
        "policy",
        "add",
        "unit",
        "--include",
        "src/**",
        "--tier",
        "1",
        "--",
        sys.executable,
        "-c",
        "print('it fails here'); raise SystemExit('new' in open('src/a').read())",
    )
    head = branch(door.place, "feat/login", "src/a")
    branch(door.place, "feat/docs", "docs/a")
    agent.call("register_session", agent_name="bob")
    agent.call("register_feature", feature_id="login", title="Log in", branch_name="feat/login")
    task = agent.call("submit_work", task_type="task", description="Log in")["task_id"]
    agent.call("claim_work", task_id=task)
    made = agent.call("enqueue_merge", feature_id="login", task_id=task, merge_priority=2,
                      pr_url="https://example.com/1")  # fmt: skip
    entry = made["entry"]
    assert (made["action"], entry["status"], entry["position"]) == ("queued", "queued", 1)
    assert (entry["branch_name"], entry["head"], entry["target"]) == ("feat/login", head, "main")
    assert (entry["title"], entry["queued_by"], entry["merge_priority"]) == ("Log in", "bob", 2)
    docs = agent.call("enqueue_merge", branch_name="feat/docs", needs=["login"], method="squash")
    listed = agent.call("get_merge_queue", target="main")["entries"]
    assert [one["merge_id"] for one in listed] == [entry["merge_id"], docs["entry"]["merge_id"]]
    assert "1. `feat/login` queued" in agent.read("merge-queue://pending")
    nothing = agent.call("get_next_merge")
    assert "entry" not in nothing
    assert "No entry is ready" in nothing["notes"][0]

    (policy,) = agent.call("list_verification_policies")["policies"]
    assert (policy["name"], policy["tier_name"], policy["include"]) == ("unit", "UNIT", ["src/**"])
    failed = agent.call("verify_changes", commit="feat/login")
    assert (failed["status"], failed["commit"]) == ("failed", head)
    (result,) = failed["results"]
    assert (result["status"], result["exit_code"]) == ("failed", 1)
    assert "it fails here" in result["output"]
    passed = agent.call("verify_changes", commit="feat/docs")
    assert (passed["status"], passed["results"]) == ("not_needed", [])

    checked = agent.call("run_pre_merge_checks", feature_id="login")
    # The merge makes the same tree as the branch has, of which that is known already.
    assert (checked["passed"], checked["issues"]) == (False, ["unit failed (ended with 1)"])
    assert (checked["checks"]["mergeable"], checked["checks"]["verification"]) == (True, False)
    before = git(door.place, "rev-parse", "main")
    refused = agent.refused("land_merge", feature_ids=["login"])
    assert refused["error"]["code"] == "not_ready"
    assert "unit failed" in refused["error"]["message"]
    assert git(door.place, "rev-parse", "main") == before

    git(door.place, "switch", "-q", "feat/login")
    door.commit("src/a", "")
    git(door.place, "switch", "-q", "main")
    again = agent.call("enqueue_merge", feature_id="login")
    assert (again["action"], again["entry"]["merge_id"]) == ("requeued", entry["merge_id"])
    assert agent.call("run_pre_merge_checks", feature_id="login")["passed"] is True
    assert agent.call("get_next_merge")["entry"]["merge_id"] == entry["merge_id"]
    landed = agent.call("land_merge")
    assert [one["status"] for one in landed["entries"]] == ["merged", "merged"]
    assert (landed["features"], landed["tasks"], landed["others"]) == (["login"], [task], [])
    assert git(door.place, "rev-parse", "main") == landed["entries"][-1]["result"]
    assert (door.json("task", "show", task)["task"]["status"], landed["waiting"]) == (
        "completed", {},
    )  # fmt: skip
    assert agent.call("get_merge_queue")["entries"] == []
    assert "No branch is queued." in agent.read("merge-queue://pending")

    branch(door.place, "feat/more", "more")
    branch(door.place, "feat/odd", "odd")
    more = agent.call("enqueue_merge", branch_name="feat/more")["entry"]["merge_id"]
    odd = agent.call("enqueue_merge", branch_name="feat/odd")["entry"]["merge_id"]
    head = refs(door.place)
    unseen = agent.refused("mark_merged", feature_id=more)
    assert unseen["error"]["code"] == "not_ready"
    assert refs(door.place) == head
    git(door.place, "merge", "-q", "--no-edit", "feat/more")
    seen = agent.call("mark_merged", feature_id=more)
    assert [one["status"] for one in seen["entries"]] == ["merged"]
    gone = agent.call("remove_from_merge_queue", feature_id=odd, reason="not wanted")
    assert (gone["entry"]["status"], gone["entry"]["reason"]) == ("removed", "not wanted")
    again = agent.call("enqueue_merge", branch_name="feat/odd")["entry"]["merge_id"]
    out = agent.call("eject_from_merge_queue", feature_id=again, reason="breaks the login")
    assert (out["entry"]["status"], out["entry"]["reason"]) == ("ejected", "breaks the login")
    assert agent.called & QUEUE == QUEUE


def test_who_did_not_queue_it_does_not_remove_it_and_what_is_not_there_is_said(
    door: Door, agent: Agent
) -> None:
    ada = door.start("ada")
    branch(door.place, "feat/login", "a")
    id = door.json("merge", "enqueue", "feat/login", "--session", ada)["merge"]["id"]
    agent.call("register_session", agent_name="bob")
    before = refs(door.place)
    taken = agent.refused("remove_from_merge_queue", feature_id=id)["error"]
    assert (taken["code"], taken["agent"]) == ("merge_taken", "ada")
    assert "send_message" in taken["hint"]
    silent = agent.refused("eject_from_merge_queue", feature_id=id, reason=" ")["error"]
    assert silent["code"] == "reason_required"
    unknown = agent.refused("run_pre_merge_checks", feature_id="nothing of that name")["error"]
    assert (unknown["code"], unknown["hint"]) == ("merge_not_found", "Call get_merge_queue.")
    missing = agent.refused("enqueue_merge", branch_name="feat/none")["error"]
    assert missing["code"] == "branch_missing"
    empty = agent.refused("enqueue_merge", branch_name="main", target="feat/login")["error"]
    assert empty["code"] == "nothing_to_land"
    assert refs(door.place) == before


def test_a_blocked_branch_says_what_stands_in_its_way(door: Door, agent: Agent) -> None:
    ada = door.start("ada")
    branch(door.place, "feat/login", "src/a")
    door("lock", "acquire", "src/**", "--session", ada)
    agent.call("register_session", agent_name="bob")
    id = agent.call("enqueue_merge", branch_name="feat/login")["entry"]["merge_id"]
    found = agent.call("run_pre_merge_checks", feature_id=id)
    assert (found["passed"], found["checks"]["locks"]) == (False, False)
    assert "ada" in found["issues"][0]
    assert (found["entry"]["status"], list(found["entry"]["issues"])) == ("blocked", ["locks"])
    assert "ada" in agent.read("merge-queue://pending")
