"""Worktrees for one check: apart, without hooks, gone whatever happens, swept when left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import GitFailed, Unavailable
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.repository import find, home
from gitcoord.storage.throwaway import PREFIX, made, sweep
from gitcoord.storage.worktree import Checkout
from tests.gitrun import git


@pytest.fixture
def checkout(repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Return git in a repository; temporary folders lie beside it."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    return Checkout(find(repo, {}), os.environ)


def head(checkout: Checkout) -> str:
    found = checkout.resolve("HEAD")
    assert found
    return found


def clean(checkout: Checkout) -> bool:
    """Say whether nothing of any check is left."""
    common = checkout.repository.common_dir
    register = os.path.join(home(checkout.repository), "checks")
    return not (
        os.listdir(os.path.join(os.path.dirname(checkout.place), "temp"))
        or (
            os.path.isdir(os.path.join(common, "worktrees"))
            and os.listdir(os.path.join(common, "worktrees"))
        )
        or (os.path.isdir(register) and os.listdir(register))
    )


def test_it_holds_the_commit_and_is_gone_afterwards(checkout: Checkout) -> None:
    with made(checkout, head(checkout)) as place:
        assert Path(place.path, "README").read_text() == "hello\n"
        assert git(place.path, "rev-parse", "HEAD") == head(checkout)
        assert git(place.path, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
        assert os.listdir(place.temporary) == []
        assert os.stat(os.path.dirname(place.path)).st_mode & 0o077 == 0
        assert not place.path.startswith(checkout.place + os.sep)
        Path(place.path, "README").write_text("changed\n")
        with made(checkout, head(checkout)) as other:
            assert Path(other.path, "README").read_text() == "hello\n"
    assert clean(checkout)
    assert git(checkout.place, "status", "--porcelain") == ""


def test_it_is_gone_after_an_error_too(checkout: Checkout) -> None:
    with pytest.raises(KeyboardInterrupt), made(checkout, head(checkout)):
        raise KeyboardInterrupt
    assert clean(checkout)


def test_what_a_check_does_to_its_worktree_does_not_keep_it(checkout: Checkout) -> None:
    with made(checkout, head(checkout)) as place:
        os.unlink(os.path.join(place.path, ".git"))
        locked = Path(place.path, "locked", "deeper")
        locked.mkdir(parents=True)
        (locked / "file").write_text("x")
        os.chmod(locked, 0o000)
        os.chmod(locked.parent, 0o000)
        os.symlink(checkout.place, os.path.join(place.path, "away"))
    assert clean(checkout)
    with made(checkout, head(checkout)) as place:
        shutil.rmtree(place.path)
    assert clean(checkout)
    with made(checkout, head(checkout)) as place:
        folder = os.path.dirname(place.path)
        shutil.rmtree(folder)
        os.symlink(checkout.place, folder)
    assert clean(checkout)
    assert Path(checkout.place, "README").exists()


def test_hooks_of_the_user_do_not_run(checkout: Checkout, tmp_path: Path) -> None:
    hook = Path(checkout.repository.common_dir, "hooks", "post-checkout")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o755)
    with made(checkout, head(checkout)):
        pass
    assert not (tmp_path / "ran").exists()
    # The hook is one that git would run.
    git(checkout.place, "worktree", "add", "-q", "--detach", str(tmp_path / "seen"))
    assert (tmp_path / "ran").exists()


def test_a_commit_that_is_not_there_leaves_nothing(checkout: Checkout) -> None:
    with pytest.raises(GitFailed), made(checkout, "0" * 40):
        pytest.fail("there is no such commit")
    assert clean(checkout)


def test_a_disk_that_is_closed_is_said(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable, match="cannot make"), made(checkout, head(checkout)):
        pytest.fail("there is no such folder")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    assert clean(checkout)
    register = Path(home(checkout.repository), "checks")
    shutil.rmtree(register)
    register.write_text("in the way")
    with pytest.raises(Unavailable, match="cannot write"), made(checkout, head(checkout)):
        pytest.fail("there is a file")
    register.unlink()
    assert clean(checkout)


KILLED = """
import os, sys
from gitcoord.storage import throwaway
from gitcoord.storage.repository import find
from gitcoord.storage.worktree import Checkout
import tempfile
tempfile.tempdir = sys.argv[2]
checkout = Checkout(find(sys.argv[1], {}), os.environ)
with throwaway.made(checkout, checkout.resolve("HEAD")) as place:
    print(place.name, flush=True)
    os._exit(9)
"""


def killed(checkout: Checkout) -> str:
    """Let a process die within a check, and return the check's name."""
    temp = os.path.join(os.path.dirname(checkout.place), "temp")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, checkout.place, temp],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    return done.stdout.strip()


def test_what_a_killed_process_left_is_swept_and_nothing_that_runs(checkout: Checkout) -> None:
    name = killed(checkout)
    ended: list[str] = []
    with made(checkout, head(checkout)) as place:
        (swept,) = sweep(checkout, ended.append)
        assert os.path.basename(swept) == name
        assert ended == [name]
        assert Path(place.path, "README").exists()
        assert sweep(checkout, ended.append) == []
    assert clean(checkout)
    assert sweep(checkout, ended.append) == []


def test_a_sweep_removes_only_what_it_has_made(checkout: Checkout, tmp_path: Path) -> None:
    register = Path(home(checkout.repository), "checks")
    register.mkdir(parents=True)
    precious = tmp_path / "precious"
    precious.mkdir()
    (register / f"{PREFIX}1").write_text(str(precious))
    (register / f"{PREFIX}2").write_text(f"relative/{PREFIX}2")
    (register / f"{PREFIX}3").write_text("")
    (register / "somebody").write_text(str(precious))
    assert sweep(checkout, lambda _: pytest.fail("there is nothing to end")) == []
    assert precious.exists()
    assert os.listdir(register) == ["somebody"]


def test_an_entry_that_another_sweep_took_is_passed_over(checkout: Checkout) -> None:
    killed(checkout)
    register = Path(home(checkout.repository), "checks")
    (name,) = (x for x in os.listdir(register) if not x.endswith(".lock"))
    with OsLock(str(register / f"{name}.lock")) as held:
        assert held.try_acquire()
        assert sweep(checkout, lambda _: pytest.fail("another has it")) == []
    assert len(sweep(checkout, lambda _: None)) == 1
    assert clean(checkout)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_what_cannot_be_removed_stays_known(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(checkout)
    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    assert sweep(checkout, lambda _: None) == []
    with pytest.raises(GitFailed, match="cannot be removed"), made(checkout, head(checkout)):
        pass
    monkeypatch.setattr(shutil, "rmtree", real)
    assert len(sweep(checkout, lambda _: None)) == 2
    assert clean(checkout)


def test_a_name_that_a_sweep_holds_is_not_used(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweep(checkout, lambda _: None) == []
    numbers = [b"\1" * 8, b"\2" * 8]
    monkeypatch.setattr("os.urandom", lambda size: numbers.pop(0)[:size])
    register = Path(home(checkout.repository), "checks")
    with OsLock(str(register / f"{PREFIX}{'01' * 8}.lock")) as held:
        assert held.try_acquire()
        with made(checkout, head(checkout)) as place:
            assert place.name == PREFIX + "02" * 8
