"""The state of the fake GitHub: accounts, repositories, the clock, and what has happened.

Changes are made by the nouns' own modules; this one finds and names things.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.servers.github.gitdata import GitData
from tests.servers.github.records import (
    ROLES,
    Account,
    CheckRun,
    Comment,
    Hook,
    Issue,
    Label,
    Status,
)

if TYPE_CHECKING:
    from tests.servers.github.activity import Activity
    from tests.servers.github.apps import App
    from tests.servers.github.deliveries import Delivery
    from tests.servers.github.events import Event
    from tests.servers.repositories import Repositories

#: GitHub's own: who acts with the GITHUB_TOKEN of a workflow. Its App has this slug and id.
ACTIONS = "github-actions[bot]"
ACTIONS_APP = ("github-actions", 15368)


class Repository:
    """One repository: what GitHub adds to the bare repository that git has."""

    def __init__(self, world: World, owner: Account, name: str, private: bool) -> None:
        self.world = world
        self.owner = owner
        self.name = name
        self.private = private
        self.id = world.new_id()
        self.created = world.stamp()
        self.pushed = self.created
        self.default_branch = "main"
        self.parent: Repository | None = None
        self.roles: dict[str, str] = {}
        self.labels: dict[str, Label] = {}
        self.issues: dict[int, Issue] = {}
        self.comments: dict[int, Comment] = {}
        self.statuses: list[Status] = []
        self.checks: dict[int, CheckRun] = {}
        self.hooks: dict[int, Hook] = {}
        self.activity: list[Activity] = []
        #: Checks without which nothing is merged.
        self.required: list[str] = []
        self.git = GitData(world.bare.path(self.full_name))
        #: Refs as they were last noticed.
        self.known: dict[str, str] = {}

    @property
    def full_name(self) -> str:
        """Return `owner/name`."""
        return f"{self.owner.login}/{self.name}"

    @property
    def api(self) -> str:
        """Return its URL in the API."""
        return f"{self.world.api}/repos/{self.full_name}"

    @property
    def web(self) -> str:
        """Return its URL for people."""
        return f"{self.world.web}/{self.full_name}"

    def role(self, login: str) -> str:
        """Return what this account may do here: one of `ROLES`."""
        if login == self.owner.login:
            return "admin"
        return self.roles.get(login, "none" if self.private else "read")

    def at_least(self, login: str, role: str) -> bool:
        """Return whether this account may do what `role` may."""
        return ROLES.index(self.role(login)) >= ROLES.index(role)

    def pulls(self, state: str = "open") -> list[Issue]:
        """Return the pull requests in this state ("all": every one), oldest first."""
        return [i for i in self.issues.values() if i.pull and state in {"all", i.state}]

    def label(self, name: str) -> Label | None:
        """Return a label by its name, in any case of letters."""
        return self.labels.get(name.lower())


class World:
    """Everything there is. `clock` returns seconds since 1970 and may be replaced."""

    def __init__(self, bare: Repositories) -> None:
        self.bare = bare
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = time.time
        #: Base of the API, and of the pages for people.
        self.api = self.web = ""
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.apps: dict[str, App] = {}
        #: All that has happened and that hooks or workflows may hear of, oldest first.
        self.events: list[Event] = []
        #: Deliveries that are not sent yet, in order; tests may turn it about as they like.
        self.outbox: list[Delivery] = []
        #: Set when something comes into the outbox.
        self.wake = threading.Event()
        self._ids = itertools.count(1001)
        self.account(ACTIONS, "Bot")

    def new_id(self) -> int:
        """Return a number that nothing has."""
        return next(self._ids)

    def stamp(self) -> str:
        """Return the present second as GitHub writes it."""
        return stamp(self.clock())

    def account(self, login: str, kind: str = "User") -> Account:
        """Return the account of this name, made when it is new."""
        if login not in self.accounts:
            self.accounts[login] = Account(self.new_id(), login, kind)
        return self.accounts[login]

    def repository(self, full_name: str) -> Repository | None:
        """Return a repository by `owner/name`, in any case of letters."""
        wanted = full_name.lower()
        return next((r for n, r in self.repositories.items() if n.lower() == wanted), None)


def stamp(seconds: float) -> str:
    """Return a time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
