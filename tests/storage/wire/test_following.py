"""What a store sends to its host and fetches from it: no more than needed, and never less."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gitcoord.errors import CorruptRecord
from gitcoord.storage.repository import find
from gitcoord.storage.store import ABSENT, GitObject, Move, SwapLost, make_object
from gitcoord.storage.wire.reach import place, reach
from gitcoord.storage.wire.store import WireStore
from tests.conftest import first_commit
from tests.gitrun import git
from tests.servers.git_http import GitHost, serving

STATE = "refs/coord/state"
PRESENCE = "refs/coord/presence/m-1"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with serving(tmp_path / "host") as found:
        found.create("hub")
        yield found


def store_of(host: GitHost, clone: Path) -> WireStore:
    path = str(clone) if clone.exists() else first_commit(clone)
    repository = find(path, os.environ)
    folder = place(repository, "hub")
    return reach(repository, host.url("hub"), folder, lambda host, own: {}, patience=5.0)


def commit(text: str, *parents: str) -> list[GitObject]:
    """Return a blob of some size, its tree, and a commit of it."""
    blob = make_object(b"blob", os.urandom(2000) + text.encode(), "sha1")
    tree = make_object(b"tree", b"100644 record\0" + bytes.fromhex(blob.oid), "sha1")
    who = "T <t@example.invalid> 1767323045 +0000"
    lines = [f"tree {tree.oid}", *(f"parent {one}" for one in parents)]
    lines += [f"author {who}", f"committer {who}", "", text]
    return [blob, tree, make_object(b"commit", "\n".join(lines).encode(), "sha1")]


def test_a_guard_that_the_host_has_moved_and_pruned_keeps_everything_where_it_is(
    host: GitHost, tmp_path: Path
) -> None:
    """Git refuses a verified object that it lacks apart from the moves that it guards."""
    state, signs, more = commit("state"), commit("signs"), commit("more signs")
    with closing(store_of(host, tmp_path / "one")) as mine:
        mine.commit(state, [Move(STATE, ABSENT, state[-1].oid)])
        mine.commit(signs, [Move(PRESENCE, ABSENT, signs[-1].oid)])
        with closing(store_of(host, tmp_path / "two")) as theirs:
            theirs.refresh()
            theirs.commit(more, [Move(PRESENCE, signs[-1].oid, more[-1].oid)])
        host.prune("hub")
        with pytest.raises(AssertionError):
            host.git("hub", "cat-file", "-e", signs[-1].oid)
        before = host.refs("hub")
        swept = commit("swept", state[-1].oid)
        with pytest.raises(SwapLost) as lost:
            mine.commit(
                swept,
                [
                    Move(STATE, state[-1].oid, swept[-1].oid),
                    Move(PRESENCE, signs[-1].oid, signs[-1].oid),
                ],
            )
        assert lost.value.ref == PRESENCE
    assert host.refs("hub") == before


def test_what_a_clone_knows_is_not_sent_to_it_again(host: GitHost, tmp_path: Path) -> None:
    head: str = ""
    with (
        closing(store_of(host, tmp_path / "one")) as mine,
        closing(store_of(host, tmp_path / "two")) as theirs,
    ):
        for number in range(10):
            made = commit(f"{number}", *([head] if head else []))
            mine.commit(made, [Move(STATE, head or ABSENT, made[-1].oid)])
            head = made[-1].oid
        theirs.refresh()
        made = commit("news", head)
        mine.commit(made, [Move(STATE, head, made[-1].oid)])
        theirs.refresh()
        assert theirs.read_ref(STATE) == made[-1].oid
    everything, news = (one.bytes_out for one in host.seen(command="fetch"))
    assert everything > 10 * 2000
    assert news < 2 * 2000


def until(condition: Callable[[], bool]) -> None:
    """Return as soon as it is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="the hook is a shell script")
def test_while_a_host_decides_its_mirror_is_read_and_has_the_objects_already(
    host: GitHost, tmp_path: Path
) -> None:
    """The refs move afterwards: what the host has not said yet is not shown."""
    first = commit("first")
    second = commit("second", first[-1].oid)
    with closing(store_of(host, tmp_path / "one")) as mine:
        mine.commit(first, [Move(STATE, ABSENT, first[-1].oid)])
        begun, go = tmp_path / "begun", tmp_path / "go"
        hook = host.path("hub") / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n: >'{begun}'\nuntil [ -e '{go}' ]; do sleep 0.02; done\n")
        hook.chmod(0o755)
        move = Move(STATE, first[-1].oid, second[-1].oid)
        with ThreadPoolExecutor(2) as threads:
            pushed = threads.submit(mine.commit, second, [move])
            try:
                until(begun.exists)
                assert threads.submit(mine.read_ref, STATE).result(20) == first[-1].oid
                until(lambda: has(mine, second[-1].oid))
                assert not pushed.done()
            finally:
                go.touch()
            pushed.result(20)
        assert mine.read_ref(STATE) == second[-1].oid


def has(store: WireStore, oid: str) -> bool:
    try:
        return store.mirror.inner.read(oid)[0] == b"commit"
    except CorruptRecord:
        return False


def test_the_pack_of_a_large_push_is_kept_as_it_was_sent(host: GitHost, tmp_path: Path) -> None:
    blobs = [make_object(b"blob", os.urandom(50), "sha1") for _ in range(40)]
    entries = [b"100644 %02d\0" % n + bytes.fromhex(one.oid) for n, one in enumerate(blobs)]
    tree = make_object(b"tree", b"".join(entries), "sha1")
    last = commit("last")[-1]
    raw = last.data.replace(last.data[5:45], tree.oid.encode())
    objects = [*blobs, tree, make_object(b"commit", raw, "sha1")]
    with closing(store_of(host, tmp_path / "one")) as mine:
        mine.commit(objects, [Move(STATE, ABSENT, objects[-1].oid)])
        mirror = mine.mirror.repository.common_dir
    counted = git(mirror, "count-objects", "-v")
    assert "\npacks: 1\n" in counted
    assert f"\nin-pack: {len(objects)}\n" in counted
    assert git(mirror, "rev-parse", STATE) == objects[-1].oid
    git(mirror, "fsck", "--strict")
