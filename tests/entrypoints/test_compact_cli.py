"""`gitcoord compact`: the state gets small, the history keeps it, nothing else changes."""

from __future__ import annotations

import os

import pytest

from tests.entrypoints.door import Door, refs
from tests.gitrun import git

STATE = "refs/coord/state"


@pytest.fixture
def old(door: Door) -> Door:
    """Stand in a ledger with something closed and something open."""
    door.start("ada")
    for name in ("t-done", "t-needed"):
        door("task", "add", "Schema", "--id", name)
        door("task", "claim", name)
        door("task", "complete")
    door("task", "add", "Login", "--id", "t-open", "--depends-on", "t-needed")
    door("lock", "acquire", "a.py")
    door("session", "start", "--name", "bob", "--session", "s-gone")
    door("session", "end", "--session", "s-gone")
    return door


def test_young_records_stay(old: Door) -> None:
    before = refs(old.place)
    assert old.json("compact")["removed"] == {}
    assert refs(old.place) == before


def test_what_is_closed_goes_and_what_is_open_or_needed_stays(old: Door) -> None:
    then = old.json("status")["ledger"]["at"]
    answer = old.json("compact", "--keep", "0s")
    assert answer["removed"]["sessions"] == 1
    assert answer["removed"]["tasks"] == 1
    assert [one["id"] for one in old.json("task", "list", "--all")["tasks"]] == [
        "t-open", "t-needed",
    ]  # fmt: skip
    assert old.refused("task", "show", "t-done")["code"] == "task_not_found"
    assert [one["key"] for one in old.json("lock", "list")["locks"]] == ["a.py"]
    # The history still knows.
    assert old.json("task", "show", "t-done", "--at", then)["task"]["status"] == "completed"
    assert old.json("doctor")["verdict"] == "ok"
    assert "compacted" in git(old.place, "log", "-1", "--format=%s", STATE)


def test_a_second_time_there_is_nothing_to_do(old: Door) -> None:
    old("compact", "--keep", "0s")
    before = refs(old.place)
    assert old("compact", "--keep", "0s") == "nothing to pack\n"
    assert refs(old.place) == before


def test_the_objects_are_packed_and_everything_is_still_there(old: Door) -> None:
    loose = count(old)
    assert old.json("compact", "--pack-only")["packed"] > 0
    assert count(old) < loose
    head = git(old.place, "rev-parse", STATE)
    git(old.place, "gc", "--prune=now", "--quiet")
    git(old.place, "pack-refs", "--all")
    assert git(old.place, "rev-parse", STATE) == head
    assert old.json("doctor")["verdict"] == "ok"
    old("lock", "acquire", "b.py")


def count(door: Door) -> int:
    return sum(len(files) for _, _, files in os.walk(os.path.join(door.place, ".git", "objects")))


@pytest.mark.parametrize("words", [("--keep", "soon"), ("--keep", "-1d"), ("now",)])
def test_a_wrong_wish_is_refused(old: Door, words: tuple[str, ...]) -> None:
    old.refused("compact", *words, code=2)
