"""Where the files of a set-up stand: in the worktree, in the git directory, at home.

Promises absolute paths, and that what is set up for this clone alone stays out of git's
sight. Reads no environment of its own. Not here: what stands in the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from gitcoord.clients.contents import Block
from gitcoord.clients.plan import Facts, read
from gitcoord.clients.setup import File
from gitcoord.errors import NotARepository, UsageError
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import Repository


def worktree(facts: Facts) -> str:
    """Return the root of the worktree. Raises `NotARepository` where there are no files."""
    if facts.repository.worktree is None:
        raise NotARepository(
            f"{facts.repository.git_dir} has no worktree whose files could be set up",
            hint="Change to a worktree, or pass --scope user.",
        )
    return facts.repository.worktree


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home directory. Raises `UsageError` where none is known."""
    found = environ.get("HOME") or environ.get("USERPROFILE")
    if not found:
        raise UsageError("the home directory is not known", hint="Set HOME.")
    return os.path.abspath(found)


def tracked(repository: Repository, paths: Iterable[str]) -> set[str]:
    """Return which of these absolute paths git tracks in the worktree."""
    root = repository.worktree
    if root is None:
        return set()
    names = {os.path.relpath(path, root).replace(os.sep, "/"): path for path in paths}
    _, out = Git(repository).run(
        f"--git-dir={repository.git_dir}",
        f"--work-tree={root}",
        "ls-files",
        "-z",
        "--full-name",
        "--",
        *(f":(top,literal){name}" for name in names),
    )
    listed = out.decode("utf-8", "surrogateescape").split("\0")
    return {names[name] for name in listed if name in names}


def hidden(facts: Facts, client: str, paths: Iterable[str]) -> File:
    """Return git's list of ignored files of this clone, with those that a set-up makes.

    https://git-scm.com/docs/gitignore: `info/exclude` of the common git directory. What is
    there already and what git tracks is not listed.
    """
    root = worktree(facts)
    path = os.path.join(facts.repository.common_dir, "info", "exclude")
    begin, end = f"# gitcoord setup {client}: begin", f"# gitcoord setup {client}: end"
    text = (read(path) or b"").decode("utf-8", "replace")
    listed = text.partition(begin)[2].partition(end)[0].splitlines()
    names = ("/" + os.path.relpath(one, root).replace(os.sep, "/") for one in sorted(paths))
    made = [name for name in names if name in listed or not os.path.lexists(root + name)]
    return File(path, (Block("ignored files", begin, end, "\n".join(made)),))


def alone(facts: Facts, client: str, files: tuple[File, ...], *, optional: str) -> tuple[File, ...]:
    """Return a project's files for this clone alone, hidden from git.

    The file `optional` is left out where git tracks it. Raises `UsageError` where it tracks
    another one of them.
    """
    known = tracked(facts.repository, [file.path for file in files])
    if wrong := sorted(known - {optional}):
        raise UsageError(
            f"{wrong[0]} is tracked by git, so that it cannot be set up for this clone alone",
            hint=f"Run `gitcoord setup {client}` for all who share it, or with --scope user.",
        )
    kept = tuple(file for file in files if file.path not in known)
    return (*kept, hidden(facts, client, [file.path for file in kept]))
