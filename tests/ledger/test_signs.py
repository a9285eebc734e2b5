"""What machines have published, read by others; whatever is broken stops nobody."""

from __future__ import annotations

import pytest

from gitcoord.domain.operation import Beat
from gitcoord.domain.time import EPOCH
from gitcoord.ledger.presence import published
from gitcoord.ledger.signs import PREFIX, composed, guard, survey
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import ABSENT, GitObject, Move, SwapLost, make_object
from tests.ledger.houses import START

ANN = {"s-ann": Beat(3, START)}


def commit(tree: str, *, parents: str = "") -> GitObject:
    text = f"tree {tree}\n{parents}author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nx\n"
    return make_object(b"commit", text.encode(), "sha1")


def blob(data: bytes) -> GitObject:
    return make_object(b"blob", data, "sha1")


def tree(one: GitObject, name: bytes = b"presence.json") -> GitObject:
    return make_object(b"tree", b"100644 " + name + b"\0" + bytes.fromhex(one.oid), "sha1")


def filed(data: bytes, name: bytes = b"presence.json", parents: str = "") -> list[GitObject]:
    held = blob(data)
    root = tree(held, name)
    return [held, root, commit(root.oid, parents=parents)]


def store(machine: str = "ada-1", objects: list[GitObject] | None = None) -> MemoryStore:
    found = MemoryStore()
    made = objects or list(composed(machine, ANN, START, "sha1"))
    found.commit(made, [Move(PREFIX + machine, ABSENT, made[-1].oid)])
    return found


GOOD = composed("ada-1", ANN, START, "sha1")
BROKEN = {
    "no JSON": filed(b"{half of"),
    "other fields": filed(b'{"format": 1, "sessions": 3}\n'),
    "a newer format": filed(b'{\n  "format": 99,\n  "sessions": {}\n}\n'),
    "another file": filed(b"x", b"notes.txt"),
    "a lost blob": filed(b"x")[1:],
    "a lost tree": filed(b"x")[2:],
    "no tree at all": [commit("not-hexadecimal")],
    "no head of a commit": [make_object(b"commit", b"what is this", "sha1")],
    "a blob for a commit": [blob(b"hello")],
}


@pytest.mark.parametrize("objects", BROKEN.values(), ids=BROKEN)
def test_one_broken_presence_is_named_and_the_others_are_read(objects: list[GitObject]) -> None:
    found = store()
    found.commit(objects, [Move(PREFIX + "bob-2", ABSENT, objects[-1].oid)])
    seen = survey(found)
    assert list(seen) == ["ada-1", "bob-2"]
    assert (seen["ada-1"].sessions, seen["ada-1"].broken) == (ANN, "")
    assert seen["bob-2"].broken
    assert list(published(found)) == ["ada-1"]


def test_of_a_broken_presence_its_object_id_shows_whether_it_moves() -> None:
    one, other = store(objects=BROKEN["no JSON"]), store(objects=BROKEN["a newer format"])
    seen = [survey(each)["ada-1"] for each in (one, other)]
    assert len({each.beats_of("s-ann", at_home=True) for each in seen}) == 2
    assert {each.beats_of("s-ann", at_home=False) for each in seen} == {0}
    good = survey(store())["ada-1"]
    assert good.beats_of("s-ann", at_home=True) == good.beats_of("s-ann", at_home=False) == 3
    assert good.beats_of("s-bob", at_home=True) == 0


def test_a_beat_with_a_time_that_is_none_still_counts() -> None:
    made = composed("ada-1", {"s-ann": Beat(3, "soon")}, START, "sha1")
    assert survey(store(objects=list(made)))["ada-1"].sessions == {"s-ann": Beat(3, EPOCH)}


def test_a_guard_verifies_the_presence_and_takes_along_all_that_it_reaches() -> None:
    found = store()
    extra = guard(found, "ada-1", START)
    assert extra is not None
    assert {one.oid for one in extra[0]} == {one.oid for one in GOOD}
    assert extra[1] == [Move(PREFIX + "ada-1", GOOD[2].oid, GOOD[2].oid)]
    found.commit(*extra)
    later = composed("ada-1", {"s-ann": Beat(4, START)}, START, "sha1")
    found.commit(later, [Move(PREFIX + "ada-1", GOOD[2].oid, later[2].oid)])
    with pytest.raises(SwapLost):
        found.commit(*extra)


def test_where_nothing_is_published_the_guard_and_a_first_presence_cannot_both_win() -> None:
    found = MemoryStore()
    extra = guard(found, "ada-1", START)
    assert extra is not None
    first = composed("ada-1", ANN, START, "sha1")
    found.commit(*extra)
    assert survey(found)["ada-1"].sessions == {}
    with pytest.raises(SwapLost):
        found.commit(first, [Move(PREFIX + "ada-1", ABSENT, first[2].oid)])


class Simple(MemoryStore):
    atomic = False


def test_without_atomic_pushes_there_is_no_guard() -> None:
    assert guard(Simple(), "ada-1", START) is None


@pytest.mark.parametrize("name", ["ada/1", "ada..1", "", "ada 1", ".ada"])
def test_a_machine_whose_name_is_no_ref_has_no_guard(name: str) -> None:
    assert guard(MemoryStore(), name, START) is None


FOREIGN = BROKEN | {"a history": filed(b"x", parents=f"parent {GOOD[2].oid}\n")}
FOREIGN = {name: FOREIGN[name] for name in FOREIGN if name not in ("no JSON", "other fields")}
del FOREIGN["a newer format"]


@pytest.mark.parametrize("objects", FOREIGN.values(), ids=FOREIGN)
def test_what_cannot_be_taken_along_whole_has_no_guard(objects: list[GitObject]) -> None:
    assert guard(store(objects=objects), "ada-1", START) is None


def test_what_is_whole_and_cannot_be_understood_has_a_guard() -> None:
    assert guard(store(objects=BROKEN["no JSON"]), "ada-1", START) is not None
