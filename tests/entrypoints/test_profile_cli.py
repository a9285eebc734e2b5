"""`gitcoord profile`, `policy` and `network`, and who may change what with them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gitcoord.entrypoints.cli.actor import CLIENTS
from tests.entrypoints.door import Door, refs
from tests.entrypoints.hooks.conftest import talks  # noqa: F401 - a fixture
from tests.entrypoints.hooks.talk import Talk

FREEZE = (
    'forbid(principal, action == Action::"acquire_lock", resource is File)\n'
    'when { resource.path like "infra/*" };\n'
)


def reviewer(door: Door) -> str:
    """Check ada in, who may only look."""
    door("profile", "assign", "ada", "claude-code-web-reviewer")
    return door.start("ada")


def test_a_profile_is_made_shown_listed_assigned_and_removed(door: Door) -> None:
    made = door.json(
        "profile", "set", "rev", "--trust", "1", "--max-files", "3", "--max-seconds", "2h",
        "--max-calls", "9", "--allow", "recall", "acquire_lock", "--block", "send_message",
        "--type", "helper", "--description", "reads",
    )["profile"]  # fmt: skip
    assert (made["trust"], made["max_files"], made["max_seconds"]) == (1, 3, 7200)
    assert made["allowed"] == ["recall", "acquire_lock"]
    text = door("profile", "show", "rev")
    for word in ("reads", "1 (limited)", "recall, acquire_lock", "send_message", "3 files"):
        assert word in text
    less = door.json("profile", "set", "rev", "--max-files", "none", "--allow-all", "--block-none")
    assert (less["profile"]["max_files"], less["profile"]["allowed"]) == (None, [])
    assert door.json("profile", "assign", "ada", "rev")["assignment"]["profile"] == "rev"
    listed = door.json("profile", "list")
    assert [one["agent"] for one in listed["assignments"]] == ["ada"]
    assert {one["name"]: one["built_in"] for one in listed["profiles"]}["rev"] is False
    row = next(line for line in door("profile", "list").splitlines() if line.startswith("rev"))
    assert "ada" in row
    shown = door.json("profile", "show", "--agent", "ada")
    assert (shown["source"], shown["trust"], shown["session"]) == ("assignment", 1, None)
    assert door.refused("profile", "remove", "rev")["code"] == "profile_in_use"
    assert door.json("profile", "assign", "ada", "--remove")["assignment"] is None
    assert "removed" in door("profile", "remove", "rev")
    assert door.refused("profile", "show", "rev")["code"] == "profile_not_found"
    door("profile", "set", "claude-code-cli", "--disable")
    assert "in force again" in door("profile", "remove", "claude_code_cli")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("profile", "set", "x", "--trust", "7"), "invalid_value"),
        (("profile", "set", "x", "--max-files", "many"), "invalid_value"),
        (("profile", "set", "x", "--max-calls", "-3"), "invalid_value"),
        (("profile", "set", "x", "--block", "end_session"), "invalid_value"),
        (("profile", "set", "x", "--allow", "a", "--allow-all"), "usage"),
        (("profile", "assign", "ada"), "usage"),
        (("profile", "show", "x", "--agent", "ada"), "usage"),
        (("policy", "validate"), "usage"),
        (("policy", "set", "x", "none.cedar"), "invalid_file"),
        (("policy", "set", "x"), "invalid_value"),
        (("network", "add", "*.com"), "invalid_value"),
        (("network", "check", "https://github.com@evil.com"), "invalid_url"),
        (("network", "export", "--proxy", "a:1"), "usage"),
        (("network", "export", "--format", "pac", "--proxy", "a"), "usage"),
        (("task", "add", "x", "--min-trust", "9"), "invalid_value"),
    ],
)
def test_bad_input_is_refused(door: Door, words: tuple[str, ...], code: str) -> None:
    assert door.refused(*words, code=2)["code"] == code


@pytest.mark.parametrize(
    "words",
    [("profile", "assign", "ada", "none"), ("network", "list", "--profile", "none")],
)
def test_a_profile_that_there_is_not_is_refused(door: Door, words: tuple[str, ...]) -> None:
    assert door.refused(*words)["code"] == "profile_not_found"


def test_a_session_is_told_what_it_may_and_refused_the_rest(door: Door) -> None:
    ada = reviewer(door)
    refusal = door.refused("lock", "acquire", "a.py")
    assert (refusal["code"], refusal["session"]) == ("operation_not_permitted", ada)
    who = door.json("whoami")["session"]
    assert (who["trust"], who["profile"]) == (1, "claude_code_web_reviewer")
    assert "trust 1, profile claude_code_web_reviewer" in door("whoami")
    shown = door.json("session", "show")["session"]
    assert (shown["trust"], shown["profile"]) == (1, "claude_code_web_reviewer")
    assert "trust" in door("session", "show")
    assert "you may only check_locks" in door("context")
    assert "0 of 0 files used" in door("context")
    told = door("profile", "show")
    assert told.startswith("ada has trust 1 (limited)\nknown assigned to this agent\n")
    # What was refused is in the diary with the next transaction.
    door("session", "end")
    lines = [x for one in door.json("log")["transactions"] for x in one["operations"]]
    assert "operation_not_permitted" in {line["outcome"] for line in lines}


def test_a_session_without_limits_is_told_nothing_of_them(door: Door) -> None:
    door.start("ada")
    assert "rofile" not in door("context")
    assert door.json("profile", "show")["source"] == "default"


CHANGES = [
    ("profile", "set", "x", "--trust", "4"),
    ("profile", "remove", "x"),
    ("profile", "assign", "ada", "strands_orchestrator"),
    ("policy", "remove", "x"),
    ("network", "add", "*"),
    ("network", "remove", "x"),
    ("config", "agent_trust", "4", "--shared"),
    ("config", "policy_engine", "cedar", "--shared"),
]


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_the_only_session_of_a_worktree_changes_no_rights(door: Door, words: Any) -> None:
    door.start("ada")
    assert door.refused(*words)["code"] == "insufficient_trust_level"


@pytest.mark.parametrize("variable", ["GITCOORD_SESSION", *CLIENTS])
def test_a_shell_of_an_agent_acts_as_its_session_wherever_it_stands(
    door: Door, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable == "GITCOORD_SESSION":
        monkeypatch.setenv(variable, door.start("ada"))
    else:
        monkeypatch.setenv(variable, "conversation-1")
        door.start("ada")
    refusal = door.refused("-C", ".git", "profile", "set", "x", "--trust", "4")
    assert refusal["code"] == "insufficient_trust_level"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert door.refused("profile", "set", "x", "--person", code=2)["code"] == "usage"


def test_a_person_says_so_at_a_terminal(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.start("ada")
    assert door.refused("profile", "set", "x", "--person", code=2)["code"] == "usage"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert door.json("profile", "set", "x", "--person")["profile"]["name"] == "x"


def test_trust_level_4_changes_rights_itself(door: Door) -> None:
    door("profile", "set", "lead", "--trust", "4")
    door("profile", "assign", "ada", "lead")
    door.start("ada")
    assert door.json("profile", "set", "x")["profile"]["changed_by"] == "ada"


def test_a_policy_is_validated_set_shown_and_rolled_back(door: Door) -> None:
    door.write("freeze.cedar", FREEZE)
    assert door.json("policy", "validate", "freeze.cedar") == {
        "ok": True, "valid": True, "errors": [],
    }  # fmt: skip
    door.write("bad.cedar", "permit(principal, action, resource) when { principal.x };")
    wrong = door.refused("policy", "validate", "bad.cedar", code=2)
    assert (wrong["code"], wrong["valid"]) == ("invalid_policy", False)
    assert door.refused("policy", "set", "x", "bad.cedar", code=2)["code"] == "invalid_policy"
    door.write("big.cedar", "// " + "x" * 1_000_000)
    assert door.refused("policy", "set", "x", "big.cedar", code=2)["code"] == "text_too_long"
    assert "action acquire_lock in [write]" in door("policy", "validate", "--schema")
    assert "decides nothing yet" in door("policy", "set", "freeze", "freeze.cedar")
    door("config", "policy_engine", "cedar", "--shared")
    listed = door.json("policy", "list")
    assert listed["engine"] == "cedar"
    assert [one["name"] for one in listed["policies"] if not one["built_in"]] == ["freeze"]
    assert "these policies decide" in door("policy", "list")
    assert door("policy", "show", "freeze").strip() == FREEZE.strip()
    ada = door.start("ada")
    refusal = door.refused("lock", "acquire", "infra/a", "--session", ada)
    assert (refusal["code"], refusal["policies"]) == ("policy_denied", ["freeze"])
    checked = door.refused("policy", "check", "acquire_lock", "infra/a")
    assert checked["code"] == "policy_denied"
    allowed = door.json("policy", "check", "acquire_lock", "src/a")["decision"]
    assert (allowed["allowed"], allowed["engine"]) == (True, "cedar")
    assert door("policy", "check", "acquire_lock", "src/a").startswith("allowed: write_permitted")


def test_policies_come_back_as_they_were(door: Door) -> None:
    door.write("freeze.cedar", FREEZE)
    door("policy", "set", "freeze", "freeze.cedar")
    door("policy", "set", "other", "freeze.cedar")
    (then,) = {
        one["at"] for one in door.json("policy", "list")["policies"] if one["name"] == "other"
    }
    door("policy", "set", "freeze", "--priority", "7", "--disable")
    door("policy", "remove", "other")
    door("policy", "set", "third", "freeze.cedar")
    done = door.json("policy", "rollback", "--at", then)
    assert done["rolled_back"] == ["freeze", "other", "third"]
    now = {x["name"]: x for x in door.json("policy", "list")["policies"] if not x["built_in"]}
    assert {name: (x["priority"], x["enabled"]) for name, x in now.items()} == {
        "freeze": (100, True),
        "other": (100, True),
    }
    before = refs(door.place)
    assert "nothing has changed" in door("policy", "rollback", "freeze", "--at", then)
    assert refs(door.place) == before
    assert door.refused("policy", "rollback", "x", "--at", then)["code"] == "policy_not_found"
    door.start("ada")
    door("policy", "rollback", "freeze", "--at", then)
    code = door.refused("policy", "rollback", "other", "--at", "2000-01-01T00:00:00Z", code=2)
    assert code["code"] == "invalid_value"
    assert "in force again" not in door("-C", ".git", "policy", "remove", "other")


def test_requirement_14_checks_are_logged_and_what_is_blocked_is_an_alert(door: Door) -> None:
    ada = door.start("ada")
    found = door.json("network", "check", "https://api.github.com/x")["access"]
    assert (found["allowed"], found["host"]) == (True, "api.github.com")
    refusal = door.refused("network", "check", "https://evil.com:8443/x")
    assert (refusal["code"], refusal["domain"], refusal["alert"]) == (
        "domain_blocked",
        "evil.com",
        True,
    )
    assert "may be reached" in door("network", "check", "github.com")
    # They ride on the next decision.
    assert door.json("network", "log")["accesses"] == []
    door("lock", "acquire", "a")
    kept = door.json("network", "log")["accesses"]
    assert [(one["domain"], one["allowed"], one["session"]) for one in kept] == [
        ("github.com", True, ada),
        ("evil.com", False, ada),
        ("api.github.com", True, ada),
    ]
    (blocked,) = door.json("network", "log", "--blocked", "--since", "1h")["accesses"]
    assert blocked["domain"] == "evil.com"
    assert "BLOCKED" in door("network", "log", "--session", ada)


def test_a_suspended_agent_reaches_nothing(door: Door) -> None:
    door("profile", "set", "off", "--trust", "0")
    door("profile", "assign", "ada", "off")
    door.start("ada")
    assert door.refused("network", "check", "github.com")["code"] == "agent_suspended"


def test_network_rules_are_added_listed_exported_and_removed(door: Door) -> None:
    made = door.json("network", "add", "*.Example.com", "--id", "n-1")["rule"]
    assert (made["pattern"], made["action"], made["priority"]) == ("*.example.com", "allow", 5)
    door("network", "add", "bad.example.com", "--deny", "--priority", "1", "--id", "n-2")
    door("network", "add", "docs.org", "--profile", "codex-cloud-worker", "--id", "n-3")
    rows = door.json("network", "list")["rules"]
    assert {one["id"] for one in rows if not one["built_in"]} == {"n-1", "n-2", "n-3"}
    assert "docs.org" not in door("network", "list", "--profile", "claude_code_cli")
    check = ("network", "check", "docs.org", "--profile")
    assert door.json(*check, "codex_cloud_worker")["access"]["rule"] == "n-3"
    door.refused(*check, "claude_code_cli")
    exported = door.json("network", "export")
    assert exported["omitted"] == ["*.example.com"]
    assert "*.example.com" not in exported["text"].splitlines()
    door("network", "export")
    assert "left out" in door.err
    worker = door("network", "export", "--format", "commas", "--profile", "codex_cloud_worker")
    assert "docs.org" in worker.split(",")
    pac = door("network", "export", "--format", "pac", "--proxy", "proxy.example.com:3128")
    assert 'allow = "PROXY proxy.example.com:3128"' in pac
    sandbox = json.loads(door("network", "export", "--format", "claude"))
    assert "github.com" in sandbox["sandbox"]["network"]["allowedDomains"]
    assert "removed" in door("network", "remove", "n-2")
    door("network", "add", "github.com", "--deny", "--id", "github.com")
    assert "in force again" in door("network", "remove", "github.com")
    assert door.refused("network", "remove", "github.com")["code"] == "rule_not_found"


def test_a_task_for_a_trust_level_is_passed_over_and_says_why(door: Door) -> None:
    task = door.json("task", "add", "Rotate", "--min-trust", "3")["task"]
    assert task["min_trust"] == 3
    assert "min trust" in door("task", "show", task["id"])
    door.start("ada")
    found = door.json("task", "next")
    assert found["task"] is None
    assert found["waiting"][0]["reasons"][0]["code"] == "trust"
    assert door.refused("task", "claim", task["id"])["code"] == "insufficient_trust_level"
    door.write("tasks.yaml", "- {title: One, min_trust: 4}\n- {title: Two, min_trust: 5}\n")
    wrong = door.refused("task", "add", "--file", "tasks.yaml", code=2)
    assert (wrong["code"], wrong["entry"], wrong["field"]) == ("invalid_file", 2, "min_trust")


def test_guardrails_judge_by_the_trust_of_the_session(door: Door) -> None:
    push = ("guard", "check", "git reset --hard HEAD~3")
    assert door.refused(*push)["code"] == "denied"
    door("profile", "set", "lead", "--trust", "3")
    door("profile", "assign", "ada", "lead")
    door.start("ada")
    (finding,) = door.json(*push)["findings"]
    assert finding["bypassed"] is True


def test_a_file_brings_no_rights(door: Door, tmp_path: Any) -> None:
    door("profile", "set", "x", "--trust", "4")
    file = os.fspath(tmp_path / "ledger.jsonl")
    door("export", "--output", file)
    door("profile", "remove", "x")
    assert door.json("import", file)["left_behind"]["profiles"] == 1
    assert door.refused("profile", "show", "x")["code"] == "profile_not_found"


def test_an_edit_that_a_profile_forbids_is_denied(
    door: Door,
    talks: Callable[..., Talk],  # noqa: F811 - the fixture
) -> None:
    talk = talks("claude")
    talk.start()
    (me,) = door.json("session", "list")["sessions"]
    door("-C", ".git", "profile", "assign", me["agent"], "claude_code_web_reviewer")
    why = talk.denied(talk.edit("src/a.py"))
    assert "acquire_lock" in why
    assert "claude_code_web_reviewer" in why
    assert door.json("lock", "list")["locks"] == []
