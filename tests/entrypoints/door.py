"""One test's way in: run the real command line, look at what it printed and at the ledger."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from gitcoord.entrypoints.main import run
from tests.gitrun import git


class Door:
    """The command line, started in one place after the other."""

    def __init__(
        self, place: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.place = place
        self.err = ""
        self._monkeypatch = monkeypatch
        self._capture = capfd

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command that ends with this exit code, and return what it printed."""
        self._capture.readouterr()
        found = run(list(words), as_json="--json" in words)
        out, self.err = self._capture.readouterr()
        assert found == code, f"gitcoord {' '.join(words)}: {found}\n{out}{self.err}"
        return out

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a command with --json and return its document."""
        body = json.loads(self(*words, "--json", code=code))
        assert isinstance(body, dict)
        assert body["ok"] is True
        return body

    def refused(self, *words: str, code: int = 3) -> dict[str, Any]:
        """Run a command that is refused, prove that the ledger stays, and return the error."""
        before = refs(self.place)
        body = json.loads(self(*words, "--json", code=code))
        assert body["ok"] is False
        assert refs(self.place) == before
        error = body["error"]
        assert isinstance(error, dict)
        return error

    def captured(self) -> str:
        """Return what was printed since the last command."""
        return self._capture.readouterr()[0]

    def go(self, place: str) -> None:
        """Stand somewhere else."""
        self._monkeypatch.chdir(place)

    def become(self, session: str | None) -> None:
        """Act as this session from now on."""
        if session is None:
            self._monkeypatch.delenv("GITCOORD_SESSION", raising=False)
        else:
            self._monkeypatch.setenv("GITCOORD_SESSION", session)

    def start(self, name: str, *words: str) -> str:
        """Check in and return the id of the session."""
        found = self.json("session", "start", "--name", name, *words)["session"]["id"]
        assert isinstance(found, str)
        return found

    def write(self, path: str, text: str) -> None:
        """Write a file of the repository."""
        full = os.path.join(self.place, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def commit(self, path: str, text: str) -> None:
        """Write a file and commit it."""
        self.write(path, text)
        git(self.place, "add", "-A")
        git(self.place, "commit", "-q", "-m", path)


def refs(place: str) -> str:
    """Return every ref of the ledger with its commit."""
    return git(place, "for-each-ref", "refs/coord")
