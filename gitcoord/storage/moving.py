"""A local branch and the ledger in one transaction of git: both move, or neither does.

Each ref has its expected value named. Promises that all of what the branch brings is on the
disk before it moves, and that worktrees which have the branch checked out follow. Not for a
ledger at a host: there one push moves both (`wire.landing`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from gitcoord.errors import BranchMissing, GitFailed, LandingRefused, TargetMoved
from gitcoord.storage import checkedout, objects
from gitcoord.storage.checkedout import Left
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.store import Expected, GitObject, Move, Oid, SwapLost
from gitcoord.storage.worktree import Checkout

#: What git says where the hook reference-transaction turns a swap away, old and new.
_HOOK = re.compile(r"aborted by (the reference-transaction )?hook")
#: Words of git around those of the hook.
_SAID = re.compile(r"^git update-ref: |fatal: .*aborted by .*")


class Branch(NamedTuple):
    """The work that lands: a local commit, and the branch that gets it."""

    oid: Oid
    #: Full name, at the host where it lands there, such as refs/heads/main.
    ref: str
    #: What the branch has to be; at a host, as this clone last saw it.
    expect: Expected

    @property
    def name(self) -> str:
        """The name as people write it."""
        return self.ref.removeprefix("refs/heads/")


class Moving:
    """Carries one decision together with a local branch; to be called like `commit`."""

    def __init__(self, checkout: Checkout, branch: Branch, reason: str) -> None:
        """`reason` stands in the reflog of the branch."""
        self._checkout = checkout
        self._branch = branch
        self._reason = reason
        self._noted: checkedout.Note | None = None

    def rehearse(self) -> None:
        """See that the branch can move now, without changing anything.

        Raises `BranchMissing`, `TargetMoved`, and `TargetDirty` where a worktree that has the
        branch checked out has changes of its own.
        """
        branch = self._branch
        found = self._checkout.resolve(branch.ref)
        if found is None:
            raise BranchMissing(f"there is no branch {_shown(branch.name)}", branch=branch.name)
        if found != branch.expect:
            raise self._moved()
        checkedout.check(self._checkout, branch.ref, found, branch.oid)

    def __call__(self, new: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Make the moves of the ledger and that of the branch; see `Store.commit`.

        Raises also `TargetMoved`, `TargetDirty`, and `LandingRefused` where a hook of the
        repository (reference-transaction) says no.
        """
        branch, repository = self._branch, self._checkout.repository
        # git moves them in this order: whoever dies between is found by what the branch has.
        everything = [Move(branch.ref, branch.expect, branch.oid), *moves]
        self.rehearse()
        self._secure()
        store = PlumbingStore(repository, self._checkout.environ, self._reason)
        try:
            self._note()
            store.commit(new, everything)
        except SwapLost as lost:
            if lost.ref == branch.ref:
                raise self._moved() from lost
            raise
        except GitFailed as failed:
            if not _HOOK.search(failed.message):
                raise
            raise self._hooked(failed.message) from failed
        finally:
            store.close()

    def follow(self) -> list[Left]:
        """Bring along the worktrees that have the branch checked out, once it has moved.

        Returns those that could not follow, because they were changed meanwhile.
        """
        if self._noted is None:
            return []
        ref, old, new = self._noted[1:]
        left = checkedout.follow(checkedout.holders(self._checkout, ref), old, new)
        if not left:
            checkedout.drop(self._noted)
        return left

    def _note(self) -> None:
        branch = self._branch
        if self._noted is None and checkedout.holders(self._checkout, branch.ref):
            expect = str(branch.expect)
            self._noted = checkedout.note(self._checkout, branch.ref, expect, branch.oid)

    def _secure(self) -> None:
        """Sync what the branch brings: plain git does not sync the files of objects."""
        repository = self._checkout.repository
        listed = self._checkout.run(
            "rev-list", "--objects", "--no-object-names", self._branch.oid, "--not",
            str(self._branch.expect),
        )[1]  # fmt: skip
        place = os.path.join(repository.common_dir, "objects")
        objects.secure(place, listed.decode("ascii").split(), sync=repository.durable)

    def _hooked(self, message: str) -> LandingRefused:
        name = _shown(self._branch.name)
        words = " ".join(_SAID.sub("", message).split())
        return LandingRefused(
            f"a hook refuses to move {name}; nothing was changed: {words}",
            hint="Mend what it names, then run the same command again.",
            branch=name,
            why="hook",
            said=f"a hook refuses to move {name}: {words}",
        )

    def _moved(self) -> TargetMoved:
        name = _shown(self._branch.name)
        return TargetMoved(
            f"{name} was moved meanwhile; nothing was changed", hint="Try again.", branch=name
        )


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
