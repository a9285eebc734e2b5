"""Approvals from the command line: ask, decide as a person, and guardrails that make requests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.approvals import Subject
from gitcoord.entrypoints.consent import subject
from tests.entrypoints.door import Door, refs

RISKY = 'rm -rf "$SOMEWHERE"'


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return how to become somebody without a session, at a terminal or not."""

    def become(name: str = "eve", *, terminal: bool = True) -> None:
        monkeypatch.setenv("USER", name)
        monkeypatch.delenv("GITCOORD_SESSION", raising=False)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)

    return become


def asked(door: Door, text: str = "git push --force", *words: str) -> dict[str, Any]:
    found: dict[str, Any] = door.json("approval", "request", text, "--kind", "command", *words)
    return found


def stopped(door: Door, *words: str) -> dict[str, Any]:
    """Return the error of a check that is not passed; the ledger may have got a request."""
    found: dict[str, Any] = json.loads(door(*words, "--json", code=3))["error"]
    return found


def test_a_request_is_made_shown_decided_and_told(door: Door, person: Any) -> None:
    ada = door.start("ada")
    door.become(ada)
    first = asked(door, "git push --force", "--reason", "my branch", "--ttl", "10m")
    id = first["approval"]["id"]
    assert (first["new"], first["approval"]["session"]) == (True, ada)
    assert asked(door)["approval"]["id"] == id
    assert asked(door)["new"] is False
    person()
    assert id in door("approval", "list")
    text = door("approval", "show", id)
    for said in ("git push --force", "they say: my branch", "pending", "ada"):
        assert said in text
    done = door.json("approval", "decide", id, "--approve", "--reason", "fine", "--person")[
        "approval"
    ]
    assert (done["status"], done["decided_by"], done["decided_session"]) == ("approved", "eve", "")
    assert "decided by eve" in door("approval", "show", id)
    again = door.refused("approval", "decide", id, "--deny", "--reason", "x", "--person")
    assert again["code"] == "approval_not_found_or_already_reviewed"
    assert f"{id} (git push --force): fine" in door("context", "--session", ada)


def test_a_denial_needs_a_reason_and_a_decision_its_direction(door: Door, person: Any) -> None:
    door.become(door.start("ada"))
    id = asked(door)["approval"]["id"]
    person()
    door.refused("approval", "decide", id, "--person", code=2)
    error = door.refused("approval", "decide", id, "--deny", "--person", code=2)
    assert error["code"] == "reason_required"
    text = door("approval", "decide", id, "--deny", "--reason", "not now", "--person")
    assert text == f"{id} is denied: git push --force\n"
    assert door("approval", "list") == "nothing waits for an approval\n"
    (row,) = door.json("approval", "list", "--all")["approvals"]
    assert (row["status"], row["decision_reason"]) == ("denied", "not now")
    assert door.refused("approval", "show", "a-none")["code"] == "approval_not_found"


def test_nobody_but_a_person_decides(
    door: Door, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = door.start("ada")
    door.become(ada)
    id = asked(door)["approval"]["id"]
    wish = ("approval", "decide", id, "--approve")
    before = refs(door.place)
    assert door.refused(*wish)["code"] == "insufficient_trust_level"
    # A shell in this worktree is the agent's, whatever it forgets to say.
    person(terminal=False)
    assert door.refused(*wish)["code"] == "insufficient_trust_level"
    assert door.refused(*wish, "--person", code=2)["code"] == "usage"
    person()
    monkeypatch.setenv("GITCOORD_SESSION", ada)
    assert door.refused(*wish, "--person", code=2)["code"] == "usage"
    monkeypatch.delenv("GITCOORD_SESSION")
    # So is that of an agent's client, also one that has not checked in.
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "c-1")
    assert door.refused(*wish, code=2)["code"] == "session_required"
    assert door.refused(*wish, "--person", code=2)["code"] == "usage"
    monkeypatch.delenv("CLAUDE_CODE_SESSION_ID")
    assert refs(door.place) == before
    assert door(*wish, "--person").startswith(f"{id} is approved, until ")


def test_an_agent_with_the_trust_for_it_decides_what_another_asked(door: Door, person: Any) -> None:
    door("config", "--shared", "agent_trust", "3")
    ada = door.start("ada")
    door.become(ada)
    id = asked(door)["approval"]["id"]
    assert door.refused("approval", "decide", id, "--approve")["code"] == "own_approval"
    person()
    bob = door.start("bob")
    door.become(bob)
    found = door.json("approval", "decide", id, "--approve")["approval"]
    assert (found["decided_by"], found["decided_session"]) == ("bob", bob)


def test_requirement_approvals_guard_check_makes_a_request_and_passes_once(
    door: Door, person: Any
) -> None:
    ada = door.start("ada")
    door("config", "--shared", "approvals", "on")
    door.become(ada)
    error = stopped(door, "guard", "check", RISKY)
    id = error["approval"]["id"]
    assert (error["action"], error["safe"], error["approval"]["status"]) == (
        "ask",
        False,
        "pending",
    )
    assert f"gitcoord approval decide {id} --approve" in error["hint"]
    assert error["approval"]["details"]["rules"] == [error["findings"][0]["rule"]]
    assert stopped(door, "guard", "check", RISKY)["approval"]["id"] == id
    person()
    door("approval", "decide", id, "--approve", "--person")
    door.become(ada)
    found = door.json("guard", "check", RISKY)
    assert (found["action"], found["safe"], found["approval"]["id"]) == ("ask", True, id)
    assert found["approval"]["checked_at"]
    # Once; and for nothing else.
    assert stopped(door, "guard", "check", RISKY)["approval"]["id"] != id
    assert stopped(door, "guard", "check", RISKY + " ")["approval"]["id"] != id


def test_files_and_prose_are_subjects_of_their_own(door: Door, person: Any) -> None:
    ada = door.start("ada")
    door("config", "--shared", "approvals", "on")
    door.become(ada)
    subjects = []
    for words in (("--text", f"Run `{RISKY}`"), (RISKY, "--path", "src/a.py")):
        error = stopped(door, "guard", "check", *words)
        about = error["approval"]["subject"]
        subjects.append((about["kind"], about["text"]))
    assert subjects == [
        ("operation", f"Run `{RISKY}`"), ("operation", f"{RISKY}\nsrc/a.py"),
    ]  # fmt: skip
    person()
    assert len(door.json("approval", "list")["approvals"]) == 2


def test_without_the_setting_nothing_is_asked_of_the_ledger(door: Door) -> None:
    door.become(door.start("ada"))
    before = refs(door.place)
    error = door.refused("guard", "check", RISKY)
    assert "approval" not in error
    assert error["hint"] == error["findings"][0]["hint"]
    assert refs(door.place) == before


def test_what_is_blocked_needs_no_request(door: Door) -> None:
    door("config", "--shared", "approvals", "on")
    door.become(door.start("ada"))
    assert "approval" not in door.refused("guard", "check", "git push --force origin main")
    assert door("guard", "check", "git status") == "allowed\n"
    assert door.json("approval", "list")["approvals"] == []


def test_the_subject_of_a_deed_is_what_the_hook_sees() -> None:
    assert subject("make", ()) == Subject(kind="command", text="make")
    assert subject("", ["a", "b"]) == Subject(kind="files", text="a\nb")
    assert subject("make", ["a"]) == Subject(kind="operation", text="make\na")
    assert subject("make", prose=True) == Subject(kind="operation", text="make")


def test_outside_of_a_repository_nobody_is_asked(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "approval" not in stopped(door, "guard", "check", RISKY)


def test_what_a_client_asks_before_its_check_in_a_person_can_decide(
    door: Door, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    door("config", "--shared", "approvals", "on")
    monkeypatch.setenv("CLAUDECODE", "1")
    error = stopped(door, "guard", "check", RISKY)
    assert error["approval"]["agent"] == "claude, not checked in"
    monkeypatch.delenv("CLAUDECODE")
    person()
    id = error["approval"]["id"]
    assert door.json("approval", "decide", id, "--approve")["approval"]["status"] == "approved"
    # It is the agent's, and not of the person at the same machine.
    assert stopped(door, "guard", "check", RISKY)["approval"]["status"] == "pending"
    monkeypatch.setenv("CLAUDECODE", "1")
    assert "approved by" in door("guard", "check", RISKY)
