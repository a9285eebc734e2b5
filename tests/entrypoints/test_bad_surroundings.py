"""A wrong configuration, no repository, no ledger, no such command: told, and nothing changed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.evidence import says_no, surroundings, tells
from tests.gitrun import git

CONFIGS = {
    "unknown": ("unknown_setting", "lock_tll: 30m\n", "lock_ttl"),
    "no yaml": ("invalid_config", "areas: [\n", None),
    "a list": ("invalid_config", "- areas\n", None),
    "wrong kind": ("invalid_config", "lock_ttl: [1]\n", None),
    "wrong word": ("invalid_config", "conflict_mode: maybe\n", "warn"),
    "unknown in an area": ("unknown_setting", "areas: [{name: a, paterns: [x]}]\n", "patterns"),
    "an object": ("invalid_config", "areas: !!python/name:os.system\n", None),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_project_file_with_a_fault_stops_init_and_names_the_file(
    bare_door: Door, name: str
) -> None:
    code, text, near = CONFIGS[name]
    bare_door.write(".gitcoord.yaml", text)
    error = says_no(bare_door, code, 2, "init")
    assert ".gitcoord.yaml" in error["message"]
    assert near is None or near in error["hint"]
    assert refs(bare_door.place) == ""


def test_a_project_file_that_is_no_text_is_refused(bare_door: Door) -> None:
    Path(bare_door.place, ".gitcoord.yaml").write_bytes(b"areas: caf\xe9\n")
    says_no(bare_door, "invalid_config", 2, "init")


def test_a_faulty_project_file_is_told_by_every_command_that_reads_it(door: Door) -> None:
    door.write(".gitcoord.yaml", "lock_tll: 30m\n")
    says_no(door, "unknown_setting", 2, "session", "start", "--name", "ada")
    says_no(door, "unknown_setting", 2, "config")


def test_a_setting_of_this_clone_that_does_not_exist_is_refused(door: Door) -> None:
    git(door.place, "config", "coord.aggent", "ada")
    error = says_no(door, "unknown_setting", 2, "session", "start")
    assert "agent" in error["hint"]


def test_a_misspelt_variable_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITCOORD_AGGENT", "ada")
    door("config")
    assert "GITCOORD_AGGENT" in door.err


OUTSIDE: list[tuple[str, ...]] = [
    ("init",),
    ("status",),
    ("where",),
    ("doctor",),
    ("log",),
    ("context",),
    ("session", "start"),
    ("lock", "acquire", "a"),
    ("lock", "list"),
    ("task", "next"),
    ("export",),
    ("uninstall", "--dry-run"),
]


@pytest.mark.parametrize("words", OUTSIDE, ids=" ".join)
def test_outside_of_a_repository_every_command_says_so(
    bare_door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    bare_door.go(str(place))
    error = json.loads(bare_door(*words, "--json", code=2))["error"]
    assert error["code"] == "not_a_repository"
    assert "git init" in error["hint"]
    tells(bare_door, "not_a_repository", 2, *words, hint=error["hint"])
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("words", [one for one in OUTSIDE if one[0] not in ("init", "doctor")])
def test_without_a_ledger_the_way_to_one_is_named(bare_door: Door, words: tuple[str, ...]) -> None:
    if words[0] in ("where", "uninstall"):
        bare_door.json(*words)
        return
    error = says_no(bare_door, "not_initialised", 2, *words)
    assert "gitcoord init" in error["hint"]


def break_head(place: Path) -> None:
    (place / ".git" / "HEAD").unlink()


def break_link(place: Path) -> None:
    (place / ".git").rename(place.parent / "gone")
    (place / ".git").write_text("gitdir: /nowhere/at/all\n")


def break_config(place: Path) -> None:
    (place / ".git" / "config").write_text("[core\n")


def raise_format(place: Path) -> None:
    git(str(place), "config", "core.repositoryFormatVersion", "7")


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("not_a_repository", break_head),
        ("not_a_repository", break_link),
        ("invalid_file", break_config),
        ("unsupported_repository", raise_format),
    ],
)
def test_a_repository_that_git_would_not_open_is_refused(
    door: Door, monkeypatch: pytest.MonkeyPatch, code: str, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path(door.place).parent))
    damage(Path(door.place))
    for words in (("status",), ("lock", "acquire", "a")):
        assert tells(door, code, 2, *words)


@pytest.mark.parametrize(
    "words",
    [
        ("lcok",),
        ("lock",),
        ("lock", "acquire"),
        ("lock", "acquire", "a", "--colour"),
        ("lock", "release"),
        ("task", "add"),
        ("task", "add", "one", "--max-attempts", "many"),
        ("session", "start", "--life", "eternal"),
        ("task", "list", "--limit", "0"),
        ("status", "--at", "yesterday-ish"),
        ("log", "--since", "when?"),
        ("-C", "/nowhere/at/all", "status"),
    ],
    ids=" ".join,
)
def test_words_that_mean_nothing_are_a_matter_of_usage(door: Door, words: tuple[str, ...]) -> None:
    before = surroundings(door.place)
    assert door(*words, code=2) or door.err
    assert "Traceback" not in door.err
    assert surroundings(door.place) == before


def test_export_writes_to_a_pipe_and_ends_well(door: Door) -> None:
    command = [sys.executable, "-m", "gitcoord", "export"]
    done = subprocess.run(command, cwd=door.place, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(json.loads(line) for line in done.stdout.splitlines())
