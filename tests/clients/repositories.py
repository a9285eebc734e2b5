"""A repository with a home of its own, seen as a set-up sees it."""

from __future__ import annotations

import os
from pathlib import Path

from gitcoord.clients.backups import Backups
from gitcoord.clients.plan import Facts, apply
from gitcoord.clients.present import make, taking_out
from gitcoord.clients.setup import Scope, plan
from gitcoord.storage.repository import find, home
from tests.gitrun import git

PROGRAM = "/opt/tools/gitcoord"


class Place:
    """A repository, its user's home, and set-ups of clients there."""

    def __init__(self, root: Path) -> None:
        self.repo = root / "repo"
        self.home = root / "home"
        self.repo.mkdir(parents=True)
        self.home.mkdir()
        git(str(self.repo), "init", "-q")
        self.environ = {"HOME": str(self.home), "PATH": os.environ["PATH"]}

    def facts(self, program: str = PROGRAM) -> Facts:
        return Facts(find(str(self.repo), self.environ), program, self.environ)

    def backups(self, client: str) -> Backups:
        return Backups(home(self.facts().repository), client)

    def install(self, client: str, scope: Scope = "project", program: str = PROGRAM) -> list[str]:
        """Set up a client; return the changed files, relative to repository or home."""
        facts = self.facts(program)
        return self._names(apply(plan(make(client, facts, scope)), self.backups(client)))

    def remove(self, client: str, scope: Scope = "project") -> list[str]:
        """Undo it; return the changed files."""
        facts = self.facts()
        undo = taking_out(make(client, facts, scope), facts, self.backups(client))
        return self._names(apply(undo, self.backups(client)))

    def _names(self, paths: list[str]) -> list[str]:
        return [
            os.path.relpath(path, self.repo if path.startswith(str(self.repo)) else self.home)
            for path in paths
        ]

    def tree(self) -> dict[str, bytes | None]:
        """Return every file and folder but those of git, with what is in it."""
        found: dict[str, bytes | None] = {}
        for top in (self.repo, self.home):
            for path in sorted(top.rglob("*")):
                name = path.relative_to(top.parent).as_posix()
                if not name.startswith("repo/.git/") or name == "repo/.git/info/exclude":
                    found[name] = path.read_bytes() if path.is_file() else None
        return found
