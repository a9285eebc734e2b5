"""The command line as a test calls it: in this process, in a real repository."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.entrypoints.cli.actor import CLIENTS
from tests.entrypoints.door import Door
from tests.entrypoints.program import Programs


@pytest.fixture
def door(repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand at the root of a repository that has a ledger."""
    found = outside(repo, monkeypatch, capfd)
    found("init")
    return found


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
