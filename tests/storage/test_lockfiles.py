"""Lock files of git: found, dated, explained; never removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from gitcoord.errors import StaleLockFile
from gitcoord.storage.lockfiles import STALE_AFTER, everywhere, explain, in_the_way
from gitcoord.storage.repository import find


def leave(path: str, age: float) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_a_clean_repository_has_none(repo: str) -> None:
    assert everywhere(find(repo, {})) == []
    assert in_the_way(find(repo, {}), ["refs/coord/state"]) == []


def test_what_stops_a_swap_is_found_oldest_first(repo: str) -> None:
    mine = leave(f"{repo}/.git/refs/coord/state.lock", 5)
    packed = leave(f"{repo}/.git/packed-refs.lock", 500)
    leave(f"{repo}/.git/refs/coord/other.lock", 900)
    held = in_the_way(find(repo, {}), ["refs/coord/state"])
    assert [lock.path for lock in held] == [packed, mine]
    assert [lock.stale for lock in held] == [True, False]


def test_all_are_found_for_the_doctor(repo: str, linked_worktree: str) -> None:
    here = find(linked_worktree, {})
    paths = {
        leave(f"{repo}/.git/refs/coord/presence/host.lock", 1),
        leave(f"{repo}/.git/packed-refs.lock", 2),
        leave(f"{here.git_dir}/HEAD.lock", 3),
    }
    assert {lock.path for lock in everywhere(here)} == paths
    assert all(os.path.exists(path) for path in paths)


def test_a_young_lock_file_belongs_to_somebody_who_works(repo: str) -> None:
    leave(f"{repo}/.git/refs/coord/state.lock", STALE_AFTER - 20)
    leave(f"{repo}/.git/packed-refs.lock", -100)
    locks = in_the_way(find(repo, {}), ["refs/coord/state"])
    assert not any(lock.stale for lock in locks)
    assert min(lock.age for lock in locks) == 0


def test_the_explanation_names_the_file_its_age_and_the_remedy(repo: str) -> None:
    path = leave(f"{repo}/.git/refs/coord/state.lock", 3 * 3600 + 5)
    error = explain(path)
    assert isinstance(error, StaleLockFile)
    assert path in error.message
    assert "3 hours" in error.message
    assert error.hint
    assert path in error.hint
    assert os.path.exists(path)


def test_a_lock_file_that_went_away_is_explained_without_an_age(tmp_path: Path) -> None:
    assert explain(str(tmp_path / "gone.lock")).details["age"] == 0.0
