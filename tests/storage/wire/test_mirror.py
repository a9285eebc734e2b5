"""The private repository in which a clone follows a host's ledger."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitcoord.errors import UnreadableAnswer
from gitcoord.storage.packfile import pack
from gitcoord.storage.store import ABSENT, GitObject, Move, SwapLost, make_object
from gitcoord.storage.wire import mirror as mirrors
from gitcoord.storage.wire.mirror import KEPT, Mirror
from gitcoord.storage.wire.read import Fetched
from tests.gitrun import git

STATE = "refs/coord/state"


def commit_on(parent: str | None, text: str, fmt: str = "sha1") -> list[GitObject]:
    blob = make_object(b"blob", text.encode(), fmt)
    tree = make_object(b"tree", b"100644 meta.json\0" + bytes.fromhex(blob.oid), fmt)
    lines = [f"tree {tree.oid}", *([f"parent {parent}"] if parent else [])]
    lines += ["author T <t@e.invalid> 1 +0000", "committer T <t@e.invalid> 1 +0000", "", text]
    return [blob, tree, make_object(b"commit", "\n".join(lines).encode(), fmt)]


def sent(*objects: GitObject, shallow: tuple[str, ...] = (), fmt: str = "sha1") -> Fetched:
    return Fetched(b"".join(pack(list(objects), fmt)[0]), shallow, ())


OPENED: list[Mirror] = []


def opened(path: str, fmt: str, environ: Mapping[str, str]) -> Mirror:
    OPENED.append(mirrors.opened(path, fmt, environ))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(params=["sha1", "sha256"])
def mirror(request: pytest.FixtureRequest, tmp_path: Path) -> Mirror:
    return opened(str(tmp_path / "ledger.git"), request.param, os.environ)


def test_git_opens_a_mirror_and_finds_nothing_wrong(mirror: Mirror) -> None:
    path, fmt = mirror.repository.common_dir, mirror.repository.object_format
    objects = commit_on(None, "one", fmt)
    mirror.add(sent(*objects, fmt=fmt))
    mirror.track({}, {STATE: objects[-1].oid})
    assert git(path, "rev-parse", STATE) == objects[-1].oid
    assert git(path, "rev-parse", "--show-object-format") == fmt
    git(path, "fsck", "--strict")
    if os.name == "posix":
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0


def test_many_that_make_the_same_mirror_get_one(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "ledger.git")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: opened(path, "sha1", os.environ), range(16)))
    assert sorted(os.listdir(tmp_path / "deep")) == ["ledger.git"]


def test_many_objects_become_one_pack(mirror: Mirror) -> None:
    fmt = mirror.repository.object_format
    blobs = [make_object(b"blob", b"%d" % n, fmt) for n in range(150)]
    mirror.add(sent(*blobs, fmt=fmt))
    folder = Path(mirror.repository.common_dir, "objects", "pack")
    assert len(list(folder.glob("*.pack"))) == 1
    assert mirror.inner.read(blobs[77].oid)[1] == b"77"


def test_a_broken_pack_is_refused_and_nothing_is_tracked(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    good = sent(*commit_on(None, "one"))
    with pytest.raises(UnreadableAnswer):
        mirror.add(good._replace(pack=good.pack[:-30] + bytes(30)))
    assert mirror.inner.list_refs("refs/") == {}


def test_where_history_is_cut_is_remembered_and_forgotten(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    first, second = commit_on(None, "one"), []
    second = commit_on(first[-1].oid, "two")
    mirror.add(sent(*second, shallow=(second[-1].oid,)))
    mirror.track({}, {STATE: second[-1].oid})
    assert [oid for oid, _ in mirror.inner.chain(second[-1].oid)] == [second[-1].oid]
    git(mirror.repository.common_dir, "fsck")
    mirror.add(Fetched(sent(*first).pack, (), (second[-1].oid,)))
    assert mirror.cut() == ()
    assert len(list(mirror.inner.chain(second[-1].oid))) == 2


def test_two_that_learn_of_cuts_at_once_lose_none(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    names = [f"{n:040x}" for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: mirror.cut_at([name], ()), names))
    assert sorted(mirror.cut()) == names


def test_tracking_never_overtakes_another_process(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    first = commit_on(None, "one")
    second, rival = commit_on(first[-1].oid, "two"), commit_on(first[-1].oid, "three")
    mirror.add(sent(*first, *second, *rival))
    mirror.track({}, {STATE: first[-1].oid})
    mirror.track({STATE: first[-1].oid}, {STATE: rival[-1].oid})
    with pytest.raises(SwapLost):
        mirror.track({STATE: first[-1].oid}, {STATE: second[-1].oid})
    assert mirror.inner.read_ref(STATE) == rival[-1].oid
    mirror.keep(second, [Move(STATE, first[-1].oid, second[-1].oid)])
    assert mirror.inner.read_ref(STATE) == rival[-1].oid
    assert mirror.whole(second[-1].oid)


def test_a_head_that_the_host_gives_up_is_kept(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    first = commit_on(None, "one")
    second = commit_on(first[-1].oid, "two")
    mirror.add(sent(*first, *second))
    mirror.track({}, {STATE: second[-1].oid})
    mirror.track({STATE: second[-1].oid}, {STATE: first[-1].oid})
    assert mirror.inner.read_ref(KEPT + second[-1].oid) == second[-1].oid
    mirror.track({STATE: first[-1].oid}, {})
    assert mirror.inner.read_ref(STATE) is ABSENT
    assert mirror.inner.read_ref(KEPT + first[-1].oid) == first[-1].oid


def test_a_head_that_grows_is_not_kept_apart(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    first = commit_on(None, "one")
    second = commit_on(first[-1].oid, "two")
    mirror.add(sent(*first, *second))
    mirror.track({}, {STATE: first[-1].oid})
    mirror.track({STATE: first[-1].oid}, {STATE: second[-1].oid})
    assert mirror.inner.list_refs(KEPT) == {}


def test_an_object_that_is_lost_here_is_not_whole(tmp_path: Path) -> None:
    mirror = opened(str(tmp_path / "m"), "sha1", os.environ)
    blob, tree, commit = commit_on(None, "one")
    mirror.inner.commit([blob, commit], ())
    assert not mirror.whole(commit.oid)
    mirror.inner.commit([tree], ())
    assert mirror.whole(commit.oid)
