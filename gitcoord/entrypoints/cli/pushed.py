"""What a push brings to a remote, by what git says about it and what this clone knows.

Asks the remote nothing. Only what the push brings by itself counts: not what the remote
has already, nor what a merge has taken over from there. Not here: whether it may go.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.trailers import SESSION, TOKEN, Made, made
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.storage.store import Oid

#: Commits of one push that are looked at.
LIMIT = 10_000
#: Branches from which no push takes commits away, beside the one on which work lands.
PROTECTED = ("main", "master")
#: Refs that hold no files of the project.
APART = ("refs/coord/", "refs/notes/")
HEADS = "refs/heads/"


class Update(NamedTuple):
    """One ref that git is about to push; an object id is empty for no object."""

    local: Oid
    ref: str
    remote: Oid


class Piece(NamedTuple):
    """A new commit: by whom it was made, and which of its paths differ in the end."""

    oid: Oid
    made: Made | None
    paths: frozenset[str]


class Brought(NamedTuple):
    """What one update brings: its new commits, children before parents."""

    tip: Oid
    pieces: tuple[Piece, ...] = ()

    def paths(self) -> frozenset[str]:
        """Return the paths of all its commits."""
        return frozenset().union(*(piece.paths for piece in self.pieces))


def updates(data: bytes) -> list[Update]:
    """Return what git is about to push, without what holds no files. Raises `UsageError`.

    The form of a line: https://git-scm.com/docs/githooks#_pre_push
    """
    found = []
    for line in data.split(b"\n"):
        # A local ref can be any expression for a commit, also one with blanks.
        words = line.decode("utf-8", "surrogateescape").rsplit(" ", 3)
        if words == [""]:
            continue
        if len(words) != 4:
            raise UsageError(f"not a line that git gives the hook pre-push: {line[:80]!r}")
        _, local, ref, remote = words
        if not ref.startswith(APART):
            found.append(Update(local.strip("0") and local, ref, remote.strip("0") and remote))
    return found


class Remote:
    """What this clone knows of the repository that is pushed to, and of its branches."""

    def __init__(self, desk: Desk, name: str) -> None:
        """`name` is that of a git remote, or a URL."""
        self.checkout = desk.checkout
        self._desk = desk
        self._name = name
        with desk.state() as state:
            self._target = self.checkout.target(state.settings.target_branch)

    @cached_property
    def landing(self) -> str:
        """The branch at the remote on which work lands; empty where there is none yet."""
        target = self._target
        if target is None:
            return ""
        far = target.ref.startswith("refs/remotes/")
        return target.name.partition("/")[2] if far else target.name

    def protected(self) -> frozenset[str]:
        """Return the refs from which a push may not take commits away."""
        return frozenset(HEADS + name for name in (*PROTECTED, self.landing) if name)

    def brought(self, update: Update) -> Brought:
        """Return what an update brings by itself.

        To the branch on which work lands that is what this branch has not got; to others what
        no branch of a remote has. What is undone again in the end is left out. Raises
        `GitFailed`.
        """
        from gitcoord.storage.introduced import between, commits, merge_base, names

        tip = self.checkout.resolve(update.local)
        if tip is None:
            # A tag of something that is no commit.
            return Brought(update.local)
        base = self._base(update, tip)
        known = [base] if base else []
        if update.ref != HEADS + self.landing:
            known.append("--remotes")
        found, complete = commits(self.checkout, tip, known, LIMIT, (SESSION, TOKEN))
        if not complete:
            self._desk.note(
                f"gitcoord: of {update.ref} only the newest {LIMIT} commits are checked"
            )
        fork = merge_base(self.checkout, base, tip) if base else None
        left = set(names(between(self.checkout, fork, tip))) if found else set()
        return Brought(
            tip,
            tuple(
                Piece(
                    one.oid, made(*one.trailers), frozenset(left.intersection(names(one.changes)))
                )
                for one in found
            ),
        )

    def _base(self, update: Update, tip: Oid) -> Oid | None:
        """Return a commit that the remote has, as far as is known here; None for none."""
        had = self.checkout.resolve(update.remote) if update.remote else None
        tracked = f"refs/remotes/{self._name}/{self.landing}"
        base = had or self.checkout.resolve(tracked)
        if base is not None or update.ref == HEADS + self.landing or self._target is None:
            return base
        from gitcoord.storage.landing import is_ancestor

        # Nothing is known of the remote. What has landed here is none of this push's doing.
        target = self._target.oid
        return None if is_ancestor(self.checkout, tip, target) else target
