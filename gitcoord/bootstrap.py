"""The one place where real parts are chosen and joined."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.ledger import machine, tables
from gitcoord.ledger.clock import Clock, SystemClock
from gitcoord.ledger.committer import Committer
from gitcoord.ledger.coordinator import PATIENCE, Coordinator
from gitcoord.ledger.group import Group
from gitcoord.ledger.ledger import Ledger
from gitcoord.ledger.packing import Packing
from gitcoord.ledger.presence import Presence
from gitcoord.ledger.spool import Spool
from gitcoord.storage import growth
from gitcoord.storage.cache import Cache
from gitcoord.storage.repository import Repository, find, home
from gitcoord.storage.store import Store
from gitcoord.storage.witness import Witness

if TYPE_CHECKING:
    from gitcoord.ledger.judge import Judge


class House(NamedTuple):
    """gitcoord, put together for one repository."""

    repository: Repository
    home: str
    store: Store
    ledger: Ledger
    coordinator: Coordinator
    presence: Presence
    spool: Spool

    def judge(self) -> Judge:
        """Return a judge of this house's sessions."""
        from gitcoord.ledger.judge import Judge

        return Judge(self.coordinator, self.presence, self.home)

    def has_marks(self) -> bool:
        """Say whether any released work is marked as unlanded; asks only the index."""
        with self.ledger.snapshot() as snapshot:
            return next(snapshot.names("unlanded"), None) is not None

    def settle(self) -> list[str]:
        """Drop the marks of work that has landed meanwhile; return their names.

        Raises `Unavailable`, `Damaged`, `Contended`.
        """
        from gitcoord.ledger.landing import settle
        from gitcoord.storage.worktree import Checkout

        return settle(self.coordinator, Checkout(self.repository, self.repository.environ))

    def grown(self) -> bool:
        """Say whether git's objects of the ledger are due to be packed; a look at one file."""
        return growth.due(self.repository) != ""

    def consolidate(self) -> int:
        """Pack what has piled up; returns how many loose objects and packs are gone.

        0 also when another process is at it. Raises `Unavailable`.
        """
        from gitcoord.storage.consolidate import consolidate

        done = consolidate(self.repository)
        return 0 if done is None else done.loose + done.packs

    def consolidate_later(self, python: str) -> None:
        """Let a process of its own do it, which ends when it is done.

        Nobody waits for it: a command's answer is out by then.
        """
        import subprocess

        subprocess.Popen(
            [python, "-m", "gitcoord", "-C", self.repository.common_dir, "compact", "--pack-only"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Release processes, files and the index."""
        self.ledger.close()


def open_house(
    start: str,
    environ: Mapping[str, str],
    *,
    engine: str = "plumbing",
    clock: Clock | None = None,
    patience: float = PATIENCE,
) -> House:
    """Return gitcoord for the repository around the folder `start`.

    `engine`: "plumbing" (default, starts fast) or "libgit2" (needs pygit2, for
    processes that live long). Raises `NotARepository`, `UnsupportedRepository`.
    """
    return assemble(find(start, environ), engine=engine, clock=clock, patience=patience)


def assemble(
    repository: Repository,
    *,
    engine: str = "plumbing",
    clock: Clock | None = None,
    patience: float = PATIENCE,
    store: Store | None = None,
) -> House:
    """Return gitcoord for a repository that has been found; `store` replaces the engine."""
    folder = home(repository)
    store = store or _engine(repository, engine)
    name = machine.identity(folder)
    cache = Cache(os.path.join(folder, "cache.sqlite"), tables.describe, tables.VERSION)
    ledger = Ledger(store, cache, Witness(folder), clock or SystemClock(), machine=name)
    presence = Presence(folder, store, name)
    spool = Spool(folder)
    committer = Committer(ledger, presence, spool)
    coordinator = Coordinator(
        ledger,
        Group(folder, committer),
        committer,
        spool,
        packing=Packing(repository),
        patience=patience,
    )
    return House(repository, folder, store, ledger, coordinator, presence, spool)


def _engine(repository: Repository, engine: str) -> Store:
    if engine == "libgit2":
        from gitcoord.storage.libgit2 import Libgit2Store

        return Libgit2Store(repository)
    from gitcoord.storage.plumbing import PlumbingStore

    return PlumbingStore(repository)
