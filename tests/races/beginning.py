"""What racers at a git host run in processes of their own: one store, and one who begins.

Light to import, since each process does so: no fixtures and nothing of pytest here.
"""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.errors import AlreadyInitialised, Contended, GitcoordError, Unavailable
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import Expected
from gitcoord.storage.wire.reach import place, reach
from gitcoord.storage.wire.store import WireStore

#: What a racer may be told when nothing was decided: each says that asking again is safe.
UNTOLD = {"outcome_unknown", "host_unreachable", "contended"}


class Asking(WireStore):
    """A store that asks the host before each look at refs, until it answers."""

    def read_ref(self, ref: str) -> Expected:
        self._until_told()
        return super().read_ref(ref)

    def _until_told(self) -> None:
        while True:
            try:
                return self.refresh()
            except Unavailable:
                continue


def asking(repository: Repository) -> Asking:
    """Return the store of the clone's `origin`."""
    folder = place(repository, "origin")
    store = reach(repository, "origin", folder, lambda host, own: {}, patience=20.0)
    store.__class__ = Asking
    assert isinstance(store, Asking)
    return store


def beginner(path: str, pipe: Connection, gate: Barrier) -> None:
    """Begin the ledger at each URL that arrives, at the same moment as all others.

    Sends what came of it, what was told before that, and the head that is seen afterwards.
    """
    try:
        while (url := pipe.recv()) is not None:
            house = open_house(path, os.environ, remote=url, patience=2.0)
            gate.wait()
            told: list[str] = []
            while not told or told[-1] in UNTOLD:
                told.append(begun(house))
            pipe.send((told[-1], told[:-1], seen(house)))
            house.close()
    except BaseException:
        gate.abort()  # nobody waits for one who has failed
        raise


def seen(house: House) -> str:
    """Return the head of the ledger, as soon as the host answers."""
    while True:
        try:
            house.store.refresh()
            return house.ledger.head()
        except Unavailable:
            continue


def begun(house: House) -> str:
    """Begin, and return the code of what came of it."""
    try:
        house.coordinator.begin(Begin())
    except GitcoordError as error:
        if not isinstance(error, (AlreadyInitialised, Contended, Unavailable)):
            raise
        return error.code
    return "done"
