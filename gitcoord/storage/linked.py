"""Linked worktrees for tasks: one directory and one branch per agent and task.

Promises that nothing dirty and nothing that somebody else made is ever taken over or
removed: whose a worktree is stands in a file of its git directory. Branches are made
here and never deleted. Not here: who may claim the task.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator

from gitcoord.errors import CorruptRecord, GitFailed, WorktreeInUse
from gitcoord.storage import codec
from gitcoord.storage.durable import disk_error
from gitcoord.storage.store import Oid
from gitcoord.storage.worktree import Checkout, Owner, Worktree, path_of

OWNER_FILE = "gitcoord-owner.json"
#: Attempts while others hold one of git's lock files, and the longest pause in seconds.
_ATTEMPTS = 20
_PAUSE = 0.2
# What git says, in English, when a worktree or its branch is taken and when a lock file is.
_IN_USE = (
    "already checked out",
    "already exists",
    "already used by",
    "contains modified or untracked",
    "locked working tree",
)
# `git worktree` reads the files of all worktrees, also of those that another git just makes.
_BUSY = ("could not lock", "cannot lock", ".lock'", "failed to read")


def branch_name(agent: str, task: str) -> str:
    """Return `agent/<agent>/<task>` as git allows it; what had to be replaced adds a hash."""
    return f"agent/{_part(agent)}/{_part(task)}"


def add(
    checkout: Checkout, path: str, *, agent: str, task: str, session: str = "", start: Oid = "HEAD"
) -> Worktree:
    """Make the worktree of an agent's task at `path` and return it.

    The branch begins at the commit `start`, or continues where an earlier attempt left it.
    A worktree of the same agent and task that is there already is returned as it is.
    Raises `WorktreeInUse` when something else is there or the branch is checked out elsewhere.
    """
    path = os.path.abspath(path)
    branch, owner = branch_name(agent, task), Owner(agent, task, session)
    found = _at(checkout, path)
    if found is not None:
        found = _continued(found, branch, owner)
        if os.path.isdir(path):
            return found
        _patiently(checkout, path, "worktree", "remove", path)
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise WorktreeInUse(f"{path} is in the way", path=path)
    if checkout.resolve(f"refs/heads/{branch}") is None:
        # Tracking would be written to the configuration, whose lock others may hold.
        _patiently(checkout, path, "branch", "--no-track", branch, start)
    try:
        _patiently(checkout, path, "worktree", "add", "--quiet", path, branch)
    except WorktreeInUse:
        # A git that failed on another's files may have made this one all the same.
        if _at(checkout, path) is None:
            raise
    made = _at(checkout, path)
    if made is None:
        raise GitFailed(f"git made no worktree at {path}", path=path)
    return _continued(made, branch, owner)


def linked(checkout: Checkout) -> list[Worktree]:
    """Return all worktrees of the repository, the main one first, with their owners."""
    here = checkout.place
    listed = _patiently(checkout, here, "worktree", "list", "--porcelain", "-z")
    places = dict(_git_dirs(checkout.repository.common_dir))
    found = []
    for block in path_of(listed).split("\0\0"):
        fields = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        if "worktree" not in fields or "bare" in fields:
            continue
        path, head = fields["worktree"], fields.get("HEAD", "")
        git_dir = places.get(_same(path), checkout.repository.common_dir)
        found.append(
            Worktree(
                path,
                fields.get("branch", "").removeprefix("refs/heads/"),
                head if head.strip("0") else "",
                (),
                git_dir,
                _owner(git_dir),
            )
        )
    return found


def remove(checkout: Checkout, path: str, *, agent: str, task: str) -> None:
    """Remove the worktree that was made for this agent and task; its branch stays.

    Ignored files go with it. Raises `WorktreeInUse` when it is another's, dirty, locked, or
    holds commits that nothing else names. A worktree that is not there is no error.
    """
    path = os.path.abspath(path)
    found = _at(checkout, path)
    if found is None:
        if os.path.lexists(path):
            raise WorktreeInUse(f"{path} is not a worktree of this repository", path=path)
        return
    if found.owner is None or (found.owner.agent, found.owner.task) != (agent, task):
        raise _not_yours(found)
    if os.path.isdir(path):
        dirty = checkout.elsewhere(path).dirty()
        if dirty:
            raise WorktreeInUse(
                f"{path} has {len(dirty)} uncommitted paths",
                hint="Commit or discard them there first.",
                path=path,
                dirty=[_shown(one) for one in dirty[:20]],
            )
        if not found.branch and found.head and not _named(checkout, found.head):
            raise WorktreeInUse(
                f"{path} has commits that no branch names",
                hint=f"Give them a branch: git -C {path} switch -c NAME",
                path=path,
                head=found.head,
            )
    _patiently(checkout, path, "worktree", "remove", path)


def _continued(found: Worktree, branch: str, owner: Owner) -> Worktree:
    """Return a worktree that stands where one is wanted, if it is this owner's."""
    theirs = found.owner
    if theirs is None and found.branch != branch:
        raise _not_yours(found)
    if theirs is not None and theirs[:2] != owner[:2]:
        raise _not_yours(found)
    if theirs != owner:
        file = os.path.join(found.git_dir, OWNER_FILE)
        temporary = f"{file}.{os.getpid()}"
        try:
            with open(temporary, "wb") as out:
                out.write(codec.encode(owner._asdict()))
            os.replace(temporary, file)
        except OSError as error:
            raise disk_error(error, f"write {file}") from error
    return found._replace(owner=owner)


def _not_yours(found: Worktree) -> WorktreeInUse:
    whose = f"belongs to {found.owner.agent}" if found.owner else "was not made by gitcoord"
    return WorktreeInUse(
        f"the worktree {found.path} {whose}",
        path=found.path,
        branch=found.branch,
        owner=found.owner._asdict() if found.owner else None,
    )


def _at(checkout: Checkout, path: str) -> Worktree | None:
    wanted = _same(path)
    return next((one for one in linked(checkout) if _same(one.path) == wanted), None)


def _git_dirs(common_dir: str) -> Iterator[tuple[str, str]]:
    """Yield (worktree, its git directory) of every linked worktree, also of one that is gone."""
    folder = os.path.join(common_dir, "worktrees")
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        git_dir = os.path.join(folder, name)
        try:
            with open(os.path.join(git_dir, "gitdir"), "rb") as file:
                dot_git = path_of(file.read()).rstrip("\r\n")
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield _same(os.path.dirname(os.path.join(git_dir, dot_git))), git_dir


def _owner(git_dir: str) -> Owner | None:
    """Return whose it is; a file that cannot be read makes it nobody's, thus not ours."""
    try:
        with open(os.path.join(git_dir, OWNER_FILE), "rb") as file:
            body = codec.decode(file.read(), OWNER_FILE)
        return Owner(body["agent"], body["task"], body["session"])
    except (FileNotFoundError, CorruptRecord, KeyError, TypeError):
        return None


def _named(checkout: Checkout, head: Oid) -> bool:
    return bool(checkout.run("for-each-ref", "--count=1", f"--contains={head}")[1])


def _patiently(checkout: Checkout, path: str, *arguments: str) -> bytes:
    """Run git for the worktree at `path`, again for a while where another git is in the way."""
    for attempt in range(_ATTEMPTS):
        try:
            return checkout.run(*arguments)[1]
        except GitFailed as error:
            if any(sign in error.message for sign in _IN_USE):
                raise WorktreeInUse(error.message, path=path) from error
            if not any(sign in error.message for sign in _BUSY):
                raise
            last = error
        time.sleep(min(_PAUSE, 0.005 * 2**attempt) * (os.urandom(1)[0] / 255))
    raise last


def _same(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _part(text: str) -> str:
    """Return one component of a branch name: https://git-scm.com/docs/git-check-ref-format."""
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in text)
    while ".." in plain:
        plain = plain.replace("..", ".")
    plain = plain.strip(".-").removesuffix(".lock")[:80].rstrip(".-")
    if plain == text:
        return plain
    return f"{plain or 'x'}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
