"""The store in a dictionary, for tests and dry runs; it keeps the contract of the real ones.

Safe between threads. Not shared between processes, and gone with the process.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Iterator, Sequence
from typing import ClassVar

from gitcoord.errors import CorruptRecord, GitFailed
from gitcoord.storage.store import (
    ABSENT,
    Expected,
    GitObject,
    Move,
    Oid,
    SwapLost,
    blocking,
    check_moves,
    first_parent,
)


class MemoryStore:
    """Refs and objects of one imaginary repository."""

    remote: ClassVar[bool] = False
    atomic = True

    def __init__(self, object_format: str = "sha1") -> None:
        self.object_format = object_format
        self._refs: dict[str, Oid] = {}
        self._objects: dict[Oid, tuple[bytes, bytes]] = {}
        self._lock = RLock()

    def refresh(self) -> None:
        """Nothing to do: refs are read where they are decided."""

    def read_ref(self, ref: str) -> Expected:
        """Return the oid, or ABSENT."""
        return self._refs.get(ref, ABSENT)

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        """Return the refs that start with `prefix`, sorted."""
        with self._lock:
            names = sorted(name for name in self._refs if name.startswith(prefix))
            return {name: self._refs[name] for name in names}

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data) or raise CorruptRecord."""
        try:
            return self._objects[oid]
        except KeyError:
            raise CorruptRecord(f"object {oid} is missing", oid=oid) from None

    def read_many(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
        """Yield (oid, kind, data) in order."""
        for oid in oids:
            yield oid, *self.read(oid)

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Store and swap under one lock; see `Store.commit` for the errors."""
        check_moves(moves)
        with self._lock:
            for kind, data, oid in objects:
                self._objects[oid] = (kind, data)
            for ref, expect, to in moves:
                found = self._refs.get(ref, ABSENT)
                if found != expect:
                    raise SwapLost(ref, found)
                if to not in self._objects and to != expect:
                    raise CorruptRecord(f"{ref} would point at the missing object {to}", oid=to)
            names = set(self._refs)
            for ref, expect, _ in moves:
                if expect is ABSENT:
                    other = blocking(ref, sorted(names))
                    if other is not None:
                        raise GitFailed(f"{ref} cannot be created, {other} exists", ref=ref)
                    names.add(ref)
            self._refs.update((ref, to) for ref, _, to in moves)

    def is_ancestor(self, old: Oid, new: Oid) -> bool:
        """Return whether `old` is `new` or one of its ancestors, over all parents."""
        pending, seen = [new], set()
        while pending:
            oid = pending.pop()
            if oid == old:
                return oid in self._objects
            if oid not in seen:
                seen.add(oid)
                head = self.read(oid)[1].split(b"\n\n", 1)[0]
                pending += [
                    line[7:].decode("ascii")
                    for line in head.split(b"\n")
                    if line.startswith(b"parent ")
                ]
        return False

    def chain(self, start: Oid, limit: int | None = None) -> Iterator[tuple[Oid, bytes]]:
        """Yield first parents from `start`, newest first."""
        oid: Oid | None = start
        while oid is not None and limit != 0:
            kind, data = self.read(oid)
            if kind != b"commit":
                raise CorruptRecord(f"{oid} is a {kind.decode()}, not a commit", oid=oid)
            yield oid, data
            oid = first_parent(data)
            limit = None if limit is None else limit - 1

    def close(self) -> None:
        """Nothing to let go of; what was stored stays readable."""
