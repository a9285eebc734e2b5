"""The command line as a test calls it: in this process, in a real repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.entrypoints.cli.actor import CLIENTS
from tests.conftest import first_commit
from tests.entrypoints.door import Door
from tests.entrypoints.program import COMMAND, Programs


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the git folder of a repository with one commit in which `gitcoord init` has run."""
    place = first_commit(tmp_path_factory.mktemp("begun") / "repo")
    subprocess.run([*COMMAND, "init"], cwd=place, check=True, capture_output=True)
    return Path(place, ".git")


@pytest.fixture
def door(
    repo: str, begun: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Door:
    """Stand at the root of a repository that has a ledger."""

    def add(source: str, target: str) -> None:
        # What git has written already is the same there, and cannot be written to.
        if not os.path.exists(target):
            shutil.copy2(source, target)

    # When the dead were last looked for would depend on the tests before.
    left = shutil.ignore_patterns("watch.json")
    shutil.copytree(begun, Path(repo, ".git"), dirs_exist_ok=True, ignore=left, copy_function=add)
    return outside(repo, monkeypatch, capfd)


@pytest.fixture
def bare_door(
    repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Door:
    """Stand at the root of a repository without a ledger."""
    return outside(repo, monkeypatch, capfd)


@pytest.fixture
def program(door: Door) -> Iterator[Programs]:
    """Start gitcoord as processes of their own, at the root of the door's repository."""
    started = Programs(door.place)
    yield started
    started.close()


def outside(place: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Return the door of a place, with nothing in the environment that names a session."""
    for name in (*CLIENTS, "CLAUDE_PID", "GITCOORD_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    return Door(place, monkeypatch, capfd)
