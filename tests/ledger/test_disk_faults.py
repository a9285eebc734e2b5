"""A disk that is full or closed, a missing git, and files that others have left or spoilt."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitcoord.domain.configure import ChangeSettings
from gitcoord.entrypoints.main import run
from gitcoord.ledger.queue import Queue
from gitcoord.ledger.request import Reply, Request
from gitcoord.storage.oslock import OsLock
from tests.conftest import first_commit
from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door, refs
from tests.entrypoints.evidence import healthy, home, says_no, settled, tells
from tests.gitrun import git

STATE = "refs/coord/state"
READS: list[tuple[str, ...]] = [
    ("status",),
    ("where",),
    ("whoami",),
    ("context",),
    ("log",),
    ("export",),
    ("config",),
    ("lock", "list"),
    ("lock", "check", "README"),
    ("task", "list"),
    ("task", "show", "t-1"),
    ("session", "list"),
    ("handoff", "read"),
    ("change", "list"),
    ("doctor",),
]
WRITES: list[tuple[str, ...]] = [
    ("lock", "acquire", "other.py"),
    ("lock", "release", "--all"),
    ("task", "add", "two"),
    ("task", "next"),
    ("session", "start", "--name", "grace"),
    ("session", "heartbeat"),
    ("session", "end"),
    ("handoff", "write", "done"),
    ("config", "--shared", "lock_ttl", "600"),
    ("compact",),
]


@pytest.fixture
def door(repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in such a repository on an ordinary disk."""
    return settled(repo, monkeypatch, capfd)


def _written(file: io.FileIO) -> bool:
    """Write some bytes; say whether there was still room for any."""
    try:
        return file.write(bytes(65536)) > 0
    except OSError as full:
        if full.errno != errno.ENOSPC:
            raise
        return False


class Disk:
    """A small file system of its own in memory."""

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def _mount(self, *words: str) -> None:
        done = subprocess.run(["mount", *words, str(self.path)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")

    def close_for_writing(self) -> None:
        self._mount("-o", "remount,ro")

    def open_for_writing(self) -> None:
        self._mount("-o", "remount,rw")

    def fill(self, leave: int) -> None:
        """Leave room for so many bytes."""
        with open(self.path / "filler", "wb", buffering=0) as file:
            while _written(file):
                pass
            file.truncate(max(0, file.tell() - leave))

    def empty(self) -> None:
        (self.path / "filler").unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], capture_output=True, check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a small disk, or skip with the reason."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("small disks are mounted on Linux only")
    made = Disk(tmp_path / "disk", "4m")
    yield made
    os.chdir("/")
    made.unmount()


@pytest.fixture
def small(disk: Disk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in such a repository on a small disk."""
    return settled(first_commit(disk.path / "repo"), monkeypatch, capfd)


def test_on_a_read_only_disk_reading_works_and_writing_says_why(disk: Disk, small: Door) -> None:
    disk.close_for_writing()
    for words in READS:
        small(*words)
        assert "Traceback" not in small.err
    for words in WRITES:
        error = says_no(small, "read_only", 5, *words)
        assert "Read-only" in error["message"]
    disk.open_for_writing()
    healthy(small)


def test_a_clone_that_was_never_used_can_be_read_on_a_read_only_disk(
    disk: Disk, small: Door
) -> None:
    shutil.rmtree(home(small.place))
    disk.close_for_writing()
    for words in READS:
        small(*words, code=2 if words == ("whoami",) else 0)
        assert "Traceback" not in small.err
    says_no(small, "read_only", 5, "task", "add", "two", "--id", "t-2")
    says_no(small, "read_only", 5, "session", "start", "--name", "grace")


def test_a_repository_without_a_ledger_on_a_read_only_disk_gets_none(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(first_commit(disk.path / "repo"), monkeypatch, capfd)
    disk.close_for_writing()
    says_no(door, "read_only", 5, "init")
    says_no(door, "not_initialised", 2, "status")


def test_on_a_full_disk_writing_says_so_and_works_again_when_there_is_space(
    disk: Disk, small: Door
) -> None:
    disk.fill(leave=0)
    for words in READS:
        small(*words)
        assert "Traceback" not in small.err
    for words in WRITES:
        error = says_no(small, "disk_full", 5, *words)
        assert "space" in error["hint"]
    disk.empty()
    healthy(small)


def test_who_cannot_even_queue_on_a_full_disk_is_told(disk: Disk, small: Door) -> None:
    with OsLock(str(home(small.place) / "lead.lock")) as lead:
        assert lead.try_acquire()
        disk.fill(leave=0)
        says_no(small, "disk_full", 5, "lock", "acquire", "other.py")
    disk.empty()
    healthy(small)


def test_a_leader_that_cannot_write_an_answer_still_tells_its_own(disk: Disk) -> None:
    queue = Queue(str(disk.path))
    ticket = queue.publish([Request([ChangeSettings(values={"lock_ttl": 77})])])
    taken = queue.take(time.time())
    assert len(taken) == 1
    disk.fill(leave=0)
    queue.answer(taken[0], [Reply()])
    assert ticket.answer() is None
    # It is still there for the next leader, who finds the first answer in the ledger.
    assert ticket.withdraw(leading=True)
    ticket.close()


@pytest.mark.parametrize("leave", range(1, 22))
def test_whatever_space_is_left_a_write_happens_whole_or_not_at_all(
    disk: Disk, small: Door, leave: int
) -> None:
    disk.fill(leave=leave * 4096)
    before, count = refs(small.place), len(small.json("log")["transactions"])
    done = run(["lock", "acquire", "other.py"], as_json=False)
    assert done in (0, 5), small.captured()
    assert (refs(small.place) == before) == (done == 5)
    assert len(small.json("log")["transactions"]) == count + (done == 0)
    disk.empty()
    held = {one["key"] for one in small.json("lock", "list")["locks"]}
    assert held == ({"src/**", "other.py"} if done == 0 else {"src/**"})
    healthy(small)


@pytest.mark.parametrize("age", [31, 3600, 10 * 86400])
def test_an_old_lock_file_on_the_ledger_is_named_with_its_remedy(door: Door, age: int) -> None:
    lock = Path(os.path.realpath(door.place), ".git", "refs", "coord", "state.lock")
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    before = refs(door.place)
    error = json.loads(door("lock", "acquire", "other.py", "--json", code=5))["error"]
    assert error["code"] == "stale_lock_file"
    assert error["path"] == str(lock)
    assert f"rm -f '{lock}'" in error["hint"]
    assert refs(door.place) == before
    assert lock.exists()
    door("status")
    assert str(lock) in door("doctor")
    lock.unlink()
    healthy(door)


def test_a_young_lock_file_is_waited_for_and_then_told(door: Door) -> None:
    lock = Path(door.place, ".git", "refs", "coord", "state.lock")
    lock.touch()
    tells(door, "contended", 4, "lock", "acquire", "other.py")
    assert lock.exists()
    lock.unlink()
    healthy(door)


def test_a_young_lock_file_that_goes_away_is_no_trouble(door: Door) -> None:
    lock = Path(door.place, ".git", "refs", "coord", "state.lock")
    lock.touch()
    code = "import os, sys, time; time.sleep(0.2); os.remove(sys.argv[1])"
    with subprocess.Popen([sys.executable, "-c", code, str(lock)]):
        door("lock", "acquire", "other.py")


@pytest.mark.parametrize("name", ["packed-refs.lock", "HEAD.lock", "index.lock", "config.lock"])
def test_other_lock_files_do_not_stand_in_the_way(door: Door, name: str) -> None:
    git(door.place, "pack-refs", "--all")
    lock = Path(os.path.realpath(door.place), ".git", name)
    lock.touch()
    os.utime(lock, (time.time() - 3600,) * 2)
    door("lock", "acquire", "other.py")
    said = door("doctor")
    assert (str(lock) in said) == (name in ("packed-refs.lock", "HEAD.lock"))
    assert lock.exists()


def test_an_old_lock_on_packed_refs_stops_uninstall_with_the_remedy(door: Door) -> None:
    git(door.place, "pack-refs", "--all")
    lock = Path(os.path.realpath(door.place), ".git", "packed-refs.lock")
    lock.touch()
    os.utime(lock, (time.time() - 3600,) * 2)
    before = refs(door.place)
    error = json.loads(door("uninstall", "--yes", "--force", "--json", code=5))["error"]
    assert error["code"] == "stale_lock_file"
    assert f"rm -f '{lock}'" in error["hint"]
    assert refs(door.place) == before
    lock.unlink()
    healthy(door)


@pytest.mark.parametrize("kind", ["missing", "not executable", "failing", "killed"])
def test_without_a_working_git_the_error_says_so(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    before = refs(door.place)
    folder = tmp_path / "bin"
    folder.mkdir()
    if kind != "missing":
        words = {"failing": "echo no >&2; exit 3", "killed": "kill -9 $$"}.get(kind, "true")
        (folder / "git").write_text(f"#!/bin/sh\n{words}\n")
        (folder / "git").chmod(0o644 if kind == "not executable" else 0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(folder))
        said = json.loads(door("lock", "acquire", "other.py", "--json", code=_code(kind)))
        assert "Traceback" not in door.err
        done = subprocess.run(
            [sys.executable, "-m", "gitcoord", "task", "add", "two"],
            cwd=door.place,
            capture_output=True,
            text=True,
        )
    missing = kind in ("missing", "not executable")
    if missing:
        assert said["error"]["code"] == "git_missing"
        assert "nstall git" in said["error"]["hint"]
    assert done.returncode == _code(kind)
    assert "Traceback" not in done.stderr
    assert refs(door.place) == before
    healthy(door)


def _code(kind: str) -> int:
    return 4 if kind == "killed" else 5
