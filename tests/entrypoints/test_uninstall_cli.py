"""`gitcoord uninstall`: it says what goes, asks for a yes, and leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.gitrun import git


def files(place: str) -> set[str]:
    """Return every file of a git directory but objects, which are git's to prune."""
    top = os.path.join(place, ".git")
    return {
        os.path.relpath(os.path.join(folder, name), top)
        for folder, _, names in os.walk(top)
        for name in names
        if not os.path.relpath(folder, top).startswith("objects")
    }


@pytest.fixture
def used(bare_door: Door) -> tuple[Door, set[str]]:
    """Return the door of a repository that gitcoord was used in, and its files before that."""
    before = files(bare_door.place)
    bare_door("init")
    bare_door("session", "start", "--name", "ada")
    bare_door("lock", "acquire", "a.py")
    bare_door("change", "record", "--path", "a.py", "--later")
    bare_door("config", "wait", "1s")
    bare_door("session", "heartbeat")
    bare_door("compact", "--pack-only")
    bare_door("session", "end")
    return bare_door, before


def test_it_wants_a_yes(used: tuple[Door, set[str]]) -> None:
    door, _ = used
    error = door.refused("uninstall", code=2)
    assert "--dry-run" in error["hint"]


def test_a_dry_run_says_what_goes_and_removes_nothing(used: tuple[Door, set[str]]) -> None:
    door, _ = used
    before = files(door.place), git(door.place, "for-each-ref")
    answer = door.json("uninstall", "--dry-run")
    assert answer["dry_run"] is True
    assert "refs/coord/state" in answer["refs"]
    assert os.path.join("gitcoord", "cache.sqlite") in answer["files"]
    assert answer["settings"] == ["coord.wait"]
    said = door("uninstall", "--dry-run")
    assert "would remove refs/coord/state" in said
    assert "would remove setting coord.wait" in said
    assert (files(door.place), git(door.place, "for-each-ref")) == before
    assert door.json("status")["ok"] is True


def test_after_a_yes_nothing_of_it_is_left(used: tuple[Door, set[str]]) -> None:
    door, before = used
    branch = git(door.place, "for-each-ref", "refs/heads")
    dry = door.json("uninstall", "--dry-run")
    answer = door.json("uninstall", "--yes")
    assert answer["dry_run"] is False
    assert answer["refs"] == dry["refs"]
    assert files(door.place) == before
    assert not os.path.exists(os.path.join(door.place, ".git", "gitcoord"))
    assert not os.path.exists(os.path.join(door.place, ".git", "refs", "coord"))
    assert git(door.place, "for-each-ref", "refs/coord") == ""
    assert "coord" not in Path(door.place, ".git", "config").read_text(encoding="utf-8")
    assert git(door.place, "for-each-ref", "refs/heads") == branch
    assert git(door.place, "status", "--porcelain") == ""
    assert door.refused("lock", "list", code=2)["code"] == "not_initialised"
    door("uninstall", "--yes")
    assert files(door.place) == before


def test_packed_refs_go_too_and_everybody_else_s_stay(used: tuple[Door, set[str]]) -> None:
    door, _ = used
    git(door.place, "tag", "v1")
    git(door.place, "pack-refs", "--all")
    door("uninstall", "--yes")
    assert git(door.place, "for-each-ref", "--format=%(refname)") == "refs/heads/main\nrefs/tags/v1"


def test_after_it_one_can_begin_again(used: tuple[Door, set[str]]) -> None:
    door, _ = used
    door("uninstall", "--yes")
    assert door.json("init")["created"] is True
    assert door.json("lock", "list")["locks"] == []


def test_while_somebody_works_it_is_refused(door: Door) -> None:
    ada = door.start("ada")
    error = door.refused("uninstall", "--yes")
    assert (error["code"], error["sessions"]) == ("refused", [ada])
    assert "--force" in error["hint"]
    door("uninstall", "--yes", "--force")
    assert git(door.place, "for-each-ref", "refs/coord") == ""


def test_a_ledger_that_is_lost_can_still_be_removed(door: Door) -> None:
    git(door.place, "update-ref", "-d", "refs/coord/state")
    door("uninstall", "--yes")
    assert not os.path.exists(os.path.join(door.place, ".git", "gitcoord"))


def test_worktrees_and_branches_of_agents_stay(door: Door, tmp_path: Path) -> None:
    door.start("ada")
    door("task", "add", "Login", "--id", "t-1")
    tree = tmp_path / "login"
    door("task", "claim", "t-1", "--worktree", str(tree))
    door("session", "end")
    before = files(door.place)
    door("uninstall", "--yes")
    assert {name for name in before if "owner" in name}
    assert not {name for name in files(door.place) if "gitcoord" in name or "coord" in name}
    assert (tree / "README").exists()
    assert git(str(tree), "symbolic-ref", "--short", "HEAD") == "agent/ada/t-1"
