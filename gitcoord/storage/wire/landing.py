"""A branch and the ledger in one push: both move at the host, or neither does.

git itself pushes, so that the user's pre-push hook, LFS and credentials are honoured; every
ref has its expected value named. Promises that nothing has changed at the host when it
raises anything but OutcomeUnknown. Not for decisions without a branch: those need no git.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import HostRefused, LandingRefused, OutcomeUnknown
from gitcoord.storage.store import ABSENT, Expected, GitObject, Move, Oid, SwapLost
from gitcoord.storage.wire.pktline import plain
from gitcoord.storage.wire.transport import Interrupted
from gitcoord.storage.wire.verdict import by_refs

if TYPE_CHECKING:
    from gitcoord.storage.wire.store import WireStore
    from gitcoord.storage.worktree import Checkout


class Branch(NamedTuple):
    """The work that lands: a local commit, and the branch at the host that gets it."""

    oid: Oid
    #: Full name at the host, such as refs/heads/main.
    ref: str
    #: What the branch is at the host as this clone last saw it.
    expect: Expected

    @property
    def name(self) -> str:
        """The name as people write it."""
        return self.ref.removeprefix("refs/heads/")


class Landing:
    """Carries one decision to the host together with a branch; to be called like `commit`."""

    def __init__(self, wire: WireStore, checkout: Checkout, remote: str, branch: Branch) -> None:
        self._wire = wire
        self._checkout = checkout
        self._remote = remote
        self._branch = branch

    def rehearse(self) -> None:
        """Run the user's pre-push hook and let the host be asked, without changing anything.

        Raises `LandingRefused` where the branch cannot land, `HostRefused` where the host
        cannot move both as one.
        """
        if not self._wire.atomic:
            raise HostRefused(
                "this host cannot move a branch and the ledger as one",
                hint="Push the branch yourself, then complete the task without --push.",
            )
        branch = self._branch
        if isinstance(branch.expect, str) and not self._forward(branch.expect, branch.oid):
            raise LandingRefused(
                f"{branch.name} at the host is at {branch.expect[:12]}, which your branch does "
                "not contain",
                hint=f"Merge or rebase onto {self._remote}/{branch.name}, then try again.",
                branch=branch.name,
            )
        code, words = self._push("--dry-run", self._lease(), f"{branch.oid}:{branch.ref}")
        if code != 0:
            raise self._refusal(words)

    def __call__(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Make the moves of the ledger and that of the branch; see `Store.commit`."""
        branch = self._branch
        everything = [*moves, Move(branch.ref, branch.expect, branch.oid)]
        self._wire.mirror.inner.commit(objects, ())
        leases = [f"--force-with-lease={move.ref}:{_old(move.expect)}" for move in moves]
        specs = [f"{move.to}:{move.ref}" for move in moves]
        code, words = self._push(
            "--atomic", "--no-verify", *leases, self._lease(), specs, f"{branch.oid}:{branch.ref}"
        )
        if code != 0:
            self._explain(everything, words)
        self._wire.mirror.keep((), moves)

    def _explain(self, moves: Sequence[Move], words: str) -> None:
        """Return if it has landed in spite of what git says; else raise what happened."""
        try:
            found = self._wire.host.refs([move.ref for move in moves])
        except Interrupted as cut:
            self._wire.host.reset()
            said = cut.error.message
            raise OutcomeUnknown(f"whether it has landed is not known: {said}") from cut
        verdict, ref = by_refs(moves, found)
        if verdict == "landed":
            return
        if verdict == "lost" and ref != self._branch.ref:
            self._wire.refresh()
            raise SwapLost(ref, found.get(ref, ABSENT))
        raise self._refusal(words, moved=verdict == "lost")

    def _refusal(self, words: str, *, moved: bool = False) -> LandingRefused:
        name = self._branch.name
        if moved or "stale info" in words or "fetch first" in words or "non-fast-forward" in words:
            return LandingRefused(
                f"{name} has moved at the host since you last saw it; nothing was changed",
                hint=f"Run `git fetch {self._remote}`, merge or rebase, then try again.",
                branch=name,
            )
        if "hook declined" in words or "protected" in words:
            return LandingRefused(
                f"the host does not let you push to {name}; nothing was changed: {words}",
                hint="Open a pull request for the branch, and complete the task when it is merged.",
                branch=name,
            )
        return LandingRefused(
            f"the push was refused; nothing was changed: {words}",
            hint="Mend what it names, then run the same command again.",
            branch=name,
        )

    def _lease(self) -> str:
        return f"--force-with-lease={self._branch.ref}:{_old(self._branch.expect)}"

    def _forward(self, old: Oid, new: Oid) -> bool:
        asked = ("merge-base", "--is-ancestor", old, new)
        return self._checkout.run(*asked, accept=(0, 1, 128))[0] == 0

    def _push(self, *arguments: str | Sequence[str]) -> tuple[int, str]:
        """Return (exit code, what git and the host said) of one push."""
        words: list[str] = []
        for one in arguments:
            words += [one] if isinstance(one, str) else one
        options = [word for word in words if word.startswith("--")]
        specs = [word for word in words if not word.startswith("--")]
        lender = os.path.join(self._wire.mirror.repository.common_dir, "objects")
        code, output, complaint = self._checkout.told(
            "-c",
            "push.followTags=false",
            "push",
            "--porcelain",
            "--no-recurse-submodules",
            *options,
            self._remote,
            *specs,
            extra={"GIT_ALTERNATE_OBJECT_DIRECTORIES": lender},
        )
        refused = [line for line in output.splitlines() if line.startswith(b"!")]
        said = [line for line in complaint.splitlines() if not line.startswith((b"To ", b"hint:"))]
        return code, plain(b"; ".join([*refused, *said]))


def planned(wire: WireStore, checkout: Checkout, remote: str) -> Landing:
    """Return the landing of the current branch at `remote`, which keeps the ledger too.

    It goes where `git push` would take it, else to the branch of the same name. Raises
    `LandingRefused` where there is no such branch, or the ledger is kept elsewhere.
    """
    name = checkout.branch()
    oid = checkout.resolve("HEAD")
    if not name or oid is None:
        raise LandingRefused(
            "no branch with a commit is checked out here", hint="Check out the branch to land."
        )
    if remote not in checkout.run("remote")[1].decode("utf-8", "surrogateescape").split():
        raise LandingRefused(
            "the ledger is kept in another repository than the code; they cannot land as one",
            hint="Push the branch yourself, then complete the task without --push.",
        )
    target = checkout.told("rev-parse", "--symbolic-full-name", f"{name}@{{push}}")[1]
    follows, prefix = target.decode("utf-8", "surrogateescape").strip(), f"refs/remotes/{remote}/"
    short = follows.removeprefix(prefix) if follows.startswith(prefix) else name
    seen = checkout.resolve(prefix + short)
    branch = Branch(oid, f"refs/heads/{short}", ABSENT if seen is None else seen)
    return Landing(wire, checkout, remote, branch)


def _old(expect: Expected) -> str:
    return expect if isinstance(expect, str) else ""
