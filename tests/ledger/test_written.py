"""Under which token a path was written: a private file that survives torn lines and races."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import GitcoordError
from gitcoord.ledger import written
from gitcoord.ledger.written import COMPACT, FILE, FILES, Writing, forget, of, record

ODD = (
    "tab\there",
    "line\nfeed",
    "back\\slash",
    "both\\\n",
    "\\n",
    "caf\udce9",
    "ends\t.",
    " ",
    "ü",
)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path)


def test_nothing_is_noted_where_nothing_was_written(place: str) -> None:
    assert of(place) == {}
    assert of(place, ["a.py"]) == {}
    forget(place, ["a.py"])
    assert os.listdir(place) == []


def test_the_last_writing_of_a_path_counts(place: str) -> None:
    record(place, "a.py", "s-1", 1, 5, 100.9)
    record(place, "b.py", "s-1", 1, 6, 101)
    record(place, "a.py", "s-2/tester", 2, 7, 102)
    assert of(place, ["a.py", "c.py"]) == {"a.py": Writing("s-2/tester", 2, 7, 102)}
    assert of(place) == {
        "b.py": Writing("s-1", 1, 6, 101),
        "a.py": Writing("s-2/tester", 2, 7, 102),
    }


def test_what_is_forgotten_is_gone_and_can_be_written_again(place: str) -> None:
    record(place, "a.py", "s-1", 1, 5, 100)
    record(place, "b.py", "s-1", 1, 6, 100)
    forget(place, ["a.py", "never.py"])
    assert list(of(place)) == ["b.py"]
    record(place, "a.py", "s-1", 1, 9, 100)
    assert of(place, ["a.py"])["a.py"].token == 9


@pytest.mark.parametrize("path", ODD)
def test_every_path_that_git_allows_comes_back(place: str, path: str) -> None:
    record(place, path, "s-1", 1, 5, 100)
    record(place, "other", "s-1", 1, 6, 100)
    assert of(place, [path]) == {path: Writing("s-1", 1, 5, 100)}
    assert set(of(place)) == {path, "other"}


@pytest.mark.parametrize("size", range(1, 24))
def test_a_torn_line_costs_only_itself(place: str, size: int) -> None:
    record(place, "a.py", "s-1", 1, 5, 100)
    file = Path(place, FILE)
    whole = file.read_bytes()
    record(place, "b.py", "s-1", 1, 6, 100)
    line = file.read_bytes()[len(whole) :]
    file.write_bytes(whole + line[: min(size, len(line) - 2)])
    record(place, "c.py", "s-1", 1, 7, 100)
    assert {path: one.token for path, one in of(place).items()} == {"a.py": 5, "c.py": 7}


def test_a_file_of_rubbish_is_read_as_nothing(place: str) -> None:
    Path(place, FILE).write_bytes(b"\0\xff\n1\tx\t3\ts\tp\t.\n1\t2\n\n")
    assert of(place) == {}


def test_a_long_file_is_compacted_to_what_counts(place: str) -> None:
    path = "long/" + "x" * 200
    for number in range(1, 1 + COMPACT // 200):
        record(place, path, "s-1", 1, number, 100)
    record(place, "gone", "s-1", 1, 1, 100)
    forget(place, ["gone"])
    assert os.path.getsize(os.path.join(place, FILE)) < COMPACT / 2
    assert of(place) == {path: Writing("s-1", 1, COMPACT // 200, 100)}
    assert sorted(os.listdir(place)) == sorted(FILES)


def test_a_file_that_is_long_for_good_reasons_is_not_compacted_each_time(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(
        written._line(f"{number}/" + "x" * 200, Writing("s-1", 1, 1, 100))
        for number in range(COMPACT // 200)
    )
    Path(place, FILE).write_bytes(lines)
    record(place, "a.py", "s-1", 1, 5, 100)
    before = os.stat(os.path.join(place, FILE)).st_ino
    record(place, "b.py", "s-1", 1, 6, 100)
    assert os.stat(os.path.join(place, FILE)).st_ino == before
    assert len(of(place)) == COMPACT // 200 + 2


def test_what_is_appended_during_a_compaction_stays(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        record(place, "a.py", "s-1", 1, number + 1, 100)
    parsed = written._parsed

    def slowly(data: bytes) -> dict[str, Writing]:
        monkeypatch.setattr(written, "_parsed", parsed)
        record(place, "late.py", "s-2", 1, 99, 100)
        return parsed(data)

    monkeypatch.setattr(written, "_parsed", slowly)
    written._compact(os.path.join(place, FILE), 1)
    assert {path: one.token for path, one in of(place).items()} == {"a.py": 50, "late.py": 99}


def test_processes_that_write_at_once_lose_nothing(place: str) -> None:
    script = (
        "import sys; from gitcoord.ledger.written import record; sys.stdin.readline()\n"
        "for n in range(200): record(sys.argv[1], f'{sys.argv[2]}/{n}', 's', 1, n + 1, 100)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, place, str(who)], stdin=subprocess.PIPE)
        for who in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
    assert [child.wait() for child in children] == [0] * 4
    assert len(of(place)) == 800


def test_a_git_directory_that_is_gone_is_unavailable(place: str) -> None:
    with pytest.raises(GitcoordError) as failed:
        record(os.path.join(place, "gone"), "a.py", "s-1", 1, 5, 100)
    assert failed.value.code == "unavailable"
    assert of(os.path.join(place, "gone")) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_the_file_is_private(place: str) -> None:
    record(place, "a.py", "s-1", 1, 5, 100)
    assert os.stat(os.path.join(place, FILE)).st_mode & 0o777 == 0o600
