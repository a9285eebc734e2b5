"""The store on libgit2, for processes that live long: no process per swap.

Swaps are compared again under libgit2's lock, since it tests existence before it
locks. Objects, and several refs at once, are written the way of the plumbing engine.
SHA-256 and reftable repositories are refused: libgit2 cannot open them.
"""

from __future__ import annotations

import os
import time
from _thread import RLock
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from gitcoord.errors import (
    CorruptRecord,
    ExtraMissing,
    GitcoordError,
    GitFailed,
    OutcomeUnknown,
    UnsupportedRepository,
)
from gitcoord.storage.durable import disk_error, temporary, write_synced
from gitcoord.storage.lockfiles import in_the_way
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import (
    ABSENT,
    Expected,
    GitObject,
    Move,
    Oid,
    SwapLost,
    blocking,
    check_moves,
)
from gitcoord.storage.swap import PATIENCE, pause, still_held, sync_names

if TYPE_CHECKING:
    import pygit2

_NAMES = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}


class Libgit2Store:
    """One repository opened with libgit2. Safe between threads: one swap at a time."""

    remote: ClassVar[bool] = False
    atomic = True

    def __init__(self, repository: Repository, environ: Mapping[str, str] | None = None) -> None:
        if repository.object_format != "sha1" or repository.ref_format != "files":
            raise UnsupportedRepository(
                f"libgit2 cannot open {repository.object_format} objects "
                f"with {repository.ref_format} refs"
            )
        try:
            import pygit2
        except ImportError as error:
            raise ExtraMissing(
                "pygit2 is not installed", hint="pip install 'gitcoord[fast]'"
            ) from error
        # Before the first repository is opened: libgit2 copies it when it opens the refs.
        pygit2.settings.enable_fsync_gitdir(True)
        self.object_format = repository.object_format
        self._repository = repository
        self._error = pygit2.GitError
        self._git = _open(repository)
        self._plumbing = PlumbingStore(repository, environ)
        self._lock = RLock()

    def refresh(self) -> None:
        """Nothing to do: refs are read where they are decided."""

    def read_ref(self, ref: str) -> Expected:
        """Return the oid, or ABSENT."""
        return self._plumbing.read_ref(ref)

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        """Return the refs that start with `prefix`, sorted."""
        return self._plumbing.list_refs(prefix)

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data) or raise CorruptRecord."""
        try:
            code, data = self._git.odb.read(oid)
        except (KeyError, ValueError, self._error) as error:
            raise CorruptRecord(f"object {oid} is missing or unreadable", oid=oid) from error
        return _NAMES[code], data

    def read_many(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
        """Yield (oid, kind, data) in order."""
        for oid in oids:
            yield oid, *self.read(oid)

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Store the objects, then swap; see `Store.commit` for promises and errors."""
        check_moves(moves)
        with self._lock:
            # Our own writer: libgit2 leaves the directories it makes unsynced.
            self._plumbing.commit(objects, ())
            if sum(move.to != move.expect for move in moves) > 1:
                self._plumbing.commit((), moves)  # libgit2 may stop between two refs
            elif moves:
                self._swap(moves)

    def is_ancestor(self, old: Oid, new: Oid) -> bool:
        """Return whether `old` is `new` or one of its ancestors."""
        kind, _ = self.read(new)
        if kind != b"commit":
            raise CorruptRecord(f"{new} is a {kind.decode()}, not a commit", oid=new)
        if old not in self._git:
            return False
        return old == new or self._git.descendant_of(new, old)

    def chain(self, start: Oid, limit: int | None = None) -> Iterator[tuple[Oid, bytes]]:
        """Yield first parents from `start`, newest first."""
        return self._plumbing.chain(start, limit)

    def close(self) -> None:
        """Free libgit2's files and end the git children."""
        with self._lock:
            self._plumbing.close()
            self._git.free()

    def _swap(self, moves: Sequence[Move]) -> None:
        refs = [move.ref for move in moves]
        end = time.monotonic() + PATIENCE
        for attempt in range(1000):
            try:
                self._attempt(moves)
                sync_names(self._repository, moves)
                return
            except (OSError, self._error) as error:
                if any(m.to != m.expect and self.read_ref(m.ref) == m.to for m in moves):
                    raise OutcomeUnknown(f"libgit2 after the swap: {error}") from error
                held = in_the_way(self._repository, refs)
                if not held and not _says_held(error):
                    raise self._translated(error) from error
                if time.monotonic() > end:
                    raise (still_held(held) if held else self._translated(error)) from error
            pause(attempt)

    def _attempt(self, moves: Sequence[Move]) -> None:
        with self._git.transaction() as transaction:
            for ref, _, _ in moves:
                transaction.lock_ref(ref)
            for ref, expect, to in moves:
                found = self.read_ref(ref)
                if found != expect:
                    raise SwapLost(ref, found)
                if to == expect:
                    continue
                if to not in self._git:
                    raise CorruptRecord(f"{ref} would point at the missing object {to}", oid=to)
                if expect is ABSENT:
                    self._check_room(ref)
                transaction.set_target(ref, to)

    def _check_room(self, ref: str) -> None:
        """Raise GitFailed when a ref, loose or packed, stands where a directory must be."""
        parents = ref.split("/")[:-1]
        names = ["/".join(parents[:depth]) for depth in range(3, len(parents) + 1)]
        existing = [name for name in names if self.read_ref(name) is not ABSENT]
        other = blocking(ref, [*existing, *self.list_refs(ref + "/")])
        if other is not None:
            raise GitFailed(f"{ref} cannot be created, {other} exists", ref=ref)

    def _translated(self, error: Exception) -> GitcoordError:
        """Return what the disk says; libgit2 tells the reason in words alone."""
        try:
            probe = temporary(self._repository.common_dir, "tmp_probe")
            write_synced(probe, [bytes(8192)], 0o600)
            os.unlink(probe)
        except OSError as cause:
            return disk_error(cause, f"write in {self._repository.common_dir}")
        return GitFailed(f"libgit2: {error}")


def _says_held(error: Exception) -> bool:
    return "failed to lock" in str(error) or "File exists" in str(error)


def _open(repository: Repository) -> pygit2.Repository:
    import pygit2

    try:
        return pygit2.Repository(repository.common_dir)
    except pygit2.GitError as error:
        if "extension" in str(error) or "format" in str(error):
            raise UnsupportedRepository(f"libgit2: {error}") from error
        raise GitFailed(f"libgit2: {error}", path=repository.common_dir) from error
