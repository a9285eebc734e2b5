"""What a push brings along so that a host has no gap."""

from __future__ import annotations

import pytest

from gitcoord.errors import CorruptRecord, InvalidValue
from gitcoord.storage.closure import below, chain, named
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import ABSENT, GitObject, Move, make_object

STATE = "refs/coord/state"


def commit_on(store: MemoryStore, parent: str | None, *texts: str) -> list[GitObject]:
    """Return and store a commit with one file for each text, the last one in a folder."""
    fmt = store.object_format
    blobs = [make_object(b"blob", text.encode(), fmt) for text in texts]
    inner = make_object(b"tree", b"100644 x\0" + bytes.fromhex(blobs[-1].oid), fmt)
    rows = [b"100644 %d\0" % n + bytes.fromhex(one.oid) for n, one in enumerate(blobs[:-1])]
    root = make_object(b"tree", b"".join(rows) + b"40000 z\0" + bytes.fromhex(inner.oid), fmt)
    head = f"tree {root.oid}\n" + (f"parent {parent}\n" if parent else "") + "\nx"
    made = [*blobs, inner, root, make_object(b"commit", head.encode(), fmt)]
    store.commit(made, ())
    return made


@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_a_verified_commit_is_brought_whole(fmt: str) -> None:
    store = MemoryStore(fmt)
    made = commit_on(store, None, "a", "b", "c")
    oid = made[-1].oid
    found = list(named(store, [Move(STATE, oid, oid)]))
    assert {one.oid for one in found} == {one.oid for one in made}


def test_of_an_old_commit_only_itself_is_brought() -> None:
    store = MemoryStore()
    first = commit_on(store, None, "a")
    second = commit_on(store, first[-1].oid, "b")
    found = list(named(store, [Move(STATE, second[-1].oid, "f" * 40)]))
    assert found == [second[-1]]


def test_an_absent_or_lost_old_value_brings_nothing() -> None:
    store = MemoryStore()
    moves = [Move(STATE, ABSENT, "f" * 40), Move("refs/coord/a", "e" * 40, "f" * 40)]
    assert list(named(store, moves)) == []


def test_what_cannot_be_brought_whole_cannot_be_verified() -> None:
    store = MemoryStore()
    first = commit_on(store, None, "a")
    second = commit_on(store, first[-1].oid, "b")[-1].oid
    with pytest.raises(InvalidValue):
        list(named(store, [Move(STATE, second, second)]))
    blob = first[0].oid
    with pytest.raises(InvalidValue):
        list(named(store, [Move(STATE, blob, blob)]))
    with pytest.raises(CorruptRecord):
        list(named(store, [Move(STATE, "e" * 40, "e" * 40)]))


def test_a_chain_is_brought_from_its_head_to_its_beginning() -> None:
    store = MemoryStore()
    first = commit_on(store, None, "a", "b")
    second = commit_on(store, first[-1].oid, "a", "c")
    found = chain(store, second[-1].oid)
    assert found is not None
    assert {one.oid for one in found} == {one.oid for one in (*first, *second)}
    assert len(found) == len({one.oid for one in found})


def test_a_chain_that_is_cut_here_is_not_whole() -> None:
    class Cut(MemoryStore):
        def chain(self, start: str, limit: int | None = None):  # type: ignore[no-untyped-def]
            yield from super().chain(start, 1)

    store = Cut()
    first = commit_on(store, None, "a")
    second = commit_on(store, first[-1].oid, "b")
    assert chain(store, second[-1].oid) is None
    assert {one.oid for one in below(store, second[-1].oid)} == {o.oid for o in second[:-1]}
