"""Whether Codex trusts our hooks: as it records that, and as it says itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from gitcoord.clients.codex import trust
from gitcoord.clients.present import make
from gitcoord.ledger.finding import Finding
from tests.clients.repositories import Place
from tests.gitrun import git


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    found.environ["PATH"] = str(tmp_path / "bin")
    found.install("codex", program="gitcoord")
    return found


def hooks_of(place: Place) -> Path:
    return place.repo / ".codex" / "hooks.json"


def believe(place: Place, *lines: str) -> None:
    folder = place.home / ".codex"
    folder.mkdir(exist_ok=True)
    trusted = f"[projects.{json.dumps(str(place.repo))}]\ntrust_level = 'trusted'"
    (folder / "config.toml").write_text("\n".join([*lines, trusted]))


def approvals(place: Place, *, without: str = "", changed: str = "") -> list[str]:
    lines = []
    for event, (group,) in json.loads(hooks_of(place).read_text())["hooks"].items():
        (handler,) = group["hooks"]
        key = f"{os.path.realpath(hooks_of(place))}:{trust._snake(event)}:0:0"
        known = trust.digest(event, group, handler | ({"timeout": 1} if event == changed else {}))
        if event != without:
            lines.append(f"[hooks.state.{json.dumps(key)}]\ntrusted_hash = {json.dumps(known)}")
    return lines


def findings(place: Place) -> list[Finding]:
    facts = place.facts()
    return list(trust.findings(facts, make("codex", facts, "project")))


def test_the_digest_is_the_one_that_codex_has_shown() -> None:
    group = {"matcher": "Bash|apply_patch"}
    handler = {"command": "gitcoord hook codex PreToolUse", "timeout": 10}
    assert trust.digest("PreToolUse", group, handler) == (
        "sha256:57bbac35a248222914f02e5b66303c615b37101ea1cc18713e86eb004e366086"
    )
    # Without a matcher, and without a time limit: Codex fills in its own.
    assert trust.digest("SubagentStart", {}, {"command": "gitcoord hook codex Interrupt"}) == (
        "sha256:0b147bba76fd3c20101907b4e656e048d5bd577441a7e0e7d506cfc1f6cf42db"
    )


def test_a_folder_that_is_not_trusted_is_said_first(place: Place) -> None:
    (found,) = findings(place)
    assert (found.code, found.severity) == ("codex_folder", "warning")


def test_hooks_that_nobody_has_approved_are_counted(place: Place) -> None:
    believe(place)
    (found,) = findings(place)
    assert (found.code, found.severity) == ("codex_trust", "warning")
    assert "skips 9 of 9 hooks without a word" in found.message
    assert "codex itself was not asked" in found.message
    assert "/hooks" in found.hint


def test_hooks_that_are_approved_are_well(place: Place) -> None:
    believe(place, *approvals(place))
    (found,) = findings(place)
    assert (found.severity, found.message[:27]) == ("ok", "Codex trusts all 9 hooks (a")


def test_one_that_has_changed_or_was_left_out_is_named(place: Place) -> None:
    believe(place, *approvals(place, without="Stop", changed="PreToolUse"))
    (found,) = findings(place)
    assert "skips 2 of 9 hooks" in found.message
    assert "PreToolUse modified, Stop untrusted" in found.message


def test_hooks_that_are_switched_off_are_seen(place: Place) -> None:
    believe(place, "[features]\nhooks = false", *approvals(place))
    assert findings(place)[0].code == "codex_hooks_off"


def test_a_linked_worktree_has_the_hooks_of_the_main_one(place: Place) -> None:
    git(str(place.repo), "commit", "-q", "--allow-empty", "-m", "first")
    linked = place.repo.parent / "linked"
    git(str(place.repo), "worktree", "add", "-q", str(linked))
    believe(place, *approvals(place))
    main, place.repo = place.repo, linked
    place.install("codex", program="gitcoord")
    assert findings(place)[0].severity == "ok"
    (main / ".codex" / "hooks.json").unlink()
    (found,) = findings(place)
    assert found.code == "codex_hooks_unseen"
    assert str(main) in found.message


def asked(place: Place, script: str) -> list[Finding]:
    """Let a program in Codex's place answer."""
    folder = place.repo.parent / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "codex"
    program.write_text(f"#!{sys.executable}\nimport json, sys, time\n{script}")
    program.chmod(0o755)
    believe(place)
    return findings(place)


needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="needs scripts that start")
ANSWER = """
for line in sys.stdin:
    request = json.loads(line)
    if request.get("id") == 2:
        (cwd,) = request["params"]["cwds"]
        hooks = [
            {"eventName": "preToolUse", "command": "gitcoord hook codex PreToolUse",
             "sourcePath": cwd + "/.codex/hooks.json", "enabled": True, "trustStatus": "trusted"},
            {"eventName": "stop", "command": "gitcoord hook codex Stop",
             "sourcePath": cwd + "/.codex/hooks.json", "enabled": STOP, "trustStatus": "managed"},
            {"eventName": "stop", "command": "lint", "sourcePath": cwd + "/.codex/hooks.json",
             "enabled": True, "trustStatus": "untrusted"},
        ]
        print(json.dumps({"method": "configWarning", "params": {}}))
        print(json.dumps({"id": 2, "result": {"data": [{"cwd": cwd, "hooks": hooks}]}}), flush=True)
"""


@needs_scripts
def test_codexs_own_word_counts_more_than_its_file(place: Place) -> None:
    (found,) = asked(place, ANSWER.replace("STOP", "True"))
    assert (found.severity, found.message) == ("ok", "Codex trusts all 2 hooks")
    (found,) = asked(place, ANSWER.replace("STOP", "False"))
    assert "skips 1 of 2 hooks without a word: Stop disabled" in found.message


@needs_scripts
@pytest.mark.parametrize(
    "script",
    [
        "sys.exit(3)",
        "print('hello')",
        "print(json.dumps({'id': 2, 'error': {'code': -32601}}))",
        "print(json.dumps({'id': 2, 'result': []}))",
        "print('[1]')",
    ],
)
def test_where_codex_does_not_answer_its_file_is_read(place: Place, script: str) -> None:
    (found,) = asked(place, script)
    assert "skips 9 of 9" in found.message
    assert "codex itself was not asked" in found.message


@needs_scripts
def test_a_codex_that_is_silent_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "PATIENCE", 0.2)
    (found,) = asked(place, "time.sleep(60)")
    assert "codex itself was not asked" in found.message
