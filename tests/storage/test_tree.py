"""The tree is a function of the records, its rewrites are small, and nothing unknown is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gitcoord.errors import CorruptRecord, InvalidValue
from gitcoord.storage import node
from gitcoord.storage.layout import FLAT, entry_name, record_name
from gitcoord.storage.store import GitObject, make_object
from gitcoord.storage.tree import diff, lookup, records, rewrite

Place = tuple[str, str]
TABLES = ["locks", "tasks", "archive/tasks", "archive/sessions"]


class Objects:
    """The trees and blobs of one test, and which of them were read."""

    def __init__(self, fmt: str = "sha1") -> None:
        self.fmt = fmt
        self.stored: dict[str, GitObject] = {}
        self.seen: list[str] = []

    def read(self, oid: str) -> bytes:
        self.seen.append(oid)
        return self.stored[oid].data

    def rewrite(
        self, root: str | None, changes: Mapping[Place, bytes | None]
    ) -> tuple[str, list[GitObject]]:
        new, made = rewrite(self.read, root, changes, self.fmt)
        assert len({o.oid for o in made}) == len(made)
        self.stored |= {o.oid: o for o in made}
        return new, made

    def add(self, kind: bytes, data: bytes) -> str:
        made = make_object(kind, data, self.fmt)
        self.stored[made.oid] = made
        return made.oid

    def reachable(self, root: str | None) -> set[str]:
        found: set[str] = set()
        pending = [root] if root else []
        while pending:
            oid = pending.pop()
            if oid not in found:
                found.add(oid)
                if self.stored[oid].kind == b"tree":
                    tree = node.parse(self.stored[oid].data, oid)
                    pending += [raw.hex() for raw in tree.records.values()]
                    pending += [raw.hex() for raw in tree.nodes.values()]
                    pending += [raw.hex() for _, raw in tree.others.values()]
        return found


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    forget()


def forget() -> None:
    node._young.clear()
    node._old.clear()


def many(count: int, table: str = "locks", start: int = 0) -> dict[Place, bytes | None]:
    return {(table, f"key-{i}"): b"%d\n" % i for i in range(start, start + count)}


def listed(objects: Objects, root: str | None) -> dict[Place, bytes]:
    return {
        (table, entry): objects.stored[oid].data
        for table, entry, oid in records(objects.read, root)
    }


def entries(model: Mapping[Place, bytes | None]) -> dict[Place, bytes]:
    return {
        (table, entry_name(name) if table else name): data
        for (table, name), data in model.items()
        if data is not None
    }


NAMES = st.integers(0, 150).map(lambda i: f"src/{i}.py")
DATA = st.integers(0, 3).map(lambda i: b"%d\n" % i)
CHANGES = st.dictionaries(
    st.tuples(st.sampled_from(TABLES), NAMES) | st.just(("", "meta.json")), st.none() | DATA
)
BLOCKS = st.tuples(st.sampled_from(TABLES), st.integers(0, 150), st.integers(1, 150))


class Rewrites(RuleBasedStateMachine):
    """Any sequence of changes, with a dictionary beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects()
        self.root: str | None = None
        self.model: dict[Place, bytes] = {}

    @rule(changes=CHANGES)
    def change(self, changes: dict[Place, bytes | None]) -> None:
        self.make(changes)

    @rule(block=BLOCKS, data=st.none() | DATA)
    def change_many(self, block: tuple[str, int, int], data: bytes | None) -> None:
        table, start, count = block
        self.make({(table, f"src/{i % 151}.py"): data for i in range(start, start + count)})

    @rule()
    def forget(self) -> None:
        forget()

    def make(self, changes: dict[Place, bytes | None]) -> None:
        before = dict(self.model)
        for place, data in changes.items():
            if data is None:
                self.model.pop(place, None)
            else:
                self.model[place] = data
        old = self.root
        self.root, made = self.objects.rewrite(old, changes)
        after = self.objects.reachable(self.root)
        assert {o.oid for o in made} <= after
        assert after <= self.objects.reachable(old) | {o.oid for o in made}
        assert (self.root == old) == (before == self.model and old is not None)
        differences = {
            (table, entry): (a, b) for table, entry, a, b in diff(self.objects.read, old, self.root)
        }
        assert differences == self.expected(entries(before), entries(self.model))

    def expected(
        self, before: Mapping[Place, bytes], after: Mapping[Place, bytes]
    ) -> dict[Place, tuple[str | None, str | None]]:
        def oid(data: bytes | None) -> str | None:
            return None if data is None else make_object(b"blob", data, "sha1").oid

        return {
            place: (oid(before.get(place)), oid(after.get(place)))
            for place in before.keys() | after.keys()
            if before.get(place) != after.get(place)
        }

    @invariant()
    def equal_records_have_an_equal_tree(self) -> None:
        if self.root is not None:
            assert Objects().rewrite(None, self.model)[0] == self.root
            assert listed(self.objects, self.root) == entries(self.model)


Rewrites.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestRewrites = Rewrites.TestCase


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_entry_is_plain_short_and_leads_back_to_its_name(name: str) -> None:
    entry = entry_name(name)
    assert len(entry) <= 120
    assert entry.isascii()
    assert entry.isprintable()
    assert "/" not in entry
    assert entry[:2] in ("r.", "h.")
    assert record_name(entry) == (name if entry[:2] == "r." else None)


def test_entries_are_what_the_format_says() -> None:
    assert entry_name("src/a b.py") == "r.src%2Fa%20b.py.json"
    assert entry_name(".git") == "r..git.json"
    assert entry_name("é~@_-Z") == "r.%C3%A9~@_-Z.json"
    assert len(entry_name("x" * 113)) == 120
    assert entry_name("x" * 114) == f"h.{sha256(b'x' * 114).hexdigest()}.json"


def test_names_that_differ_only_in_case_or_in_escapes_are_different_entries() -> None:
    names = ["a", "A", "a%2F", "a/", "a%252F", "%"]
    assert len({entry_name(name) for name in names}) == len(names)


def test_a_name_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidValue):
        entry_name("a\ud800")


@pytest.mark.parametrize("table", ["a", "Locks", "locks/", "/locks", "a/b", "x/y/z", "../x", "f"])
def test_a_table_that_could_be_taken_for_something_else_is_refused(table: str) -> None:
    with pytest.raises(InvalidValue):
        Objects().rewrite(None, {(table, "a"): b"1\n"})


def test_root_blobs_have_plain_names_only() -> None:
    for name in ("locks", "a/b.json", ".git", "r.a.json/"):
        with pytest.raises(InvalidValue):
            Objects().rewrite(None, {("", name): b"1\n"})


@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_git_reads_the_tree_that_is_written(fmt: str, tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q", "--object-format", fmt, "."], check=True)
    objects = Objects(fmt)
    changes = many(100) | {("archive/tasks", "t"): b"t\n", ("", "meta.json"): b"{}\n"}
    root, made = objects.rewrite(None, changes)
    for each in made:
        subprocess.run(
            [*git, "hash-object", "-w", "--stdin", "-t", each.kind.decode()],
            input=each.data,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    out = subprocess.run(
        [*git, "ls-tree", "-r", "--name-only", root], check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(out) == 102
    assert {"archive/tasks/r.t.json", "meta.json"} < set(out)
    subprocess.run([*git, "fsck", "--strict"], check=True, capture_output=True)


def test_a_table_is_flat_up_to_the_limit_and_flat_again_below_it() -> None:
    objects = Objects()
    small, _ = objects.rewrite(None, many(FLAT))
    big, _ = objects.rewrite(small, many(FLAT + 1))
    again, _ = objects.rewrite(big, {("locks", "key-64"): None})
    assert again == small
    locks = node.parse(objects.stored[big].data, big).others[b"locks"][1].hex()
    assert not node.parse(objects.stored[locks].data, locks).records
    assert len(node.parse(objects.stored[locks].data, locks).nodes) > 8


def test_the_last_record_takes_its_table_away() -> None:
    objects = Objects()
    root, _ = objects.rewrite(None, {("archive/tasks", "a"): b"1\n"})
    root, made = objects.rewrite(root, {("archive/tasks", "a"): None, ("locks", "no"): None})
    assert objects.stored[root].data == b""
    assert [o.oid for o in made] == [root]


def test_one_record_among_ten_thousand_reads_and_writes_only_its_path() -> None:
    objects = Objects()
    root, _ = objects.rewrite(None, many(10_000) | many(500, "tasks"))
    for change, most in ((b"new\n", 4), (None, 6)):
        forget()
        objects.seen.clear()
        _, made = objects.rewrite(root, {("locks", "key-77"): change})
        assert len(objects.seen) <= most
        assert len(made) == (5 if change else 4)


def test_a_process_that_lives_on_reads_nothing_twice() -> None:
    objects = Objects()
    root, _ = objects.rewrite(None, many(1_000))
    objects.seen.clear()
    root, _ = objects.rewrite(root, {("locks", "key-5"): b"x\n"})
    objects.rewrite(root, {("locks", "key-6"): b"x\n"})
    assert objects.seen == []


def test_the_memory_of_parsed_trees_is_bounded() -> None:
    objects = Objects()
    root: str | None = None
    for i in range(3_000):
        root, _ = objects.rewrite(root, {("locks", "a"): b"%d\n" % i})
    assert len(node._young) + len(node._old) <= 2 * node._GENERATION


def test_a_record_is_found_by_its_name() -> None:
    objects = Objects()
    long = "x" * 300
    root, _ = objects.rewrite(
        None,
        many(1_000)
        | {("locks", long): b"l\n", ("archive/tasks", "t"): b"t\n"}
        | {("", "meta.json"): b"m\n"},
    )
    wanted = {("locks", "key-7"): b"7\n", ("locks", long): b"l\n"}
    wanted |= {("archive/tasks", "t"): b"t\n", ("", "meta.json"): b"m\n"}
    for (table, name), data in wanted.items():
        oid = lookup(objects.read, root, table, name)
        assert oid is not None
        assert objects.stored[oid].data == data
    for table, name in (("locks", "no"), ("tasks", "t"), ("archive/locks", "t"), ("", "x.json")):
        assert lookup(objects.read, root, table, name) is None
    assert lookup(objects.read, None, "locks", "a") is None


def test_one_table_can_be_listed_alone() -> None:
    objects = Objects()
    root, _ = objects.rewrite(
        None, many(70) | many(3, "archive/tasks") | many(2, "archive/locks") | {("", "a.json"): b""}
    )
    counts = {
        table: len(list(records(objects.read, root, table)))
        for table in ("locks", "archive/tasks", "archive/locks", "", "tasks", "archive")
    }
    assert counts == {
        "locks": 70,
        "archive/tasks": 3,
        "archive/locks": 2,
        "": 1,
        "tasks": 0,
        "archive": 0,
    }


def with_entry(objects: Objects, root: str, path: Iterable[bytes], mode: bytes, oid: str) -> str:
    """Return the tree with one foreign entry put at `path`, as another program might."""
    first, *rest = path
    tree = node.parse(objects.stored[root].data, root)
    if not rest:
        tree.others[first] = (mode, bytes.fromhex(oid))
    else:
        places = tree.nodes if first in tree.nodes else None
        below = (places[first] if places else tree.others[first][1]).hex()
        raw = bytes.fromhex(with_entry(objects, below, rest, mode, oid))
        if places:
            places[first] = raw
        else:
            tree.others[first] = (node.TREE, raw)
    return objects.add(b"tree", node.serialise(tree))


def paths(objects: Objects, root: str, before: str = "") -> dict[str, str]:
    tree = node.parse(objects.stored[root].data, root)
    found = {before + k.decode(): v.hex() for k, v in tree.records.items()}
    below = {k: v for k, (mode, v) in tree.others.items() if mode == node.TREE} | tree.nodes
    found |= {before + k.decode(): v.hex() for k, (m, v) in tree.others.items() if m != node.TREE}
    for name, raw in below.items():
        found |= paths(objects, raw.hex(), f"{before}{name.decode()}/")
    return found


def test_entries_that_nobody_knows_survive_splitting_and_collapsing() -> None:
    objects = Objects()
    blob = objects.add(b"blob", b"foreign")
    other = objects.add(b"tree", b"100644 leaf\0" + bytes.fromhex(blob))
    root, _ = objects.rewrite(None, many(80) | {("", "meta.json"): b"1\n"})
    foreign = {
        "new.txt": (b"100755", blob),
        "locks/index": (b"100644", blob),
        "locks/3/deep": (b"100644", blob),
        "locks/4/dir": (node.TREE, other),
        "future": (node.TREE, other),
    }
    for path, (mode, oid) in foreign.items():
        root = with_entry(objects, root, path.encode().split(b"/"), mode, oid)
    expected = {"new.txt", "locks/index", "locks/3/deep", "locks/4/dir/leaf", "future/leaf"}
    assert expected < set(paths(objects, root))
    steps: list[dict[Place, bytes | None]] = [
        dict.fromkeys(many(40, start=40)),
        many(200),
        dict.fromkeys(many(200)),
        many(70),
        {("", "meta.json"): None},
    ]
    for changes in steps:
        forget()
        old = root
        root, made = objects.rewrite(old, changes)
        assert {p for p in paths(objects, root) if ".json" not in p} == expected
        after = objects.reachable(root)
        assert {o.oid for o in made} <= after <= objects.reachable(old) | {o.oid for o in made}
        wanted = {e for (_, n), d in changes.items() if d and (e := entry_name(n))}
        assert {e for t, e, _ in records(objects.read, root) if t == "locks"} >= wanted
        places = [(table, entry) for table, entry, _ in records(objects.read, root)]
        assert len(places) == len(set(places))
        changed = listed(objects, old).items() ^ listed(objects, root).items()
        assert {(t, e) for t, e, _, _ in diff(objects.read, old, root)} == {p for p, _ in changed}
    assert len([1 for t, _, _ in records(objects.read, root) if t == "locks"]) == 70


def test_records_that_another_program_left_in_the_wrong_node_are_found_and_put_right() -> None:
    objects = Objects()
    flat = node.Node({}, {}, {})
    for (_, name), data in many(100).items():
        assert data is not None
        flat.records[entry_name(name).encode()] = bytes.fromhex(objects.add(b"blob", data))
    locks = objects.add(b"tree", node.serialise(flat))
    root = objects.add(b"tree", b"40000 locks\0" + bytes.fromhex(locks))
    assert lookup(objects.read, root, "locks", "key-99") is not None
    right, _ = objects.rewrite(None, many(101))
    assert objects.rewrite(root, {("locks", "key-100"): b"100\n"})[0] == right
    assert {(e, b is not None) for _, e, _, b in diff(objects.read, root, right)} == {
        (entry_name("key-100"), True)
    }


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"100644 r.a.json\0short",
        b"40000 r.a.json\0" + b"x" * 20,
        b"100644 a\0" + b"x" * 20,
        b"100644 b/c\0" + b"x" * 20,
        b"100644 meta.json\0" + b"x" * 20 + b"tail",
    ],
)
def test_a_tree_that_cannot_be_read_is_corrupt_and_named(data: bytes) -> None:
    objects = Objects()
    root = objects.add(b"tree", data)
    with pytest.raises(CorruptRecord, match=root):
        list(records(objects.read, root))
    with pytest.raises(CorruptRecord, match=root):
        objects.rewrite(root, {("locks", "a"): b"1\n"})


def test_a_file_where_a_table_should_be_is_not_written_over() -> None:
    objects = Objects()
    blob = objects.add(b"blob", b"x")
    root = objects.add(b"tree", b"100644 locks\0" + bytes.fromhex(blob))
    with pytest.raises(CorruptRecord, match="locks"):
        objects.rewrite(root, {("locks", "a"): b"1\n"})
