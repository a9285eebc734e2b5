"""A repository at the fake GitHub, its ledger in a local repository, and the mirror between.

People act at GitHub, `look` lets the mirror hear of it through deliveries, as a service would;
`everything` is the repair after a pause. Time is the test's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.mirror.access import Access
from gitcoord.mirror.answers import InMemory
from gitcoord.mirror.github import GitHub as Forge
from gitcoord.mirror.mirror import Mirror, Outcome
from gitcoord.mirror.subjects import Everything, Subject, subjects
from tests.ledger.houses import Hands, begun, session
from tests.servers.github import GitHub
from tests.servers.github.deliveries import Delivery
from tests.servers.github.world import Repository

NAME = "octo/project"
FILES = {"src/a.py": "1\n", "src/b.py": "2\n", "doc/a.md": "text\n"}


class Stage:
    """What a scenario plays on."""

    def __init__(self, github: GitHub, path: str, **settings: Any) -> None:
        self.github = github
        self.clock = Hands()
        github.world.clock = self.clock.wall
        self.repo: Repository = github.repository(NAME, files=FILES)
        self.ada = github.person("ada", self.repo, role="write")
        self.bob = github.person("bob", self.repo, role="triage")
        self.eve = github.person("eve", self.repo, role="read")
        self.bot = github.workflow(
            self.repo, issues="write", pull_requests="write", contents="write",
            checks="write", statuses="write",
        )  # fmt: skip
        github.hook(self.repo, "http://127.0.0.1:9/webhook/github")
        self.house: House = begun(path, self.clock, **settings)
        self.mirror = self.another()

    def another(self, repository: str = NAME, **fields: Any) -> Mirror:
        """Return a mirror of its own, as another process has it."""
        access = Access(self.bot.token, actions=True, url=self.github.api, pause=0)
        forge = Forge(access._replace(**fields), repository, InMemory())
        return Mirror(self.house.coordinator, forge, self.house.follow)

    def as_app(self, slug: str, **permissions: str) -> Mirror:
        """Return a mirror that is let in as an app, as a service is."""
        granted = {"metadata": "read", "contents": "write", "issues": "write"} | permissions
        app = self.github.app(slug, permissions=granted)
        number = self.github.install(app, self.repo).id
        # What an app signs is dated by the real clock.
        self.github.world.clock = time.time
        fields = {"token": "", "actions": False, "app": str(app.id), "key": app.private_key}
        made = self.another(**fields, installation=number)
        self.github.world.clock = self.clock.wall
        return made

    # What is heard.

    def heard(self, deliveries: Iterable[Delivery]) -> list[Subject]:
        """Return what deliveries are about."""
        return [one for each in deliveries for one in subjects(each.event, each.payload)]

    def look(self) -> Outcome:
        """Let the mirror hear of all that has happened, until nothing comes of it any more."""
        outcome = self.mirror.look(())
        for _ in range(20):
            if not self.github.outbox:
                return outcome
            batch = list(self.github.outbox)
            self.github.outbox.clear()
            outcome = self.mirror.look(self.heard(batch))
        raise AssertionError("what the mirror does makes it do more for ever")

    def everything(self) -> Outcome:
        """Look at everything, as after a pause; deliveries are lost."""
        self.github.outbox.clear()
        return self.mirror.look([Everything()])

    def at(self, seconds: float = 60) -> None:
        """Let time pass."""
        self.clock.pass_(seconds)

    # What there is.

    def all(self, kind: type[Record]) -> list[Any]:
        """Return the live records of a kind."""
        with self.house.ledger.state() as state:
            return list(state.all(kind))

    def locks(self) -> dict[str, str]:
        """Return who holds which key."""
        return {lock.key: lock.agent for lock in self.all(Lock)}

    def sessions(self) -> list[Session]:
        """Return the live sessions."""
        return self.all(Session)

    def task(self, name: str) -> Task:
        """Return a task, open or closed."""
        with self.house.ledger.state() as state:
            found = state.get(Task, name)
        assert found is not None
        return found

    # What others do in the ledger.

    def agent(self, name: str = "carl", **fields: Any) -> Session:
        """Check in an agent that works elsewhere."""
        return session(self.house, name, **fields)

    def takes(self, session: Session, *keys: str, **fields: Any) -> Locked:
        """Let a session take keys."""
        wish = AcquireLocks(keys=keys, **fields)
        return self.house.coordinator.do(wish, Locked, session=session.id)

    def adds(self, *tasks: NewTask) -> list[Task]:
        """Add tasks as a person does."""
        return self.house.coordinator.do(AddTasks(tasks=tasks), Added, agent="dora").tasks

    def run(self, operation: Any, session: str | None = None) -> Any:
        """Decide an operation, and return its answer or raise its refusal."""
        return self.house.coordinator.do(operation, operation.answer, session=session)

    # What is shown.

    def said(self, thread: Any) -> list[str]:
        """Return what we have written on a thread."""
        return [one.body for one in thread.comments if one.user.login == self.bot.login]

    def check(self, head: str) -> str | None:
        """Return what our check of a commit says, or None."""
        found = [run for run in self.repo.checks.values() if run.oid == head]
        return str(found[-1].fields["conclusion"]) if found else None


def names(thread: Any) -> list[str]:
    """Return the labels of a thread, sorted."""
    return sorted(label.name for label in thread.labels)
