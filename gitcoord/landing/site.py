"""Where work lands: the branches here or at the host that keeps the ledger, and who acts there.

Promises that what is said of branches is what they are now, and that what lands can be moved in
one with the ledger: a ledger that is kept elsewhere is refused before anything is done. Not
here: what is to land.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.errors import BranchMissing, HostRefused
from gitcoord.ledger.clock import reading
from gitcoord.storage import checkedout
from gitcoord.storage.checkedout import Left
from gitcoord.storage.moving import Branch, Moving

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.landing.executors import CheckRuns
    from gitcoord.ledger.coordinator import Coordinator
    from gitcoord.ledger.request import Reply
    from gitcoord.storage.store import Oid
    from gitcoord.storage.wire.landing import Landing
    from gitcoord.storage.wire.store import WireStore
    from gitcoord.storage.worktree import Checkout

A = TypeVar("A", bound=Answer)

HEADS = "refs/heads/"


class Site(NamedTuple):
    """The surroundings of checks and landings."""

    coordinator: Coordinator
    checkout: Checkout
    #: Who acts: a session, or None and the name of a person.
    session: str | None
    agent: str
    #: From which the commands of verification see what is allowed.
    environ: Mapping[str, str]
    #: The host that keeps the ledger and gets the work, and its name among git's remotes;
    #: None where this repository does.
    wire: WireStore | None = None
    remote: str = ""
    #: How GitHub is asked for check runs; None: it is not.
    check_runs: CheckRuns | None = None
    #: Whether the commands of verification may run here; without that they stay missing.
    commands: bool = True

    def do(self, operation: Operation, answer: type[A]) -> A:
        """Decide one operation and return its answer. Raises as `Coordinator.do`."""
        return self.coordinator.do(operation, answer, session=self.session, agent=self.agent)

    def each(self, operations: Sequence[Operation]) -> list[Reply]:
        """Decide operations in one transaction, each for itself. Raises as `Coordinator.run`."""
        return self.coordinator.run(*operations, session=self.session, agent=self.agent)

    def ask(self, question: Callable[[State, Context], A]) -> A:
        """Return the answer to a question about the state of this moment."""
        with self.coordinator.ledger.state() as state:
            return question(state, self.context(state))

    def context(self, state: State) -> Context:
        """Return the surroundings in which rules answer a question now."""
        now = reading(self.coordinator.ledger.clock, state.meta.time)
        return Context(
            now=now.now, op_id="", session=self.session, agent=self.agent, clock_trusted=now.trusted
        )


class Tips(NamedTuple):
    """Where a branch stands: in this repository, and at the host; None where there is none."""

    here: Oid | None = None
    there: Oid | None = None

    @property
    def all(self) -> tuple[Oid, ...]:
        """Both, each once."""
        return tuple(dict.fromkeys(filter(None, self)))


def opened(site: Site) -> list[Left]:
    """See that work can land here, and finish what a killed landing has left behind.

    Returns the worktrees that cannot follow the target yet. Raises `LandingRefused` where the
    ledger is kept elsewhere than the code, `HostUnreachable` and what else keeps us from it.
    """
    if site.wire is None:
        return checkedout.finish(site.checkout)
    from gitcoord.storage.wire.landing import check_shared

    check_shared(site.checkout, site.remote)
    site.wire.refresh()
    return []


def check_atomic(site: Site) -> None:
    """Raise `HostRefused` where the host cannot move a branch and the ledger as one."""
    if site.wire is not None and not site.wire.atomic:
        raise HostRefused(
            "this host cannot move a branch and the ledger as one",
            hint="Merge by pull requests; `gitcoord merge check` notes what was merged.",
        )


def tips(site: Site, names: Iterable[str]) -> dict[str, Tips]:
    """Return where these branches stand; those at the host are fetched to their tracking refs.

    Raises `HostUnreachable` and what else keeps us from the host.
    """
    refs = list(dict.fromkeys(HEADS + name for name in names))
    send = "".join(f"{ref}\n" for ref in refs).encode("utf-8", "surrogateescape")
    told = site.checkout.run("cat-file", "--batch-check=%(objectname)", send=send)[1]
    lines = told.decode("utf-8", "surrogateescape").splitlines()
    here = {ref: oid for ref, oid in zip(refs, lines, strict=True) if " " not in oid}
    there = _there(site, refs) if site.wire is not None else {}
    return {ref.removeprefix(HEADS): Tips(here.get(ref), there.get(ref)) for ref in refs}


def tip(site: Site, target: str) -> Oid:
    """Return where the target stands that moves. Raises `BranchMissing`, and as `tips`."""
    found = tips(site, [target])[target]
    oid = found.here if site.wire is None else found.there
    if oid is None:
        where = "here" if site.wire is None else f"at {site.remote}"
        raise BranchMissing(
            f"there is no branch {target} {where}",
            hint=f"Make it (git branch {target} COMMIT), or queue for another one with --target.",
            branch=target,
        )
    return oid


def carrier(site: Site, branch: Branch, reason: str) -> Moving | Landing:
    """Return what moves a branch and the ledger as one. Raises `LandingRefused` as `opened`."""
    if site.wire is None:
        return Moving(site.checkout, branch, reason)
    from gitcoord.storage.wire.landing import towards

    return towards(site.wire, site.checkout, site.remote, branch)


def _there(site: Site, refs: Sequence[str]) -> dict[str, Oid]:
    from gitcoord.storage.wire.landing import fetched
    from gitcoord.storage.wire.transport import Interrupted

    assert site.wire is not None
    try:
        found = site.wire.look(refs)
    except Interrupted as cut:
        raise cut.error from cut
    fetched(site.checkout, site.remote, found)
    return found
