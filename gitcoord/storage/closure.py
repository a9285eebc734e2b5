"""Which objects hang together: what a push has to bring so that a host has no gap.

A host may have pruned what nothing refers to any more. It then judges a move that names
such an object apart from the others of the same push, so that a guard fails and what it
guards is done all the same. What the pack brings, the host has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitcoord.errors import CorruptRecord, InvalidValue
from gitcoord.storage.store import GitObject, Move, Oid, Store, first_parent


def named(store: Store, moves: Sequence[Move]) -> Iterator[GitObject]:
    """Yield the commits that the moves name as old, and all of what they only verify.

    An old object that is lost here too is left out: moving on from it is refused by a host
    that does not have it. Raises `CorruptRecord` when a verified one is lost, `InvalidValue`
    when it has a history, which no pack of ours can bring whole.
    """
    for ref, expect, to in moves:
        if not isinstance(expect, str):
            continue
        if expect == to:
            yield from _verified(store, ref, to)
            continue
        try:
            yield GitObject(*store.read(expect), expect)
        except CorruptRecord:
            continue


def below(store: Store, commit: Oid) -> list[GitObject]:
    """Return the trees and blobs of a commit. Raises `CorruptRecord`."""
    seen: set[Oid] = set()
    return list(_tree(store, _root(store.read(commit)[1]), seen))


def chain(store: Store, head: Oid) -> list[GitObject] | None:
    """Return a commit, its first parents, and all of their trees and blobs.

    None where the chain is cut here before its beginning. Raises `CorruptRecord`.
    """
    seen: set[Oid] = set()
    found: list[GitObject] = []
    raw = b""
    for oid, raw in store.chain(head):
        found.append(GitObject(b"commit", raw, oid))
        found.extend(_tree(store, _root(raw), seen))
    return found if first_parent(raw) is None else None


def _verified(store: Store, ref: str, oid: Oid) -> Iterator[GitObject]:
    kind, data = store.read(oid)
    if kind != b"commit":
        raise InvalidValue(f"{ref} names a {kind.decode()}; only commits are verified")
    if first_parent(data) is not None:
        raise InvalidValue(f"{ref} has a history; a host verifies only refs without one")
    yield GitObject(kind, data, oid)
    yield from _tree(store, _root(data), set())


def _tree(store: Store, oid: Oid, seen: set[Oid]) -> Iterator[GitObject]:
    if oid in seen:
        return
    seen.add(oid)
    kind, data = store.read(oid)
    yield GitObject(kind, data, oid)
    if kind == b"tree":
        at, size = 0, len(oid) // 2
        while at < len(data):
            name = data.index(b"\0", at)
            yield from _tree(store, data[name + 1 : name + 1 + size].hex(), seen)
            at = name + 1 + size


def _root(commit: bytes) -> Oid:
    return commit[5 : commit.index(b"\n")].decode("ascii")
