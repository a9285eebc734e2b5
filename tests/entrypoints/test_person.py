"""Who is a person: never the shell of an agent, checked in or not."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.usage import Reported, ReportUsage, Usage
from gitcoord.entrypoints.cli.actor import CLIENTS, SIGNS
from gitcoord.entrypoints.cli.governing import ADD
from tests.entrypoints.door import Door
from tests.gitrun import git

#: What needs more trust than sessions usually have.
RIGHTS: list[tuple[str, ...]] = [
    ("profile", "set", "x", "--trust", "4"),
    ("profile", "remove", "x"),
    ("profile", "assign", "ada", "strands_orchestrator"),
    ("policy", "set", "administration", "--disable"),
    ("policy", "remove", "x"),
    ("network", "add", "*"),
    ("network", "remove", "x"),
    ("config", "--shared", "agent_trust", "4"),
    ("config", "--shared", "policy_engine", "cedar"),
    ("config", "--shared", "approvals", "off"),
    ("config", "--shared", "spending_cap", "999"),
    ("approval", "decide", "a-1", "--approve"),
    ("session", "kill", "s-other", "--reason", "mine"),
    ("session", "pause", "s-other"),
    ("session", "resume", "s-other"),
    ("compact",),
    ("import", "empty.jsonl"),
]


def importable(door: Door) -> None:
    """Put a file there that can be imported."""
    with open("empty.jsonl", "w", encoding="utf-8") as file:
        file.write(door("export").splitlines()[0] + "\n")


@pytest.mark.parametrize("words", RIGHTS, ids=lambda words: " ".join(words[:2]))
def test_the_shell_of_a_client_that_has_not_checked_in_is_no_person(
    door: Door, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    importable(door)
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "conversation-1")
    error = door.refused(*words, code=2)
    assert error["code"] == "session_required"
    assert "person" in error["hint"]
    (told,) = door.json("audit", "query", "--outcome", "session_required")["entries"]
    assert told["agent"] == "claude, not checked in"


@pytest.mark.parametrize("words", RIGHTS, ids=lambda words: " ".join(words[:2]))
def test_the_shell_of_a_session_does_nothing_for_a_person(
    door: Door, words: tuple[str, ...]
) -> None:
    importable(door)
    door.become(door.start("ada"))
    assert door.refused(*words)["code"] == "insufficient_trust_level"


@pytest.mark.parametrize("variable", SIGNS)
def test_a_client_shows_also_without_its_conversation(
    door: Door, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    wish = ("profile", "set", "x", "--trust", "4")
    assert door.refused(*wish, code=2)["code"] == "session_required"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert door.refused(*wish, "--person", code=2)["code"] == "usage"
    if variable not in CLIENTS:
        door.start("ada")
        assert door.refused(*wish)["code"] == "insufficient_trust_level"


def test_what_agents_usually_may_is_open_to_one_that_has_not_checked_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door("feature", "register", "ours")
    monkeypatch.setenv("GEMINI_CLI", "1")
    door("task", "add", "Write it")
    subject = git(door.place, "log", "-1", "--format=%an", "refs/coord/state")
    assert subject.strip() == "gemini, not checked in"
    assert door.refused("feature", "deregister", "ours")["code"] == "feature_taken"
    assert door.refused("feature", "register", "ours", "--title", "x")["code"] == "feature_taken"
    # What it did stands in the diary as the others' deeds, and verifies.
    assert door.json("audit", "verify")["verdict"] == "ok"
    monkeypatch.delenv("GEMINI_CLI")
    door("config", "--shared", "agent_trust", "1")
    monkeypatch.setenv("GEMINI_CLI", "1")
    assert door.refused("task", "add", "Write it")["code"] == "insufficient_trust_level"
    assert door.refused("feature", "pause", "ours")["code"] == "insufficient_trust_level"


def test_a_person_who_is_taken_for_a_session_is_reminded_to_say_so(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.become(None)
    ada = door.start("ada")
    door.become(None)
    wish = ("policy", "set", "administration", "--disable")
    assert ADD not in door.refused(*wish)["hint"]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert door.refused(*wish)["hint"].endswith(ADD)
    door.become(ada)
    assert ADD not in door.refused(*wish)["hint"]
    door.become(None)
    door.start("bob")
    door.become(None)
    assert door.refused(*wish, code=2)["hint"].endswith(ADD)
    before = datetime.now(UTC).isoformat()
    door(*wish, "--person")
    back = ("policy", "rollback", "--at", before)
    assert door.refused(*back, code=2)["hint"].endswith(ADD)


def test_a_plain_terminal_is_a_persons_whoever_is_live_in_it(door: Door) -> None:
    ada = door.start("ada")
    door("config", "--shared", "lock_ttl", "60")
    door("session", "pause", ada)
    door("session", "resume", ada)
    door("session", "kill", ada, "--reason", "done")


def test_a_session_does_not_lift_its_own_pause_by_naming_itself(door: Door) -> None:
    door("config", "--shared", "spending_requests", "3")
    door("config", "--shared", "spending_action", "ask")
    ada = door.start("ada")
    house = open_house(door.place, os.environ)
    used = ReportUsage(usage=Usage(requests=3))
    assert house.coordinator.do(used, Reported, session=ada).usage.requests == 3
    house.close()
    door.become(ada)
    for words in (("session", "resume", ada), ("session", "resume")):
        error = door.refused(*words)
        assert (error["code"], error["paused_for"]) == ("session_paused", "approval")
    door.become(None)
    assert door.json("session", "resume", ada)["session"]["status"] == "active"


@pytest.mark.parametrize("variable", ["GITCOORD_SESSION", "CLAUDECODE"])
def test_a_shell_of_an_agent_makes_itself_no_admin_key(
    door: Door, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    state = os.path.join(door.place, "service.state")
    serve = ("serve", "--state", state, "key")
    made = door.json(*serve, "add", "--name", "web", "--scope", "admin")["key"]["id"]
    agents = door.json(*serve, "add", "--name", "ci", "--scope", "agent")["key"]["id"]
    monkeypatch.setenv(variable, "1")
    wish = (*serve, "add", "--name", "mine", "--scope", "admin")
    assert door.refused(*wish, code=2)["code"] == "usage"
    assert door.refused(*serve, "rotate", made, code=2)["code"] == "usage"
    assert door.json(*serve, "rotate", agents)["key"]["scope"] == "agent"
    assert len(door.json(*serve, "list")["keys"]) == 3
