"""The hub's main branch as one agent sees it, and how its work gets there.

Agents in worktrees share the branch itself, agents in clones fetch and push. Either way
it is moved by compare-and-swap, for another agent may land at any moment.
"""

from __future__ import annotations

from gitcoord.entrypoints.demo.stage import git


class Trunk:
    """The main branch, seen from the agent's folder `where`."""

    def __init__(self, where: str, branch: str, *, cloned: bool) -> None:
        self._where = where
        self._branch = branch
        self._cloned = cloned
        #: The ref that stands for it in the agent's repository.
        self.ref = f"refs/remotes/origin/{branch}" if cloned else f"refs/heads/{branch}"

    def tip(self) -> str:
        """Return the commit at which the branch is at this moment. Raises `GitFailed`."""
        if self._cloned:
            git(self._where, "fetch", "--quiet", "origin", self._branch)
        return git(self._where, "rev-parse", self.ref)

    def move(self, tip: str, head: str) -> bool:
        """Move the branch from `tip` to its descendant `head`; False when it was moved before."""
        name = f"refs/heads/{self._branch}"
        if self._cloned:
            lease = f"--force-with-lease={name}:{tip}"
            git(self._where, "push", "--quiet", lease, "origin", f"{head}:{name}", check=False)
        else:
            git(self._where, "update-ref", name, head, tip, check=False)
        return git(self._where, "merge-base", head, self.ref) == head
