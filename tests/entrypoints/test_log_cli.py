"""`gitcoord log`: the diary, filtered and in words."""

from __future__ import annotations

import pytest

from gitcoord.domain.time import from_epoch, to_epoch
from tests.entrypoints.door import Door
from tests.gitrun import git


def subjects(door: Door, *words: str) -> list[str]:
    return [one["subject"] for one in door.json("log", *words)["transactions"]]


@pytest.fixture
def lived(door: Door) -> tuple[str, str]:
    """Let two agents do something, and return their sessions."""
    ada, bob = door.start("ada"), door.start("bob")
    door("lock", "acquire", "src/**", "--session", ada)
    door("lock", "acquire", "docs/a.md", "--session", bob)
    door("task", "add", "Login", "--id", "t-1", "--session", bob)
    door("lock", "release", "--all", "--session", ada)
    return ada, bob


def test_the_newest_comes_first_as_git_shows_it(door: Door, lived: tuple[str, str]) -> None:
    found = subjects(door)
    assert found == git(door.place, "log", "--format=%s", "refs/coord/state").splitlines()
    assert found[0] == "lock: ada releases src/**"
    assert found[-1].startswith("ledger: ")
    newest = door.json("log", "-n", "1")["transactions"][0]
    assert set(newest) == {"oid", "time", "agent", "subject", "operations"}
    assert newest["oid"] == git(door.place, "rev-parse", "refs/coord/state")
    (operation,) = newest["operations"]
    assert (operation["op"], operation["session"]) == ("lock.release", lived[0])
    assert (operation["outcome"], operation["args"]["all"]) == ("done", True)


def test_people_read_a_line_each(door: Door, lived: tuple[str, str]) -> None:
    heading, first, *_ = door("log").splitlines()
    assert heading.split() == ["COMMIT", "TIME", "WHAT"]
    head = git(door.place, "rev-parse", "refs/coord/state")
    assert first.startswith(head[:9])
    assert first.endswith("lock: ada releases src/**")


def test_the_full_diary_shows_every_operation(door: Door, lived: tuple[str, str]) -> None:
    said = door("log", "--full", "-n", "1")
    assert said.splitlines()[1].strip().startswith('{"op":"lock.release"')


def test_who_what_and_which_key_are_asked_for(door: Door, lived: tuple[str, str]) -> None:
    ada, bob = lived
    assert subjects(door, "--agent", "bob") == [
        "task: bob adds t-1 Login",
        "lock: bob takes docs/a.md (token 1/2)",
        f"session: bob starts {bob}",
    ]
    assert subjects(door, "--session", ada, "--operation", "lock") == [
        "lock: ada releases src/**",
        "lock: ada takes src/** (token 1/1)",
    ]
    assert subjects(door, "--operation", "task.add") == ["task: bob adds t-1 Login"]
    assert subjects(door, "--key", "src/deep/a.py") == [
        "lock: ada releases src/**",
        "lock: ada takes src/** (token 1/1)",
    ]
    assert subjects(door, "--agent", "eve") == []
    assert door("log", "--agent", "eve") == "nothing has happened\n"
    assert door("log", "--agent", "eve", "--full") == "nothing has happened\n"


def test_a_time_is_a_moment_or_how_long_ago(door: Door, lived: tuple[str, str]) -> None:
    everything = subjects(door)
    assert subjects(door, "--since", "1h") == everything
    assert subjects(door, "--until", "1h") == []
    now = door.json("status")["ledger"]["at"]
    assert subjects(door, "--since", from_epoch(to_epoch(now) + 60)) == []
    assert subjects(door, "--until", from_epoch(to_epoch(now) + 60)) == everything
    assert door.refused("log", "--since", "soon", code=2)["code"] == "invalid_value"


def test_a_refusal_that_rode_along_is_in_the_diary(door: Door, lived: tuple[str, str]) -> None:
    ada, _ = lived
    door("lock", "acquire", "docs/a.md", "--session", ada, code=3)
    door("lock", "acquire", "free.py", "--session", ada)
    outcomes = {
        line["outcome"] for one in door.json("log")["transactions"] for line in one["operations"]
    }
    assert outcomes == {"done", "lock_held"}


def test_a_wrong_key_or_limit_is_a_usage_error(door: Door) -> None:
    assert door.refused("log", "--key", "../x", code=2)["code"] == "invalid_key"
    assert door.refused("log", "-n", "0", code=2)["code"] == "usage"


def test_without_a_ledger_there_is_no_diary(bare_door: Door) -> None:
    assert bare_door.refused("log", code=2)["code"] == "not_initialised"
