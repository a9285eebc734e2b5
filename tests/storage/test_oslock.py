"""The lock of the operating system: one holder, and none when the holder is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import Unavailable
from gitcoord.storage.oslock import OsLock

HOLDER = """
import sys
from gitcoord.storage.oslock import OsLock
lock = OsLock(sys.argv[1])
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


def holder(path: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "True\n"
    return process


def test_a_free_lock_is_taken_once(tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "a.lock")
    one, two = OsLock(path), OsLock(path)
    assert one.try_acquire()
    assert one.held
    assert one.try_acquire()
    assert not two.try_acquire()
    assert not two.held
    one.release()
    assert not one.held
    assert two.try_acquire()
    two.release()


def test_the_file_stays_and_is_private(tmp_path: Path) -> None:
    lock = OsLock(str(tmp_path / "a.lock"))
    assert lock.try_acquire()
    lock.release()
    lock.release()
    assert (tmp_path / "a.lock").exists()
    if os.name != "nt":
        assert (tmp_path / "a.lock").stat().st_mode & 0o077 == 0


def test_leaving_the_block_lets_go_even_after_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    lock = OsLock(path)
    assert lock.try_acquire()
    with pytest.raises(RuntimeError), lock:
        raise RuntimeError
    assert OsLock(path).try_acquire()


def test_another_process_is_kept_out_and_its_death_frees_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    process = holder(path)
    with process:
        lock = OsLock(path)
        assert not lock.try_acquire()
        process.kill()
        process.wait()
        assert lock.try_acquire()
        lock.release()


def test_where_no_file_can_be_made_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        OsLock(str(tmp_path / "file" / "a.lock")).try_acquire()
