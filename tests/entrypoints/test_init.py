"""`gitcoord init`: where it works, what it finds out, what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door, refs
from tests.gitrun import git


def test_init_makes_a_ledger_and_names_the_next_commands(bare_door: Door) -> None:
    said = bare_door("init")
    assert "refs/coord/state" in said
    assert "gitcoord session start" in said
    assert "refs/coord/state" in refs(bare_door.place)


def test_init_touches_nothing_but_the_git_directory(bare_door: Door) -> None:
    before = sorted(os.listdir(bare_door.place)), git(bare_door.place, "status", "--porcelain")
    branches = git(bare_door.place, "for-each-ref", "refs/heads", "refs/tags")
    index = Path(bare_door.place, ".git", "index").read_bytes()
    config = Path(bare_door.place, ".git", "config").read_bytes()
    bare_door("init")
    assert (
        sorted(os.listdir(bare_door.place)),
        git(bare_door.place, "status", "--porcelain"),
    ) == before
    assert git(bare_door.place, "for-each-ref", "refs/heads", "refs/tags") == branches
    assert Path(bare_door.place, ".git", "index").read_bytes() == index
    assert Path(bare_door.place, ".git", "config").read_bytes() == config


def test_a_second_init_that_asks_for_nothing_changes_nothing(door: Door) -> None:
    before = refs(door.place)
    assert door.json("init")["created"] is False
    assert refs(door.place) == before


def test_an_init_with_settings_is_refused_where_there_is_a_ledger(door: Door) -> None:
    error = door.refused("init", "--set", "lock_ttl=1h")
    assert error["code"] == "already_initialised"
    assert "config --shared" in error["hint"]


def test_the_branch_to_land_on_is_found_even_from_another_branch(bare_door: Door) -> None:
    git(bare_door.place, "checkout", "-q", "-b", "agent/ada/t-1")
    assert bare_door.json("init")["settings"]["target_branch"] == "main"


def test_the_default_branch_of_the_remote_comes_first(
    repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    git(repo, "branch", "-m", "main", "trunk")
    clone = str(tmp_path / "clone")
    git(str(tmp_path), "clone", "-q", repo, clone)
    door = outside(clone, monkeypatch, capfd)
    assert door.json("init")["settings"]["target_branch"] == "trunk"


def test_a_file_system_that_folds_case_is_noticed(bare_door: Door) -> None:
    git(bare_door.place, "config", "core.ignorecase", "true")
    assert bare_door.json("init")["settings"]["case_folding"] is True


def test_the_project_file_seeds_the_ledger(bare_door: Door) -> None:
    bare_door.write(
        ".gitcoord.yaml",
        "lock_ttl: 1h\nconflict_mode: block\nnamespaces: [port]\nignore: ['*.lock']\n"
        "areas:\n  backend: src/**\n  web: {patterns: [web/**], description: The pages}\n"
        "target_branch: develop\nlife: lease\n",
    )
    settings = bare_door.json("init")["settings"]
    assert settings["lock_ttl"] == 3600
    assert settings["conflict_mode"] == "block"
    assert settings["namespaces"] == ["port"]
    assert settings["target_branch"] == "develop"
    assert settings["areas"] == [
        {"name": "backend", "patterns": ["src/**"], "description": ""},
        {"name": "web", "patterns": ["web/**"], "description": "The pages"},
    ]


def test_an_option_wins_over_the_project_file(bare_door: Door) -> None:
    bare_door.write(".gitcoord.yaml", "lock_ttl: 1h\n")
    found = bare_door.json("init", "--set", "lock_ttl=2h", "--set", "ignore=a,{b,c}")["settings"]
    assert found["lock_ttl"] == 7200
    assert found["ignore"] == ["a", "{b,c}"]


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("lock_tll: 1h", "unknown_setting", "lock_ttl"),
        ("areas: [{name: a, file_patterns: [x]}]", "unknown_setting", "patterns"),
        ("lock_ttl: soon", "invalid_config", "90"),
        ("lock_ttl: 1d", "invalid_config", None),
        ("conflict_mode: fight", "invalid_config", "block"),
        ("ignore: ['../x']", "invalid_config", None),
        ("life: forever", "invalid_config", "lease"),
        ("- 1", "invalid_config", None),
        ("a: [", "invalid_config", None),
    ],
)
def test_a_wrong_project_file_is_refused_and_no_ledger_is_made(
    bare_door: Door, text: str, code: str, hint: str | None
) -> None:
    bare_door.write(".gitcoord.yaml", text)
    error = bare_door.refused("init", code=2)
    assert error["code"] == code
    assert ".gitcoord.yaml" in error["message"]
    assert hint is None or hint in error["hint"]
    assert refs(bare_door.place) == ""


@pytest.mark.parametrize("word", ["lock_tll=1h", "lock_ttl", "lock_ttl=99h", "agent=ada"])
def test_a_wrong_option_is_refused_and_no_ledger_is_made(bare_door: Door, word: str) -> None:
    bare_door.refused("init", "--set", word, code=2)
    assert refs(bare_door.place) == ""


def test_a_project_file_is_written_only_when_asked_for_and_can_be_read_back(
    bare_door: Door,
) -> None:
    bare_door("init", "--write-config")
    assert Path(bare_door.place, ".gitcoord.yaml").exists()
    bare_door("config")


def test_a_project_file_that_is_there_is_never_overwritten(bare_door: Door) -> None:
    bare_door.write(".gitcoord.yaml", "lock_ttl: 1h\n")
    bare_door.refused("init", "--write-config", code=2)
    assert Path(bare_door.place, ".gitcoord.yaml").read_text() == "lock_ttl: 1h\n"


def test_init_works_in_a_bare_repository(
    bare_repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(bare_repo, monkeypatch, capfd)
    assert door.json("init")["created"] is True
    door.start("ada")
    assert door.json("status")["sessions"][0]["agent"] == "ada"


def test_init_works_in_a_repository_without_commits(
    empty_repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(empty_repo, monkeypatch, capfd)
    assert door.json("init")["created"] is True
    door.start("ada")
    door("lock", "acquire", "a.py")
    door("session", "end")


def test_init_works_with_sha256_objects(
    sha256_repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(sha256_repo, monkeypatch, capfd)
    assert len(door.json("init")["ledger"]["head"]) == 64


def test_all_worktrees_and_folders_share_the_ledger(door: Door, linked_worktree: str) -> None:
    head = door.json("init")["ledger"]["head"]
    os.mkdir(os.path.join(linked_worktree, "deep"))
    for place in (linked_worktree, os.path.join(linked_worktree, "deep")):
        door.go(place)
        found = door.json("init")
        assert (found["created"], found["ledger"]["head"]) == (False, head)


def test_the_repository_that_git_dir_names_is_used(
    bare_door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", os.path.join(bare_door.place, ".git"))
    bare_door.go(str(tmp_path))
    bare_door("init")
    monkeypatch.delenv("GIT_DIR")
    assert "refs/coord/state" in refs(bare_door.place)


def test_another_directory_can_be_named(bare_door: Door, tmp_path: Path) -> None:
    bare_door.go(str(tmp_path))
    bare_door("-C", bare_door.place, "init")
    assert "refs/coord/state" in refs(bare_door.place)


def test_outside_of_a_repository_there_is_nothing_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(str(tmp_path), monkeypatch, capfd)
    door("init", "--json", code=2)
    assert os.listdir(tmp_path) == []


def test_a_ledger_that_was_seen_and_is_gone_is_not_made_anew(door: Door) -> None:
    git(door.place, "update-ref", "-d", "refs/coord/state")
    error = door.refused("init", code=6)
    assert error["code"] == "ledger_missing"
    assert "doctor" in error["hint"]


def test_of_several_processes_that_begin_at_once_one_creates_the_ledger(bare_door: Door) -> None:
    command = [sys.executable, "-m", "gitcoord", "init", "--json"]
    root = str(Path(__file__).parents[2])
    children = [
        subprocess.Popen(
            command,
            cwd=bare_door.place,
            env=os.environ | {"PYTHONPATH": root},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    assert sum('"created":true' in text for text in said) == 1
    assert bare_door.json("where")["where"]["seq"] == 1
