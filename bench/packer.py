"""Keeps a ledger's objects few while others write, as commands do on the side; and counts them.

Starts the same background command as they do, one at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import NamedTuple, Self

from bench.ratio import Wrong
from bench.scratch import Place


class Objects(NamedTuple):
    """How many loose objects and packs a repository has."""

    loose: int
    packs: int


class Packer:
    """Looks after one ledger for as long as the block lasts."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._house = place.house()
        self._folder = os.path.join(self._house.objects.common_dir, "objects")
        self._running: subprocess.Popen[bytes] | None = None
        #: The most that was there at any look.
        self.most = Objects(0, 0)
        self.runs = 0

    def __enter__(self) -> Self:
        """Return the packer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for what runs."""
        self._house.close()
        if self._running is not None:
            self._running.wait()
            self._busy()

    def look(self) -> None:
        """Count, and start packing when it is due and not under way. Raises `Wrong`."""
        now = objects(self._folder)
        self.most = Objects(max(self.most.loose, now.loose), max(self.most.packs, now.packs))
        if not self._busy() and self._house.grown():
            self.runs += 1
            self._running = subprocess.Popen(
                [sys.executable, "-m", "gitcoord", "compact", "--pack-only"],
                cwd=self._place.path,
                env=self._place.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _busy(self) -> bool:
        code = None if self._running is None else self._running.poll()
        if code:
            raise Wrong(f"packing ended with {code}")
        return self._running is not None and code is None


def objects(folder: str) -> Objects:
    """Return how many loose objects and packs git's folder of objects has now."""
    loose = packs = 0
    for name in os.listdir(folder):
        if len(name) == 2:
            # Packing removes folders that it has emptied.
            with suppress(FileNotFoundError):
                loose += sum(len(one) >= 38 for one in os.listdir(os.path.join(folder, name)))
        elif name == "pack":
            packs = sum(one.endswith(".pack") for one in os.listdir(os.path.join(folder, name)))
    return Objects(loose, packs)
