"""Which file of the repository a client means: links followed, `..` resolved, case as it is.

A folder that is deleted, moved or restored stands for all below it. What lies outside of every
worktree of this repository, or inside a git directory, is no file of the ledger's. Not here:
whether it may be changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.clients.event import Edit
    from gitcoord.entrypoints.hooks.visit import Visit


class Place(NamedTuple):
    """One file that a tool changes."""

    #: From the root of the repository, parted by "/".
    path: str
    kind: str
    full: str
    #: The worktree in which it lies, and its git directory.
    root: str
    git_dir: str
    old_path: str = ""
    #: Whether it is a folder, and all below it is meant.
    folder: bool = False

    @property
    def name(self) -> str:
        """The path as locks are looked for: that of a folder ends with "/"."""
        return f"{self.path}/" if self.folder else self.path


def placed(visit: Visit, edits: Iterable[Edit]) -> list[Place]:
    """Return the files in this repository that the edits change, both names of renamed ones."""
    found: dict[str, Place] = {}
    for edit in edits:
        old = _place(visit, edit.old_path, "delete") if edit.old_path else None
        path = edit.path
        if old is not None and os.path.isdir(full_path(visit, path)):
            path = f"{path}/{os.path.basename(old.full)}"
        new = _place(visit, path, edit.kind)
        if new is not None:
            folder = new.folder or (old is not None and old.folder)
            found[new.path] = new._replace(old_path=old.path if old else "", folder=folder)
        if old is not None:
            found.setdefault(old.path, old)
    return list(found.values())


def full_path(visit: Visit, path: str) -> str:
    """Return the absolute path, links not followed; "~" is the user's folder."""
    if path == "~" or path.startswith("~/"):
        path = visit.environ.get("HOME", "~") + path[1:]
    return os.path.normpath(os.path.join(visit.event.cwd or visit.desk.directory, path))


def _place(visit: Visit, path: str, kind: str) -> Place | None:
    try:
        full = os.path.realpath(full_path(visit, path))
        full.encode()
    except (OSError, ValueError):
        # A NUL, a loop of links, or bytes that no key can hold.
        return None
    here = visit.desk.repository
    root, git_dir = here.worktree, here.git_dir
    if root is None or not _within(full, os.path.realpath(root)):
        root, git_dir = _other(visit, full)
    if not root:
        return None
    inside = os.path.relpath(full, os.path.realpath(root)).replace(os.sep, "/")
    if inside == "." or inside.partition("/")[0].lower() == ".git":
        return None
    if kind == "modify" and not os.path.lexists(full):
        kind = "create"
    # What is created cannot be the folder that is there: it is made in it, under a name unknown.
    folder = kind in ("modify", "delete") and os.path.isdir(full)
    return Place(inside, kind, full, root, git_dir, folder=folder)


def _other(visit: Visit, full: str) -> tuple[str, str]:
    """Return root and git directory of another worktree of this repository, or two empty texts."""
    from gitcoord.storage.repository import find

    folder = os.path.dirname(full)
    while folder != os.path.dirname(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    try:
        there = find(folder, {})
    except GitcoordError:
        return "", ""
    same = os.path.realpath(there.common_dir) == os.path.realpath(visit.desk.repository.common_dir)
    return (there.worktree or "", there.git_dir) if same else ("", "")


def _within(full: str, root: str) -> bool:
    return full == root or full.startswith(root.rstrip(os.sep) + os.sep)
