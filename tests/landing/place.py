"""A repository with a ledger, a branch and checks for it, for tests of the room landing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gitcoord.domain.verification import Standing, Verification
from gitcoord.domain.verify_policies import SetVerifyPolicy, VerifyPolicy, VerifyPolicyChanged
from gitcoord.landing.executors import verify
from gitcoord.ledger.coordinator import Coordinator
from gitcoord.storage.landing import changed_lines, changed_paths
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git
from tests.ledger.houses import begun


class Place:
    """One such repository; `main` is the target."""

    def __init__(self, path: str, **settings: Any) -> None:
        self.path = path
        self.house = begun(path, **settings)
        self.checkout = Checkout(self.house.repository, os.environ)
        self.base = git(path, "rev-parse", "HEAD")

    @property
    def coordinator(self) -> Coordinator:
        return self.house.coordinator

    def commit(self, **files: str) -> str:
        """Commit files (`__` stands for `/`) and return the commit."""
        for name, text in files.items():
            full = os.path.join(self.path, name.replace("__", "/"))
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as out:
                out.write(text)
        git(self.path, "add", "-A")
        git(self.path, "commit", "-q", "-m", "change")
        return git(self.path, "rev-parse", "HEAD")

    def policy(self, name: str = "unit", **said: Any) -> VerifyPolicy:
        """Store a policy for everything."""
        wish = SetVerifyPolicy(name=name, **said)
        found = self.coordinator.do(wish, VerifyPolicyChanged).policy
        assert found is not None
        return found

    def verify(self, commit: str, **said: Any) -> Standing:
        """Verify a commit against the target."""
        fields = {
            "tree": git(self.path, "rev-parse", f"{commit}^{{tree}}"),
            "base": self.base,
            "paths": changed_paths(self.checkout, self.base, commit),
            "lines": changed_lines(self.checkout, self.base, commit),
            "session": None,
            "agent": "eve",
            "environ": os.environ,
        } | said
        return verify(self.coordinator, self.checkout, commit=commit, **fields)

    def known(self, commit: str) -> Verification | None:
        with self.house.ledger.state() as state:
            return state.get(Verification, commit)

    def outcomes(self, commit: str) -> dict[str, str]:
        """Return the status of each policy."""
        found = self.known(commit)
        return {one.policy: one.status for one in found.results} if found else {}

    def transactions(self) -> int:
        return int(git(self.path, "rev-list", "--count", "refs/coord/state"))

    def left(self) -> list[str]:
        """Return what checks have left: worktrees, and entries in our home."""
        listed = git(self.path, "worktree", "list", "--porcelain").count("worktree ")
        register = os.path.join(self.house.home, "checks")
        names = os.listdir(register) if os.path.isdir(register) else []
        return ["worktree"] * (listed - 1) + names


def until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    import time

    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)
