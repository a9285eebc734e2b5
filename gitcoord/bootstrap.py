"""The one place where real parts are chosen and joined."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gitcoord.domain.operation import Answer
from gitcoord.errors import ExtraMissing, LandingRefused, Unavailable
from gitcoord.ledger import machine, tables
from gitcoord.ledger.clock import Clock, SystemClock
from gitcoord.ledger.committer import Committer
from gitcoord.ledger.coordinator import PATIENCE, Coordinator
from gitcoord.ledger.group import ROUNDS, ROUNDS_REMOTE, Group
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
    from gitcoord.domain.operation import Operation
    from gitcoord.landing.executors import CheckRuns
    from gitcoord.landing.site import Site
    from gitcoord.ledger.budget import Delay
    from gitcoord.ledger.judge import Judge
    from gitcoord.mirror.access import Access
    from gitcoord.mirror.github import GitHub
    from gitcoord.mirror.mirror import Mirror
    from gitcoord.storage.wire.store import WireStore
    from gitcoord.storage.worktree import Checkout

A = TypeVar("A", bound=Answer)

#: The word for the arbiter on this machine, where a remote could be named.
LOCAL = "local"


class House(NamedTuple):
    """gitcoord, put together for one repository."""

    repository: Repository
    home: str
    store: Store
    ledger: Ledger
    coordinator: Coordinator
    presence: Presence
    spool: Spool
    #: The store again where a git host decides; None where this machine does.
    wire: WireStore | None = None
    #: The git remote or URL of that host; "" where this machine decides.
    remote: str = ""

    @property
    def objects(self) -> Repository:
        """Where the ledger's objects are: the repository itself, or the mirror of a host."""
        return self.repository if self.wire is None else self.wire.mirror.repository

    def judge(self) -> Judge:
        """Return a judge of this house's sessions."""
        from gitcoord.ledger.judge import Judge

        return Judge(self.coordinator, self.presence, self.home)

    def follow(self) -> None:
        """See what a git host has decided meanwhile, as far as it answers.

        What went wrong is in `wire.contact`; then reads show what was last known.
        """
        if self.wire is None:
            return
        with suppress(Unavailable):
            self.wire.refresh()

    def delay(self) -> Delay | None:
        """Return until when the push budget keeps this machine's signs of life back, if it does."""
        if self.wire is None:
            return None
        from gitcoord.ledger.budget import Delay
        from gitcoord.ledger.clock import reading

        self.presence.beats()
        with self.ledger.state() as state:
            now = reading(self.ledger.clock, state.meta.time).now
            left = self.presence.allowance(state, now)
            found = self.presence.pending(state, now, left=left)
        return found if isinstance(found, Delay) else None

    def land(
        self, operation: Operation, answer: type[A], checkout: Checkout, *, session: str, agent: str
    ) -> A:
        """Decide an operation and push the current branch in one: both land, or neither.

        Raises `LandingRefused` with what to do, what `Coordinator.do` raises, and `HostRefused`
        where the host cannot move both as one.
        """
        from gitcoord.storage.wire.landing import planned

        if self.wire is None:
            raise LandingRefused(
                "the ledger is local, so that no push can move it together with a branch",
                hint="Merge or push the branch yourself, then complete the task without --push.",
            )
        landing = planned(self.wire, checkout, self.remote)
        landing.rehearse()
        return self.coordinator.land(operation, answer, landing, session=session, agent=agent)

    def site(
        self,
        checkout: Checkout,
        *,
        session: str | None,
        agent: str,
        check_runs: CheckRuns | None = None,
        commands: bool = True,
    ) -> Site:
        """Return the place where queued branches land, for whoever acts there from now on.

        `check_runs`: how GitHub is asked for check runs; None: it is not. `commands`: whether
        the commands of verification may run here.
        """
        from gitcoord.landing.site import Site

        return Site(
            self.coordinator,
            checkout,
            session,
            agent,
            checkout.environ,
            self.wire,
            self.remote,
            check_runs,
            commands,
        )

    def mirror(
        self, access: Access, repository: str, described: Mapping[str, Any] | None = None
    ) -> Mirror:
        """Return what keeps this ledger and a repository "owner/name" at GitHub in line.

        Asks GitHub who we are, and for the repository unless it is `described`. Raises
        `ExtraMissing`, `InvalidConfig`, `ForgeRefused` and `Unavailable`.
        """
        from gitcoord.mirror.mirror import Mirror

        return Mirror(self.coordinator, self.forge(access, repository, described), self.follow)

    def forge(
        self, access: Access, repository: str, described: Mapping[str, Any] | None = None
    ) -> GitHub:
        """Return a repository "owner/name" at GitHub, for questions. As `mirror` otherwise."""
        from importlib.util import find_spec

        if find_spec("github") is None:
            raise ExtraMissing(
                "PyGithub is not installed",
                hint="Install it with `pip install 'gitcoord[github]'`.",
            )
        from gitcoord.mirror.answers import OnDisk
        from gitcoord.mirror.github import GitHub

        answers = OnDisk(os.path.join(self.home, "github.sqlite"))
        return GitHub(access, repository, answers, described)

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
        return growth.due(self.objects) != ""

    def consolidate(self) -> int:
        """Pack what has piled up; returns how many loose objects and packs are gone.

        0 also when another process is at it. Raises `Unavailable`.
        """
        return Packing(lambda: self.objects, mirror=self.wire is not None).pack()

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
    remote: str | None = None,
) -> House:
    """Return gitcoord for the repository around the folder `start`.

    `engine`: "plumbing" (default, starts fast) or "libgit2" (needs pygit2, for
    processes that live long). `remote` names the git remote or URL that keeps the ledger,
    "local" this machine; by default what GITCOORD_REMOTE or the repository's `coord.remote`
    says. Raises `NotARepository`, `UnsupportedRepository`, `InvalidUrl`.
    """
    repository = find(start, environ)
    chosen = remote or environ.get("GITCOORD_REMOTE") or repository.remote or LOCAL
    if chosen == LOCAL:
        return assemble(repository, engine=engine, clock=clock, patience=patience)
    return _remote_house(repository, chosen, clock or SystemClock(), patience)


def open_machine(folder: str, environ: Mapping[str, str]) -> House:
    """Return gitcoord for this machine's own ledger, which is begun if there is none.

    It is a bare repository in `folder`, the user's state folder of gitcoord, and holds what
    processes of all repositories here must agree on. Raises `ReadOnly`, `DiskFull`.
    """
    from gitcoord.storage.bare import begun

    place = os.path.join(folder, "machine.git")
    house = assemble(begun(place, environ))
    if not house.ledger.exists():
        from gitcoord.domain.configure import Begin
        from gitcoord.errors import AlreadyInitialised

        # Two that are the first at once end with one ledger.
        with suppress(AlreadyInitialised):
            house.coordinator.begin(Begin(), "gitcoord")
    return house


def discover(repository: Repository) -> str | None:
    """Return the git remote that keeps a ledger: `origin`, or the only one; None for none.

    Asks the host once; that it has none is remembered for a minute, and that it does not answer
    (`Unavailable`) for ten seconds. Writes nothing else. Raises also `GitMissing`, `GitFailed`.
    """
    from gitcoord.storage.wire.reach import candidate, found

    remote = candidate(repository)
    return remote if remote and found(repository, remote) else None


def assemble(
    repository: Repository,
    *,
    engine: str = "plumbing",
    clock: Clock | None = None,
    patience: float = PATIENCE,
    store: Store | None = None,
) -> House:
    """Return gitcoord for a repository that decides itself; `store` replaces the engine."""
    return _join(
        repository, home(repository), store or _engine(repository, engine), clock, patience
    )


def _remote_house(repository: Repository, remote: str, clock: Clock, patience: float) -> House:
    from gitcoord.ledger.clock import HostClock
    from gitcoord.storage.wire.reach import place, reach

    folder = place(repository, remote)
    corrected = HostClock(clock)
    wire = reach(repository, remote, folder, corrected.observed, patience=patience)
    corrected.recall(wire.host.memory.clock)
    # Only HTTP names a date.
    dated = wire.host.address.kind == "http"
    house = _join(repository, folder, wire, corrected if dated else clock, patience, wire)
    return house._replace(remote=remote)


def _join(
    repository: Repository,
    folder: str,
    store: Store,
    clock: Clock | None,
    patience: float,
    wire: WireStore | None = None,
) -> House:
    name = machine.identity(home(repository))
    cache = Cache(os.path.join(folder, "cache.sqlite"), tables.describe, tables.VERSION)
    ledger = Ledger(
        store,
        cache,
        Witness(folder),
        clock or SystemClock(),
        machine=name,
        sign=_signer(repository) if repository.sign else None,
    )
    presence = Presence(folder, store, name)
    spool = Spool(folder)
    committer = Committer(ledger, presence, spool)
    coordinator = Coordinator(
        ledger,
        Group(folder, committer, rounds=ROUNDS if wire is None else ROUNDS_REMOTE),
        committer,
        spool,
        packing=Packing(
            lambda: repository if wire is None else wire.place, mirror=wire is not None
        ),
        patience=patience,
    )
    return House(repository, folder, store, ledger, coordinator, presence, spool, wire)


def _signer(repository: Repository) -> Callable[[bytes], bytes]:
    from gitcoord.storage.signing import Signing

    return Signing(repository).signed


def _engine(repository: Repository, engine: str) -> Store:
    if engine == "libgit2":
        from gitcoord.storage.libgit2 import Libgit2Store

        return Libgit2Store(repository)
    from gitcoord.storage.plumbing import PlumbingStore

    return PlumbingStore(repository)
