"""What people do on the pages of GitHub, as plain calls: `ada.labels(issue, "locked:src/a.py")`.

A workflow with its GITHUB_TOKEN is such a person too. Each call is heard by the hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.github import comments, commits, issues, labels, merges, pulls, refs
from tests.servers.github.gitrecords import ZERO
from tests.servers.github.gitrecords import Person as Signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Comment, Issue
    from tests.servers.github.world import Repository, World


class Person:
    """Somebody who acts. `token` is for clients of the API and for git as a password."""

    def __init__(self, world: World, actor: Actor) -> None:
        self._world = world
        self.actor = actor
        self.login = actor.account.login
        self.token = actor.token

    def opens_issue(
        self,
        repo: Repository,
        title: str,
        body: str | None = None,
        *,
        labels: Sequence[str] = (),
        assignees: Sequence[str] = (),
    ) -> Issue:
        """Open an issue."""
        with self._world.lock:
            return issues.open_one(repo, self.actor, title, body, labels, assignees)

    def opens_pull(
        self,
        repo: Repository,
        head: str,
        base: str = "main",
        *,
        title: str = "",
        body: str | None = None,
        draft: bool = False,
        source: Repository | None = None,
    ) -> Issue:
        """Open a pull request of a branch of `repo`, or of its fork `source`."""
        with self._world.lock:
            words = title or f"Work of {head}"
            more = {"body": body, "draft": draft, "source": source}
            return pulls.open_one(repo, self.actor, words, head, base, **more)  # type: ignore[arg-type]

    def labels(self, issue: Issue, *names: str) -> None:
        """Put labels on an issue or pull request."""
        with self._world.lock:
            labels.put_on(issue, self.actor, *names)

    def unlabels(self, issue: Issue, *names: str) -> None:
        """Take labels off."""
        with self._world.lock:
            labels.take_off(issue, self.actor, *names)

    def makes_label(
        self, repo: Repository, name: str, color: str = "ededed", description: str | None = None
    ) -> None:
        """Make a label."""
        with self._world.lock:
            labels.make(repo, self.actor, name, color, description)

    def renames_label(self, repo: Repository, old: str, new: str) -> None:
        """Rename a label, on all issues that have it."""
        with self._world.lock:
            label = repo.labels[old.lower()]
            labels.edit(repo, self.actor, label, new, label.color, label.description)

    def deletes_label(self, repo: Repository, name: str) -> None:
        """Delete a label, off all issues that have it."""
        with self._world.lock:
            labels.delete(repo, self.actor, repo.labels[name.lower()])

    def comments(self, issue: Issue, body: str) -> Comment:
        """Comment on an issue or pull request."""
        with self._world.lock:
            return comments.add(issue, self.actor, body)

    def edits(self, comment: Comment, body: str) -> None:
        """Change a comment."""
        with self._world.lock:
            comments.edit(comment, self.actor, body)

    def deletes(self, comment: Comment) -> None:
        """Delete a comment."""
        with self._world.lock:
            comments.delete(comment, self.actor)

    def retitles(self, issue: Issue, title: str) -> None:
        """Change the title of an issue or pull request."""
        with self._world.lock:
            issues.edit(issue, self.actor, title, issue.body)

    def closes(self, issue: Issue, reason: str = "completed") -> None:
        """Close an issue ("completed" or "not_planned"), or a pull request unmerged."""
        with self._world.lock:
            issues.set_state(issue, self.actor, "closed", reason)

    def reopens(self, issue: Issue) -> None:
        """Open it again."""
        with self._world.lock:
            issues.set_state(issue, self.actor, "open")

    def assigns(self, issue: Issue, *logins: str) -> None:
        """Assign people."""
        with self._world.lock:
            issues.assign(issue, self.actor, logins)

    def unassigns(self, issue: Issue, *logins: str) -> None:
        """Take assigned people off."""
        with self._world.lock:
            issues.assign(issue, self.actor, logins, off=True)

    def makes_draft(self, pull: Issue, draft: bool = True) -> None:
        """Make a pull request a draft, or (False) ready for review."""
        with self._world.lock:
            pulls.set_draft(pull, self.actor, draft)

    def merges(self, pull: Issue, method: str = "merge", *, delete_branch: bool = False) -> str:
        """Merge a pull request by "merge", "squash" or "rebase"; return the new commit."""
        with self._world.lock:
            oid = merges.merge(pull, self.actor, method)
            if delete_branch:
                self.deletes_branch(pull.pr.head_repo, pull.pr.head)
        return oid

    def commits(
        self,
        repo: Repository,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "Change files",
        *,
        start: str | None = None,
        force: bool = False,
    ) -> str:
        """Push a commit of `files` (None: removed) to a branch and return it.

        A branch that is new begins at `start`, else at the default branch. `force`: begin there
        though the branch exists. A file removed and added elsewhere is a rename.
        """
        with self._world.lock:
            above = None if force else repo.known.get(f"refs/heads/{branch}")
            above = above or repo.git.resolve(start or repo.default_branch)
            me = Signed(self.login, commits.email(self.actor.account), self._world.stamp())
            given = {p: c.encode() if isinstance(c, str) else c for p, c in files.items()}
            new = repo.git.write_files(branch, above, given, f"{message}\n", me, force=force)
            refs.notice(repo, self.actor)
            return new

    def tags(self, repo: Repository, name: str, target: str = "main") -> None:
        """Push a tag."""
        with self._world.lock:
            oid = repo.git.resolve(target)
            assert oid is not None, f"{repo.full_name} has no {target}"
            refs.move(repo, self.actor, f"refs/tags/{name}", oid, ZERO)

    def deletes_branch(self, repo: Repository, branch: str) -> None:
        """Delete a branch; open pull requests of it are closed."""
        with self._world.lock:
            refs.move(repo, self.actor, f"refs/heads/{branch}", ZERO)
