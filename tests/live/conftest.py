"""Where the real clients work: neither below /tmp nor in /dev/shm.

Codex's sandbox lets commands write below /tmp, and hides what is in /dev.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder() -> Iterator[Callable[[], Path]]:
    """Return what makes a new folder, which goes when the module's tests are over."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-live-", dir="/var/tmp") as root:

        def made() -> Path:
            return Path(tempfile.mkdtemp(dir=root)).resolve()

        yield made


@pytest.fixture
def place(folder: Callable[[], Path]) -> Iterator[Path]:
    """Return a folder for one test."""
    path = folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)
