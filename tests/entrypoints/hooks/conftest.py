"""Conversations in a repository that has a ledger."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk


@pytest.fixture
def talk(door: Door, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Begin a conversation of Claude Code at the door's place; it has not checked in yet."""
    monkeypatch.setenv("CLAUDE_PID", str(os.getpid()))
    return Talk(door.place, capfd)


@pytest.fixture
def talks(door: Door, capfd: pytest.CaptureFixture[str]) -> Callable[..., Talk]:
    """Return a maker of conversations of any client, by default at the door's place."""

    def make(client: str, session: str = "c-1", place: str | None = None) -> Talk:
        return Talk(place or door.place, capfd, client=client, session=session)

    return make
