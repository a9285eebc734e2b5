"""Objects on disk, as git itself sees them, and what stays behind when writing fails."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import CorruptRecord, GitcoordError
from gitcoord.storage.objects import LOOSE_LIMIT, read_loose, write, write_loose, write_pack
from gitcoord.storage.packfile import index, pack
from gitcoord.storage.store import GitObject, make_object
from tests.gitrun import git


def blobs(many: int, fmt: str = "sha1") -> list[GitObject]:
    return [make_object(b"blob", b"%d\n" % n * (n % 50 + 1), fmt) for n in range(1, many + 1)]


def files_below(directory: str) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in Path(directory).rglob("*") if p.is_file())


@given(st.sampled_from([b"blob", b"tree", b"commit"]), st.binary(max_size=300))
def test_an_object_has_the_oid_that_its_content_says(kind: bytes, data: bytes) -> None:
    assert len(make_object(kind, data, "sha1").oid) == 40
    assert len(make_object(kind, data, "sha256").oid) == 64
    assert make_object(kind, data, "sha1") == make_object(kind, data, "sha1")


@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_git_computes_the_same_oid(repo: str, sha256_repo: str, fmt: str) -> None:
    place = repo if fmt == "sha1" else sha256_repo
    data = b"some\0bytes\xff\n"
    assert make_object(b"blob", data, fmt).oid == git(place, "hash-object", "--stdin", stdin=data)


def test_few_objects_become_loose_files_and_many_one_pack(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    before = files_below(objects)
    write(objects, blobs(LOOSE_LIMIT), "sha1")
    assert len(files_below(objects)) == len(before) + LOOSE_LIMIT
    assert not os.listdir(f"{objects}/pack")
    write(objects, blobs(LOOSE_LIMIT + 1), "sha1")
    assert len(files_below(objects)) == len(before) + LOOSE_LIMIT + 2
    assert sorted(name.rpartition(".")[2] for name in os.listdir(f"{objects}/pack")) == [
        "idx",
        "pack",
    ]


@pytest.mark.parametrize("fmt", ["sha1", "sha256"])
def test_a_pack_is_what_git_makes_of_the_same_objects(
    repo: str, sha256_repo: str, fmt: str
) -> None:
    place = repo if fmt == "sha1" else sha256_repo
    big = make_object(b"blob", os.urandom(70_000) * 40, fmt)
    empty = make_object(b"blob", b"", fmt)
    path = write_pack(f"{place}/.git/objects", [*blobs(500, fmt), big, empty], fmt)
    ours = Path(path.replace(".pack", ".idx")).read_bytes()
    git(place, "index-pack", "-o", f"{place}/theirs.idx", path)
    assert Path(place, "theirs.idx").read_bytes() == ours
    git(place, "verify-pack", path)
    git(place, "fsck", "--strict", "--full", "--no-dangling")
    checksum = Path(path).read_bytes()[-len(big.oid) // 2 :]
    assert os.path.basename(path) == f"pack-{checksum.hex()}.pack"


def test_an_index_reaches_beyond_two_gigabytes() -> None:
    far = 1 << 33
    entries = [(bytes([9] * 20), 7, 12), (bytes([1] * 20), 8, far), (bytes([5] * 20), 6, far + 1)]
    data = b"".join(index(entries, b"c" * 20, "sha1"))
    small = data[8 + 1024 + 3 * 20 + 3 * 4 :]
    assert small[:12].hex() == "8000000080000001" + "0000000c"
    assert small[12:28] == far.to_bytes(8, "big") + (far + 1).to_bytes(8, "big")


def test_a_loose_object_is_read_without_git(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    oid = git(repo, "hash-object", "-w", "--stdin", stdin=b"from git\n")
    assert read_loose(objects, oid, verify="sha1") == (b"blob", b"from git\n")
    assert read_loose(objects, "0" * 40) is None


def test_a_damaged_loose_object_is_corrupt_and_never_half_read(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    item, other = blobs(2)
    write_loose(objects, [item, other])
    path = Path(objects, item.oid[:2], item.oid[2:])
    whole = path.read_bytes()
    path.chmod(0o600)
    short = zlib.compress(b"blob 5\0abc")
    for damaged in (whole[:-6], b"", b"nonsense", b"x\x9c" + whole[3:], short):
        path.write_bytes(damaged)
        with pytest.raises(CorruptRecord):
            read_loose(objects, item.oid)
    path.write_bytes(Path(objects, other.oid[:2], other.oid[2:]).read_bytes())
    assert read_loose(objects, item.oid) == (b"blob", other.data)
    with pytest.raises(CorruptRecord):
        read_loose(objects, item.oid, verify="sha1")


def test_the_empty_file_of_a_crash_is_written_again(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    (item,) = blobs(1)
    path = Path(objects, item.oid[:2], item.oid[2:])
    path.parent.mkdir(exist_ok=True)
    path.touch()
    write_loose(objects, [item])
    assert read_loose(objects, item.oid) == (b"blob", item.data)


@pytest.mark.skipif(os.name == "nt", reason="access modes are a matter of POSIX")
def test_new_files_have_the_access_of_the_repository_and_not_of_the_umask(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    os.chmod(objects, 0o2775)
    before = os.umask(0o077)
    try:
        write_loose(objects, blobs(5))
        path = write_pack(objects, blobs(30), "sha1")
    finally:
        os.umask(before)
    item = blobs(1)[0]
    folder = Path(objects, item.oid[:2])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2775
    assert stat.S_IMODE((folder / item.oid[2:]).stat().st_mode) == 0o444
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o444


def test_nothing_half_written_stays_behind_when_a_pack_cannot_be_finished(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = f"{repo}/.git/objects"
    real = os.rename

    def broken(source: str, target: str) -> None:
        if target.endswith(".idx"):
            raise OSError(28, "No space left on device", target)
        real(source, target)

    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(GitcoordError) as full:
        write(objects, blobs(30), "sha1")
    assert full.value.code == "disk_full"
    assert os.listdir(f"{objects}/pack") == []


def test_writing_the_same_pack_again_keeps_it_and_makes_it_young(repo: str) -> None:
    objects = f"{repo}/.git/objects"
    path = write_pack(objects, blobs(30), "sha1")
    os.utime(path, (1, 1))
    assert write_pack(objects, blobs(30), "sha1") == path
    assert os.stat(path).st_mtime > 1
    assert len(os.listdir(f"{objects}/pack")) == 2


def test_a_pack_of_nothing_is_still_a_pack() -> None:
    parts, entries = pack([], "sha1")
    assert b"".join(parts)[:12] == b"PACK\0\0\0\2\0\0\0\0"
    assert entries == []
