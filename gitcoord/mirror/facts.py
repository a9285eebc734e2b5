"""What GitHub shows at one moment, as plain data: threads, branches, comments, changes.

A thread is an issue or a pull request; both have one numbering. Times are as GitHub writes
them, `2026-01-05T08:00:00Z`. Not here: reading them (`github`), and what they mean.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Permission = Literal["none", "read", "triage", "write", "admin"]

#: Who may put labels on (GitHub's rule), and who may give commands (ours).
LABELLERS: frozenset[Permission] = frozenset(("triage", "write", "admin"))
COMMANDERS: frozenset[Permission] = frozenset(("write", "admin"))


class Person(NamedTuple):
    """An account at GitHub."""

    login: str
    bot: bool = False


class Label(NamedTuple):
    """A label that is on a thread."""

    name: str
    description: str = ""


class Pull(NamedTuple):
    """What a thread has more when it is a pull request."""

    branch: str
    head: str
    base: str
    #: Whether its branch is in this repository, so that who pushed it may write here.
    own: bool
    merged: bool = False
    #: The commit that its base became by its merge; "" for one that is not merged.
    result: str = ""
    merged_at: str = ""
    draft: bool = False
    #: What GitHub has against a merge, as it names it ("clean", "blocked" ...); "" where it was
    #: not asked for by itself. https://docs.github.com/graphql/reference/enums#mergestatestatus
    mergeable: str = ""


class Thread(NamedTuple):
    """An issue or a pull request."""

    number: int
    title: str
    url: str
    author: Person
    open: bool = True
    #: "completed", "not_planned", "duplicate", "reopened" or "".
    reason: str = ""
    body: str = ""
    labels: tuple[Label, ...] = ()
    assignees: tuple[str, ...] = ()
    pull: Pull | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its labels."""
        return tuple(label.name for label in self.labels)


class Comment(NamedTuple):
    """A comment on a thread."""

    id: int
    number: int
    author: Person
    body: str
    created_at: str
    url: str = ""
    #: Whether somebody has changed it since; that need not be its author.
    edited: bool = False


class Happening(NamedTuple):
    """One line of a thread's history: a label put on, the thread reopened."""

    kind: str
    actor: Person
    at: str
    label: str = ""


class Change(NamedTuple):
    """One file that differs: its blob where it exists afterwards, and its name before."""

    path: str
    blob: str = ""
    before: str = ""


class Comparison(NamedTuple):
    """A branch held against another, from where they parted."""

    #: Commits that only the branch has, and that only the other has.
    ahead: int
    behind: int
    head: str
    changes: tuple[Change, ...] = ()
    #: Whether `changes` are all that there are.
    whole: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is touched, both names of a rename, sorted."""
        return paths_of(self.changes)


class Hosted(NamedTuple):
    """The repository at GitHub, and who we are there."""

    name: str
    default_branch: str
    private: bool
    #: Our own login; what it does is no request.
    me: str
    #: Whether check runs may be written; else there are commit statuses.
    checks: bool


def paths_of(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """Return every path that the changes touch, both names of a rename, sorted."""
    found = {change.path for change in changes} | {change.before for change in changes}
    return tuple(sorted(found - {""}))
