"""The swap: all refs from the values that were read to new ones, or none, durably.

git itself moves them (`git update-ref --stdin`), so its locks, its hooks and its checks
hold. Promises a verdict for every failure, drawn from what the refs are afterwards and
only then from git's words. Retries nothing but a lock file that is held.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.errors import (
    Contended,
    CorruptRecord,
    DiskFull,
    GitcoordError,
    GitFailed,
    OutcomeUnknown,
    ReadOnly,
)
from gitcoord.storage.durable import disk_error, sync_directory, temporary, write_synced
from gitcoord.storage.gitproc import Git, GitProcess
from gitcoord.storage.refs import Refs
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import Absent, Move, SwapLost

if TYPE_CHECKING:
    from gitcoord.storage import lockfiles

#: Seconds for which a held lock file is tried again.
PATIENCE = 1.0
# core.fsync needs git 2.36; older ones ignore it. The user's own time limits may be endless.
_COMMAND = (
    "-c",
    "core.fsync=reference",
    "-c",
    "core.fsyncMethod=fsync",
    "-c",
    "core.filesRefLockTimeout=100",
    "-c",
    "core.packedRefsTimeout=500",
    "-c",
    "reftable.lockTimeout=100",
    "update-ref",
    "--stdin",
)
_UNSYNCED = ("-c", "core.fsync=none", *_COMMAND[4:])
_HELD = (".lock': File exists", "cannot lock references", "data is locked")
_STALE_READ = ("but expected", "already exists", "unable to resolve reference", "old value")
_WORDS: tuple[tuple[str, type[GitcoordError]], ...] = (
    ("No space left on device", DiskFull),
    ("Disk quota exceeded", DiskFull),
    ("Permission denied", ReadOnly),
    ("Read-only file system", ReadOnly),
    ("Operation not permitted", ReadOnly),
    ("nonexistent object", CorruptRecord),
)


class Swap:
    """Makes swaps in one repository; keeps its git between them."""

    def __init__(self, repository: Repository, git: Git, refs: Refs, reason: str = "") -> None:
        """`reason` is for the log of the refs that have one."""
        self._repository = repository
        self._git = git
        self._refs = refs
        self._reason = ("-m", reason) if reason else ()
        self._process: GitProcess | None = None

    def make(self, moves: Sequence[Move]) -> None:
        """Make all moves or none. Errors are those of `Store.commit`; names were checked."""
        end = time.monotonic() + PATIENCE
        for attempt in range(1000):
            complaint = self._attempt(moves)
            if complaint is None or self._all_made(moves, complaint):
                if self._repository.durable:
                    sync_names(self._repository, moves)
                return
            if complaint and not _says(complaint, _HELD) and not _says(complaint, _STALE_READ):
                raise self._verdict(complaint, moves)
            if time.monotonic() > end:
                break
            pause(attempt)
        from gitcoord.storage import lockfiles  # only for those who met one

        held = lockfiles.in_the_way(self._repository, [move.ref for move in moves])
        raise still_held(held)

    def ready(self) -> GitProcess:
        """Return the git that will make the next swap, started if there is none.

        Whoever calls this before writing objects lets git start in the meantime.
        """
        process = self._process
        if process is None or not process.usable:
            self.close()
            command = _COMMAND if self._repository.durable else _UNSYNCED
            process = self._process = self._git.start(*command, *self._reason)
        return process

    def close(self) -> None:
        """End the git that is kept."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _attempt(self, moves: Sequence[Move]) -> str | None:
        """Return None when git reports success, else its last words ("" when it was killed)."""
        process = self.ready()
        process.send(b"".join(_lines(moves)))
        for answer in (b"start: ok", b"prepare: ok", b"commit: ok"):
            if process.stdout.readline().rstrip() != answer:
                self._process = None
                return process.finish()[2]
        return None

    def _all_made(self, moves: Sequence[Move], complaint: str) -> bool:
        """Return whether a git that died had done all its work before.

        Raises SwapLost when somebody else moved a ref, OutcomeUnknown when git made only
        some of the moves: the files of refs change one after the other.
        """
        changes = [move for move in moves if move.to != move.expect]
        made = []
        for move in moves:
            found = self._refs.read(move.ref)
            if found == move.expect:
                continue
            if move.to == found and not _says(complaint, _STALE_READ):
                made.append(move.ref)
            else:
                raise SwapLost(move.ref, found)
        if made and len(made) < len(changes):
            raise OutcomeUnknown(f"git was ended in the middle; only {', '.join(made)} moved")
        return bool(made)

    def _verdict(self, complaint: str, moves: Sequence[Move]) -> GitcoordError:
        for words, kind in _WORDS:
            if words in complaint:
                return kind(f"git update-ref: {complaint}")
        # git does not always say why a write failed; the disk does.
        try:
            probe = temporary(self._repository.common_dir, "tmp_probe")
            write_synced(probe, [bytes(8192)], 0o600)
            os.unlink(probe)
        except OSError as error:
            return disk_error(error, f"write in {self._repository.common_dir}")
        return GitFailed(f"git update-ref: {complaint}", refs=[move.ref for move in moves])


def sync_names(repository: Repository, moves: Sequence[Move]) -> None:
    """Make the names of moved refs durable: a ref's file was synced, not its directory.

    Raises OutcomeUnknown, since the swap has been made.
    """
    if repository.ref_format == "reftable":
        folders = {os.path.join(repository.common_dir, "reftable")}
    else:
        folders = set(_folders(repository.common_dir, moves))
    try:
        for folder in sorted(folders):
            # Gone when the ref was packed meanwhile, which is a write of its own.
            with suppress(FileNotFoundError, NotADirectoryError):
                sync_directory(folder)
    except OSError as error:
        raise OutcomeUnknown(f"the swap was made but not synced: {error.strerror}") from error


def pause(attempt: int) -> None:
    """Sleep a few milliseconds, more with each attempt (at most 100), never twice the same."""
    time.sleep(min(0.1, 0.005 * 2**attempt) * (0.5 + os.urandom(1)[0] / 512))


def still_held(held: Sequence[lockfiles.LockFile]) -> GitcoordError:
    """Return what to raise when lock files outlast the patience: StaleLockFile or Contended."""
    from gitcoord.storage import lockfiles

    if held and held[0].stale:
        return lockfiles.explain(held[0].path)
    if held:
        return Contended(f"another process holds {held[0].path}", path=held[0].path)
    return Contended("other processes moved the same refs all the time")


def _lines(moves: Sequence[Move]) -> Iterable[bytes]:
    yield b"start\n"
    for ref, expect, to in moves:
        if isinstance(expect, Absent):
            line = f"create {ref} {to}\n"
        elif expect == to:
            line = f"verify {ref} {to}\n"
        else:
            line = f"update {ref} {to} {expect}\n"
        yield line.encode("utf-8", "surrogateescape")
    yield b"prepare\ncommit\n"


def _folders(common_dir: str, moves: Sequence[Move]) -> Iterable[str]:
    for ref, expect, to in moves:
        if to == expect:
            continue
        parts = ref.split("/")
        yield os.path.join(common_dir, *parts[:-1])
        if isinstance(expect, Absent):  # its directories may be new as well
            for depth in range(1, len(parts) - 1):
                yield os.path.join(common_dir, *parts[:depth])


def _says(complaint: str, words: tuple[str, ...]) -> bool:
    return any(word in complaint for word in words)
