"""Worktrees that last as long as one check: made for a commit, removed whatever happens.

Promises that each stands in a folder of its own outside of the repository, that no hook of the
user runs, and that what a killed process left is found and removed by the next one, for as long
as its own lock of the operating system is free. Not here: what is done in one.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from gitcoord.errors import GitFailed
from gitcoord.storage.durable import disk_error
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.repository import home
from gitcoord.storage.store import Oid
from gitcoord.storage.worktree import Checkout

#: What the name of each begins with.
PREFIX = "gitcoord-check-"
#: Folder in our own home that says which there are, and the end of the name of a lock there.
_REGISTER, _LOCK = "checks", ".lock"


class Throwaway(NamedTuple):
    """One such worktree."""

    #: Unique on this machine.
    name: str
    #: The worktree itself, and a folder for temporary files beside it.
    path: str
    temporary: str


@contextmanager
def made(checkout: Checkout, commit: Oid) -> Iterator[Throwaway]:
    """Yield a new worktree of a commit, detached; afterwards it is gone, changes and all.

    Raises `GitFailed` where git cannot make it, `DiskFull`, `ReadOnly` and `Unavailable`.
    """
    register = _register(checkout)
    try:
        lock, folder = _entered(register)
    except OSError as error:
        raise disk_error(error, f"write to {register}") from error
    found = _parts(folder)
    try:
        try:
            os.mkdir(folder, 0o700)
            os.mkdir(found.temporary, 0o700)
        except OSError as error:
            raise disk_error(error, f"make {folder}") from error
        # Hooks are the user's, and would run for a checkout that nobody has asked for.
        checkout.run(
            "-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--quiet", "--detach",
            found.path, commit,
        )  # fmt: skip
        yield found
    finally:
        try:
            _removed(checkout, folder)
        finally:
            lock.release()
        # What could not be removed stays in the register, for a sweep.
        _forgotten(register, found.name)


def sweep(checkout: Checkout, end: Callable[[str], object]) -> list[str]:
    """Remove the worktrees of processes that were killed, and return their paths.

    `end` is called with the name of each before: what still runs in there has to end. One that
    cannot be removed is left for the next sweep.
    """
    register = _register(checkout)
    swept = []
    for name in _listed(register):
        lock = OsLock(os.path.join(register, name + _LOCK))
        if not lock.try_acquire():
            continue
        try:
            folder = _folder(os.path.join(register, name))
            if folder is not None:
                end(name)
                try:
                    _removed(checkout, folder)
                except GitFailed:
                    continue
                swept.append(_parts(folder).path)
        finally:
            lock.release()
        _forgotten(register, name)
    return swept


def _register(checkout: Checkout) -> str:
    return os.path.join(home(checkout.repository), _REGISTER)


def _entered(register: str) -> tuple[OsLock, str]:
    """Return the lock of a new worktree, held, and its folder, which is yet to be made."""
    os.makedirs(register, mode=0o700, exist_ok=True)
    while True:
        name = PREFIX + os.urandom(8).hex()
        folder = os.path.join(tempfile.gettempdir(), name)
        entry = os.path.join(register, name)
        with open(entry, "x", encoding="utf-8", errors="surrogateescape") as out:
            out.write(os.path.abspath(folder))
        lock = OsLock(os.path.join(register, name + _LOCK))
        # A sweep that came between has forgotten the name again.
        if lock.try_acquire() and os.path.exists(entry):
            return lock, os.path.abspath(folder)
        lock.release()


def _listed(register: str) -> list[str]:
    try:
        names = os.listdir(register)
    except FileNotFoundError:
        return []
    return sorted(x for x in names if x.startswith(PREFIX) and not x.endswith(_LOCK))


def _folder(entry: str) -> str | None:
    """Return the folder that an entry names; None for one that nobody finished."""
    try:
        with open(entry, encoding="utf-8", errors="surrogateescape") as source:
            folder = source.read()
    except FileNotFoundError:
        return None
    # Whatever else stands in there, nothing but a folder of ours is ever removed.
    ours = os.path.isabs(folder) and os.path.basename(folder) == os.path.basename(entry)
    return folder if ours else None


def _forgotten(register: str, name: str) -> None:
    # Windows refuses while another process just looks; the next sweep takes it then.
    for ending in ("", _LOCK):
        with suppress(OSError):
            os.unlink(os.path.join(register, name + ending))


def _parts(folder: str) -> Throwaway:
    name = os.path.basename(folder)
    # git names what it keeps of a worktree after the last part of its path.
    return Throwaway(name, os.path.join(folder, name), os.path.join(folder, "tmp"))


def _removed(checkout: Checkout, folder: str) -> None:
    """Remove folder and worktree, also where a check has made them unreadable or no worktree.

    Raises `GitFailed` where something stays.
    """
    kept = os.path.join(checkout.repository.common_dir, "worktrees", os.path.basename(folder))
    for place in (folder, kept):
        if os.path.islink(place):
            os.unlink(place)
        shutil.rmtree(place, ignore_errors=True)
        if os.path.lexists(place):
            _open(place)
            shutil.rmtree(place, ignore_errors=True)
        if os.path.lexists(place):
            raise GitFailed(f"{place} cannot be removed", path=place)


def _open(place: str) -> None:
    """Give the owner every permission on all folders below a place, from the top down."""
    with suppress(OSError):
        os.chmod(place, stat.S_IRWXU)
    for above, folders, _ in os.walk(place):
        for name in folders:
            below = os.path.join(above, name)
            if not os.path.islink(below):
                with suppress(OSError):
                    os.chmod(below, stat.S_IRWXU)
