"""The contract of Store, held against every engine in every kind of repository."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from gitcoord.errors import (
    Contended,
    CorruptRecord,
    GitFailed,
    HostRefused,
    InvalidValue,
    StaleLockFile,
)
from gitcoord.storage.libgit2 import Libgit2Store
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.repository import Repository, find
from gitcoord.storage.store import ABSENT, GitObject, Move, Oid, Store, SwapLost, make_object
from tests.conftest import first_commit
from tests.contract import wires
from tests.gitrun import git
from tests.servers import fixtures

kept_open = wires.kept_open
sshd = fixtures.sshd

STATE = "refs/coord/state"
OTHER = "refs/coord/presence/here"
_nonce = count()


class World(NamedTuple):
    store: Store
    path: str | None
    open: Callable[[], Store]
    packs: bool

    @property
    def repository(self) -> Repository:
        assert self.path
        return find(self.path, os.environ)

    def lock_path(self, ref: str) -> str:
        return os.path.join(self.repository.common_dir, *ref.split("/")) + ".lock"


def memory(tmp_path: Path) -> str | None:
    return None


def plain(tmp_path: Path) -> str:
    return first_commit(tmp_path / "repo")


def bare(tmp_path: Path) -> str:
    git(str(tmp_path), "init", "-q", "--bare", "bare.git")
    return str(tmp_path / "bare.git")


def sha256(tmp_path: Path) -> str:
    return first_commit(tmp_path / "repo", "--object-format=sha256")


def worktree(tmp_path: Path) -> str:
    git(plain(tmp_path), "worktree", "add", "-q", "-b", "linked", str(tmp_path / "linked"))
    return str(tmp_path / "linked")


def without_commits(tmp_path: Path) -> str:
    git(str(tmp_path), "init", "-q", "empty")
    return str(tmp_path / "empty")


def reftable(tmp_path: Path) -> str:
    probe = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable", str(tmp_path / "probe")],
        capture_output=True,
        text=True,
    )
    if probe.returncode != 0:
        pytest.skip(f"this git makes no reftable repository: {probe.stderr.splitlines()[0]}")
    return first_commit(tmp_path / "repo", "--ref-format=reftable")


PLACES = {
    "memory": memory,
    "plumbing": plain,
    "plumbing-bare": bare,
    "plumbing-packed-refs": plain,
    "plumbing-sha256": sha256,
    "plumbing-linked-worktree": worktree,
    "plumbing-without-commits": without_commits,
    "plumbing-reftable": reftable,
    "libgit2": plain,
    "libgit2-bare": bare,
    "libgit2-packed-refs": plain,
}
HERE = [name for name in PLACES if name != "memory"]
ON_DISK = [*HERE, *wires.NAMES]
IN_FILES = [name for name in HERE if "reftable" not in name]


@pytest.fixture(params=[*PLACES, *wires.NAMES])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param in wires.NAMES:
        with wires.hosted(request.param, tmp_path, request) as (host, open_wire):
            yield from worlds(host, open_wire, packs=False)
        return
    path = PLACES[request.param](tmp_path)
    opened: list[Store] = []

    def new() -> Store:
        if path is None:
            return opened[0] if opened else MemoryStore()
        kind = Libgit2Store if request.param.startswith("libgit2") else PlumbingStore
        return kind(find(path, os.environ))

    yield from worlds(path, new, packs="packed" in request.param, opened=opened)


def worlds(
    path: str | None, new: Callable[[], Store], *, packs: bool, opened: list[Store] | None = None
) -> Iterator[World]:
    opened = [] if opened is None else opened

    def opener() -> Store:
        opened.append(new())
        return opened[-1]

    yield World(opener(), path, opener, packs)
    for store in opened:
        store.close()


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", names, indirect=True)


def commit_of(store: Store, *parents: Oid, text: str = "") -> list[GitObject]:
    """Return the objects of a commit that nobody has made before: a blob, a tree, itself."""
    fmt = store.object_format
    blob = make_object(b"blob", f"{text or next(_nonce)} {os.getpid()}\n".encode(), fmt)
    tree = make_object(b"tree", b"100644 record\0" + bytes.fromhex(blob.oid), fmt)
    lines = [f"tree {tree.oid}", *(f"parent {oid}" for oid in parents)]
    who = "T <t@example.invalid> 1767323045 +0000"
    lines += [f"author {who}", f"committer {who}", "", "record\n"]
    return [blob, tree, make_object(b"commit", "\n".join(lines).encode(), fmt)]


def put(world: World, ref: str = STATE, text: str = "") -> Oid:
    """Add one commit on top of what `ref` is."""
    store = world.store
    old = store.read_ref(ref)
    objects = commit_of(store, *([] if old is ABSENT else [str(old)]), text=text)
    store.commit(objects, [Move(ref, old, objects[-1].oid)])
    if world.packs and world.path:
        git(world.path, "pack-refs", "--all")
    return objects[-1].oid


def refs(world: World) -> dict[str, Oid]:
    return world.store.list_refs("refs/")


def test_a_ref_that_nobody_made_is_absent(world: World) -> None:
    assert world.store.read_ref(STATE) is ABSENT
    assert world.store.list_refs("refs/coord/") == {}


def test_a_ref_is_created_only_if_absent(world: World) -> None:
    first = put(world)
    objects = commit_of(world.store)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(objects, [Move(STATE, ABSENT, objects[-1].oid)])
    assert (lost.value.ref, lost.value.found) == (STATE, first)
    assert world.store.read_ref(STATE) == first


def test_a_swap_moves_the_ref_from_the_expected_oid(world: World) -> None:
    first = put(world)
    second = put(world)
    assert second != first
    assert world.store.read_ref(STATE) == second
    assert world.open().read_ref(STATE) == second


def test_a_swap_from_another_oid_loses_and_changes_nothing(world: World) -> None:
    first = put(world)
    second = put(world)
    objects = commit_of(world.store, first)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(objects, [Move(STATE, first, objects[-1].oid)])
    assert lost.value.found == second
    assert world.store.read_ref(STATE) == second


def test_the_store_works_on_after_a_lost_swap(world: World) -> None:
    put(world)
    objects = commit_of(world.store)
    with pytest.raises(SwapLost):
        world.store.commit(objects, [Move(STATE, ABSENT, objects[-1].oid)])
    newest = put(world)
    assert world.store.read_ref(STATE) == newest


def test_a_swap_on_a_ref_that_was_deleted_loses(world: World) -> None:
    first = put(world)
    if world.path is None:
        pytest.skip("nothing deletes refs in memory")
    git(world.path, "update-ref", "-d", STATE)
    objects = commit_of(world.store, first)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(objects, [Move(STATE, first, objects[-1].oid)])
    assert lost.value.found is ABSENT
    assert world.store.read_ref(STATE) is ABSENT


def test_a_swap_on_a_ref_that_was_rewound_loses(world: World) -> None:
    first = put(world)
    second = put(world)
    if world.path is None:
        world.store.commit([], [Move(STATE, second, first)])
    else:
        git(world.path, "update-ref", STATE, first)
    objects = commit_of(world.store, second)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(objects, [Move(STATE, second, objects[-1].oid)])
    assert lost.value.found == first
    assert world.store.read_ref(STATE) == first


def test_a_move_to_the_same_oid_only_verifies(world: World) -> None:
    first = put(world)
    world.store.commit([], [Move(STATE, first, first)])
    assert world.store.read_ref(STATE) == first
    second = put(world)
    with pytest.raises(SwapLost):
        world.store.commit([], [Move(STATE, first, first)])
    assert world.store.read_ref(STATE) == second


def test_a_verified_ref_that_has_moved_stops_the_other_move(world: World) -> None:
    head, seen = put(world), put(world, OTHER)
    put(world, OTHER)
    before = refs(world)
    objects = commit_of(world.store, head)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(objects, [Move(STATE, head, objects[-1].oid), Move(OTHER, seen, seen)])
    assert lost.value.ref == OTHER
    assert refs(world) == before


def test_a_verified_ref_that_stands_lets_the_other_move(world: World) -> None:
    head, seen = put(world), put(world, OTHER)
    objects = commit_of(world.store, head)
    world.store.commit(objects, [Move(OTHER, seen, seen), Move(STATE, head, objects[-1].oid)])
    assert world.store.read_ref(STATE) == objects[-1].oid
    assert world.store.read_ref(OTHER) == seen


def test_several_refs_move_together(world: World) -> None:
    head = put(world)
    one, two = commit_of(world.store, head), commit_of(world.store)
    world.store.commit(
        [*one, *two], [Move(STATE, head, one[-1].oid), Move(OTHER, ABSENT, two[-1].oid)]
    )
    assert world.store.list_refs("refs/coord/") == {OTHER: two[-1].oid, STATE: one[-1].oid}


def test_of_several_refs_none_moves_when_one_cannot(world: World) -> None:
    head = put(world)
    put(world, OTHER)
    before = refs(world)
    one, two = commit_of(world.store, head), commit_of(world.store)
    with pytest.raises(SwapLost) as lost:
        world.store.commit(
            [*one, *two], [Move(STATE, head, one[-1].oid), Move(OTHER, ABSENT, two[-1].oid)]
        )
    assert lost.value.ref == OTHER
    assert refs(world) == before


def test_objects_alone_touch_no_ref(world: World) -> None:
    put(world)
    before = refs(world)
    objects = commit_of(world.store)
    world.store.commit(objects, [])
    assert world.store.read(objects[0].oid) == (b"blob", objects[0].data)
    assert refs(world) == before


def test_nothing_to_do_is_done(world: World) -> None:
    before = refs(world)
    world.store.commit([], [])
    assert refs(world) == before


def test_a_ref_to_an_object_that_is_missing_is_refused(world: World) -> None:
    head = put(world)
    objects = commit_of(world.store, head)
    with pytest.raises(CorruptRecord):
        world.store.commit(objects[:2], [Move(STATE, head, objects[-1].oid)])
    with pytest.raises(CorruptRecord):
        world.store.commit([], [Move(OTHER, ABSENT, objects[-1].oid)])
    assert world.store.read_ref(STATE) == head
    assert world.store.read_ref(OTHER) is ABSENT


@pytest.mark.parametrize("name", ["refs/coord/state/below", "refs/coord"])
def test_a_ref_cannot_be_where_another_needs_a_directory(world: World, name: str) -> None:
    put(world)
    before = refs(world)
    objects = commit_of(world.store)
    with pytest.raises((GitFailed, HostRefused, InvalidValue)):
        world.store.commit(objects, [Move(name, ABSENT, objects[-1].oid)])
    assert refs(world) == before


def test_a_directory_of_refs_cannot_become_a_ref(world: World) -> None:
    put(world, OTHER)
    before = refs(world)
    objects = commit_of(world.store)
    with pytest.raises((GitFailed, HostRefused)):
        world.store.commit(objects, [Move("refs/coord/presence", ABSENT, objects[-1].oid)])
    assert refs(world) == before


@pytest.mark.parametrize(
    "name",
    ["HEAD", "refs/coord/a..b", "refs/coord/a b", "refs/coord//a", "refs/coord/a.lock",
     "refs/coord/.a", "refs/coord/a\nb", "refs/coord/a@{b", "refs/coord/", "coord/a/b"],
)  # fmt: skip
def test_a_name_that_git_refuses_is_refused_before_anything_is_written(
    world: World, name: str
) -> None:
    objects = commit_of(world.store)
    with pytest.raises(InvalidValue):
        world.store.commit(objects, [Move(name, ABSENT, objects[-1].oid)])
    with pytest.raises(CorruptRecord):
        world.store.read(objects[-1].oid)


def test_one_ref_cannot_be_moved_twice_in_one_swap(world: World) -> None:
    objects = commit_of(world.store)
    move = Move(STATE, ABSENT, objects[-1].oid)
    with pytest.raises(InvalidValue):
        world.store.commit(objects, [move, move])
    assert world.store.read_ref(STATE) is ABSENT


def test_refs_are_listed_by_prefix_in_order(world: World) -> None:
    names = ["refs/coord/presence/b", "refs/coord/presence/a", "refs/coord/prelude", STATE]
    made = {name: put(world, name) for name in names}
    listed = world.store.list_refs("refs/coord/pre")
    assert list(listed.items()) == [(name, made[name]) for name in sorted(names[:3])]
    assert list(world.store.list_refs("refs/coord/presence/")) == sorted(names[:2])
    assert world.store.list_refs("refs/nothing/") == {}


@pytest.mark.parametrize("many", [1, 24, 25, 300])
def test_what_was_stored_is_read_back(world: World, many: int) -> None:
    fmt = world.store.object_format
    blobs = [make_object(b"blob", b"%d\n" % n * n, fmt) for n in range(many - 1)]
    commit = commit_of(world.store)[-1]
    tree = make_object(b"tree", b"", fmt)
    world.store.commit([*blobs, *blobs[:3], tree], [])
    for store in (world.store, world.open()):
        read = list(store.read_many([blob.oid for blob in blobs]))
        assert read == [(blob.oid, b"blob", blob.data) for blob in blobs]
        assert store.read(tree.oid) == (b"tree", b"")
        with pytest.raises(CorruptRecord):
            store.read(commit.oid)
        with pytest.raises(CorruptRecord):
            list(store.read_many([*(blob.oid for blob in blobs), commit.oid]))
    if world.path:
        git(world.path, "fsck", "--strict", "--no-dangling")


def test_the_same_objects_are_stored_twice_without_harm(world: World) -> None:
    for size in (3, 40):
        fmt = world.store.object_format
        blobs = [make_object(b"blob", b"%d of %d" % (n, size), fmt) for n in range(size)]
        world.store.commit(blobs, [])
        world.store.commit(blobs, [])
        assert [data for _, _, data in world.store.read_many([b.oid for b in blobs])] == [
            b.data for b in blobs
        ]
    if world.path:
        git(world.path, "fsck", "--strict", "--no-dangling")


def test_reading_can_stop_in_the_middle(world: World) -> None:
    blobs = [make_object(b"blob", b"%d" % n, world.store.object_format) for n in range(200)]
    world.store.commit(blobs, [])
    reading = world.store.read_many([blob.oid for blob in blobs])
    assert next(reading)[2] == b"0"
    assert world.store.read(blobs[7].oid)[1] == b"7"
    assert next(reading)[2] == b"1"
    del reading
    assert world.store.read(blobs[9].oid)[1] == b"9"


def test_ancestry_follows_all_parents(world: World) -> None:
    store = world.store
    a, b = put(world), put(world)
    side = commit_of(store, a)
    merge = commit_of(store, b, side[-1].oid)
    stranger = commit_of(store)
    store.commit([*side, *merge, *stranger], [])
    missing = commit_of(store)[-1].oid
    assert store.is_ancestor(a, a)
    assert store.is_ancestor(a, b)
    assert not store.is_ancestor(b, a)
    assert store.is_ancestor(side[-1].oid, merge[-1].oid)
    assert not store.is_ancestor(stranger[-1].oid, merge[-1].oid)
    assert not store.is_ancestor(missing, b)
    with pytest.raises(CorruptRecord):
        store.is_ancestor(a, missing)


def test_the_chain_is_walked_newest_first_to_its_end_or_limit(world: World) -> None:
    made = [put(world) for _ in range(5)]
    assert [oid for oid, _ in world.store.chain(made[-1])] == made[::-1]
    assert [oid for oid, _ in world.store.chain(made[-1], 2)] == made[:-3:-1]
    assert list(world.store.chain(made[-1], 0)) == []
    oid, data = next(world.store.chain(made[-1]))
    assert make_object(b"commit", data, world.store.object_format).oid == oid


def test_a_chain_of_what_is_no_commit_is_corrupt(world: World) -> None:
    blob = make_object(b"blob", b"x", world.store.object_format)
    world.store.commit([blob], [])
    with pytest.raises(CorruptRecord):
        list(world.store.chain(blob.oid))


def test_threads_that_race_one_update_have_one_winner(world: World) -> None:
    head = put(world)
    outcomes: list[object] = []
    barrier = threading.Barrier(4)

    def racer() -> None:
        objects = commit_of(world.store, head)
        barrier.wait()
        try:
            world.store.commit(objects, [Move(STATE, head, objects[-1].oid)])
            outcomes.append(objects[-1].oid)
        except SwapLost as lost:
            outcomes.append(lost)

    threads = [threading.Thread(target=racer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert winners == [world.store.read_ref(STATE)]
    assert len(outcomes) == 4


def test_closing_twice_is_allowed(world: World) -> None:
    put(world)
    world.store.close()
    world.store.close()


@on(*ON_DISK)
def test_everything_is_there_after_gc_and_pack_refs(world: World) -> None:
    assert world.path
    made = [put(world) for _ in range(3)]
    other = put(world, OTHER)
    git(world.path, "gc", "-q", "--prune=now")
    git(world.path, "pack-refs", "--all")
    for store in (world.store, world.open()):
        assert store.read_ref(STATE) == made[-1]
        assert store.list_refs("refs/coord/") == {OTHER: other, STATE: made[-1]}
        assert [oid for oid, _ in store.chain(made[-1])] == made[::-1]
        assert store.is_ancestor(made[0], made[-1])
    newest = put(world)
    assert git(world.path, "rev-parse", STATE) == newest
    git(world.path, "fsck", "--strict", "--no-dangling")


@on(*ON_DISK)
def test_git_reads_what_was_stored_and_the_user_is_left_alone(world: World) -> None:
    assert world.path
    is_bare = world.repository.bare
    before = (
        git(world.path, "for-each-ref", "refs/heads"),
        "" if is_bare else git(world.path, "status", "--porcelain"),
    )
    oid = put(world, text="the content")
    assert git(world.path, "cat-file", "-t", oid) == "commit"
    assert git(world.path, "show", f"{STATE}:record").startswith("the content")
    assert git(world.path, "for-each-ref", "--format=%(objectname)", STATE) == oid
    assert before == (
        git(world.path, "for-each-ref", "refs/heads"),
        "" if is_bare else git(world.path, "status", "--porcelain"),
    )


@on(*HERE)
def test_an_object_that_was_there_before_is_saved_from_a_prune(world: World) -> None:
    assert world.path
    objects = commit_of(world.store)
    world.store.commit(objects, [])
    paths = [
        os.path.join(world.repository.common_dir, "objects", o.oid[:2], o.oid[2:]) for o in objects
    ]
    for path in paths:
        os.utime(path, (1, 1))
    world.store.commit(objects, [])
    git(world.path, "prune", "--expire=1.hour.ago")
    assert all(os.path.exists(path) for path in paths)


@on(*IN_FILES)
def test_a_lock_file_of_a_dead_process_is_reported_with_the_remedy(world: World) -> None:
    head = put(world)
    path = world.lock_path(STATE)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
    os.utime(path, (1, 1))
    objects = commit_of(world.store, head)
    with pytest.raises(StaleLockFile) as stale:
        world.store.commit(objects, [Move(STATE, head, objects[-1].oid)])
    assert stale.value.hint
    assert path in stale.value.hint
    assert world.store.read_ref(STATE) == head
    os.unlink(path)
    world.store.commit(objects, [Move(STATE, head, objects[-1].oid)])
    assert world.store.read_ref(STATE) == objects[-1].oid


@on("plumbing", "plumbing-reftable", "libgit2")
def test_a_lock_file_that_somebody_holds_now_is_contention(world: World) -> None:
    head = put(world)
    path = world.lock_path(STATE)
    if world.repository.ref_format == "reftable":
        path = os.path.join(world.repository.common_dir, "reftable", "tables.list.lock")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
    objects = commit_of(world.store, head)
    with pytest.raises(Contended):
        world.store.commit(objects, [Move(STATE, head, objects[-1].oid)])
    assert world.store.read_ref(STATE) == head


@on("plumbing", "libgit2")
def test_a_lock_file_that_is_let_go_in_time_does_no_harm(world: World) -> None:
    head = put(world)
    path = world.lock_path(STATE)
    Path(path).touch()
    timer = threading.Timer(0.15, os.unlink, [path])
    timer.start()
    objects = commit_of(world.store, head)
    world.store.commit(objects, [Move(STATE, head, objects[-1].oid)])
    timer.join()
    assert world.store.read_ref(STATE) == objects[-1].oid
