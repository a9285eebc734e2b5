"""A git host in memory, and the stores of clones that follow it: for tests of several machines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from gitcoord.bootstrap import House, assemble
from gitcoord.errors import HostRefused, HostUnreachable
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.repository import find
from gitcoord.storage.store import GitObject, Move, SwapLost
from tests.gitrun import git
from tests.ledger.houses import OPENED


class Hosted(MemoryStore):
    """What one clone knows of a host: its refs are those of the last `refresh` or push."""

    remote = True

    def __init__(self, host: MemoryStore, *, atomic: bool = True) -> None:
        super().__init__(host.object_format)
        self.host = host
        self.atomic = atomic
        self.reachable = True
        self.refreshes = 0
        #: Objects and moves of every push.
        self.pushes: list[tuple[list[GitObject], list[Move]]] = []
        self._objects = host._objects

    def refresh(self) -> None:
        """Take over the host's refs."""
        if not self.reachable:
            raise HostUnreachable("the host does not answer")
        self.refreshes += 1
        self._refs = dict(self.host._refs)

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Push."""
        if not self.reachable:
            raise HostUnreachable("the host does not answer")
        if not self.atomic and len(moves) > 1:
            raise HostRefused("this host cannot move several refs as one")
        try:
            self.host.commit(objects, moves)
        except SwapLost:
            # Whoever has lost knows by what.
            self.refresh()
            raise
        self.pushes.append((list(objects), list(moves)))
        self._refs.update((move.ref, move.to) for move in moves)

    def delete(self, ref: str) -> None:
        """Remove a ref at the host, as only people do."""
        del self.host._refs[ref]


def clone(folder: Any, host: MemoryStore, clock: Any, *, atomic: bool = True) -> House:
    """Return the house of a new clone, on a machine of its own."""
    git(".", "init", "-q", str(folder))
    store = Hosted(host, atomic=atomic)
    store.refresh()
    house = assemble(find(str(folder), os.environ), clock=clock, store=store)
    OPENED.append(house)
    return house
