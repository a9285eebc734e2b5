"""`gitcoord change`: what was recorded is found again, newest first."""

from __future__ import annotations

import os

import pytest

from tests.entrypoints.door import Door, refs
from tests.gitrun import git


def paths(door: Door, *words: str) -> list[str]:
    return [one["path"] for one in door.json("change", "list", *words)["changes"]]


def test_changes_are_recorded_and_listed(door: Door) -> None:
    door.start("ada")
    answer = door.json(
        "change", "record", "--path", "src/a.py", "src/b.py", "--kind", "create", "--summary", "new"
    )
    assert [(one["path"], one["kind"]) for one in answer["changes"]] == [
        ("src/a.py", "create"), ("src/b.py", "create"),
    ]  # fmt: skip
    door("change", "record", "--path", "src/c.py")
    assert paths(door) == ["src/c.py", "src/b.py", "src/a.py"]
    text = door("change", "list")
    for word in ("ada", "create", "src/a.py", "new"):
        assert word in text


def test_changes_are_found_by_file_session_agent_and_time(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    door("change", "record", "--path", "a.py", "--session", ada)
    door("change", "record", "--path", "b.py", "--session", bob)
    door("change", "record", "--path", "a.py", "--session", bob)
    assert paths(door, "--path", "a.py") == ["a.py", "a.py"]
    assert paths(door, "--session", ada) == ["a.py"]
    assert paths(door, "--agent", "bob") == ["a.py", "b.py"]
    assert paths(door, "--agent", "bob", "-n", "1") == ["a.py"]
    assert paths(door, "--since", "1h") == ["a.py", "b.py", "a.py"]
    assert paths(door, "--since", "2999-01-01") == []
    assert door("change", "list", "--agent", "eve") == "no changes are recorded\n"


def test_changes_are_found_by_folder_and_by_pattern(door: Door) -> None:
    door.start("ada")
    for path in ("src/a.py", "src/deep/b.py", "doc/c.md", "app/[id].tsx"):
        door.write(path, "")
        door("change", "record", "--path", path)
    door("change", "record", "--path", "gone/d.py")
    inner = ["src/deep/b.py", "src/a.py"]
    for words in ("src/**", "src", "src/", "**/*.py"):
        found = paths(door, "--path", words)
        assert [path for path in found if path != "gone/d.py"] == inner
    assert paths(door, "--path", "app/[id].tsx") == ["app/[id].tsx"]
    assert paths(door, "--path", "gone") == ["gone/d.py"]
    door.go(os.path.join(door.place, "src"))
    assert paths(door, "--path", "./deep") == ["src/deep/b.py"]
    assert paths(door, "--path", "../doc") == ["doc/c.md"]
    assert door.refused("change", "list", "--path", "a/../../b", code=2)["code"] == "invalid_key"


def test_edits_that_follow_one_another_are_one_row(door: Door) -> None:
    door.start("ada")
    for number in range(3):
        door("change", "record", "--path", "a.py", "--summary", f"step {number}")
    found = door.json("change", "list")["changes"]
    assert [(one["path"], one["summary"]) for one in found] == [("a.py", "step 2")]


def test_a_change_names_its_commit(door: Door) -> None:
    door.start("ada")
    assert "COMMIT" not in door("change", "list")
    door("change", "record", "--path", "a.py")
    door.commit("a.py", "print()\n")
    oid = git(door.place, "rev-parse", "HEAD")
    door("change", "record", "--path", "a.py", "--commit", oid)
    assert [one["commit"] for one in door.json("change", "list")["changes"]] == [oid, ""]
    assert "COMMIT" in door("change", "list")
    assert oid[:9] in door("change", "list")


def test_a_rename_has_two_names(door: Door) -> None:
    door.start("ada")
    words = ("--path", "new.py", "--kind", "rename", "--old-path", "old.py")
    door("change", "record", *words)
    assert paths(door, "--path", "old.py") == ["new.py"]
    assert "old.py -> new.py" in door("change", "list")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--path", "a", "--kind", "rename"),
        ("--path", "a", "--old-path", "b"),
        ("--path", "a", "c", "--kind", "rename", "--old-path", "b"),
        ("--path", "../a"),
        ("--path", ".git/config"),
        ("--path", "a\0b"),
        ("--path", "a", "--kind", "guess"),
        ("--path", "a", "--commit", "HEAD"),
    ],
)
def test_a_wrong_record_is_refused_and_nothing_is_kept(door: Door, words: tuple[str, ...]) -> None:
    door.start("ada")
    door.refused("change", "record", *words, code=2)
    assert paths(door) == []


def test_only_a_session_records_changes(door: Door) -> None:
    assert door.refused("change", "record", "--path", "a", code=2)["code"] == "session_required"


def test_what_is_kept_for_later_costs_no_transaction_and_rides_on_the_next(door: Door) -> None:
    door.start("ada")
    before = refs(door.place)
    assert door.json("change", "record", "--path", "a.py", "--later")["spooled"] == 1
    assert refs(door.place) == before
    assert paths(door) == []
    door("lock", "acquire", "a.py")
    assert paths(door) == ["a.py"]


def test_every_command_has_help_with_an_example(door: Door) -> None:
    for name in ("list", "record"):
        assert f"Example: gitcoord change {name}" in door("change", name, "--help")
