"""What hinders a worktree from following, and a hook that refuses, stop a landing or are told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitcoord.errors import LandingRefused, TargetDirty
from gitcoord.storage import checkedout
from gitcoord.storage.store import Move
from tests.gitrun import git
from tests.storage.histories import branch, commit
from tests.storage.test_moving import STATE, Line, line, status

__all__ = ["line"]


def stopped(repo: str, *command: str) -> None:
    """Run a git command that stops with a conflict."""
    done = subprocess.run(["git", "-C", repo, *command], capture_output=True)
    assert done.returncode != 0


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_target_that_is_being_rebased_is_not_moved(
    repo: str, tmp_path: Path, backend: str, linked: bool
) -> None:
    commit(repo, {"src/a.py": "a\n"})
    head = branch(repo, "topic", {"new.py": "n\n"})
    branch(repo, "rival", {"src/a.py": "rival\n"})
    commit(repo, {"src/a.py": "mine\n"})
    line, place = Line(repo, head), repo
    if linked:
        place = str(tmp_path / "linked")
        git(repo, "switch", "-q", "--detach")
        git(repo, "worktree", "add", "-q", place, "main")
    stopped(place, "rebase", "-q", backend, "rival")
    with pytest.raises(TargetDirty) as refused:
        line.land()
    assert place in refused.value.message
    assert "rebase --continue" in str(refused.value.hint)
    assert not line.landed
    git(place, "rebase", "--abort")
    assert line.land() == []
    assert line.landed
    assert status(place) == ""


def test_a_rebase_of_another_branch_is_in_nobodys_way(line: Line) -> None:
    branch(line.repo, "rival", {"src/a.py": "rival\n"}, base="elsewhere")
    git(line.repo, "switch", "-q", "topic")
    stopped(line.repo, "rebase", "-q", "rival")
    assert line.land() == []
    assert line.landed


def test_patches_that_are_being_applied_to_the_target_stop_it(line: Line, tmp_path: Path) -> None:
    branch(line.repo, "rival", {"src/a.py": "rival\n"}, base="elsewhere")
    patch = tmp_path / "rival.patch"
    patch.write_text(git(line.repo, "format-patch", "-1", "--stdout", "rival") + "\n")
    git(line.repo, "switch", "-q", "main")
    commit(line.repo, {"src/a.py": "mine\n"})
    stopped(line.repo, "am", "-q", str(patch))
    with pytest.raises(TargetDirty) as refused:
        checkedout.check(line.checkout, "refs/heads/main", line.tip, line.result)
    assert "rebase-apply" in refused.value.message


def test_an_index_that_another_git_has_for_long_is_told_and_followed_later(line: Line) -> None:
    git(line.repo, "switch", "-q", "main")
    lock = Path(line.repo, ".git/index.lock")
    line.moving([line.after], [Move(STATE, line.before.oid, line.after.oid)])
    lock.touch()
    (left,) = line.moving.follow()
    assert line.landed
    assert left.path == line.repo
    assert "index.lock" in left.text
    lock.unlink()
    assert checkedout.finish(line.checkout) == []
    assert status(line.repo) == ""
    assert Path(line.repo, "src/a.py").read_text() == "b\n"


def test_a_submodule_that_is_there_already_is_in_nobodys_way(repo: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    git(str(tmp_path), "clone", "-q", repo, other)
    git(repo, "switch", "-q", "-c", "topic")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "sub")
    head = commit(repo, {})
    git(repo, "switch", "-q", "main")
    assert os.path.exists(os.path.join(repo, "sub", ".git"))
    line = Line(repo, head)
    assert line.land() == []
    assert line.landed
    assert status(repo) == ""


def test_a_folder_where_a_submodule_shall_be_stops_it(repo: str, tmp_path: Path) -> None:
    head = branch(repo, "topic", {"other.py": "o\n"})
    git(repo, "switch", "-q", "topic")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    git(repo, "commit", "-q", "-m", "sub")
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "-q", "main")
    Path(repo, "sub").mkdir(exist_ok=True)
    Path(repo, "sub/mine.txt").write_text("mine\n")
    line = Line(repo, head)
    with pytest.raises(TargetDirty, match=r"sub/mine\.txt"):
        line.land()
    assert not line.landed


def test_a_hook_that_refuses_is_told_and_nothing_moves(line: Line) -> None:
    hook = Path(line.repo, ".git/hooks/reference-transaction")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        '#!/bin/sh\n[ "$1" = prepared ] || exit 0\n'
        'if grep -q refs/heads/main; then echo "frozen until Monday" >&2; exit 1; fi\n'
    )
    hook.chmod(0o755)
    with pytest.raises(LandingRefused) as refused:
        line.land()
    assert refused.value.details["why"] == "hook"
    assert "frozen until Monday" in refused.value.message
    assert "fatal" not in refused.value.message
    assert not line.landed


@pytest.mark.parametrize("word", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_not_to_see_stops_it(line: Line, word: str) -> None:
    git(line.repo, "switch", "-q", "main")
    git(line.repo, "update-index", word, "src/a.py")
    Path(line.repo, "src/a.py").write_text("mine\n")
    with pytest.raises(TargetDirty, match=r"src/a\.py"):
        line.land()
    assert not line.landed
    assert Path(line.repo, "src/a.py").read_text() == "mine\n"


def test_an_index_that_another_git_has_stops_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(line.repo, "switch", "-q", "main")
    monkeypatch.setattr(checkedout, "_ATTEMPTS", 2)
    Path(line.repo, ".git/index.lock").touch()
    with pytest.raises(TargetDirty, match=r"index\.lock"):
        line.land()
    assert not line.landed
