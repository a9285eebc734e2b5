"""What the world holds: accounts, labels, issues, pull requests, verdicts, hooks. Data only.

Times are ISO 8601 in UTC with a Z, as GitHub writes them. Branches are short names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

#: What people may do in a repository, each with all before it.
ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass
class Account:
    """A person, a bot or an organization."""

    id: int
    login: str
    type: str = "User"


@dataclass
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Comment:
    """A comment on an issue or pull request; `app` is the slug of the App that wrote it."""

    id: int
    issue: Issue
    user: Account
    body: str
    created: str
    updated: str
    app: str | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass
class Reaction:
    """A smile at a comment."""

    id: int
    user: Account
    content: str
    created: str


@dataclass
class Happening:
    """A line of an issue's timeline: labeled, unlabeled, closed, merged, assigned ..."""

    id: int
    kind: str
    actor: Account
    created: str
    label: Label | None = None
    assignee: Account | None = None
    commit: str | None = None


@dataclass
class Pull:
    """What makes an issue a pull request. Oids are None once their branch was never there."""

    base: str
    head: str
    head_repo: Repository
    base_oid: str
    head_oid: str
    draft: bool = False
    merged_at: str | None = None
    merged_by: Account | None = None
    merge_oid: str | None = None


@dataclass
class Issue:
    """An issue; with `pull`, a pull request."""

    repo: Repository
    id: int
    number: int
    title: str
    body: str | None
    user: Account
    created: str
    updated: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    closed_by: Account | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    timeline: list[Happening] = field(default_factory=list)
    pull: Pull | None = None

    @property
    def pr(self) -> Pull:
        """Return what makes it a pull request."""
        assert self.pull is not None, f"#{self.number} is no pull request"
        return self.pull


@dataclass
class Status:
    """A commit status."""

    id: int
    oid: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created: str


@dataclass
class CheckRun:
    """A check run; `fields` as they came: status, conclusion, output, times ..."""

    id: int
    oid: str
    app: str
    fields: dict[str, Any]


@dataclass
class Hook:
    """A webhook; `last` is (status code, words) of its last delivery."""

    id: int
    url: str
    content_type: str
    secret: str
    insecure_ssl: str
    events: list[str]
    active: bool
    created: str
    updated: str
    last: tuple[int | None, str] = (None, "unused")
    deliveries: list[Any] = field(default_factory=list)
