"""What a refusal leaves behind: nothing, and words that say what to do."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.gitrun import git


def surroundings(place: str) -> str:
    """Return all refs, HEAD, the index and the files of a worktree, as one text."""
    folder = Path(place, ".git")
    index = folder / "index"
    return "\n".join(
        (
            git(place, "for-each-ref"),
            (folder / "HEAD").read_text(),
            hashlib.sha256(index.read_bytes()).hexdigest() if index.exists() else "",
            git(place, "--no-optional-locks", "status", "--porcelain", "--ignored", "-uall"),
        )
    )


def says_no(door: Door, code: str, exit_code: int, *words: str) -> dict[str, Any]:
    """Run a command for a program and for a person; prove that it fails alike and changes nothing.

    Returns the error of the JSON document.
    """
    before = surroundings(door.place)
    separator = words.index("--") if "--" in words else len(words)
    asked = (*words[:separator], "--json", *words[separator:])
    body = json.loads(door(*asked, code=exit_code))
    assert body["ok"] is False
    assert "Traceback" not in door.err
    error: dict[str, Any] = body["error"]
    assert error["code"] == code, error
    assert error["message"]
    tells(door, code, exit_code, *words, hint=error.get("hint"))
    assert surroundings(door.place) == before
    return error


def tells(door: Door, code: str, exit_code: int, *words: str, hint: str | None = None) -> str:
    """Run a command that fails for a person; return what it says on stderr."""
    out = door(*words, code=exit_code)
    assert out == ""
    assert "Traceback" not in door.err
    assert door.err.startswith(f"{code}: "), door.err
    if hint:
        assert f"next: {hint.splitlines()[0]}" in door.err
    return door.err


def home(place: str) -> Path:
    """Return the folder of gitcoord's private files."""
    return Path(os.path.realpath(place), ".git", "gitcoord")


def settled(place: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in a repository where ada holds src/** and there is one task."""
    found = outside(place, monkeypatch, capfd)
    found("init")
    found("session", "start", "--name", "ada")
    found("lock", "acquire", "src/**")
    found("task", "add", "first", "--id", "t-1")
    return found


def healthy(door: Door) -> None:
    """Prove that the ledger is whole and can be worked with."""
    verdict = json.loads(door("doctor", "--json"))
    assert verdict["verdict"] in ("ok", "note"), verdict
    git(door.place, "fsck", "--strict", "--no-dangling")
    door("lock", "acquire", f"after-{time.monotonic_ns()}.py")
