"""What git knows of a bare repository: refs, commits, trees, blobs, differences.

What an object id names never changes, so what was read of one is kept.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.servers.github import gitrecords
from tests.servers.github.gitrecords import Change, Commit, Entry
from tests.servers.repositories import environment

T = TypeVar("T")
OID = re.compile(r"[0-9a-f]{40}")


class GitFailed(Exception):
    """Git says no: there is no such object, or a merge has conflicts."""


class GitReading:
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
        """Return all refs with the object that each names, from git's files: it is asked often."""
        found = {}
        # Git packs a ref before it removes its file.
        for file in sorted((self.path / "refs").rglob("*")):
            if file.is_file() and not file.name.endswith(".lock"):
                found[file.relative_to(self.path).as_posix()] = file.read_text().strip()
        packed = self.path / "packed-refs"
        for line in packed.read_text().splitlines() if packed.is_file() else ():
            if line[0] not in "#^":
                oid, _, name = line.partition(" ")
                found.setdefault(name, oid)
        return dict(sorted(found.items()))

    def resolve(self, name: str) -> str | None:
        """Return the commit that a name (oid, short oid, branch, tag, full ref) means, or None."""
        refs = self.refs()
        if head := refs.get(f"refs/heads/{name}"):
            return head
        word = f"refs/tags/{name}" if f"refs/tags/{name}" in refs else name
        if OID.fullmatch(word):
            return word if self.kind(word) == "commit" else None
        try:
            return self.line("rev-parse", "--verify", "-q", f"{word}^{{commit}}")
        except GitFailed:
            return None

    def kind(self, oid: str) -> str | None:
        """Return the type of an object, or None when it is not there."""
        try:
            return self._once(("kind", oid), lambda: self.line("cat-file", "-t", oid))
        except GitFailed:
            return None

    def commit(self, oid: str) -> Commit:
        """Return a commit. Raises GitFailed."""
        return self._once(("commit", oid), lambda: self.log(oid, "--max-count=1")[0])

    def log(self, *revisions: str) -> list[Commit]:
        """Return commits as `git log` lists them, newest first. Raises GitFailed."""
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"

        def find() -> list[Commit]:
            text = self.run("log", f"--format={form}", *revisions).decode("utf-8", "replace")
            rows = (row.lstrip("\n") for row in text.split("\x01"))
            return [gitrecords.commit(row.split("\0")) for row in rows if row]

        return list(self._once(("log", revisions), find))

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

    def _once(self, key: tuple[Any, ...], find: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = find()
        found: T = self._kept[key]
        return found
