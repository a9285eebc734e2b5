"""What the command line sees of the user's work when keys are given back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.door import Door
from tests.gitrun import git


def unlanded(door: Door) -> list[tuple[Any, ...]]:
    marks = door.json("lock", "list")["unlanded"]
    return [(mark["key"], mark["branch"], tuple(mark["paths"])) for mark in marks]


def test_only_what_was_changed_under_a_released_key_is_marked(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "src/**", "docs/**", "db:schema")
    door.commit("src/a.py", "print()\n")
    door.commit("other.py", "print()\n")
    door.write("src/new.py", "print()\n")
    found = door.json("lock", "release", "docs/**", "db:schema")
    assert found["unlanded"] == []
    door("lock", "release", "src/**")
    assert unlanded(door) == [("src/**", "topic", ("src/a.py", "src/new.py"))]


def test_work_that_has_landed_leaves_no_mark(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py")
    door.commit("a.py", "print()\n")
    git(door.place, "checkout", "-q", "main")
    git(door.place, "merge", "-q", "--squash", "topic")
    git(door.place, "commit", "-q", "-m", "squashed")
    git(door.place, "checkout", "-q", "topic")
    assert door.json("lock", "release", "a.py")["unlanded"] == []


def test_a_key_that_was_only_shared_leaves_no_mark(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py", "--shared")
    door.commit("a.py", "print()\n")
    assert door.json("lock", "release", "--all")["unlanded"] == []


def test_the_worktree_of_a_task_is_looked_at_from_wherever_it_is_completed(
    door: Door, tmp_path: Path
) -> None:
    door.start("ada")
    task = door.json("task", "add", "Login", "--keys", "login.py")["task"]["id"]
    tree = str(tmp_path / "login")
    door("task", "claim", task, "--worktree", tree)
    Path(tree, "login.py").write_text("print()\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "login")
    door("task", "complete", task)
    assert unlanded(door) == [("login.py", f"agent/ada/{task}", ("login.py",))]


def test_the_own_worktree_of_a_session_is_looked_at_from_elsewhere(
    door: Door, linked_worktree: str
) -> None:
    door.go(linked_worktree)
    ada = door.start("ada")
    door("lock", "acquire", "a.py")
    Path(linked_worktree, "a.py").write_text("print()\n")
    door.go(door.place)
    door("session", "end", "--session", ada)
    assert unlanded(door) == [("a.py", "linked", ("a.py",))]


def test_a_worktree_that_is_gone_keeps_nobody_from_leaving(
    door: Door, linked_worktree: str
) -> None:
    door.go(linked_worktree)
    ada = door.start("ada")
    door("lock", "acquire", "a.py")
    door.go(door.place)
    git(door.place, "worktree", "remove", "--force", linked_worktree)
    door("session", "end", "--session", ada)
    assert door.json("lock", "list")["locks"] == []


def test_a_lock_is_given_back_even_when_git_cannot_say_what_was_changed(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    Path(door.place, ".git", "index").write_bytes(b"no index at all")
    door("lock", "release", "a.py")
    assert "cannot see what has not landed" in door.err
    assert door.json("lock", "list")["locks"] == []


def test_nothing_is_marked_before_the_first_commit(
    empty_repo: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.go(empty_repo)
    door.place = empty_repo
    door("init")
    door.start("ada")
    door("lock", "acquire", "a.py")
    door.write("a.py", "")
    assert door.json("lock", "release", "--all")["unlanded"] == []


def test_a_lock_waits_as_long_as_the_setting_says(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "a.py", "--session", ada)
    words = ("lock", "acquire", "a.py", "--session", bob)
    assert door.refused(*words)["code"] == "lock_held"
    door("config", "wait", "50ms")
    door(*words, "--json", code=4)
    door(*words, "--wait", "0", "--json", code=3)


def test_who_made_the_ledger_is_in_its_diary(
    bare_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITCOORD_AGENT", "setup-bot")
    bare_door("init")
    assert "setup-bot" in git(bare_door.place, "log", "--format=%an %s", "refs/coord/state")
    assert os.path.isdir(os.path.join(bare_door.place, ".git", "gitcoord"))
