"""The command line in clones of one repository at a real host on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.entrypoints.remote.clones import Clones
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost

__all__ = ["git_host"]


@pytest.fixture
def hub(git_host: GitHost, repo: str) -> GitHost:
    """Make a host whose repository `hub` has the first commit."""
    git_host.seed("hub", repo)
    return git_host


@pytest.fixture
def clones(hub: GitHost, tmp_path: Path) -> Clones:
    """Make clones on demand."""
    return Clones(hub, tmp_path)


@pytest.fixture
def here(
    clones: Clones, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Door:
    """Stand in a fresh clone without a ledger."""
    return outside(clones("one"), monkeypatch, capfd)
