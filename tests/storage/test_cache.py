"""The index answers for exactly one tree, whatever happens to its file or beside it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import CorruptRecord
from gitcoord.storage import cachefile
from gitcoord.storage.cache import Cache, Snapshot
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import make_object
from gitcoord.storage.tree import rewrite

Place = tuple[str, str]
Model = Mapping[Place, bytes | None]


def describe(table: str, data: bytes) -> tuple[str | None, list[str]]:
    """Read "name term term ..."; what is not of that form is corrupt."""
    if table == "future":
        return None, []
    try:
        name, *terms = data.decode().split()
    except ValueError as wrong:
        raise CorruptRecord("no record") from wrong
    return name, terms


class World:
    """A store in memory and the trees in it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.reads = 0

    def read(self, oid: str) -> bytes:
        return self.store.read(oid)[1]

    def tree(self, changes: Model, root: str | None = None) -> str:
        new, objects = rewrite(self.read, root, changes, "sha1")
        self.store.commit(objects, [])
        return new


def record(name: str, *terms: str) -> bytes:
    return " ".join([name, *terms]).encode()


def everything(snapshot: Snapshot) -> dict[str, object]:
    tables = snapshot.tables()
    return {
        table: (
            snapshot.count(table),
            list(snapshot.names(table)),
            [snapshot.load(table, name) for name in snapshot.names(table)],
            list(snapshot.scan(table, "")),
        )
        for table in tables
    } | {"meta": snapshot.load("", "meta.json")}


def expected(model: Model) -> dict[str, object]:
    found: dict[str, object] = {"meta": model.get(("", "meta.json"))}
    for table in {table for table, _ in model if table}:
        rows = {n: d for (t, n), d in model.items() if t == table and d is not None}
        if rows:
            terms = [(term, n) for n, d in rows.items() for term in set(describe(table, d)[1])]
            found[table] = (len(rows), sorted(rows), [rows[n] for n in sorted(rows)], sorted(terms))
    return found


def open_cache(path: object, version: str = "1") -> Cache:
    return Cache(None if path is None else str(path), describe, version)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["file", "memory"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cache]:
    made = open_cache(tmp_path / "cache.sqlite" if request.param == "file" else None)
    yield made
    assert made.in_memory == (request.param == "memory")
    made.close()


SOME: dict[Place, bytes | None] = {
    ("locks", "a"): record("a", "key:a", "by:s1"),
    ("locks", "b/c"): record("b/c", "key:b", "by:s1", "by:s2"),
    ("locks", "x" * 200): record("x" * 200, "key:x"),
    ("archive/tasks", "t"): record("t", "key:a"),
    ("", "meta.json"): b"{}\n",
}


def test_a_snapshot_answers_for_its_tree(world: World, cache: Cache) -> None:
    with cache.at(world.tree(SOME), world.store) as snapshot:
        assert snapshot.load("locks", "a") == SOME["locks", "a"]
        assert snapshot.load("locks", "no") is None
        assert snapshot.load("", "meta.json") == b"{}\n"
        assert snapshot.find("locks", "by:s1") == ["a", "b/c"]
        assert snapshot.find("locks", "by:s") == []
        assert list(snapshot.scan("locks", "by:")) == [
            ("by:s1", "a"), ("by:s1", "b/c"), ("by:s2", "b/c")
        ]  # fmt: skip
        assert list(snapshot.scan("locks", "by:", after="by:s1")) == [("by:s2", "b/c")]
        assert list(snapshot.scan("locks", "by:", after="a")) == list(snapshot.scan("locks", "by:"))
        assert list(snapshot.scan("locks", "by:", after="key")) == []
        assert list(snapshot.names("locks")) == ["a", "b/c", "x" * 200]
        assert snapshot.tables() == ["archive/tasks", "locks"]
        assert (snapshot.count("locks"), snapshot.count("tasks")) == (3, 0)
        assert everything(snapshot) == expected(SOME)


def test_a_repository_without_a_ledger_has_no_records(world: World, cache: Cache) -> None:
    with cache.at(None, world.store) as snapshot:
        assert snapshot.tables() == []
        assert snapshot.load("", "meta.json") is None


def test_long_tables_come_in_order_and_only_as_far_as_wanted(world: World, cache: Cache) -> None:
    names = [f"n{i}" for i in range(3000)]
    model: Model = {("tasks", n): record(n, f"p:{len(n)}", "q:same") for n in names}
    with cache.at(world.tree(model), world.store) as snapshot:
        assert list(snapshot.names("tasks")) == sorted(names)
        assert list(snapshot.scan("tasks", "q:")) == [("q:same", n) for n in sorted(names)]
        assert next(snapshot.scan("tasks", "p:4")) == ("p:4", "n100")
        assert list(snapshot.scan("tasks", "p:2", after="p:2")) == []


def test_an_open_snapshot_does_not_see_what_comes_later(world: World, cache: Cache) -> None:
    first = world.tree(SOME)
    changes = {("locks", "a"): None, ("locks", "new"): record("new", "key:n")}
    second = world.tree(changes, first)
    with cache.at(first, world.store) as old:
        cache.advance(first, second, changes)
        with cache.at(second, world.store) as new:
            assert everything(new) == expected({**SOME, **changes})
            assert everything(old) == expected(SOME)
        with cache.at(first, world.store) as again:
            assert everything(again) == everything(old)


def test_advancing_gives_the_same_index_as_reading(world: World, cache: Cache) -> None:
    model = dict(SOME)
    root = world.tree(model)
    cache.at(root, world.store).close()
    steps: list[dict[Place, bytes | None]] = [
        {("locks", "a"): record("a", "by:s9", "key:a"), ("", "meta.json"): b"2\n"},
        {("locks", "x" * 200): None, ("locks", "a"): None, ("tasks", "y" * 200): record("y" * 200)},
        {("locks", "never"): None, ("", "settings.json"): b"{}\n"},
    ]
    for changes in steps:
        model |= changes
        new = world.tree(changes, root)
        cache.advance(root, new, changes)
        root = new
        # Nothing is left to read: a store without any object proves it.
        with cache.at(root, MemoryStore()) as snapshot:
            assert everything(snapshot) == expected(model)


def test_advancing_from_another_tree_changes_nothing(world: World, cache: Cache) -> None:
    first, other = world.tree(SOME), world.tree({("locks", "z"): record("z")})
    cache.at(first, world.store).close()
    changes = {("locks", "q"): record("q")}
    cache.advance(other, world.tree(changes, other), changes)
    with cache.at(first, MemoryStore()) as snapshot:
        assert everything(snapshot) == expected(SOME)


NAMES = st.sampled_from([f"n{i}" for i in range(8)] + ["l" * 150, "ü/ x".replace(" ", "")])
CHANGES = st.dictionaries(
    st.tuples(st.sampled_from(["locks", "archive/tasks"]), NAMES),
    st.none() | st.sets(st.sampled_from(["p:1", "p:2", "q:1", "é"])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CHANGES, st.sampled_from(["advance", "diff", "back"])), max_size=8))
def test_an_index_that_followed_equals_one_that_is_built_anew(
    steps: list[tuple[dict[Place, set[str] | None], str]],
) -> None:
    world, cache = World(), open_cache(None)
    history = [(world.tree(SOME), dict(SOME))]
    cache.at(history[0][0], world.store).close()
    for wishes, how in steps:
        root, model = history[-1]
        changes = {
            place: None if terms is None else record(place[1], *sorted(terms))
            for place, terms in wishes.items()
        }
        new = world.tree(changes, root)
        history.append((new, model | changes))
        if how == "advance":
            cache.advance(root, new, changes)
        at, model = history[0] if how == "back" else history[-1]
        with cache.at(at, world.store) as snapshot:
            fresh = open_cache(None)
            with fresh.at(at, world.store) as rebuilt:
                assert everything(snapshot) == everything(rebuilt) == expected(model)
            fresh.close()
    cache.close()


def test_a_second_process_finds_the_index_ready(world: World, tmp_path: Path) -> None:
    root = world.tree(SOME)
    first = open_cache(tmp_path / "c")
    first.at(root, world.store).close()
    first.close()
    second = open_cache(tmp_path / "c")
    with second.at(root, MemoryStore()) as snapshot:
        assert everything(snapshot) == expected(SOME)
    second.close()
    third = open_cache(tmp_path / "c", version="2")
    with pytest.raises(CorruptRecord):
        third.at(root, MemoryStore())
    with third.at(root, world.store) as snapshot:
        assert everything(snapshot) == expected(SOME)
    third.close()


def test_an_index_from_before_the_last_start_of_the_machine_is_not_trusted(
    world: World, tmp_path: Path
) -> None:
    root = world.tree(SOME)
    first = open_cache(tmp_path / "c")
    first.at(root, world.store).close()
    first.close()
    with sqlite3.connect(tmp_path / "c") as connection:
        connection.execute("UPDATE state SET boot = 'before'")
    connection.close()
    second = open_cache(tmp_path / "c")
    with pytest.raises(CorruptRecord):
        second.at(root, MemoryStore())
    second.close()


def test_an_old_tree_that_is_gone_costs_a_full_read_only(world: World, cache: Cache) -> None:
    old = world.tree({("gone", f"n{i}"): record(f"n{i}") for i in range(3)})
    cache.at(old, world.store).close()
    from gitcoord.storage import node

    node._young.clear()
    node._old.clear()
    fresh = World()
    with cache.at(fresh.tree(SOME), fresh.store) as snapshot:
        assert everything(snapshot) == expected(SOME)


def broken_header(path: Path) -> None:
    path.write_bytes(b"this is not a database, it only has the length of one " * 400)


def broken_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)


def broken_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE term; ALTER TABLE record RENAME COLUMN data TO body")
    connection.close()


def no_state(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("DELETE FROM state")
    connection.close()


@pytest.mark.parametrize(
    "damage", [broken_header, broken_middle, broken_end, empty, other_tables, no_state]
)
def test_a_damaged_file_is_replaced(world: World, tmp_path: Path, damage: object) -> None:
    model: Model = {("locks", f"n{i}"): record(f"n{i}", "all") for i in range(500)}
    root = world.tree(model)
    first = open_cache(tmp_path / "c")
    first.at(root, world.store).close()
    first.close()
    assert callable(damage)
    damage(tmp_path / "c")
    second = open_cache(tmp_path / "c")
    with second.at(root, world.store) as snapshot:
        assert everything(snapshot) == expected(model)
        assert not second.in_memory
    second.close()
    third = open_cache(tmp_path / "c")
    with third.at(root, MemoryStore()) as snapshot:
        assert everything(snapshot) == expected(model)
    third.close()


def test_damage_that_shows_in_the_middle_of_a_scan_does_not_end_it(
    world: World, tmp_path: Path
) -> None:
    model: Model = {("locks", f"n{i:05}"): record(f"n{i:05}", f"t:{i:05}") for i in range(5000)}
    root = world.tree(model)
    cache = open_cache(tmp_path / "c")
    cache.at(root, world.store).close()
    cache.close()
    with cache.at(root, world.store) as snapshot:
        scan = snapshot.scan("locks", "t:")
        first = next(scan)
        with (tmp_path / "c").open("r+b") as file:
            file.seek(0, os.SEEK_END)
            size = file.tell()
            for page in range(2 * 4096, size, 4096):
                file.seek(page)
                file.write(b"\xff" * 64)
        assert [first, *scan] == [(f"t:{i:05}", f"n{i:05}") for i in range(5000)]
    cache.close()


@pytest.mark.parametrize("where", ["file/cache", "read-only/cache", "directory"])
def test_where_nothing_can_be_written_the_index_is_in_memory(
    world: World, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    (tmp_path / "read-only").mkdir(mode=0o500)
    if where.startswith("read-only") and os.access(tmp_path / "read-only", os.W_OK):
        pytest.skip("this user may write everywhere")
    cache = open_cache(tmp_path / where)
    root = world.tree(SOME)
    with cache.at(root, world.store) as snapshot:
        assert everything(snapshot) == expected(SOME)
    assert cache.in_memory
    changes = {("locks", "n"): record("n")}
    new = world.tree(changes, root)
    cache.advance(root, new, changes)
    with cache.at(new, MemoryStore()) as snapshot:
        assert everything(snapshot) == expected({**SOME, **changes})
    cache.close()


def test_a_directory_that_is_missing_is_made_for_its_owner_alone(
    world: World, tmp_path: Path
) -> None:
    cache = open_cache(tmp_path / "home" / "cache.sqlite")
    cache.at(world.tree(SOME), world.store).close()
    assert not cache.in_memory
    cache.close()
    if os.name == "posix":
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_busy_index_does_not_hold_up_who_has_committed(world: World, tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "c")
    root = world.tree(SOME)
    cache.at(root, world.store).close()
    other = sqlite3.connect(tmp_path / "c", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    changes = {("locks", "n"): record("n")}
    new = world.tree(changes, root)
    cache.advance(root, new, changes)
    other.execute("ROLLBACK")
    other.close()
    with cache.at(new, world.store) as snapshot:
        assert everything(snapshot) == expected({**SOME, **changes})
    cache.close()


def test_readers_that_want_different_trees_all_get_theirs(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.storage import cache as module

    monkeypatch.setattr(module, "_TRIES", 0)
    trees = [(world.tree({**SOME, ("locks", "a"): record("a", f"v:{i}")}), i) for i in range(3)]
    cache = open_cache(tmp_path / "c")
    for root, i in trees * 2:
        with cache.at(root, world.store) as snapshot:
            assert snapshot.find("locks", f"v:{i}") == ["a"]
    cache.close()
    assert not cache.in_memory


def test_a_record_under_a_wrong_name_is_corrupt(world: World, cache: Cache) -> None:
    root = world.tree({("locks", "a"): record("b")})
    with pytest.raises(CorruptRecord, match="'b'"):
        cache.at(root, world.store)
    blob = make_object(b"blob", b"x", "sha1")
    world.store.commit([blob], [])
    with cache.at(world.tree(SOME), world.store) as snapshot:
        assert everything(snapshot) == expected(SOME)


def test_a_record_that_cannot_be_read_fails_every_time_and_spoils_nothing(
    world: World, cache: Cache
) -> None:
    good = world.tree(SOME)
    bad = world.tree({("locks", "bad"): b"\xff"}, good)
    cache.at(good, world.store).close()
    for _ in range(2):
        with pytest.raises(CorruptRecord):
            cache.at(bad, world.store)
    with cache.at(good, MemoryStore()) as snapshot:
        assert everything(snapshot) == expected(SOME)


def test_records_of_unknown_kinds_are_carried_under_the_name_of_their_entry(
    world: World, cache: Cache
) -> None:
    long = "f" * 200
    root = world.tree({("future", "a b"): b"?", ("future", long): b"?"})
    with cache.at(root, world.store) as snapshot:
        names = list(snapshot.names("future"))
        assert names[0] == "a b"
        assert names[1].startswith("h.")
    root = world.tree({("future", "a b"): None, ("future", long): None}, root)
    with cache.at(root, world.store) as snapshot:
        assert snapshot.tables() == []


def test_a_closed_snapshot_refuses_to_answer(world: World, cache: Cache) -> None:
    snapshot = cache.at(world.tree(SOME), world.store)
    snapshot.close()
    snapshot.close()
    with pytest.raises(ValueError, match="closed"):
        snapshot.load("locks", "a")


def test_the_machine_is_asked_for_its_start_only_where_it_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachefile, "_boot", lambda: "")
    connection = cachefile.connect(str(tmp_path / "c"), "1")
    assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    connection.close()


WORKER = """
import sys, msgspec
from gitcoord.storage.cache import Cache
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import GitObject

path, data, start = sys.argv[1:]
with open(data, "rb") as file:
    trees, objects = msgspec.msgpack.decode(file.read(), type=tuple[list[str], list[GitObject]])
store = MemoryStore()
store.commit(objects, [])

def describe(table, data):
    name, *terms = data.decode().split()
    return name, terms

print("ready", flush=True)
sys.stdin.readline()
cache = Cache(path, describe, "1")
for turn in range(60):
    number = (turn * 7 + int(start)) % len(trees)
    with cache.at(trees[number], store) as snapshot:
        assert snapshot.find("locks", f"v:{number}") == ["a"], number
        assert snapshot.count("locks") == 4 and len(list(snapshot.names("locks"))) == 4
print("memory" if cache.in_memory else "shared")
cache.close()
"""


def test_several_processes_at_once_each_see_the_tree_they_asked_for(
    world: World, tmp_path: Path
) -> None:
    trees = [
        world.tree(
            {**SOME, ("locks", "a"): record("a", f"v:{i}"), ("locks", f"n{i}"): record(f"n{i}")}
        )
        for i in range(5)
    ]
    objects = [(*world.store.read(oid), oid) for oid in world.store._objects]
    data = tmp_path / "data"
    data.write_bytes(msgspec.msgpack.encode((trees, objects)))
    arguments = [sys.executable, "-c", WORKER, str(tmp_path / "c"), str(data)]
    workers = [
        subprocess.Popen(
            [*arguments, str(i)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    outcomes = []
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        out, err = worker.communicate(timeout=120)
        outcomes.append((out, err))
    assert outcomes == [("shared\n", "")] * 4
    with sqlite3.connect(tmp_path / "c") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
