"""Keeps git's objects few while a process lives long.

Short commands leave this to a process that they start on the side (`compact
--pack-only`); where many decisions come from one process, it happens here, after
a decision and never as part of one.
"""

from __future__ import annotations

from gitcoord.errors import GitcoordError
from gitcoord.storage import growth
from gitcoord.storage.repository import Repository

#: Decisions between two looks at the counters.
EVERY = 32


class Packing:
    """Consolidates the ledger's objects when they have become too many."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._decisions = 0

    def decided(self) -> None:
        """Count a decision, and consolidate if it is high time."""
        self._decisions += 1
        if self._decisions % EVERY or growth.due(self._repository) != "now":
            return
        from gitcoord.storage.consolidate import consolidate

        try:
            consolidate(self._repository)
        except GitcoordError:
            # The decision stands. What keeps git from packing is shown by `gitcoord doctor`,
            # and meets the next writer if it matters.
            return
