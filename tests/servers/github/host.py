"""The fake GitHub itself: API, git and outgoing webhooks behind one port of loopback.

It is a `GitHost`: faults, cuts, delays, `stop()` and `start()` work on its API as on its git.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.backend import Reply
from tests.servers.git_http import GitHost
from tests.servers.github import deliveries, refs, validation
from tests.servers.github.actors import Actor, Tokens
from tests.servers.github.api import ENTERPRISE, Api, Call
from tests.servers.github.ask import Refusal
from tests.servers.github.deliveries import Delivery
from tests.servers.github.founding import Founding
from tests.servers.github.limits import Limits
from tests.servers.github.people import Person
from tests.servers.github.world import Repository, World
from tests.servers.incoming import Incoming

#: The path of a repository's git.
GIT = re.compile(r"/([^/]+/[^/]+)\.git/")


class GitHub(Founding, GitHost):
    """A GitHub with its clock, accounts, repositories and hooks. All state is in `world`."""

    def __init__(self, root: str | Path, *, enterprise: bool = False) -> None:
        super().__init__(root)
        self.enterprise = enterprise
        self.world = World(self)
        self.issued = Tokens(self.world)
        self.limits = Limits(self.world)
        self.log = Api(self)
        #: How deliveries go out; a test may put a receiver of its own process here.
        self.post: deliveries.Post = deliveries.over_http
        self.people = {}

    def start(self) -> None:
        """Listen, at the same port as before."""
        super().start()
        self.world.web = self.base
        self.world.api = self.api

    @property
    def api(self) -> str:
        """Return the base URL of the API: PyGithub's `base_url`."""
        return self.base + (ENTERPRISE if self.enterprise else "")

    @property
    def outbox(self) -> list[Delivery]:
        """Return the deliveries that are not sent yet."""
        return self.world.outbox

    @property
    def calls(self) -> list[Call]:
        """Return the log of the API's requests."""
        return self.log.calls

    @property
    def unknown(self) -> list[str]:
        """Return what was asked that no route knows; answered 501."""
        return self.log.unknown

    @property
    def problems(self) -> list[str]:
        """Return where requests, replies and deliveries do not fit GitHub's description."""
        return self.log.problems

    def notice(self, repo: Repository, by: Actor | Person | None = None) -> list[str]:
        """Look whether somebody pushed to the repository's path, and tell hooks what moved."""
        actor = by.actor if isinstance(by, Person) else by
        with self.world.lock:
            return refs.notice(repo, actor or self.person(repo.owner.login).actor)

    def deliver(self, most: int | None = None) -> list[Delivery]:
        """Send what is in the outbox, in its order, and what comes into it meanwhile."""
        sent: list[Delivery] = []
        while most is None or len(sent) < most:
            with self.world.lock:
                if not self.outbox:
                    break
                delivery = self.outbox.pop(0)
            self.log.problems += validation.of_delivery(delivery)
            sent.append(deliveries.send(self.world, delivery, self.post))
        return sent

    def miss(self, most: int | None = None) -> list[Delivery]:
        """Let deliveries fail, as when nobody listens: they stand in the hook's list as failed."""
        with self.world.lock:
            missed = self.outbox[:most]
            del self.outbox[:most]
            for delivery in missed:
                deliveries.record(self.world, delivery, 0, "failed to connect to host")
        return missed

    @contextmanager
    def delivering(self) -> Iterator[None]:
        """Send deliveries as they come, from a thread, while the block runs; all are sent then."""
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                self.world.wake.wait(30)
                self.world.wake.clear()
                self.deliver()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            self.world.wake.set()
            thread.join(30)
            self.deliver()

    def asked(self, name: str) -> list[Call]:
        """Return the calls of one operation: `asked("GET /repos/{owner}/{repo}/labels")`."""
        return [call for call in self.calls if call.name == name]

    def check(self) -> None:
        """Assert that nothing unknown was asked and that all fitted GitHub's description."""
        assert not self.unknown, "unknown to the fake GitHub:\n" + "\n".join(self.unknown)
        assert not self.problems, "not as GitHub has it:\n" + "\n".join(self.problems)

    def _user(self, request: Incoming) -> str | None:
        """Return who uses git, None for somebody who must say so first; the API asks by itself."""
        repo = self._git(request)
        if repo is None:
            return "anybody"
        actor = self._pusher(request)
        if actor is None or (actor.kind == "nobody" and request.service == "receive-pack"):
            return None
        seen = actor.permissions is not None or repo.at_least(actor.account.login, "read")
        return actor.account.login if seen else None

    def _answer(self, request: Incoming, user: str | None, advertised: set[str]) -> Reply:
        repo = self._git(request)
        if repo is None:
            return self.log.answer(request)
        actor = self._pusher(request)
        denied = user is not None and actor is not None and not _writes(actor, repo)
        if request.service == "receive-pack" and denied:
            words = f"Permission to {repo.full_name}.git denied to {user}.\n"
            return Reply(403, (("Content-Type", "text/plain"),), words.encode())
        reply = super()._answer(request, user, advertised)
        if request.command == "push":
            self.notice(repo, actor)
        return reply

    def _git(self, request: Incoming) -> Repository | None:
        """Return the repository whose git is asked, None for a request of the API."""
        found = GIT.match(request.path)
        return self.world.repository(found[1]) if found else None

    def _pusher(self, request: Incoming) -> Actor | None:
        try:
            return self.issued.find(request.headers.get("authorization", ""))
        except Refusal:
            return None


def _writes(actor: Actor, repo: Repository) -> bool:
    if actor.permissions is not None:
        return actor.reaches(repo) and actor.granted("contents", "write")
    return repo.at_least(actor.account.login, "write")


@contextmanager
def serving(root: str | Path, *, enterprise: bool = False) -> Iterator[GitHub]:
    """Run a GitHub while the block runs."""
    github = GitHub(root, enterprise=enterprise)
    github.start()
    try:
        yield github
    finally:
        github.stop()
