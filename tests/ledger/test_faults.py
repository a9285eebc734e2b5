"""A chain that somebody else has damaged, aged or exchanged: refused, named, never written over."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from gitcoord.entrypoints.main import run
from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.entrypoints.evidence import says_no, surroundings, tells
from tests.gitrun import git

STATE = "refs/coord/state"
READS: list[tuple[str, ...]] = [("status",), ("lock", "list"), ("task", "list"), ("context",)]
WRITES: list[tuple[str, ...]] = [("lock", "acquire", "other.py"), ("task", "add", "one")]


@pytest.fixture
def door(repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Door:
    """Stand in a repository where ada holds src/** and there is one task."""
    found = outside(repo, monkeypatch, capfd)
    found("init")
    found("session", "start", "--name", "ada")
    found("lock", "acquire", "src/**", "--reason", "mine")
    found("task", "add", "first", "--id", "t-1")
    return found


def forge(place: str, files: dict[str, bytes | None], **meta: Any) -> str:
    """Put a commit on the ledger with git alone, its number one higher; return its oid."""
    head = git(place, "rev-parse", STATE)
    counters = json.loads(git(place, "show", f"{STATE}:meta.json"))
    counters |= {"seq": counters["seq"] + 1} | meta
    changes: dict[str, bytes | None] = {"meta.json": json.dumps(counters).encode(), **files}
    index = {**os.environ, "GIT_INDEX_FILE": os.path.join(place, ".git", "forged-index")}

    def plumb(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", place, *words], env=index, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    plumb("read-tree", head)
    for path, data in changes.items():
        if data is None:
            plumb("rm", "-q", "-r", "--cached", path)
            continue
        blob = git(place, "hash-object", "-w", "--stdin", stdin=data)
        plumb("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    tree = plumb("write-tree")
    os.remove(index["GIT_INDEX_FILE"])
    author = ["-c", "user.name=wallclock-bot", "-c", "user.email=basement-7@gitcoord"]
    commit = git(place, *author, "commit-tree", tree, "-p", head, "-m", "forged")
    git(place, "update-ref", STATE, commit, head)
    return commit


def entry(place: str, table: str) -> str:
    """Return the path of the one record of a table."""
    return git(place, "ls-tree", "-r", "--name-only", STATE, f"{table}/").splitlines()[0]


def findings(door: Door, code: int) -> dict[str, Any]:
    """Return what doctor says, by code; prove that looking changes nothing."""
    before = surroundings(door.place)
    said = json.loads(door("doctor", "--json", code=code))
    assert "Traceback" not in door.err
    assert surroundings(door.place) == before
    return {one["code"]: one for one in said["findings"]}


BROKEN = {
    "empty": b"",
    "bytes": b"\xff\xfe\x00\x01",
    "broken text": b'{"format": 1, "key": "\xff"}\n',
    "cut": b'{"format": 1, "ke',
    "a list": b"[]\n",
    "a number": b"7\n",
    "wrong kinds": b'{"format": 1, "key": 7}\n',
    "no fields": b"{}\n",
    "a format of text": b'{"format": "one"}\n',
    "format 0": b'{"format": 0}\n',
    "a bottomless pit": b"[" * 20_000,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("table", ["locks", "tasks", "sessions"])
def test_a_broken_record_stops_everything_and_is_named(door: Door, table: str, name: str) -> None:
    where = entry(door.place, table)
    forge(door.place, {where: BROKEN[name]})
    for words in (READS[0], WRITES[0]):
        error = says_no(door, "corrupt_record", 6, *words)
        assert "doctor" in error["hint"]
    found = findings(door, 6)
    assert os.path.basename(where) in found["corrupt_record"]["message"]


@pytest.mark.parametrize("words", [*READS, *WRITES])
def test_a_record_of_a_newer_format_asks_for_an_upgrade(door: Door, words: tuple[str, ...]) -> None:
    newer = json.loads(git(door.place, "show", f"{STATE}:{entry(door.place, 'locks')}"))
    forge(door.place, {entry(door.place, "locks"): json.dumps(newer | {"format": 2}).encode()})
    error = says_no(door, "format_too_new", 6, *words)
    assert (error["found"], error["supported"]) == (2, 1)
    assert "pgrade" in error["hint"]
    assert "format_too_new" in findings(door, 6)


META = {
    "newer": ("format_too_new", b'{"format": 2, "epoch": 1, "seq": 9}\n'),
    "broken": ("corrupt_record", b'{"format": 1, "seq": "many"}\n'),
    "no json": ("corrupt_record", b"\x00\x01"),
    "gone": ("corrupt_record", None),
}


@pytest.mark.parametrize("name", META)
def test_a_meta_that_cannot_be_read_stops_everything(door: Door, name: str) -> None:
    code, data = META[name]
    forge(door.place, {"meta.json": data})
    for words in (*READS, *WRITES, ("init",)):
        says_no(door, code, 6, *words)
    assert code in findings(door, 6)


@pytest.mark.parametrize("time", ["yesterday", "2026-99-99T00:00:00.000Z", "9" * 5000, "2026"])
def test_a_meta_whose_time_is_none_stops_everything(door: Door, time: str) -> None:
    forge(door.place, {}, time=time)
    for words in (*READS, *WRITES, ("log",)):
        error = says_no(door, "corrupt_record", 6, *words)
        assert len(error["message"]) < 200
    assert "corrupt_record" in findings(door, 6)


@pytest.mark.parametrize("time", ["soon", "2026-01-01", ""])
def test_a_lock_whose_end_is_no_time_is_damage_and_ends_in_no_traceback(
    door: Door, time: str
) -> None:
    where = entry(door.place, "locks")
    lock = json.loads(git(door.place, "show", f"{STATE}:{where}"))
    forge(door.place, {where: json.dumps(lock | {"expires_at": time}).encode()})
    door.become(door.start("grace"))
    for words in (("status",), ("lock", "list"), ("lock", "acquire", "src/**"), ("doctor",)):
        _either(door, *words, also=3)


@pytest.mark.parametrize("who", ["nobody", "x <x@x> 1e400 +0000", "x <x@x> 99999999999999 +0000"])
def test_a_commit_without_a_date_hides_nothing(door: Door, who: str) -> None:
    commit = forge(door.place, {})
    raw = git(door.place, "cat-file", "commit", commit).encode()
    lines = [
        f"committer {who}".encode() if x.startswith(b"committer") else x for x in raw.split(b"\n")
    ]
    oid = git(
        door.place,
        *("hash-object", "-w", "--literally", "-t", "commit", "--stdin"),
        stdin=b"\n".join(lines),
    )
    git(door.place, "update-ref", STATE, oid)
    assert len(door.json("log")["transactions"]) == 5
    door("status", "--at", "2099-01-01T00:00:00Z")
    door("lock", "acquire", "other.py")
    door("doctor")


def _either(door: Door, *words: str, also: int = 0) -> int:
    """Return the exit code of a command that may work or find damage, and is no bug."""
    found = run([*words], as_json=False)
    assert found in (0, 6, also), door.captured()
    return found


def test_settings_that_cannot_be_read_stop_everything(door: Door) -> None:
    forge(door.place, {"settings.json": b'{"format": 1, "lock_ttl": "long"}\n'})
    for words in (*READS, *WRITES):
        says_no(door, "corrupt_record", 6, *words)


def test_a_ledger_that_asks_for_newer_writers_can_only_be_read(door: Door) -> None:
    forge(door.place, {}, min_writer=99)
    for words in READS:
        assert door(*words)
    for words in WRITES:
        error = says_no(door, "writer_too_old", 6, *words)
        assert "99" in error["message"]
        assert "pgrade" in error["hint"]


def test_what_a_newer_gitcoord_has_added_is_carried_along(door: Door) -> None:
    old = json.loads(git(door.place, "show", f"{STATE}:{entry(door.place, 'locks')}"))
    forge(
        door.place,
        {
            entry(door.place, "locks"): json.dumps(old | {"colour": "red"}).encode(),
            "weather/r.today.json": b"sunny",
            "README": b"hello",
        },
        mood="good",
    )
    door("lock", "acquire", "src/**", "other.py")
    assert git(door.place, "show", f"{STATE}:weather/r.today.json") == "sunny"
    assert git(door.place, "show", f"{STATE}:README") == "hello"
    assert json.loads(git(door.place, "show", f"{STATE}:meta.json"))["mood"] == "good"
    kept = git(door.place, "grep", "-h", "colour", STATE, "--", "locks")
    assert "red" in kept


def test_a_damaged_head_can_be_put_back_and_published_again(door: Door) -> None:
    good = git(door.place, "rev-parse", STATE)
    forge(door.place, {entry(door.place, "locks"): b"{"})
    says_no(door, "corrupt_record", 6, "status")
    git(door.place, "update-ref", STATE, good)
    error = says_no(door, "ledger_rewound", 6, "status")
    assert "doctor --restore" in error["hint"]
    assert door.json("doctor", "--restore")["restored"]["parent"] == good
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    assert door.json("lock", "acquire", "other.py")["locks"][0]["epoch"] == 2
    assert door.json("doctor")["verdict"] in ("ok", "note")


def test_a_table_that_is_no_directory_is_damage(door: Door) -> None:
    forge(door.place, {"locks": None})
    forge(door.place, {"locks": b"not a directory"})
    for words in (("status",), ("lock", "acquire", "other.py"), ("doctor",)):
        _either(door, *words)


HEADS = {
    "a blob": ("blob", b"hello"),
    "a tree": ("tree", b""),
    "a commit without a tree": ("commit", b"author x <x@x> 0 +0000\n\nx\n"),
    "an empty commit": ("commit", b""),
    "a commit of nothing but a word": ("commit", b"tree "),
    "a commit whose tree is missing": (
        "commit",
        b"tree " + b"1" * 40 + b"\nauthor x <x@x> 0 +0000\ncommitter x <x@x> 0 +0000\n\nx\n",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_no_transaction_is_damage(door: Door, name: str) -> None:
    kind, data = HEADS[name]
    oid = git(door.place, "hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=data)
    Path(door.place, ".git", *STATE.split("/")).write_text(oid + "\n")
    for words in (("status",), ("lock", "acquire", "other.py"), ("log",), ("init",)):
        says_no(door, "corrupt_record", 6, *words)
    assert "corrupt_record" in findings(door, 6)


@pytest.mark.parametrize("text", ["", "\n", "not an oid\n", "f" * 39 + "\n", "ref: refs/x\n"])
def test_a_ref_that_names_nothing_is_damage_and_can_be_restored(door: Door, text: str) -> None:
    ref = Path(door.place, ".git", *STATE.split("/"))
    ref.write_text(text)
    for words in (("status",), ("lock", "acquire", "other.py"), ("init",)):
        before = ref.read_text()
        assert json.loads(door(*words, "--json", code=6))["error"]["code"] in (
            "corrupt_record",
            "ledger_missing",
        )
        assert ref.read_text() == before
    door("doctor", code=6)
    ref.unlink()
    assert door.json("doctor", "--restore")["restored"]["epoch"] == 2
    assert door.json("lock", "acquire", "other.py")


@pytest.mark.parametrize("damage", ["gone", "empty", "garbage", "another"])
def test_an_object_that_is_damaged_is_named_by_doctor(door: Door, damage: str) -> None:
    oid = git(door.place, "rev-parse", f"{STATE}:{entry(door.place, 'locks')}")
    loose = Path(door.place, ".git", "objects", oid[:2], oid[2:])
    loose.chmod(0o644)
    if damage == "gone":
        loose.unlink()
    else:
        other = zlib.compress(b"blob 3\0{}\n")
        loose.write_bytes({"empty": b"", "garbage": b"\x00garbage", "another": other}[damage])
    (Path(door.place) / ".git" / "gitcoord" / "cache.sqlite").unlink()
    for words in (("status",), ("lock", "acquire", "other.py")):
        tells(door, "corrupt_record", 6, *words)
    said = json.loads(door("doctor", "--json", code=6))
    assert any(one["code"] == "corrupt_record" for one in said["findings"])


def test_a_deleted_ledger_is_refused_never_made_anew_and_can_be_restored(door: Door) -> None:
    head = git(door.place, "rev-parse", STATE)
    git(door.place, "update-ref", "-d", STATE)
    for words in (*READS, *WRITES, ("init",), ("log",), ("export",)):
        error = says_no(door, "ledger_missing", 6, *words)
        assert "doctor --restore" in error["hint"]
    assert "ledger_missing" in findings(door, 6)
    restored = door.json("doctor", "--restore")["restored"]
    assert (restored["epoch"], restored["parent"]) == (2, head)
    taken = door.json("lock", "acquire", "other.py")["locks"][0]
    assert (taken["epoch"], taken["token"]) == (2, 2)
    assert door.json("task", "show", "t-1")["task"]["title"] == "first"


def test_a_rewound_ledger_is_refused_and_can_be_restored(door: Door) -> None:
    head = git(door.place, "rev-parse", STATE)
    git(door.place, "update-ref", STATE, f"{STATE}~1")
    for words in (*READS, *WRITES, ("init",)):
        error = says_no(door, "ledger_rewound", 6, *words)
        assert "doctor --restore" in error["hint"]
    assert "ledger_rewound" in findings(door, 6)
    assert door.json("doctor", "--restore")["restored"]["parent"] == head
    assert door.json("task", "show", "t-1")["task"]["title"] == "first"


def test_a_foreign_ledger_that_is_longer_is_no_continuation(door: Door, tmp_path: Path) -> None:
    other = str(tmp_path / "foreign")
    git(str(tmp_path), "init", "-q", other)
    door.go(other)
    door("init")
    door("session", "start", "--name", "eve")
    for number in range(4):
        door("task", "add", f"task {number}")
    door.go(door.place)
    git(door.place, "fetch", "-q", other, f"+{STATE}:{STATE}")
    for words in (*READS, *WRITES):
        says_no(door, "ledger_rewound", 6, *words)
    door.json("doctor", "--restore")
    assert [one["agent"] for one in door.json("session", "list")["sessions"]] == ["ada"]


def test_a_head_of_2035_ends_nobody_s_lease_and_doctor_names_its_writer(door: Door) -> None:
    door("task", "claim", "t-1")
    ada = door.json("session", "list")["sessions"][0]["id"]
    forge(door.place, {}, time="2035-01-01T00:00:00.000Z")
    door.become(door.start("grace"))
    forge(door.place, {}, time="2035-01-01T00:00:00.000Z")
    error = says_no(door, "lock_held", 3, "lock", "acquire", "src/a.py")
    assert error["conflicts"][0]["session"] == ada
    says_no(door, "claim_failed", 3, "task", "claim", "t-1")
    found = findings(door, 0)
    assert "wallclock-bot on basement-7" in found["time_ahead"]["message"]
    assert found["clock_behind"]["severity"] == "warning"
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["src/**"]
    forge(door.place, {}, time="2035-01-01T00:00:00.000Z")
    door("lock", "acquire", "other.py")
    written = json.loads(git(door.place, "show", f"{STATE}:meta.json"))["time"]
    assert written < "2035"
    sessions = door.json("session", "list")["sessions"]
    assert {one["agent"] for one in sessions if one["status"] == "active"} == {"ada", "grace"}


def test_a_lease_that_is_over_counts_again_once_the_clocks_agree(door: Door) -> None:
    door("lock", "acquire", "brief.py", "--ttl", "1s")
    where = git(door.place, "grep", "-l", "brief.py", STATE, "--", "locks").partition(":")[2]
    lock = json.loads(git(door.place, "show", f"{STATE}:{where}"))
    lock["expires_at"] = "2026-01-01T00:00:00.000Z"
    future = {"time": "2035-01-01T00:00:00.000Z"}
    forge(door.place, {where: json.dumps(lock).encode()})
    grace = door.start("grace")
    door.become(grace)
    forge(door.place, {}, **future)
    says_no(door, "lock_held", 3, "lock", "acquire", "brief.py")
    door("task", "add", "two")
    assert door.json("lock", "acquire", "brief.py")["locks"][0]["session"] == grace
