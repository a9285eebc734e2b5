"""`gitcoord doctor`: what it finds, what it repairs, and how a lost ledger comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.entrypoints.door import Door, refs
from tests.gitrun import git

STATE = "refs/coord/state"


def codes(door: Door, *words: str, code: int = 0) -> dict[str, str]:
    """Return the severity of each finding."""
    import json

    found = json.loads(door("doctor", *words, "--json", code=code))
    assert found["ok"] is True
    return {one["code"]: one["severity"] for one in found["findings"]}


def test_a_sound_ledger_is_well(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    before = refs(door.place)
    answer = door.json("doctor")
    assert (answer["verdict"], answer["repaired"]) == ("ok", [])
    assert {one["severity"] for one in answer["findings"]} == {"ok"}
    assert set(answer["findings"][0]) == {"code", "severity", "message", "hint", "repairable"}
    assert {one["code"] for one in answer["findings"]} >= {
        "git", "repository", "chain", "records", "invariants", "cache", "clock", "witness",
    }  # fmt: skip
    assert door("doctor").endswith("all is well\n")
    assert refs(door.place) == before


def test_where_there_is_no_ledger_that_is_only_a_note(bare_door: Door) -> None:
    assert bare_door.json("doctor")["verdict"] == "note"
    assert "gitcoord init" in bare_door("doctor")


def test_outside_of_a_repository_it_is_a_usage_error(bare_door: Door, tmp_path: Path) -> None:
    assert bare_door.refused("-C", str(tmp_path), "doctor", code=2)["code"] == "not_a_repository"


def test_a_broken_index_is_found_and_made_anew(door: Door) -> None:
    import sqlite3

    door.start("ada")
    door("lock", "acquire", "a.py")
    path = os.path.join(door.place, ".git", "gitcoord", "cache.sqlite")
    with sqlite3.connect(path) as index:
        tables = [
            row[0] for row in index.execute("select name from sqlite_master where type = 'table'")
        ]
        columns = {
            table: [row[1] for row in index.execute(f"pragma table_info({table})")]
            for table in tables
        }
        (terms,) = (table for table, names in columns.items() if "term" in names)
        index.execute(f"delete from {terms}")
    index.close()
    assert codes(door, code=6)["cache_differs"] == "error"
    said = door("doctor", code=6)
    assert "gitcoord doctor --repair" in said
    assert "verdict: error" in said
    answer = door.json("doctor", "--repair")
    assert answer["verdict"] == "ok"
    assert answer["repaired"] == [
        "the index of records was dropped; the next command makes it anew"
    ]
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["a.py"]


def test_a_lock_file_that_git_left_is_named_and_never_deleted(door: Door) -> None:
    stale = Path(door.place, ".git", "refs", "coord", "state.lock")
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()
    os.utime(stale, (0, 0))
    found = codes(door, "--repair")
    assert found["stale_lock_file"] == "warning"
    assert str(stale) in door("doctor")
    assert stale.exists()


def test_a_record_that_cannot_be_read_is_named(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    blob = git(door.place, "rev-parse", f"{STATE}:locks/r.a.py@{session(door)}.json")
    path = os.path.join(door.place, ".git", "objects", blob[:2], blob[2:])
    os.chmod(path, 0o644)
    os.remove(path)
    assert codes(door, code=6)["corrupt_record"] == "error"
    assert "locks/" in door("doctor", code=6)


def session(door: Door) -> str:
    found = door.json("session", "list")["sessions"][0]["id"]
    assert isinstance(found, str)
    return found


def test_a_deleted_ledger_is_refused_everywhere_until_it_is_restored(door: Door) -> None:
    ada = door.start("ada")
    token = door.json("lock", "acquire", "a.py")["locks"][0]["token"]
    head = git(door.place, "rev-parse", STATE)
    git(door.place, "update-ref", "-d", STATE)
    for words in (("lock", "acquire", "b.py"), ("lock", "list"), ("init",), ("status",)):
        error = door.refused(*words, "--session", ada, code=6) if "init" not in words else (
            door.refused(*words, code=6)
        )  # fmt: skip
        assert error["code"] == "ledger_missing"
        assert "doctor --restore" in error["hint"]
    assert codes(door, code=6)["ledger_missing"] == "error"
    answer = door.json("doctor", "--restore")["restored"]
    assert (answer["epoch"], answer["parent"], answer["replaced"]) == (2, head, None)
    assert git(door.place, "rev-parse", f"{STATE}^") == head
    again = door.json("lock", "acquire", "a.py", "c.py", "--session", ada)["locks"]
    assert [(one["epoch"], one["key"]) for one in again] == [(1, "a.py"), (2, "c.py")]
    assert again[0]["token"] == token
    assert door.json("doctor")["verdict"] == "ok"


def test_a_rewound_ledger_is_refused_until_it_is_restored(door: Door) -> None:
    door.start("ada")
    door("lock", "acquire", "a.py")
    git(door.place, "update-ref", STATE, f"{STATE}~1")
    assert door.refused("lock", "acquire", "b.py", code=6)["code"] == "ledger_rewound"
    said = door("doctor", "--restore")
    assert said.startswith("restored the ledger of transaction 3 as epoch 2")
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["a.py"]


def test_a_ledger_that_is_well_is_not_restored(door: Door) -> None:
    assert door.refused("doctor", "--restore")["code"] == "already_initialised"
    assert door.refused("doctor", "--restore", "--repair", code=2)["code"] == "usage"


def test_what_no_clone_has_seen_cannot_be_restored(bare_door: Door) -> None:
    assert bare_door.refused("doctor", "--restore", code=2)["code"] == "not_initialised"


@pytest.mark.parametrize("words", [(), ("--repair",)])
def test_the_user_s_own_things_are_left_alone(door: Door, words: tuple[str, ...]) -> None:
    door.write("dirty.py", "x")
    before = git(door.place, "status", "--porcelain"), git(door.place, "for-each-ref", "refs/heads")
    door("doctor", *words)
    after = git(door.place, "status", "--porcelain"), git(door.place, "for-each-ref", "refs/heads")
    assert after == before
