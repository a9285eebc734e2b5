"""The scratch copy on which the demonstration plays: a hub and a place for each agent."""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

from gitcoord.errors import GitFailed, GitMissing, NotARepository

#: Who commits where the user has no name in git's configuration.
IDENTITY = ("-c", "user.name=gitcoord demo", "-c", "user.email=demo@gitcoord")


class Stage(NamedTuple):
    """Where the demonstration plays."""

    folder: str
    hub: str
    #: The hub's main branch, and where it stood when the curtain rose.
    branch: str
    start: str
    #: What was copied, for people.
    source: str
    #: Where agents clone the hub from; empty: they work in its worktrees.
    origin: str = ""
    #: Why that is the hub's path and no URL.
    unserved: str = ""


def git(where: str, *arguments: str, check: bool = True) -> str:
    """Return what git prints in `where`. Raises `GitFailed` with git's words."""
    try:
        done = subprocess.run(
            ["git", "-C", where, *IDENTITY, *arguments],
            check=False,
            capture_output=True,
            env=environment(),
            text=True,
            errors="surrogateescape",
        )
    except FileNotFoundError:
        raise GitMissing from None
    if check and done.returncode != 0:
        raise GitFailed(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip() if done.returncode == 0 else ""


def environment() -> dict[str, str]:
    """Return what git is to know of the user's environment."""
    # A demonstration started from a git hook must not act on the hook's repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def build(source: str | None, directory: str, folder: str) -> Stage:
    """Copy the repository `source` (default: that of `directory`) into `folder`.

    Outside of a repository the installed package's own sources are taken. Raises
    `NotARepository` for a `source` that is none.
    """
    found = _top(source or directory)
    if found is None and source is not None:
        raise NotARepository(f"{source} is not a git repository with a commit")
    what = found or _own_sources(folder)
    hub = os.path.join(folder, "hub.git")
    git(folder, "clone", "--quiet", "--bare", "--no-hardlinks", what, hub)
    branch = git(hub, "symbolic-ref", "--short", "-q", "HEAD", check=False)
    if not branch or not git(
        hub, "rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False
    ):
        branch = "demo-main"
        commit = git(what, "rev-parse", "HEAD")
        git(hub, "fetch", "--quiet", what, commit)
        git(hub, "update-ref", f"refs/heads/{branch}", commit)
        git(hub, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    git(hub, "config", "gc.auto", "0")
    start = git(hub, "rev-parse", f"refs/heads/{branch}")
    return Stage(folder, hub, branch, start, what if found else "gitcoord's own sources")


def seat(stage: Stage, name: str) -> str:
    """Make a place to work in, on a branch of its own, and return its path.

    A worktree of the hub; where there is an origin, a clone of that.
    """
    path = os.path.join(stage.folder, name)
    if not stage.origin:
        git(stage.hub, "worktree", "add", "--quiet", "-b", f"demo/{name}", path, stage.branch)
        return path
    # The user's proxy, if any, knows nothing of this machine's loopback.
    settings = [f"--config={one}" for one in ("http.proxy=", "gc.auto=0", "coord.remote=origin")]
    shallow = ("--depth=1", "--single-branch", f"--branch={stage.branch}")
    git(stage.folder, "clone", "--quiet", *settings, *shallow, stage.origin, path)
    git(path, "checkout", "--quiet", "-b", f"demo/{name}")
    return path


def _top(directory: str) -> str | None:
    """Return the repository around a directory if it has a commit, else None."""
    try:
        if git(directory, "rev-parse", "-q", "--verify", "HEAD^{commit}", check=False):
            top = git(directory, "rev-parse", "--show-toplevel", check=False)
            return top or git(directory, "rev-parse", "--absolute-git-dir")
    except (GitFailed, NotADirectoryError, OSError):
        return None
    return None


def _own_sources(folder: str) -> str:
    """Make a repository of the installed package."""
    import shutil

    import gitcoord

    path = os.path.join(folder, "sources")
    package = os.path.dirname(os.path.abspath(gitcoord.__file__))
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(package, os.path.join(path, "gitcoord"), ignore=leave_out)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "gitcoord as it is installed")
    return path
