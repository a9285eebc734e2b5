"""A branch and the ledger move together, worktrees follow, and a kill is made good."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcoord.errors import BranchMissing, GitcoordError, TargetDirty, TargetMoved
from gitcoord.storage import checkedout
from gitcoord.storage.merging import Combined, combine
from gitcoord.storage.moving import Branch, Moving
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.store import ABSENT, GitObject, Move, SwapLost, make_object
from tests.gitrun import git
from tests.storage.histories import branch, checkout_of, commit, put

STATE = "refs/coord/state"
MAIN = "refs/heads/main"
WHO = b"Lander <lander@example.invalid> 1767323045 +0000"


class Line:
    """A repository with a ledger of a sort, and a landing of one branch on main."""

    def __init__(self, repo: str, head: str) -> None:
        self.repo = repo
        self.checkout = checkout_of(repo)
        self.tip = git(repo, "rev-parse", "main")
        found = combine(self.checkout, self.tip, head, "merge", "land\n", WHO)
        assert isinstance(found, Combined)
        self.result = found.oid
        self.before, after = (self.state(n) for n in ("before", "after"))
        store = PlumbingStore(self.checkout.repository)
        store.commit([self.before], [Move(STATE, ABSENT, self.before.oid)])
        store.close()
        self.after = after
        self.moving = Moving(
            self.checkout, Branch(self.result, MAIN, self.tip), "gitcoord: land q-1"
        )

    def state(self, text: str) -> GitObject:
        return make_object(b"blob", text.encode(), self.checkout.repository.object_format)

    def land(self, expect: str | None = None) -> list[checkedout.Left]:
        moves = [Move(STATE, expect or self.before.oid, self.after.oid)]
        self.moving([self.after], moves)
        return self.moving.follow()

    def refs(self) -> tuple[str, str]:
        return git(self.repo, "rev-parse", MAIN), git(self.repo, "rev-parse", STATE)

    @property
    def landed(self) -> bool:
        """Whether both have moved; one alone fails the test."""
        old, new = (self.tip, self.before.oid), (self.result, self.after.oid)
        assert self.refs() in (old, new)
        return self.refs() == new


@pytest.fixture
def line(repo: str) -> Line:
    """Have a topic to land, and stand on another branch."""
    commit(repo, {"src/a.py": "a\n", "old.py": "o\n", ".gitignore": "*.log\n"})
    head = branch(repo, "topic", {"src/a.py": "b\n", "new/n.py": "n\n", "old.py": None})
    git(repo, "checkout", "-q", "-b", "elsewhere")
    return Line(repo, head)


def status(path: str) -> str:
    return git(path, "status", "--porcelain")


def test_branch_and_ledger_move_as_one(line: Line) -> None:
    before = git(line.repo, "ls-files", "--stage", "--debug")
    assert line.land() == []
    assert line.landed
    assert git(line.repo, "ls-files", "--stage", "--debug") == before
    assert status(line.repo) == ""
    assert "gitcoord: land q-1" in git(line.repo, "reflog", "main")


def test_a_branch_that_has_moved_moves_nothing(line: Line) -> None:
    git(line.repo, "branch", "-f", "main", "topic")
    with pytest.raises(TargetMoved):
        line.moving.rehearse()
    with pytest.raises(TargetMoved):
        line.land()
    assert line.refs() == (git(line.repo, "rev-parse", "topic"), line.before.oid)


def test_a_branch_that_moves_at_the_last_moment_moves_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The look beforehand saw nothing yet: the swap itself decides.
    monkeypatch.setattr(Moving, "rehearse", lambda self: None)
    git(line.repo, "branch", "-f", "main", "topic")
    with pytest.raises(TargetMoved):
        line.land()
    assert line.refs()[1] == line.before.oid


def test_a_ledger_that_has_moved_moves_nothing(line: Line) -> None:
    other = git(line.repo, "hash-object", "-w", "--stdin", stdin=b"other")
    with pytest.raises(SwapLost) as lost:
        line.land(other)
    assert lost.value.ref == STATE
    assert not line.landed


def test_a_branch_that_is_gone_is_not_made_again(line: Line) -> None:
    git(line.repo, "branch", "-D", "main")
    with pytest.raises(BranchMissing):
        line.land()
    assert git(line.repo, "rev-parse", STATE) == line.before.oid


def test_a_clean_worktree_follows(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    Path(line.repo, "notes.txt").write_text("mine\n")
    os.utime(Path(line.repo, "src/a.py"), (1, 1))
    assert line.land() == []
    assert line.landed
    assert status(line.repo) == "?? notes.txt"
    assert Path(line.repo, "src/a.py").read_text() == "b\n"
    assert not Path(line.repo, "old.py").exists()
    assert Path(line.repo, "new/n.py").exists()
    assert not os.listdir(Path(line.repo, ".git/gitcoord/landings"))


def test_a_linked_worktree_follows_while_others_stay(line: Line, tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    git(line.repo, "worktree", "add", "-q", there, "main")
    assert line.land() == []
    assert line.landed
    assert status(there) == ""
    assert Path(there, "src/a.py").read_text() == "b\n"
    assert Path(line.repo, "src/a.py").read_text() == "a\n"
    assert status(line.repo) == ""


def staged(repo: str) -> str:
    put(repo, {"staged.py": "s\n"})
    return "staged.py"


def modified(repo: str) -> str:
    Path(repo, "README").write_text("mine\n")
    return "README"


def deleted(repo: str) -> str:
    Path(repo, "README").unlink()
    return "README"


def untracked_in_the_way(repo: str) -> str:
    Path(repo, "new").mkdir()
    Path(repo, "new/n.py").write_text("mine\n")
    return "new/n.py"


def file_for_a_folder(repo: str) -> str:
    Path(repo, "new").write_text("mine\n")
    return "new"


def merge_under_way(repo: str) -> str:
    Path(repo, ".git/MERGE_HEAD").write_text(git(repo, "rev-parse", "topic") + "\n")
    return "MERGE_HEAD"


TROUBLES = (
    staged, modified, deleted, untracked_in_the_way, file_for_a_folder, merge_under_way,
)  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_worktree_with_changes_stops_the_landing(
    line: Line, trouble: type[object], tmp_path: Path
) -> None:
    git(line.repo, "checkout", "-q", "main")
    named = trouble(line.repo)  # type: ignore[call-arg]
    before = status(line.repo)
    with pytest.raises(TargetDirty) as refused:
        line.land()
    assert named in refused.value.message  # type: ignore[operator]
    assert line.repo in refused.value.message
    assert not line.landed
    assert status(line.repo) == before


@pytest.mark.parametrize("place", ["new.log", "new.log/inner.log", "new.log -> x"])
def test_what_git_ignores_is_not_overwritten_either(repo: str, place: str) -> None:
    commit(repo, {".gitignore": "*.log\n"})
    git(repo, "checkout", "-q", "-b", "topic")
    Path(repo, "new.log").write_text("n\n")
    git(repo, "add", "-f", "new.log")
    head = commit(repo, {})
    git(repo, "checkout", "-q", "main")
    line = Line(repo, head)
    path, _, target = place.partition(" -> ")
    full = Path(repo, path)
    full.parent.mkdir(exist_ok=True)
    if target:
        full.symlink_to(target)
    else:
        full.write_text("mine\n")
    with pytest.raises(TargetDirty) as refused:
        line.land()
    assert path in refused.value.message
    assert not line.landed
    assert os.path.lexists(full)


def test_a_change_that_comes_too_late_is_left_alone_and_told(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    line.moving([line.after], [Move(STATE, line.before.oid, line.after.oid)])
    Path(line.repo, "src/a.py").write_text("mine\n")
    (left,) = line.moving.follow()
    assert line.landed
    assert left.path == line.repo
    assert "src/a.py" in left.text
    assert Path(line.repo, "src/a.py").read_text() == "mine\n"
    # Once it is put away the next landing finishes.
    assert len(checkedout.finish(line.checkout)) == 1
    Path(line.repo, "src/a.py").write_text("a\n")
    assert checkedout.finish(line.checkout) == []
    assert status(line.repo) == ""


def test_a_worktree_with_a_merge_under_way_is_left_alone(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    line.moving([line.after], [Move(STATE, line.before.oid, line.after.oid)])
    Path(line.repo, "src/a.py").write_text("mine\n")
    assert line.moving.follow()
    git(line.repo, "reset", "-q", "--hard")
    branch(line.repo, "rival", {"src/a.py": "rival\n"}, base="elsewhere")
    subprocess.run(["git", "-C", line.repo, "merge", "-q", "rival"], capture_output=True)
    before = status(line.repo)
    assert "UU src/a.py" in before
    assert checkedout.finish(line.checkout) == []
    assert status(line.repo) == before


def test_a_kill_after_the_swap_is_made_good(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    line.moving([line.after], [Move(STATE, line.before.oid, line.after.oid)])
    assert status(line.repo) != ""
    assert checkedout.finish(checkout_of(line.repo)) == []
    assert status(line.repo) == ""
    assert Path(line.repo, "src/a.py").read_text() == "b\n"


def test_a_kill_in_the_middle_of_following_is_made_good(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    line.moving([line.after], [Move(STATE, line.before.oid, line.after.oid)])
    Path(line.repo, "src/a.py").write_text("b\n")
    Path(line.repo, "new").mkdir()
    Path(line.repo, "new/n.py").write_text("n\n")
    Path(line.repo, "old.py").unlink()
    assert checkedout.finish(checkout_of(line.repo)) == []
    assert status(line.repo) == ""
    assert not os.listdir(Path(line.repo, ".git/gitcoord/landings"))


def test_a_kill_before_the_swap_leaves_a_note_that_means_nothing(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    checkedout.note(line.checkout, MAIN, line.tip, line.result)
    # Somebody goes back to just that tree by hand, which is none of our business.
    assert checkedout.finish(line.checkout) == []
    assert status(line.repo) == ""
    assert not line.landed
    assert not os.listdir(Path(line.repo, ".git/gitcoord/landings"))


def test_an_undoing_by_hand_is_not_undone(line: Line) -> None:
    git(line.repo, "checkout", "-q", "main")
    line.land()
    git(line.repo, "revert", "-m", "1", "--no-commit", "HEAD")
    before = status(line.repo)
    assert before
    assert checkedout.finish(line.checkout) == []
    assert status(line.repo) == before


def test_a_note_that_a_power_cut_has_spoilt_stops_nobody(line: Line) -> None:
    noted = checkedout.note(line.checkout, MAIN, line.tip, line.result)
    Path(noted.file).write_bytes(b"\0\0")
    assert checkedout.finish(line.checkout) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")
def test_names_of_every_kind_follow(repo: str) -> None:
    commit(repo, {"Case.txt": "c\n", "was/file": "f\n", "gone dir/x": "x\n"})
    git(repo, "checkout", "-q", "-b", "topic")
    git(repo, "mv", "Case.txt", "case.txt")
    git(repo, "rm", "-q", "was/file")
    os.symlink("case.txt", os.path.join(repo, "link"))
    head = commit(repo, {b"\xff.txt": "b\n", "was": "now a file\n", "a\nb": "n\n"})
    git(repo, "checkout", "-q", "main")
    line = Line(repo, head)
    assert line.land() == []
    assert line.landed
    assert status(repo) == ""
    assert "case.txt" in os.listdir(repo)
    assert os.readlink(os.path.join(repo, "link")) == "case.txt"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_git_that_dies_before_it_commits_moves_nothing(line: Line) -> None:
    hook = Path(line.repo, ".git/hooks/reference-transaction")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" = prepared ] && kill -9 $PPID\nexit 0\n')
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(GitcoordError):
        line.land()
    hook.unlink()
    assert not line.landed
    for lock in Path(line.repo, ".git").rglob("*.lock"):
        lock.unlink()
    line.land()
    assert line.landed


def test_what_lands_is_young_so_that_no_prune_takes_it(line: Line) -> None:
    blob = git(line.repo, "rev-parse", f"{line.result}:src/a.py")
    file = Path(line.repo, ".git/objects", blob[:2], blob[2:])
    os.utime(file, (1, 1))
    line.land()
    assert time.time() - file.stat().st_mtime < 600


def test_a_commit_that_is_not_whole_does_not_land(line: Line) -> None:
    blob = git(line.repo, "rev-parse", f"{line.result}:src/a.py")
    Path(line.repo, ".git/objects", blob[:2], blob[2:]).unlink()
    with pytest.raises(GitcoordError):
        line.land()
    assert not line.landed
