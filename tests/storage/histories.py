"""Branches with given files, made with git, for tests of merging and landing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from gitcoord.storage.repository import find
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git

Content = str | bytes | None


def checkout_of(path: str) -> Checkout:
    """Return git in that place."""
    return Checkout(find(path, os.environ), os.environ)


def put(path: str, files: Mapping[str | bytes, Content]) -> None:
    """Write the files, None removes one, and put all of it into the index."""
    for name, content in files.items():
        full = os.path.join(os.fsencode(path), os.fsencode(name))
        if content is None:
            os.unlink(full)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
    git(path, "add", "-A")


def commit(path: str, files: Mapping[str | bytes, Content], *words: str) -> str:
    """Commit the files on the current branch and return the commit."""
    put(path, files)
    git(path, "commit", "-q", "--allow-empty", *(words or ("-m", "change")))
    return git(path, "rev-parse", "HEAD")


def branch(
    path: str, name: str, *commits: Mapping[str | bytes, Content], base: str = "main"
) -> str:
    """Make a branch with these commits and return its head; the branch before stays current."""
    before = git(path, "symbolic-ref", "--short", "HEAD")
    git(path, "checkout", "-q", "-b", name, base)
    for number, files in enumerate(commits):
        commit(path, files, "-m", f"{name} {number}")
    head = git(path, "rev-parse", "HEAD")
    git(path, "checkout", "-q", before)
    return head


def tree(path: str, commit: str) -> dict[bytes, bytes]:
    """Return the files of a commit with their content."""
    listed = raw(path, "ls-tree", "-r", "-z", commit)
    found = {}
    for line in filter(None, listed.split(b"\0")):
        fields, _, name = line.partition(b"\t")
        kind, oid = fields.split()[1:]
        found[name] = raw(path, "cat-file", "blob", oid.decode()) if kind == b"blob" else oid
    return found


def raw(path: str, *words: str) -> bytes:
    """Return what git printed, byte for byte."""
    return subprocess.run(["git", "-C", path, *words], capture_output=True, check=True).stdout


def untouched(path: str) -> tuple[str, str, str]:
    """Return all that a merge must not change: refs, the state of files, and the index."""
    return (
        git(path, "for-each-ref"),
        git(path, "status", "--porcelain", "--ignored"),
        git(path, "ls-files", "--stage", "--debug"),
    )
