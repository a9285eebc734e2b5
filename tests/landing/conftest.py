"""Yards with and without a host; every house that a test has opened is closed after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from tests.gitrun import git
from tests.landing.yard import Yard
from tests.ledger import houses
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost

__all__ = ["git_host"]


@pytest.fixture(autouse=True)
def closed_houses() -> Iterator[None]:
    """Close what was opened."""
    yield
    while houses.OPENED:
        houses.OPENED.pop().close()


@pytest.fixture
def hosted(git_host: GitHost, repo: str, tmp_path: Path) -> Yard:
    """Have a clone whose ledger is kept by a real host; it stands on a branch beside main."""
    hub = str(git_host.seed("hub", repo))
    clone = git_host.clone("hub", git_host.url("hub"), tmp_path / "clone")
    git(clone, "config", "coord.remote", "origin")
    git(clone, "checkout", "-q", "-b", "elsewhere")
    house = open_house(clone, os.environ)
    houses.OPENED.append(house)
    house.coordinator.begin(Begin())
    found = Yard(clone, house)
    found.hub = hub
    return found
