"""Refs: what is read, and the verdict on a swap that git did not make."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.errors import (
    CorruptRecord,
    DiskFull,
    GitFailed,
    GitMissing,
    ReadOnly,
    Unavailable,
)
from gitcoord.storage.libgit2 import Libgit2Store
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.repository import find
from gitcoord.storage.store import ABSENT, Move, Oid, SwapLost, make_object
from tests.conftest import first_commit
from tests.gitrun import git

STATE = "refs/coord/state"
posix = pytest.mark.skipif(os.name == "nt", reason="signals and mounts of POSIX")


@pytest.fixture
def store(repo: str) -> Iterator[PlumbingStore]:
    store = PlumbingStore(find(repo, os.environ))
    yield store
    store.close()


def put(store: PlumbingStore | Libgit2Store, text: str, ref: str = STATE) -> Oid:
    blob = make_object(b"blob", text.encode(), store.object_format)
    store.commit([blob], [Move(ref, store.read_ref(ref), blob.oid)])
    return blob.oid


def children() -> set[int]:
    """Return the pids of our child processes (Linux), those of other tests among them."""
    try:
        lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except FileNotFoundError:
        lists = []
    if not lists:
        pytest.skip("this system does not list children")
    return {int(pid) for text in lists for pid in text.split()}


def test_a_symbolic_ref_is_followed(repo: str, store: PlumbingStore) -> None:
    git(repo, "symbolic-ref", "refs/coord/alias", "refs/heads/main")
    head = git(repo, "rev-parse", "HEAD")
    assert store.read_ref("refs/coord/alias") == head
    assert store.read_ref("HEAD") == head
    git(repo, "pack-refs", "--all")
    assert store.read_ref("refs/coord/alias") == head
    git(repo, "symbolic-ref", "refs/coord/alias", "refs/heads/nowhere")
    assert store.read_ref("refs/coord/alias") is ABSENT
    assert store.list_refs("refs/coord/") == {}


def test_symbolic_refs_in_a_circle_are_corrupt(repo: str, store: PlumbingStore) -> None:
    Path(repo, ".git", "refs", "coord").mkdir()
    Path(repo, ".git", STATE).write_text("ref: refs/coord/other\n", encoding="ascii")
    Path(repo, ".git", "refs/coord/other").write_text(f"ref: {STATE}\n", encoding="ascii")
    with pytest.raises(CorruptRecord):
        store.read_ref(STATE)


@pytest.mark.parametrize("content", [b"", b"\0" * 41, b"abc\n", b"G" * 40 + b"\n"])
def test_a_ref_file_that_holds_no_oid_is_corrupt_and_not_absent(
    repo: str, store: PlumbingStore, content: bytes
) -> None:
    put(store, "one")
    Path(repo, ".git", STATE).write_bytes(content)
    with pytest.raises(CorruptRecord, match=STATE):
        store.read_ref(STATE)
    with pytest.raises(CorruptRecord):
        store.list_refs("refs/coord/")


def test_a_loose_ref_wins_over_the_packed_one(repo: str, store: PlumbingStore) -> None:
    put(store, "one")
    git(repo, "pack-refs", "--all")
    assert not Path(repo, ".git", STATE).exists()
    newer = put(store, "two")
    assert store.read_ref(STATE) == newer
    assert store.list_refs("refs/coord/") == {STATE: newer}


def test_a_packed_name_is_matched_whole(repo: str, store: PlumbingStore) -> None:
    put(store, "one", "refs/coord/state2")
    put(store, "two", "refs/other/refs/coord/state")
    git(repo, "tag", "-a", "-m", "annotated", "v1")
    git(repo, "pack-refs", "--all")
    assert store.read_ref(STATE) is ABSENT
    assert list(store.list_refs("refs/coord/")) == ["refs/coord/state2"]
    assert (
        list(store.list_refs("refs/")) == git(repo, "for-each-ref", "--format=%(refname)").split()
    )


def test_a_lock_file_is_no_ref(repo: str, store: PlumbingStore) -> None:
    oid = put(store, "one")
    Path(repo, ".git", STATE + ".lock").touch()
    assert store.list_refs("refs/coord/") == {STATE: oid}


def test_another_process_sees_the_new_value_at_once(repo: str, store: PlumbingStore) -> None:
    for n in range(3):
        oid = put(store, str(n))
        assert git(repo, "rev-parse", STATE) == oid
    git(repo, "update-ref", STATE, git(repo, "rev-parse", "HEAD"))
    assert store.read_ref(STATE) == git(repo, "rev-parse", "HEAD")


@posix
def test_a_git_that_was_killed_while_idle_is_started_again(store: PlumbingStore) -> None:
    others = children()
    put(store, "one")
    for pid in children() - others:
        os.kill(pid, signal.SIGKILL)
    oid = put(store, "two")
    assert store.read_ref(STATE) == oid


@posix
def test_a_reader_that_was_killed_is_started_again(repo: str, store: PlumbingStore) -> None:
    others = children()
    oid = put(store, "one")
    git(repo, "gc", "-q", "--prune=now")
    assert store.read(oid) == (b"blob", b"one")
    for pid in children() - others:
        os.kill(pid, signal.SIGKILL)
    assert store.read(oid) == (b"blob", b"one")


@posix
def test_a_forked_child_leaves_the_pipes_of_its_parent_alone(store: PlumbingStore) -> None:
    put(store, "one")
    mine = children()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            put(store, "child")
            code = 0 if len(children()) == 1 else 2  # a git of its own
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.read(str(store.read_ref(STATE)))[1] == b"child"
    put(store, "parent")
    assert children() == mine


def test_without_git_the_error_says_so(
    repo: str, store: PlumbingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitMissing) as missing:
        put(store, "one")
    assert missing.value.hint
    assert store.read_ref(STATE) is ABSENT


def test_a_hook_that_refuses_is_quoted(repo: str, store: PlumbingStore) -> None:
    if os.name == "nt":
        pytest.skip("a shell script as a hook")
    hook = Path(repo, ".git", "hooks", "reference-transaction")
    hook.write_text("#!/bin/sh\n[ $1 != prepared ] || exit 1\n", encoding="ascii")
    hook.chmod(0o755)
    with pytest.raises(GitFailed, match="hook"):
        put(store, "one")
    assert store.read_ref(STATE) is ABSENT
    hook.unlink()
    put(store, "one")


def test_the_surroundings_of_a_hook_do_not_reach_our_git(repo: str, tmp_path: Path) -> None:
    environ = dict(os.environ)
    environ |= {
        "GIT_DIR": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere/index",
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "quarantine"),
        "GIT_QUARANTINE_PATH": str(tmp_path / "quarantine"),
        "GIT_WORK_TREE": "/nowhere",
        "GIT_TRACE": "1",
        "LC_ALL": "de_DE.UTF-8",
    }
    store = PlumbingStore(find(repo, os.environ), environ)
    first = put(store, "one")
    with pytest.raises(SwapLost):
        store.commit([], [Move(STATE, ABSENT, first)])
    store.close()
    assert git(repo, "rev-parse", STATE) == first


def test_replaced_objects_are_read_as_they_are(repo: str, store: PlumbingStore) -> None:
    one, two = put(store, "one"), put(store, "two", "refs/coord/other")
    git(repo, "replace", one, two)
    git(repo, "gc", "-q", "--prune=now")
    assert store.read(one) == (b"blob", b"one")


def test_a_clone_that_is_shallow_ends_the_chain_where_it_was_cut(repo: str, tmp_path: Path) -> None:
    for n in range(3):
        git(repo, "commit", "-q", "--allow-empty", "-m", str(n))
    git(str(tmp_path), "clone", "-q", "--depth=2", f"file://{repo}", "shallow")
    store = PlumbingStore(find(str(tmp_path / "shallow"), os.environ))
    head = str(store.read_ref("refs/heads/main"))
    assert len(list(store.chain(head))) == 2
    assert not store.is_ancestor(git(repo, "rev-parse", "HEAD~3"), head)
    store.close()


def test_a_long_chain_is_walked_to_its_end_and_to_a_gap(repo: str, store: PlumbingStore) -> None:
    head = git(repo, "rev-parse", "HEAD")
    tree = git(repo, "rev-parse", "HEAD^{tree}")
    made = [head]
    objects = []
    for n in range(200):
        text = (
            f"tree {tree}\nparent {made[-1]}\nauthor a <a> {n} +0000\ncommitter a <a> {n} +0000\n\n"
        )
        objects.append(make_object(b"commit", text.encode(), "sha1"))
        made.append(objects[-1].oid)
    store.commit(objects, [Move(STATE, ABSENT, made[-1])])
    assert [oid for oid, _ in store.chain(made[-1])] == made[::-1]
    assert [oid for oid, _ in store.chain(made[-1], 150)] == made[:-151:-1]
    assert store.is_ancestor(head, made[-1])
    os.unlink(Path(repo, ".git", "objects", head[:2], head[2:]))
    walked = store.chain(made[-1])
    assert [next(walked)[0] for _ in range(200)] == made[:0:-1]
    with pytest.raises(CorruptRecord, match=head):
        next(walked)


def test_a_borrowed_object_is_read(repo: str, tmp_path: Path) -> None:
    git(str(tmp_path), "clone", "-q", "--shared", repo, "borrower")
    store = PlumbingStore(find(str(tmp_path / "borrower"), os.environ))
    head = str(store.read_ref("refs/heads/main"))
    assert store.read(head)[0] == b"commit"
    assert store.is_ancestor(head, head)
    store.close()


def test_a_damaged_object_is_corrupt_and_the_store_lives_on(
    repo: str, store: PlumbingStore
) -> None:
    oid, other = put(store, "one"), put(store, "two")
    path = Path(repo, ".git", "objects", oid[:2], oid[2:])
    path.chmod(0o600)
    path.write_bytes(b"nonsense")
    with pytest.raises(CorruptRecord):
        store.read(oid)
    with pytest.raises(CorruptRecord):
        list(store.read_many([other, oid]))
    assert store.read(other) == (b"blob", b"two")


def test_a_packed_copy_stands_in_for_a_damaged_loose_object(
    repo: str, store: PlumbingStore
) -> None:
    oid = put(store, "one")
    git(repo, "gc", "-q", "--prune=now")
    path = Path(repo, ".git", "objects", oid[:2], oid[2:])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"nonsense")
    assert store.read(oid) == (b"blob", b"one")


@pytest.fixture(params=["PlumbingStore", "Libgit2Store"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Make a repository on a disk of one megabyte; yields (path, engine)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux":
        pytest.skip("a small disk is made with Linux's tmpfs")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(disk)],
        capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip(f"mounting is not permitted: {made.stderr.strip()}")
    try:
        yield first_commit(disk / "repo"), request.param
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: str) -> None:
    with open(os.path.join(disk, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


def opened(path: str, engine: str) -> PlumbingStore | Libgit2Store:
    return (PlumbingStore if engine == "PlumbingStore" else Libgit2Store)(find(path, os.environ))


@pytest.mark.parametrize("many", [1, 40])
def test_a_full_disk_refuses_and_leaves_the_ref_and_no_rubbish(
    small_disk: tuple[str, str], many: int
) -> None:
    path, engine = small_disk
    store = opened(path, engine)
    try:
        head = put(store, "one")
        fill(path)
        blobs = [make_object(b"blob", os.urandom(9000), "sha1") for _ in range(many)]
        with pytest.raises(DiskFull) as full:
            store.commit(blobs, [Move(STATE, head, blobs[0].oid)])
        assert full.value.hint
        assert store.read_ref(STATE) == head
        assert not list(Path(path, ".git", "objects").rglob("tmp_*"))
        assert not list(Path(path, ".git").rglob("*.lock"))
        os.unlink(os.path.join(path, "filler"))
        put(store, "two")
    finally:
        store.close()


def test_a_disk_that_is_full_only_for_the_ref_refuses_too(small_disk: tuple[str, str]) -> None:
    path, engine = small_disk
    store = opened(path, engine)
    try:
        head = put(store, "one")
        blob = make_object(b"blob", b"two", "sha1")
        store.commit([blob], [])
        fill(path)
        with pytest.raises(DiskFull):
            store.commit([], [Move(STATE, head, blob.oid)])
        assert store.read_ref(STATE) == head
        assert not list(Path(path, ".git").rglob("*.lock"))
    finally:
        store.close()


@pytest.mark.parametrize("many", [1, 40])
def test_a_git_directory_that_cannot_be_written_refuses_and_can_be_read(
    small_disk: tuple[str, str], many: int
) -> None:
    path, engine = small_disk
    store = opened(path, engine)
    head = put(store, "one")
    store.close()
    disk = os.path.dirname(path)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    store = opened(path, engine)
    try:
        blobs = [make_object(b"blob", b"%d" % n, "sha1") for n in range(many)]
        with pytest.raises(ReadOnly):
            store.commit(blobs, [Move(STATE, head, blobs[0].oid)])
        with pytest.raises(ReadOnly):
            store.commit([], [Move("refs/coord/other", ABSENT, head)])
        assert store.read_ref(STATE) == head
        assert store.read(head) == (b"blob", b"one")
        assert isinstance(ReadOnly("x"), Unavailable)
    finally:
        store.close()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
