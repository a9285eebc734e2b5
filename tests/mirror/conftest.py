"""The stage, and houses that are closed after each test."""

from __future__ import annotations

import pytest

from tests.ledger.conftest import closed_houses
from tests.mirror.stage import Stage
from tests.servers.fixtures import github
from tests.servers.github import GitHub

__all__ = ["closed_houses", "github"]


@pytest.fixture
def stage(github: GitHub, empty_repo: str) -> Stage:
    """Set the stage: a repository with three people, and a ledger."""
    return Stage(github, empty_repo)
