"""What one walk along the line has come to, for doors to show."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merges import Merge
from gitcoord.storage.checkedout import Left


class Outcome(msgspec.Struct, kw_only=True):
    """All that became of entries; each list in the order in which it happened."""

    #: Batches that landed, and what ended with them.
    landed: list[Landed] = []
    #: Entries whose content was found in the target, whoever merged it.
    settled: list[Landed] = []
    #: Entries that were named and that others have landed, meanwhile or long ago.
    others: list[Merge] = []
    #: By id, as they were last seen.
    blocked: dict[str, Merge] = {}
    ejected: dict[str, Merge] = {}
    handed_over: dict[str, Merge] = {}
    #: Back in the queue after a landing that failed.
    back: dict[str, Merge] = {}
    #: Ready entries that have to wait, and for what.
    waiting: dict[str, str] = {}
    #: Worktrees that have the target checked out and could not follow.
    left: list[Left] = []

    @property
    def merged(self) -> list[Merge]:
        """The entries that are part of their target now."""
        own = [entry for one in (*self.landed, *self.settled) for entry in one.merges]
        return own + self.others

    def take(self, entries: Iterable[Merge]) -> None:
        """Note entries as they are now."""
        places = {"blocked": self.blocked, "ejected": self.ejected, "landing": self.handed_over}
        for entry in entries:
            for place in (*places.values(), self.back):
                place.pop(entry.id, None)
            self.waiting.pop(entry.id, None)
            if entry.status in places:
                places[entry.status][entry.id] = entry
            elif entry.status == "queued":
                self.back[entry.id] = entry

    def end(self, into: list[Landed], found: Iterable[Landed]) -> None:
        """Note what has become part of its target."""
        for one in found:
            into.append(one)
            self.take(one.merges)
