"""Keeps git's objects few while a process lives long.

Short commands leave this to a process that they start on the side (`compact
--pack-only`); where many decisions come from one process, it happens here, after
a decision and never as part of one.
"""

from __future__ import annotations

from collections.abc import Callable

from gitcoord.errors import GitcoordError
from gitcoord.storage import growth
from gitcoord.storage.repository import Repository

#: Decisions between two looks at the counters.
EVERY = 32


class Packing:
    """Consolidates the ledger's objects when they have become too many."""

    def __init__(self, where: Callable[[], Repository], *, mirror: bool = False) -> None:
        """`mirror`: the repository is ours alone, and follows a git host."""
        self._where = where
        self._mirror = mirror
        self._decisions = 0

    def decided(self, decisions: int = 1) -> None:
        """Count decisions, and consolidate if it is high time."""
        self._decisions += decisions
        if self._decisions < EVERY:
            return
        self._decisions = 0
        if growth.due(self._where()) != "now":
            return
        try:
            self.pack()
        except GitcoordError:
            # The decision stands. What keeps git from packing is shown by `gitcoord doctor`,
            # and meets the next writer if it matters.
            return

    def pack(self) -> int:
        """Pack what has piled up; returns how many loose objects and packs are gone.

        0 also when another process is at it. Raises `Unavailable`.
        """
        from gitcoord.storage.consolidate import consolidate

        done = consolidate(self._where())
        if done is None:
            return 0
        if self._mirror:
            from gitcoord.storage.wire.mirror import prune

            prune(self._where())
        return done.loose + done.packs
