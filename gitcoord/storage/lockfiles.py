"""Lock files of git that a killed process left behind: found, dated and explained.

Never removes one and never waits: only a person, or `gitcoord doctor` when told to, knows
that no git is at work. A lock file that is young belongs to somebody who is at work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from gitcoord.errors import StaleLockFile
from gitcoord.storage.repository import Repository

#: Seconds after which a lock file is taken for left over. git holds one for milliseconds,
#: or for some seconds while it packs a hundred thousand refs.
STALE_AFTER = 30.0


class LockFile(NamedTuple):
    """A lock file that stands there now."""

    path: str
    age: float  # seconds

    @property
    def stale(self) -> bool:
        """Return whether it is so old that its owner is most likely dead."""
        return self.age >= STALE_AFTER


def in_the_way(repository: Repository, refs: Iterable[str]) -> list[LockFile]:
    """Return the lock files that stop a swap of these refs, oldest first."""
    common = repository.common_dir
    if repository.ref_format == "reftable":
        paths = [os.path.join(common, "reftable", "tables.list.lock")]
    else:
        paths = [os.path.join(common, *ref.split("/")) + ".lock" for ref in refs]
        paths.append(os.path.join(common, "packed-refs.lock"))
    return _existing(paths)


def everywhere(repository: Repository, under: str = "refs/coord") -> list[LockFile]:
    """Return all lock files of refs below `under`, of HEAD and of packed refs, oldest first."""
    paths = [os.path.join(repository.git_dir, "HEAD.lock")]
    for folder, _, names in os.walk(os.path.join(repository.common_dir, *under.split("/"))):
        paths += [os.path.join(folder, name) for name in names if name.endswith(".lock")]
    paths += [lock.path for lock in in_the_way(repository, [under])]
    return _existing(dict.fromkeys(paths))


def explain(path: str) -> StaleLockFile:
    """Return the error that says how old the lock file is and what to do about it."""
    found = _existing([path])
    age = found[0].age if found else 0.0
    command = f'del "{path}"' if os.name == "nt" else f"rm -f '{path}'"
    return StaleLockFile(
        f"{path} was left behind {_spoken(age)} ago and is in the way",
        hint=f"If no git command is running in this repository, remove it: {command}",
        path=path,
        age=round(age, 3),
    )


def _existing(paths: Iterable[str]) -> list[LockFile]:
    now = time.time()
    found = []
    for path in paths:
        try:
            found.append(LockFile(path, max(0.0, now - os.stat(path).st_mtime)))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return sorted(found, key=lambda lock: -lock.age)


def _spoken(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
