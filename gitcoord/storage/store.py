"""What every engine that keeps the ledger promises: bytes in, one swap, bytes out.

A swap is made from exactly the value that was read (an oid, or ABSENT) and is
durable when `commit` returns. Not here: what the bytes mean, retries after a lost
swap, or any way to move a ref without naming the value it is expected to have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol, final

from gitcoord.errors import InvalidValue
from gitcoord.storage.digest import FORMATS

Oid = str
OID_LENGTH = {"sha1": 40, "sha256": 64}


@final
class Absent:
    """The expectation that a ref does not exist. There is one: `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the name under which it is imported."""
        return "ABSENT"

    def __reduce__(self) -> str:
        """Pickle as the one instance, so that `is ABSENT` holds in other processes."""
        return "ABSENT"


ABSENT = Absent()
Expected = Oid | Absent


class GitObject(NamedTuple):
    """An object to be stored; made by `make_object`, which knows its oid."""

    kind: bytes
    data: bytes
    oid: Oid


class Move(NamedTuple):
    """One ref, the value it must have, and the value it gets; equal values only verify."""

    ref: str
    expect: Expected
    to: Oid


class SwapLost(Exception):
    """Somebody else moved `ref`; `found` is what it is at now, None where that is unknown.

    A store that follows a remote arbiter has followed it as far as that when it raises this.
    A signal between storage and the write path, which tries again; no door ever sees it.
    """

    def __init__(self, ref: str, found: Expected | None) -> None:
        super().__init__(ref, found)
        self.ref = ref
        self.found = found


class Store(Protocol):
    """The contract of an engine; `tests/contract/test_store.py` is its executable form."""

    #: Whether others decide elsewhere, so that refs read here may be behind until `refresh`.
    remote: ClassVar[bool]

    @property
    def object_format(self) -> str:
        """The name of the hash, as git writes it: sha1 or sha256."""
        ...

    @property
    def atomic(self) -> bool:
        """Whether several moves are made as one. False only at hosts that cannot."""
        ...

    def refresh(self) -> None:
        """See that `read_ref` and `list_refs` say what the arbiter said after this was called.

        Costs nothing where they always do. Raises `Unavailable` when the arbiter does not
        answer; then they go on saying what is known.
        """
        ...

    def read_ref(self, ref: str) -> Expected:
        """Return the oid that `ref` points at, or ABSENT."""
        ...

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        """Return all refs whose name starts with `prefix`, in order of their names."""
        ...

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data); raises CorruptRecord when missing or unreadable."""
        ...

    def read_many(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
        """Yield (oid, kind, data) in the order of `oids`; raises CorruptRecord like `read`."""
        ...

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Store the objects, then make all the moves or none; durable on return.

        Raises SwapLost; Contended and StaleLockFile when a lock stays held; ReadOnly,
        DiskFull, GitMissing, GitFailed; CorruptRecord when a ref would point at nothing;
        OutcomeUnknown when the engine died between several refs. Objects of a failed
        swap may stay behind as garbage.
        """
        ...

    def is_ancestor(self, old: Oid, new: Oid) -> bool:
        """Return whether commit `old` is `new` or an ancestor; False when `old` is missing."""
        ...

    def chain(self, start: Oid, limit: int | None = None) -> Iterator[tuple[Oid, bytes]]:
        """Yield (oid, raw commit) along first parents, newest first, to a clone's cut."""
        ...

    def close(self) -> None:
        """Let go of processes and files; closing twice is allowed."""
        ...


def make_object(kind: bytes, data: bytes, fmt: str) -> GitObject:
    """Return the object with its oid: the hash of a header and the data.

    `kind` is b"blob", b"tree" or b"commit", `fmt` "sha1" or "sha256". Source:
    https://git-scm.com/docs/hash-function-transition#_object_names
    """
    digest = FORMATS[fmt](b"%s %d\0" % (kind, len(data)), usedforsecurity=False)
    digest.update(data)
    return GitObject(kind, data, digest.hexdigest())


def first_parent(commit: bytes) -> Oid | None:
    """Return the first parent that a raw commit names, None for the first commit of a chain."""
    for line in commit.split(b"\n", 2)[1:2]:
        if line.startswith(b"parent "):
            return line[7:].decode("ascii")
    return None


_FORBIDDEN = frozenset(" ~^:?*[\\\x7f") | frozenset(map(chr, range(32)))


def check_moves(moves: Sequence[Move]) -> None:
    """Raise InvalidValue for a ref named twice or by a name that git refuses.

    Rules of names: https://git-scm.com/docs/git-check-ref-format
    """
    seen = set()
    for ref, _, _ in moves:
        parts = ref.split("/")
        if (
            len(parts) < 3
            or parts[0] != "refs"
            or not _FORBIDDEN.isdisjoint(ref)
            or ".." in ref
            or "@{" in ref
            or ref.endswith(".")
            or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        ):
            raise InvalidValue(f"{ref!r} is not a valid name of a ref", ref=ref)
        if ref in seen:
            raise InvalidValue(f"{ref} is moved twice in one swap", ref=ref)
        seen.add(ref)


def blocking(ref: str, existing: Sequence[str]) -> str | None:
    """Return the existing ref that forbids `ref`, because one is a directory of the other."""
    for other in existing:
        if other.startswith(ref + "/") or ref.startswith(other + "/"):
            return other
    return None
