"""What git says about the user's work: branch, head, dirty files, the branch to land on.

Starts the `git` program in the user's worktree and only asks; index, branches and
configuration stay as they are. Paths are as git stores them, bytes that are no UTF-8
kept as surrogate escapes. Not for the ledger: that goes through a `Store`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from gitcoord.errors import GitFailed, GitMissing
from gitcoord.storage.gitproc import child_environment
from gitcoord.storage.repository import Repository, find
from gitcoord.storage.store import Oid

REMOTE = "origin"
# They change what a path given to git means, and exclude one another.
_PATHSPECS = ("GIT_GLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_NOGLOB_PATHSPECS")
# Fields before the path in a line of `git status --porcelain=v2`.
_FIELDS = {b"1": 8, b"2": 9, b"u": 10, b"?": 1}


class Owner(NamedTuple):
    """For whom a linked worktree was made."""

    agent: str
    task: str
    session: str = ""


class Worktree(NamedTuple):
    """One worktree as it is now."""

    path: str
    #: Short name, such as `agent/claude/t-1`; empty when HEAD is detached.
    branch: str
    #: Empty before the first commit.
    head: Oid
    #: Changed and untracked paths, sorted; a nested repository ends in "/". Lists leave it empty.
    dirty: tuple[str, ...] = ()
    #: The git directory of this worktree.
    git_dir: str = ""
    owner: Owner | None = None


class Target(NamedTuple):
    """The branch on which work counts as landed."""

    #: As people write it: `main`, `origin/main`.
    name: str
    ref: str
    oid: Oid


class Checkout:
    """git in one worktree of the user; `environ` is what its processes inherit."""

    def __init__(self, repository: Repository, environ: Mapping[str, str]) -> None:
        self.repository = repository
        self.environ = environ
        self.place = repository.worktree or repository.git_dir
        self._child = _environment(repository, environ)

    def elsewhere(self, path: str) -> Checkout:
        """Return the same for another worktree. Raises `NotARepository`."""
        return Checkout(find(path, {}), self.environ)

    def run(
        self,
        *arguments: str,
        accept: tuple[int, ...] = (0,),
        send: bytes | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return (exit code, stdout) of git; `send` is its stdin, `extra` as for `told`.

        Raises `GitMissing`, and `GitFailed` with git's complaint for any other exit code.
        """
        code, output, complaint = self.told(*arguments, send=send, extra=extra)
        if code not in accept:
            said = complaint.decode("utf-8", "replace").strip()
            name = next(word for word in arguments if not word.startswith("-"))
            raise GitFailed(f"git {name}: {said or f'ended with {code}'}")
        return code, output

    def told(
        self, *arguments: str, send: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, bytes]:
        """Return (exit code, stdout, stderr) of git; `extra` adds to its environment.

        Raises `GitMissing`, and `GitFailed` where the worktree is gone.
        """
        import subprocess

        if not os.path.isdir(self.place):
            raise GitFailed(f"{self.place} is gone", path=self.place)
        try:
            done = subprocess.run(
                ["git", "-c", "core.fsmonitor=false", *arguments],
                cwd=self.place,
                env={**self._child, **(extra or {})},
                input=b"" if send is None else send,
                capture_output=True,
                check=False,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except FileNotFoundError as error:
            raise GitMissing from error
        except OSError as error:
            raise GitMissing(f"git cannot be started: {error.strerror}") from error
        return done.returncode, done.stdout, done.stderr

    def worktree(self, *, dirty: bool = True) -> Worktree:
        """Return this worktree; without `dirty` its files are not looked at.

        In a bare repository the path is that of the git directory and nothing is dirty.
        """
        return Worktree(
            self.place,
            self.branch(),
            self.resolve("HEAD") or "",
            self.dirty() if dirty else (),
            self.repository.git_dir,
        )

    def branch(self) -> str:
        """Return the short name of the current branch, empty when HEAD is detached."""
        found = path_of(self.run("symbolic-ref", "-q", "HEAD", accept=(0, 1))[1]).rstrip("\n")
        return found.removeprefix("refs/heads/")

    def dirty(self) -> tuple[str, ...]:
        """Return changed and untracked paths, both names of a rename, sorted."""
        if self.repository.worktree is None:
            return ()
        status = self.run(
            "status", "--porcelain=v2", "-z", "--untracked-files=all",
            "--ignore-submodules=none", "--no-renames",
        )[1]  # fmt: skip
        found = set()
        fields = iter(status.split(b"\0"))
        for field in fields:
            kind = field[:1]
            if kind in _FIELDS:
                found.add(path_of(field.split(b" ", _FIELDS[kind])[-1]))
            if kind == b"2":
                found.add(path_of(next(fields)))
        return tuple(sorted(found))

    def resolve(self, name: str) -> Oid | None:
        """Return the commit that a name stands for, or None."""
        code, oid = self.run(
            "rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}",
            accept=(0, 1, 128),
        )  # fmt: skip
        return oid.decode("ascii").strip() if code == 0 else None

    def target(self, setting: str = "") -> Target | None:
        """Return the branch on which work lands, or None where there is none yet.

        That is the one of the setting (a local branch before one of the remote); without a
        setting the remote's default branch, else `init.defaultBranch`, `main`, `master`, or
        the current branch.
        """
        if setting:
            return self._first(
                f"refs/heads/{setting}",
                f"refs/remotes/{REMOTE}/{setting}",
                f"refs/remotes/{setting}",
                *((setting,) if setting.startswith("refs/") else ()),
            )
        configured = self.run("config", "--get", "init.defaultBranch", accept=(0, 1))[1]
        names = (path_of(configured).strip(), "main", "master", self.branch())
        return self._first(
            f"refs/remotes/{REMOTE}/HEAD", *(f"refs/heads/{name}" for name in names if name)
        )

    def _first(self, *refs: str) -> Target | None:
        form = "--format=%(refname)%00%(objectname)%00%(symref)"
        listed = self.run("for-each-ref", form, *refs)[1]
        found = {}
        for line in listed.splitlines():
            ref, oid, symbolic = path_of(line).split("\0")
            found[ref] = Target(_short(symbolic or ref), ref, oid)
        return next((found[ref] for ref in refs if ref in found), None)


def path_of(raw: bytes) -> str:
    """Return the text of a path or name that git printed."""
    return raw.decode("utf-8", "surrogateescape")


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _environment(repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    child = child_environment(repository, environ)
    for name in (*_PATHSPECS, "GIT_DIR"):
        child.pop(name, None)
    # Without GIT_DIR git finds the place itself and asks whether it may be trusted.
    if repository.trusted:
        child["GIT_DIR"] = repository.git_dir
        if repository.common_dir != repository.git_dir:
            child["GIT_COMMON_DIR"] = repository.common_dir
        if repository.worktree is not None:
            child["GIT_WORK_TREE"] = repository.worktree
    return child
