"""Pushes against the receive-pack of the real git, over its stateless form and over a pipe."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from gitcoord.storage.packfile import pack
from gitcoord.storage.store import ABSENT, GitObject, make_object
from gitcoord.storage.wire.pktline import FLUSH, Packets, line
from gitcoord.storage.wire.push import Command, Report, advertised, report, request
from tests.gitrun import git

LEASE, WORK = "refs/coord/lease", "refs/coord/work"
LEAD_IN = line(b"# service=git-receive-pack\n") + FLUSH


def packets(*parts: bytes) -> Packets:
    return Packets(io.BytesIO(b"".join(parts)).read)


def host(tmp_path: Path, *options: str) -> str:
    path = str(tmp_path / "host.git")
    git(str(tmp_path), "init", "-q", "--bare", *options, path)
    git(path, "config", "receive.fsckObjects", "true")
    return path


def commit(text: str, fmt: str = "sha1") -> list[GitObject]:
    """Return an empty tree and a commit without parents."""
    tree = make_object(b"tree", b"", fmt)
    data = f"tree {tree.oid}\nauthor A <a@b.c> 0 +0000\ncommitter A <a@b.c> 0 +0000\n\n{text}\n"
    return [tree, make_object(b"commit", data.encode(), fmt)]


def pushed(
    path: str,
    commands: list[Command],
    objects: list[GitObject],
    fmt: str = "sha1",
    atomic: bool = True,
) -> Report:
    """Push as http-backend does, one process for one request."""
    unique = list({item.oid: item for item in objects}.values())
    body = request(commands, pack(unique, fmt)[0], fmt, atomic=atomic)
    done = subprocess.run(
        ["git", "receive-pack", "--stateless-rpc", path],
        input=b"".join(body),
        capture_output=True,
    )
    return report(packets(done.stdout))


def refs_of(path: str) -> dict[str, str]:
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(entry.split() for entry in lines)  # type: ignore[misc]


ONE, TWO, THREE = commit("one"), commit("two"), commit("three")
X, Y, Z = ONE[1].oid, TWO[1].oid, THREE[1].oid


def test_git_creates_and_updates_from_the_expected_value_only(tmp_path: Path) -> None:
    path = host(tmp_path)
    assert pushed(path, [Command(LEASE, ABSENT, X)], ONE) == Report("", {LEASE: ""}, "")
    assert pushed(path, [Command(LEASE, X, Y)], TWO).refs == {LEASE: ""}
    for wrong in (ABSENT, X):
        found = pushed(path, [Command(LEASE, wrong, Z)], ONE + THREE, atomic=False)
        assert found.unpack == ""
        assert found.refs[LEASE] != ""
    assert refs_of(path) == {LEASE: Y}
    git(path, "fsck", "--strict")


def test_git_says_beside_the_report_what_it_found(tmp_path: Path) -> None:
    path = host(tmp_path)
    pushed(path, [Command(LEASE, ABSENT, X)], ONE)
    found = pushed(path, [Command(LEASE, Y, Z)], TWO + THREE)
    assert f"is at {X} but expected {Y}" in found.said


def test_git_makes_all_moves_of_an_atomic_push_or_none(tmp_path: Path) -> None:
    path = host(tmp_path)
    pushed(path, [Command(LEASE, ABSENT, X)], ONE)
    both = [Command(LEASE, Y, Z), Command(WORK, ABSENT, Z)]
    found = pushed(path, both, TWO + THREE)
    assert all(found.refs[ref] for ref in (LEASE, WORK))
    assert refs_of(path) == {LEASE: X}
    found = pushed(path, [Command(LEASE, X, Z), Command(WORK, ABSENT, Z)], ONE + THREE)
    assert found.refs == {LEASE: "", WORK: ""}
    assert refs_of(path) == {LEASE: Z, WORK: Z}


def test_git_lets_a_verified_ref_guard_another(tmp_path: Path) -> None:
    path = host(tmp_path)
    pushed(path, [Command(LEASE, ABSENT, X)], ONE)
    guarded = [Command(LEASE, X, X), Command(WORK, ABSENT, Y)]
    assert pushed(path, guarded, ONE + TWO).refs == {LEASE: "", WORK: ""}
    assert refs_of(path) == {LEASE: X, WORK: Y}
    stale = [Command(LEASE, Y, Y), Command(WORK, Y, Z)]
    assert all(pushed(path, stale, TWO + THREE).refs.values())
    assert refs_of(path) == {LEASE: X, WORK: Y}


def test_git_refuses_a_hidden_ref_by_name(tmp_path: Path) -> None:
    path = host(tmp_path)
    git(path, "config", "transfer.hideRefs", "refs/coord")
    assert "hidden ref" in pushed(path, [Command(LEASE, ABSENT, X)], ONE).refs[LEASE]
    assert refs_of(path) == {}


def pruned(tmp_path: Path) -> str:
    """Return a host where the lease is at Y, and its old value X is gone."""
    path = host(tmp_path)
    pushed(path, [Command(LEASE, ABSENT, X), Command(WORK, ABSENT, X)], ONE)
    pushed(path, [Command(LEASE, X, Y), Command(WORK, X, Y)], ONE + TWO)
    git(path, "prune", "--expire=now")
    assert subprocess.run(["git", "-C", path, "cat-file", "-e", X], capture_output=True).returncode
    return path


STALE = [Command(LEASE, X, X), Command(WORK, Y, Z)]


def test_a_stale_guard_that_the_host_has_pruned_guards_nothing(tmp_path: Path) -> None:
    path = pruned(tmp_path)
    found = pushed(path, STALE, THREE)
    if found.refs[WORK]:
        pytest.skip("this git refuses the whole push by itself")
    assert "missing necessary objects" in found.refs[LEASE]
    assert refs_of(path) == {LEASE: Y, WORK: Z}


def test_a_stale_guard_guards_when_the_pack_brings_it_along(tmp_path: Path) -> None:
    path = pruned(tmp_path)
    found = pushed(path, STALE, ONE + THREE)
    assert all(found.refs[ref] for ref in (LEASE, WORK))
    assert refs_of(path) == {LEASE: Y, WORK: Y}


def test_a_broken_pack_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = host(tmp_path)
    parts = pack(ONE, "sha1")[0]
    body = b"".join(request([Command(LEASE, ABSENT, X)], parts[:-1], "sha1", atomic=False))
    done = subprocess.run(
        ["git", "receive-pack", "--stateless-rpc", path],
        input=body + b"x" * 20,
        capture_output=True,
    )
    found = report(packets(done.stdout))
    assert found.unpack != ""
    assert found.refs[LEASE] != ""
    assert refs_of(path) == {}


def test_a_sha256_repository_takes_a_sha256_push(tmp_path: Path) -> None:
    path = host(tmp_path, "--object-format=sha256")
    one, two = commit("one", "sha256"), commit("two", "sha256")
    assert pushed(path, [Command(LEASE, ABSENT, one[1].oid)], one, "sha256").refs == {LEASE: ""}
    update = Command(LEASE, one[1].oid, two[1].oid)
    assert pushed(path, [update], one + two, "sha256").refs == {LEASE: ""}
    assert pushed(path, [update], one + two, "sha256").refs[LEASE] != ""
    assert refs_of(path) == {LEASE: two[1].oid}


@pytest.mark.parametrize("version", ["", "version=1"])
def test_a_pipe_is_read_through_advertisement_and_report(tmp_path: Path, version: str) -> None:
    path = host(tmp_path)
    for expected, (old, new, objects) in (
        ({}, (ABSENT, X, ONE)),
        ({LEASE: X}, (X, Y, [*TWO, ONE[1]])),
    ):
        body = request([Command(LEASE, old, new)], pack(objects, "sha1")[0], "sha1", atomic=False)
        environ = os.environ | {"GIT_PROTOCOL": version}
        done = subprocess.run(
            ["git", "receive-pack", path], input=b"".join(body), capture_output=True, env=environ
        )
        stream = io.BytesIO(done.stdout)
        source = Packets(stream.read)
        found = advertised(source)
        assert found.refs == expected
        assert {"atomic", "report-status", "side-band-64k"} <= found.capabilities
        assert report(source).refs == {LEASE: ""}
        assert source.next() is None


def test_the_advertisement_over_http_tells_the_object_format(tmp_path: Path) -> None:
    path = host(tmp_path, "--object-format=sha256")
    done = subprocess.run(
        ["git", "receive-pack", "--stateless-rpc", "--advertise-refs", path], capture_output=True
    )
    found = advertised(packets(LEAD_IN, done.stdout))
    assert found.refs == {}
    assert "object-format=sha256" in found.capabilities
