"""What a test puts into a fake GitHub: repositories, people, workflows, Apps, hooks."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.github import apps
from tests.servers.github.actors import Tokens
from tests.servers.github.apps import App, Installation
from tests.servers.github.people import Person
from tests.servers.github.records import Hook
from tests.servers.github.world import Repository, World
from tests.servers.repositories import Repositories

#: What a workflow's token may do when it asks for nothing.
RESTRICTED = {"contents": "read", "packages": "read", "metadata": "read"}


class Founding(Repositories):
    """The part of a fake GitHub that makes things, of which no hook hears."""

    world: World
    issued: Tokens
    people: dict[str, Person]

    def repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        files: dict[str, str] | None = None,
        fork_of: Repository | None = None,
    ) -> Repository:
        """Make a repository, with a commit of `files` on main; its owner is its admin."""
        owner, _, name = full_name.partition("/")
        with self.world.lock:
            self.create(full_name)
            repo = Repository(self.world, self.world.account(owner), name, private)
            self.world.repositories[full_name] = repo
            if fork_of:
                repo.parent = fork_of
                repo.git.run("fetch", "-q", str(fork_of.git.path), "+refs/heads/*:refs/heads/*")
                repo.known = repo.git.refs()
            else:
                mark = len(self.world.events)
                first = files or {"README.md": f"# {name}\n"}
                self.person(owner).commits(repo, "main", first, "Initial commit")
                del self.world.events[mark:]
        return repo

    def person(self, login: str, repo: Repository | None = None, role: str = "write") -> Person:
        """Return somebody with a token, who has `role` in `repo` when that is given."""
        with self.world.lock:
            if login not in self.people:
                actor = self.issued.user(self.world.account(login))
                self.people[login] = Person(self.world, actor)
            if repo is not None:
                repo.roles[login] = role
            return self.people[login]

    def workflow(self, repo: Repository, **permissions: str) -> Person:
        """Return a running workflow of `repo` with its GITHUB_TOKEN: `issues="write"`."""
        with self.world.lock:
            return Person(self.world, self.issued.actions(repo, permissions or RESTRICTED))

    def app(
        self,
        slug: str,
        *,
        permissions: dict[str, str],
        events: Sequence[str] = (),
        webhook: str = "",
        secret: str = "",
    ) -> App:
        """Make a GitHub App; its hook is `webhook`."""
        with self.world.lock:
            now, owner = self.world.stamp(), self.world.account("app-owner")
            private, public = apps.key_pair()
            new = self.world.new_id
            app = App(new(), slug, owner, permissions, list(events), now, private, public)
            if webhook:
                app.hook = Hook(new(), webhook, "json", secret, "0", list(events), True, now, now)
            self.world.apps[slug] = app
        return app

    def install(
        self, app: App, *repos: Repository, permissions: dict[str, str] | None = None
    ) -> Installation:
        """Install an App on repositories of one owner."""
        with self.world.lock:
            names = [repo.full_name for repo in repos]
            now, new = self.world.stamp(), self.world.new_id()
            granted = permissions or app.permissions
            found = Installation(new, repos[0].owner, names, dict(granted), now)
            app.installations[found.id] = found
        return found

    def hook(
        self,
        repo: Repository,
        url: str,
        *,
        secret: str = "",
        events: Sequence[str] = ("*",),
        content_type: str = "json",
    ) -> Hook:
        """Put a webhook on a repository, without a ping."""
        with self.world.lock:
            now, new = self.world.stamp(), self.world.new_id()
            hook = Hook(new, url, content_type, secret, "0", list(events), True, now, now)
            repo.hooks[hook.id] = hook
        return hook
