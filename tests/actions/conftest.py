"""The scene, and houses that are closed after each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actions.scene import Scene
from tests.ledger.conftest import closed_houses
from tests.servers.fixtures import github
from tests.servers.github import GitHub

__all__ = ["closed_houses", "github"]


@pytest.fixture
def scene(github: GitHub, tmp_path: Path) -> Scene:
    """Set the scene: a repository with three people, and a ledger at its host."""
    folder = tmp_path / "scene"
    folder.mkdir()
    return Scene(github, folder)
