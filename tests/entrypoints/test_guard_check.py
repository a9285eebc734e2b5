"""`guard check`: a command, a text or files judged from the command line; nothing is changed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.domain.guardrails.catalogue import RULES
from tests.entrypoints.door import Door, refs

FORCE = "git push --force origin topic"


def said(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


def test_a_harmless_command_is_allowed(door: Door) -> None:
    assert door("guard", "check", "git status") == "allowed\n"
    assert door("guard", "check", "git status", "--explain") == "allowed: no rule is met\n"
    body = door.json("guard", "check", "git status")
    assert body == {"ok": True, "action": "allow", "safe": True, "findings": [], "violations": []}


def test_what_is_warned_of_is_shown_and_passes(door: Door) -> None:
    out = door("guard", "check", "git stash drop")
    assert out.startswith("warn: this deletes stashed work")
    assert "(rule git_stash_drop, git)" in out
    body = door.json("guard", "check", "git stash drop")
    assert (body["action"], body["safe"]) == ("warn", True)
    assert body["violations"][0]["blocked"] is False


@pytest.mark.parametrize(
    ("text", "action", "words"),
    [(FORCE, "block", "is not allowed"), ("rm -rf $X", "ask", "needs a person's consent")],
)
def test_what_is_stopped_has_exit_code_3_and_says_why(
    door: Door, text: str, action: str, words: str
) -> None:
    error = door.refused("guard", "check", text)
    assert (error["code"], error["action"], error["safe"]) == ("denied", action, False)
    assert words in error["message"]
    first = error["findings"][0]
    assert (first["severity"], first["part"]) == (action, text)
    assert error["hint"] == first["hint"]
    assert error["violations"][0] == {
        "pattern_name": first["rule"],
        "category": first["category"],
        "severity": action,
        "matched_text": text,
        "blocked": True,
    }
    door("guard", "check", text, code=3)
    assert first["rule"] in door.err


def test_the_explanation_marks_the_part_below_its_line(door: Door) -> None:
    out = door("guard", "check", f"cd src\nls && {FORCE} | cat\necho done", "--explain", code=3)
    lines = out.splitlines()
    assert lines[0] == f"ls && {FORCE} | cat"
    assert lines[1] == " " * 6 + "^" * len(FORCE)
    assert lines[2].startswith("block: this push overwrites")
    assert len(lines) == 3


def test_the_document_shows_what_is_said(door: Door) -> None:
    text = (Path(__file__).parents[2] / "docs" / "guardrails.md").read_text(encoding="utf-8")
    found = re.search(
        r"^\$ gitcoord (guard check '(.+)' --explain)\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    assert door("guard", "check", found[2], "--explain", code=3) == found[3]


def test_the_explanation_shows_nothing_on_which_a_terminal_would_act(door: Door) -> None:
    out = door("guard", "check", f"echo '\x1b[2J\x07' ; {FORCE}", "--explain", code=3)
    assert "\x1b" not in out
    assert "\x07" not in out
    assert FORCE in out


def test_a_command_comes_from_standard_input_too(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(monkeypatch, f"ls\n{FORCE}\n")
    door("guard", "check", code=3)
    said(monkeypatch, f"ls\n{FORCE}\n")
    door("guard", "check", "-", code=3)
    said(monkeypatch, "ls\n")
    assert door("guard", "check", "-") == "allowed\n"
    said(monkeypatch, b"")
    assert door("guard", "check") == "allowed\n"


@pytest.mark.parametrize(
    "data", [b"\xff\xfe rm -rf / \xff", b"\xff\0rm\0; rm -rf /", b"rm -rf / '\xc3"]
)
def test_what_is_no_text_is_judged_as_far_as_it_goes(
    door: Door, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    said(monkeypatch, b"ls\n" + data.replace(b"\xfe rm", b";rm"))
    error = refused(door, "guard", "check", "-")
    assert error["code"] == "denied"


def refused(door: Door, *words: str) -> dict[str, Any]:
    error = json.loads(door(*words, "--json", code=3))["error"]
    assert isinstance(error, dict)
    return error


def test_a_huge_text_needs_a_person(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "ls -l some/folder\n" * 200_000)
    assert refused(door, "guard", "check")["findings"][0]["rule"] == "too_long"


def test_prose_and_paths_are_judged_as_what_they_are(door: Door) -> None:
    assert door("guard", "check", "--text", "Never do a force push") == "allowed\n"
    door("guard", "check", "--text", f"Run `{FORCE}` then", code=3)
    body = door.json("guard", "check", "--path", ".env", "--path", "src/a.py")
    assert [(one["rule"], one["part"]) for one in body["findings"]] == [("env_file_modify", ".env")]
    error = door.refused("guard", "check", "ls", "--path", "id_rsa")
    assert error["findings"][0]["part"] == "id_rsa"
    out = door("guard", "check", "ls", "--path", ".env", "--explain")
    assert out.startswith(".env\nwarn: ")


def test_trust_passes_a_rule_and_says_so(door: Door) -> None:
    out = door("guard", "check", FORCE, "--trust", "3")
    assert out.startswith("passes by trust: ")
    body = door.json("guard", "check", FORCE, "--trust", "3")
    assert body["findings"][0]["bypassed"] is True
    assert body["violations"] == []
    door("config", "agent_trust", "3", "--shared")
    assert door("guard", "check", FORCE).startswith("passes by trust: ")
    door("guard", "check", FORCE, "--trust", "0", code=3)


def test_the_target_branch_of_the_ledger_is_protected(door: Door) -> None:
    door("guard", "check", "git push origin next")
    door("config", "target_branch", "next", "--shared")
    door("guard", "check", "git push origin next", code=3)


def test_rules_of_the_repository_hold_and_are_listed(door: Door) -> None:
    door.write(
        ".gitcoord.yaml",
        "guardrails:\n  disable: [git_force_push]\n  severities: {git_stash_drop: block}\n"
        "  rules:\n    - {name: ours, command: make deploy, severity: block}\n",
    )
    assert door("guard", "check", FORCE) == "allowed\n"
    door("guard", "check", "git stash drop", code=3)
    assert refused(door, "guard", "check", "make deploy")["findings"][0]["rule"] == "ours"
    listed = {one["rule"]: one for one in door.json("guard", "check", "--rules")["rules"]}
    assert list(listed) == [*RULES, "ours"]
    assert listed["git_force_push"]["enabled"] is False
    assert listed["git_stash_drop"]["severity"] == "block"
    out = door("guard", "check", "--rules")
    assert any("git_force_push" in line and " off " in line for line in out.splitlines())


@pytest.mark.parametrize("text", ["guardrails: {enable: no}", "guardrails: [", "\t: x"])
def test_a_wrong_file_of_settings_is_an_error_and_nothing_is_called_harmless(
    door: Door, text: str
) -> None:
    door.write(".gitcoord.yaml", text)
    error = json.loads(door("guard", "check", "ls", "--json", code=2))["error"]
    assert error["code"] == "invalid_config"


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "--text", "x"),
        ("ls", "--trust", "9"),
        ("ls", "pwd"),
        ("--nonsense",),
    ],
)
def test_a_wrong_call_is_a_usage_error(door: Door, words: tuple[str, ...]) -> None:
    assert door.refused("guard", "check", *words, code=2)["code"] == "usage"


def test_a_terminal_that_says_nothing_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(monkeypatch, "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    error = door.refused("guard", "check", code=2)
    assert error["hint"] == "Run `gitcoord guard check 'COMMAND'`."


def test_it_works_without_a_ledger_and_without_a_repository(
    bare_door: Door, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_door("guard", "check", FORCE, code=3)
    assert bare_door("guard", "check", "ls") == "allowed\n"
    assert refs(bare_door.place) == ""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bare_door.go(str(elsewhere))
    bare_door("guard", "check", FORCE, code=3)
    assert os.listdir(elsewhere) == []


def test_nothing_of_the_text_is_run(door: Door) -> None:
    door("guard", "check", "touch made; $(touch made); `touch made`")
    assert not os.path.exists(os.path.join(door.place, "made"))


def test_a_closed_standard_input_is_nothing(door: Door) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gitcoord", "guard", "check", "--json"],
        cwd=door.place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["action"] == "allow"
