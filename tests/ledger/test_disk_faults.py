"""A disk that is full or closed, a missing git, and files that others have left or spoilt."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
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
from tests.entrypoints.evidence import home, says_no, tells
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


def settled(place: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in a repository where ada holds src/** and there is one task."""
    found = outside(place, monkeypatch, capfd)
    found("init")
    found("session", "start", "--name", "ada")
    found("lock", "acquire", "src/**")
    found("task", "add", "first", "--id", "t-1")
    return found


@pytest.fixture
def door(repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in such a repository on an ordinary disk."""
    return settled(repo, monkeypatch, capfd)


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
            with pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(bytes(65536))
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


def healthy(door: Door) -> None:
    """Prove that the ledger is whole and can be worked with."""
    verdict = json.loads(door("doctor", "--json"))
    assert verdict["verdict"] in ("ok", "note"), verdict
    git(door.place, "fsck", "--strict", "--no-dangling")
    door("lock", "acquire", f"after-{time.monotonic_ns()}.py")


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


def test_a_leader_that_cannot_write_an_answer_still_tells_its_own(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path))
    ticket = queue.publish([Request([ChangeSettings(values={"lock_ttl": 77})])])
    taken = queue.take(time.time())
    assert len(taken) == 1
    os.mkdir(taken[0].name + ".tmp")
    queue.answer(taken[0], [Reply()])
    assert ticket.answer() is None
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


def test_an_old_lock_on_packed_refs_stops_uninstall_and_nothing_is_lost(door: Door) -> None:
    git(door.place, "pack-refs", "--all")
    lock = Path(os.path.realpath(door.place), ".git", "packed-refs.lock")
    lock.touch()
    os.utime(lock, (time.time() - 3600,) * 2)
    before = refs(door.place)
    assert json.loads(door("uninstall", "--yes", "--force", "--json", code=5))["ok"] is False
    assert refs(door.place) == before
    lock.unlink()
    healthy(door)


def spoil(path: Path, how: str) -> None:
    """Make another thing of the index of records."""
    for one in path.parent.glob("cache.sqlite*"):
        one.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "foreign":
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE state (what TEXT)")
            other.execute("CREATE TABLE record (tbl, name, data)")
            other.commit()
    elif how == "a wal":
        path.write_bytes(b"")
        path.with_name("cache.sqlite-wal").write_bytes(b"\xff" * 5000)
    else:
        path.write_bytes({"empty": b"", "garbage": os.urandom(9000), "text": b"hello\n"}[how])


@pytest.mark.parametrize("how", ["empty", "garbage", "text", "foreign", "a folder", "a wal"])
def test_a_spoilt_index_costs_nothing_but_time(door: Door, how: str) -> None:
    spoil(home(door.place) / "cache.sqlite", how)
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    door("lock", "acquire", "other.py")
    assert len(door.json("lock", "list")["locks"]) == 2
    assert json.loads(door("doctor", "--json"))["verdict"] in ("ok", "note", "warning")
    assert "Traceback" not in door.err


@pytest.mark.parametrize("at", [0, 100, 4096, 5000, 9000, 20000])
def test_an_index_with_one_broken_page_costs_nothing_but_time(door: Door, at: int) -> None:
    path = home(door.place) / "cache.sqlite"
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(path.read_bytes())
    raw[at : at + 600] = os.urandom(len(raw[at : at + 600]))
    path.write_bytes(raw)
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    door("lock", "acquire", "other.py")
    assert len(door.json("lock", "list")["locks"]) == 2


GARBAGE = (
    b"",
    b"\x00\x01\x02",
    b"\xff\xfe\xfd",
    b'"\xff"',
    b"{",
    b"[]",
    b"[7]",
    b"null",
    b"{}",
    b'{"sessions": 7}',
    b'{"format": 1}',
    b'{"published_at": "soon", "sessions": {"s-x": {"count": 1, "at": "never"}}}',
    b'{"sessions": {"s-x": {"count": 1, "at": "never"}}}',
    b'{"epoch": 1, "seq": 0, "head": "\xff"}',
    b'{"operations": [{"op": "lock.acquire"}], "session": null}',
)
FILES = (
    "watch.json",
    "presence.json",
    "machine",
    "refusals.jsonl",
    "growth.json",
    "growth.notes",
    "lead.lock",
    "witness.json",
    "spool/o-x.json",
    "queue/0-x.req",
    "queue/0-x.run",
    "queue/0-x.ans",
    "queue/0-x.bell",
)


@pytest.mark.parametrize("name", FILES)
def test_garbage_in_a_private_file_breaks_nothing(door: Door, name: str) -> None:
    session = door.json("session", "list")["sessions"][0]["id"]
    door.become(session)
    path = home(door.place) / name
    path.parent.mkdir(exist_ok=True)
    for number, garbage in enumerate(GARBAGE):
        path.write_bytes(garbage)
        if name != "watch.json":
            (home(door.place) / "watch.json").unlink(missing_ok=True)
        door("lock", "acquire", f"file-{number}.py")
        assert "Traceback" not in door.err
        door("status")
        assert "Traceback" not in door.err
    path.write_bytes(GARBAGE[3])
    said = json.loads(door("doctor", "--json"))
    assert said["verdict"] != "error"
    assert len(door.json("lock", "list")["locks"]) == 1 + len(GARBAGE)


def test_garbage_in_the_spool_is_named_by_doctor_and_left_alone(door: Door) -> None:
    door("change", "record", "--path", "README", "--later")
    path = home(door.place) / "spool" / "o-x.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xff")
    door("lock", "acquire", "other.py")
    said = json.loads(door("doctor", "--json"))
    assert any(
        one["code"] == "spool_unreadable" and str(path) in one["message"]
        for one in said["findings"]
    )
    assert path.exists()


def test_a_file_in_place_of_the_private_folder_is_named(door: Door) -> None:
    shutil.rmtree(home(door.place))
    home(door.place).write_bytes(b"in the way")
    for words in (("status",), ("task", "add", "two")):
        error = says_no(door, "unavailable", 5, *words)
        assert str(home(door.place)) in error["message"]
    home(door.place).unlink()
    door("task", "add", "two")


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
