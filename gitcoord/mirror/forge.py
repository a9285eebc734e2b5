"""The questions and wishes that this room has to GitHub. `github` answers them with PyGithub.

All raise `Unavailable` when GitHub does not answer or asks for time, with `retry_after` seconds
in the details where it names them, and `GitHubRefused` for what it does not allow. What is not
there (any more) is None or empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from gitcoord.domain.check_runs import CheckRun
from gitcoord.mirror.effects import Reaction, Stamp
from gitcoord.mirror.facts import (
    Change,
    Comment,
    Comparison,
    Happening,
    Hosted,
    Permission,
    Thread,
)
from gitcoord.mirror.files import File
from gitcoord.mirror.pulls import Relation


class Forge(Protocol):
    """One repository at GitHub."""

    def afresh(self) -> None:
        """Begin a look: what was listed for the last one is forgotten."""

    # What there is.

    def hosted(self) -> Hosted:
        """Return the repository, asked once."""

    def thread(self, number: int) -> Thread | None:
        """Return an issue or pull request; None when it was deleted or moved away."""

    def threads(self, since: str = "") -> Iterator[Thread]:
        """Yield all open threads, the newest first; with `since` also those closed after it."""

    def pulls(self, branch: str) -> list[Thread]:
        """Return the pull requests from a branch of this repository, the newest first."""

    def files(self, number: int, head: str) -> tuple[Change, ...]:
        """Return what a pull request with this head changes: at most 3,000 files."""

    def messages(self, number: int, head: str) -> tuple[str, ...]:
        """Return the messages of a pull request's commits, at most 250, the oldest first."""

    def branches(self) -> Mapping[str, str]:
        """Return the oid of every branch by its name."""

    def proposals(self) -> Iterator[Thread]:
        """Yield all open pull requests, the newest first."""

    def idle(self, branch: str, since: str) -> bool:
        """Say whether nobody has pushed to a branch after that time, and nobody proposes it.

        False where branches and threads were not listed in this look, or GitHub does not tell.
        """

    def head(self, branch: str) -> str:
        """Return the oid of a branch, "" where there is none."""

    def relation(self, commit: str, to: str) -> Relation:
        """Return how a commit stands to another one, both object ids.

        "" where GitHub does not know both, or they have nothing in common.
        """

    def tree(self, commit: str) -> str:
        """Return the tree of a commit; "" where GitHub has not got it."""

    def comparison(self, base: str, branch: str) -> Comparison | None:
        """Hold a branch, or a commit by its oid, against a branch; None when one is not there."""

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return the oid of what each path holds in a commit; paths that are not there lack."""

    def comment(self, id: int) -> Comment | None:
        """Return a comment; None when it was deleted."""

    def comments(self, number: int) -> list[Comment]:
        """Return the comments on a thread, the oldest first."""

    def comments_since(self, since: str) -> Iterator[Comment]:
        """Yield the comments on all threads that were written or edited after that time."""

    def history(self, number: int) -> list[Happening]:
        """Return when labels were put on and the thread was reopened, the oldest first."""

    def permission(self, login: str) -> Permission:
        """Return what an account may do here."""

    def file(self, branch: str, path: str) -> File:
        """Return a file of a branch; one that is not there is empty and has no blob."""

    def runs(self, commit: str) -> list[CheckRun]:
        """Return the check runs and commit statuses of a commit but for ours, the worst by name.

        None where GitHub does not know the commit.
        """

    # What shall be.

    def label(
        self, number: int, name: str, color: str, description: str, *, exact: bool = False
    ) -> bool:
        """Put a label on, made first where there is none of that name.

        With `exact`, False and nothing put where the repository has that name in other letters
        of case, which GitHub takes for the same.
        """

    def unlabel(self, number: int, name: str) -> None:
        """Take a label off; one that is not there is no error."""

    def say(self, number: int, body: str) -> int:
        """Write a comment and return its id."""

    def rewrite(self, comment: int, body: str) -> None:
        """Replace what a comment of ours says."""

    def unsay(self, comment: int) -> None:
        """Delete a comment of ours; one that is not there is no error."""

    def react(self, comment: int, content: Reaction) -> None:
        """Put a reaction on a comment; twice is once."""

    def check(self, head: str, *, ok: bool, title: str, summary: str, stamp: Stamp) -> None:
        """Say whether a commit may be merged, as a check run or a commit status of ours.

        Nothing is written where ours says the same already, or shows a newer state.
        """

    def close(self, number: int, reason: str) -> None:
        """Close an issue."""

    def open(self, title: str, body: str, labels: Sequence[str]) -> int:
        """Open an issue and return its number."""

    def withdraw(self, number: int, body: str) -> None:
        """Close an issue of ours that nobody was to have, and let it say so."""

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request and return its number, or that of the one that is open already."""

    def merge(self, number: int, head: str, method: str, *, sure: bool) -> bool:
        """Merge a pull request at this head; False where it cannot be merged at this moment.

        With `sure` it should be possible: what GitHub has against it is then a refusal.
        """

    def page(self, branch: str, path: str, text: str, message: str, before: str) -> bool:
        """Replace a file of a branch of ours whose blob was `before`, "" for none yet.

        False where it is another by now. The branch is made where there is none.
        """
