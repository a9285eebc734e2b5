"""gitcoord as a process of its own, and waiting for what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

#: What starts the program.
COMMAND = [sys.executable, "-m", "gitcoord"]


class Programs:
    """Processes that were started in one place."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start gitcoord with pipes for what it prints."""
        child = subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.place,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(child)
        return child

    def close(self) -> None:
        """End whatever still runs."""
        for child in self._started:
            child.kill()
            child.wait()
            for pipe in (child.stdout, child.stderr):
                assert pipe is not None
                pipe.close()


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds; a minute counts as never."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
