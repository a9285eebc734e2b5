"""What an installation without extras weighs, and how long it takes.

Needs a package index, which is asked through pip as the user has set it up; where there
is none the rows are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cache, partial
from typing import NamedTuple

from bench.ratio import Measured, Row, Skip, Target, Wrong
from bench.scratch import Scratch

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: What pip says when it found no index or no network.
_OFFLINE = ("No matching distribution", "Could not find a version", "Connection", "Network")


class Installed(NamedTuple):
    """Size of what was added to a fresh environment, and the seconds that it took."""

    megabytes: float
    seconds: float


@cache
def _installed(scratch: Scratch) -> Installed:
    folder = scratch.path("environment")
    _run(scratch, sys.executable, "-m", "venv", folder)
    python = os.path.join(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
    before = _bytes(folder)
    begun = time.perf_counter()
    constraints = os.path.join(_CHECKOUT, "constraints.txt")
    _run(scratch, python, "-m", "pip", "install", "--quiet", "--constraint", constraints, _CHECKOUT)
    seconds = time.perf_counter() - begun
    _run(scratch, python, "-m", "gitcoord", "--version")
    return Installed((_bytes(folder) - before) / 1e6, seconds)


def _run(scratch: Scratch, *words: str) -> None:
    # Not from the checkout: there `-m gitcoord` would find its sources.
    done = subprocess.run(words, capture_output=True, text=True, cwd=scratch.folder, check=False)
    if done.returncode:
        if any(word in done.stderr for word in _OFFLINE):
            raise Skip("no package index can be reached")
        raise Wrong(done.stderr.strip() or f"{words[0]} ended with {done.returncode}")


def _bytes(folder: str) -> int:
    return sum(
        os.lstat(os.path.join(where, name)).st_size
        for where, _, names in os.walk(folder)
        for name in names
    )


def _figure(scratch: Scratch, which: int) -> Measured:
    value = _installed(scratch)[which]
    return Measured(value, value, value)


ROWS = (
    Row(
        "installed-size",
        "installed without extras, compiled modules included",
        Target(60),
        "none: megabytes",
        partial(_figure, which=0),
        unit="MB",
    ),
    Row(
        "installed-time",
        "`pip install` of a checkout into a fresh environment",
        None,
        "none: seconds, most of it the network",
        partial(_figure, which=1),
        unit="s",
    ),
)
