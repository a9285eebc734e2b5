"""Private files that a crash or another program has spoilt: made anew, or named and left alone."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gitcoord.entrypoints.main import run
from tests.entrypoints.door import Door
from tests.entrypoints.evidence import home, says_no, settled


@pytest.fixture
def door(repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in such a repository."""
    return settled(repo, monkeypatch, capfd)


def spoil(path: Path, how: str) -> None:
    """Make another thing of the index of records."""
    for one in path.parent.glob("cache.sqlite*"):
        one.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "foreign":
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE state (what TEXT)")
            other.execute("CREATE TABLE record (tbl, name, data)")
            other.commit()
    elif how == "a wal":
        path.write_bytes(b"")
        path.with_name("cache.sqlite-wal").write_bytes(b"\xff" * 5000)
    else:
        path.write_bytes({"empty": b"", "garbage": os.urandom(9000), "text": b"hello\n"}[how])


@pytest.mark.parametrize("how", ["empty", "garbage", "text", "foreign", "a folder", "a wal"])
def test_a_spoilt_index_costs_nothing_but_time(door: Door, how: str) -> None:
    spoil(home(door.place) / "cache.sqlite", how)
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    door("lock", "acquire", "other.py")
    assert len(door.json("lock", "list")["locks"]) == 2
    assert json.loads(door("doctor", "--json"))["verdict"] in ("ok", "note", "warning")
    assert "Traceback" not in door.err


@pytest.mark.parametrize("at", [0, 100, 4096, 5000, 9000, 20000])
def test_an_index_with_one_broken_page_costs_time_or_a_repair(door: Door, at: int) -> None:
    path = home(door.place) / "cache.sqlite"
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(path.read_bytes())
    raw[at : at + 600] = random.Random(at).randbytes(len(raw[at : at + 600]))
    path.write_bytes(raw)
    assert [one["key"] for one in listed(door)] == ["src/**"]
    door("lock", "acquire", "other.py")
    assert len(listed(door)) == 2


def listed(door: Door) -> list[dict[str, Any]]:
    """Return the locks; after a repair, where SQLite has not seen the damage."""
    if run(["lock", "list", "--json"], as_json=True) == 6:
        door("doctor", "--repair")
    found: list[dict[str, Any]] = door.json("lock", "list")["locks"]
    return found


def test_an_index_that_is_wrong_without_being_broken_is_found_and_made_anew(door: Door) -> None:
    path = home(door.place) / "cache.sqlite"
    with closing(sqlite3.connect(path)) as index:
        index.execute("UPDATE record SET data = ? WHERE tbl = 'locks'", (b"{}",))
        index.commit()
    assert door.refused("lock", "list", code=6)["code"] == "corrupt_record"
    said = json.loads(door("doctor", "--json", code=6))
    assert [one["code"] for one in said["findings"] if one["severity"] == "error"] == [
        "cache_differs"
    ]
    door("doctor", "--repair")
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    assert json.loads(door("doctor", "--json"))["verdict"] in ("ok", "note", "warning")


GARBAGE = (
    b"",
    b"\x00\x01\x02",
    b"\xff\xfe\xfd",
    b'"\xff"',
    b"{",
    b"[]",
    b"[7]",
    b"null",
    b"{}",
    b'{"sessions": 7}',
    b'{"format": 1}',
    b'{"published_at": "soon", "sessions": {"s-x": {"count": 1, "at": "never"}}}',
    b'{"sessions": {"s-x": {"count": 1, "at": "never"}}}',
    b'{"epoch": 1, "seq": 0, "head": "\xff"}',
    b'{"operations": [{"op": "lock.acquire"}], "session": null}',
)
FILES = (
    "watch.json",
    "presence.json",
    "machine",
    "refusals.jsonl",
    "growth.json",
    "growth.notes",
    "lead.lock",
    "witness.json",
    "spool/o-x.json",
    "queue/0-x.req",
    "queue/0-x.run",
    "queue/0-x.ans",
    "queue/0-x.bell",
)


@pytest.mark.parametrize("name", FILES)
def test_garbage_in_a_private_file_breaks_nothing(door: Door, name: str) -> None:
    session = door.json("session", "list")["sessions"][0]["id"]
    door.become(session)
    path = home(door.place) / name
    path.parent.mkdir(exist_ok=True)
    for number, garbage in enumerate(GARBAGE):
        path.write_bytes(garbage)
        if name != "watch.json":
            (home(door.place) / "watch.json").unlink(missing_ok=True)
        door("lock", "acquire", f"file-{number}.py")
        assert "Traceback" not in door.err
        door("status")
        assert "Traceback" not in door.err
    path.write_bytes(GARBAGE[3])
    said = json.loads(door("doctor", "--json"))
    assert said["verdict"] != "error"
    assert len(door.json("lock", "list")["locks"]) == 1 + len(GARBAGE)


def test_garbage_in_the_spool_is_named_by_doctor_and_left_alone(door: Door) -> None:
    door("change", "record", "--path", "README", "--later")
    path = home(door.place) / "spool" / "o-x.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xff")
    door("lock", "acquire", "other.py")
    said = json.loads(door("doctor", "--json"))
    assert any(
        one["code"] == "spool_unreadable" and str(path) in one["message"]
        for one in said["findings"]
    )
    assert path.exists()


def test_a_file_in_place_of_the_private_folder_is_named(door: Door) -> None:
    shutil.rmtree(home(door.place))
    home(door.place).write_bytes(b"in the way")
    for words in (("status",), ("task", "add", "two")):
        error = says_no(door, "unavailable", 5, *words)
        assert str(home(door.place)) in error["message"]
    said = json.loads(door("doctor", "--json", code=6))
    assert any(str(home(door.place)) in one["message"] for one in said["findings"])
    assert "Traceback" not in door.err
    home(door.place).unlink()
    door("task", "add", "two")
