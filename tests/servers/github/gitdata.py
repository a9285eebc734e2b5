"""What git knows of a bare repository: commits, trees, blobs, differences; read and written.

What an object id names never changes, so readings are kept. Nothing here moves a ref.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.servers.github import gitrecords
from tests.servers.github.gitrecords import ZERO, Change, Commit, Entry, Person
from tests.servers.repositories import environment

T = TypeVar("T")


class GitFailed(Exception):
    """Git says no: there is no such object, or a merge has conflicts."""


class GitData:
    """The objects of one bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[tuple[Any, ...], Any] = {}

    def run(
        self, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None
    ) -> bytes:
        """Return what git printed. Raises GitFailed."""
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", f"--git-dir={self.path}", *arguments],
            input=stdin,
            capture_output=True,
            env=environment(str(self.path.parent)) | dict(more or {}),
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode("utf-8", "replace").strip())
        return done.stdout

    def line(
        self, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None
    ) -> str:
        """Return the line that git printed. Raises GitFailed."""
        return self.run(*arguments, stdin=stdin, more=more).decode().strip()

    def refs(self) -> dict[str, str]:
        """Return all refs with the object that each names."""
        listed = self.line("for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split(" ") for line in listed.splitlines())

    def resolve(self, name: str) -> str | None:
        """Return the commit that a name (oid, short oid, branch, tag, full ref) means, or None."""
        for spelled in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            try:
                return self.line("rev-parse", "--verify", "-q", f"{spelled}^{{commit}}")
            except GitFailed:
                continue
        return None

    def kind(self, oid: str) -> str | None:
        """Return the type of an object, or None when it is not there."""
        try:
            return self.line("cat-file", "-t", oid)
        except GitFailed:
            return None

    def commit(self, oid: str) -> Commit:
        """Return a commit. Raises GitFailed."""
        return self.log(f"{oid}^{{commit}}", "--max-count=1")[0]

    def log(self, *revisions: str) -> list[Commit]:
        """Return commits as `git log` lists them, newest first. Raises GitFailed."""
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
        text = self.run("log", f"--format={form}", *revisions, "--").decode("utf-8", "replace")
        return [
            gitrecords.commit(row.lstrip("\n").split("\0"))
            for row in text.split("\x01")
            if row.strip()
        ]

    def base(self, one: str, other: str) -> str | None:
        """Return the merge base, None when there is none."""

        def find() -> str | None:
            try:
                return self.line("merge-base", one, other)
            except GitFailed:
                return None

        return self._once(("base", one, other), find)

    def changes(self, old: str, new: str) -> list[Change]:
        """Return what differs between two trees, renames found, sorted by path as git does."""

        def find() -> list[Change]:
            raw = self.run("diff-tree", "-r", "-M", "-z", "--raw", "--numstat", old, new)
            return gitrecords.changes(raw.decode("utf-8", "replace").split("\0"))

        return self._once(("changes", old, new), find)

    def patches(self, old: str, new: str) -> dict[str, str]:
        """Return the hunks of each changed file by its path; none for one that changed its type."""

        def find() -> dict[str, str]:
            text = self.run("diff-tree", "-r", "-M", "-p", old, new).decode("utf-8", "replace")
            # Lines of files never begin so: each has a sign before it.
            parts = f"\n{text}".split("\ndiff --git ")[1:]
            plain = [c for c in self.changes(old, new) for _ in range(1 + (c.status == "changed"))]
            return {
                change.path: part[part.index("\n@@ ") + 1 :].rstrip("\n")
                for change, part in zip(plain, parts, strict=True)
                if "\n@@ " in part and change.status != "changed"
            }

        return self._once(("patches", old, new), find)

    def tree(self, oid: str, *options: str) -> list[Entry]:
        """Return the entries of a tree; `-r -t`: with all below. Raises GitFailed."""

        def find() -> list[Entry]:
            raw = self.run("ls-tree", "-z", "--long", *options, oid).decode("utf-8", "replace")
            return [gitrecords.entry(line) for line in raw.split("\0") if line]

        return self._once(("tree", oid, options), find)

    def blob(self, oid: str) -> bytes:
        """Return the bytes of a blob. Raises GitFailed."""
        return self._once(("blob", oid), lambda: self.run("cat-file", "blob", oid))

    def write_blob(self, content: bytes) -> str:
        """Return the id of a blob of these bytes."""
        write = ("hash-object", "-w", "--stdin")
        return self._once(("write", content), lambda: self.line(*write, stdin=content))

    def write_tree(self, base: str | None, edits: Sequence[tuple[str, str, str | None]]) -> str:
        """Return a tree: `base` with (mode, path, oid) put in; oid None takes the path out."""
        with tempfile.TemporaryDirectory() as room:
            index = {"GIT_INDEX_FILE": f"{room}/index"}
            if base:
                self.run("read-tree", base, more=index)
            lines = [f"{mode if oid else '0'} {oid or ZERO}\t{path}\0" for mode, path, oid in edits]
            self.run(
                "update-index", "-z", "--index-info", stdin="".join(lines).encode(), more=index
            )
            return self.line("write-tree", more=index)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Person, committer: Person
    ) -> str:
        """Return the id of a new commit."""
        options = [word for parent in parents for word in ("-p", parent)]
        return self.line(
            "commit-tree",
            tree,
            *options,
            stdin=message.encode(),
            more=gitrecords.who(author, committer),
        )

    def merged_tree(self, ours: str, theirs: str) -> str:
        """Return the tree of both sides merged. Raises GitFailed at a conflict."""
        return self.line("merge-tree", "--write-tree", ours, theirs).split("\n", maxsplit=1)[0]

    def rebased(self, onto: str, base: str, head: str, committer: Person) -> str:
        """Return the last of the commits `base..head`, made anew on `onto`. Raises GitFailed."""
        with tempfile.TemporaryDirectory() as room:
            place = f"{room}/tree"
            self.run("worktree", "add", "-q", "--detach", place, onto)
            try:
                done = subprocess.run(
                    ["git", "-C", place, "cherry-pick", "--allow-empty", f"{base}..{head}"],
                    capture_output=True,
                    env=environment(room) | gitrecords.committed(committer),
                )
                if done.returncode:
                    raise GitFailed(done.stderr.decode("utf-8", "replace").strip())
                return (
                    subprocess.check_output(["git", "-C", place, "rev-parse", "HEAD"])
                    .decode()
                    .strip()
                )
            finally:
                self.run("worktree", "remove", "--force", place)

    def _once(self, key: tuple[Any, ...], find: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = find()
        found: T = self._kept[key]
        return found
