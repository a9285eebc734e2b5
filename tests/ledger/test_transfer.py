"""Export and import as JSON Lines: everything out, what can live elsewhere in, all or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.tasks import NoteTask, Task
from gitcoord.errors import FormatTooNew, InvalidFile
from gitcoord.ledger import transfer
from tests.gitrun import git
from tests.ledger.houses import Hands, acquire, begun, session


@pytest.fixture
def full(repo: str) -> House:
    """Return a ledger with records of many kinds."""
    house = begun(repo, Hands(), max_attempts=7)
    ada = session(house)
    tasks = (
        NewTask(id="t-1", title="first", keys=("src/",)),
        NewTask(id="t-2", title="second", depends_on=("t-1",)),
    )
    house.coordinator.do(AddTasks(tasks=tasks), AddTasks.answer, session=ada.id)
    note = NoteTask(id="t-1", text="so far")
    house.coordinator.do(note, NoteTask.answer, session=ada.id)
    handoff = WriteHandoff(id="h-1", summary="done for today")
    house.coordinator.do(handoff, WriteHandoff.answer, session=ada.id)
    acquire(house, ada, "a.py")
    return house


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """Return another ledger."""
    path = str(tmp_path / "elsewhere")
    git(str(tmp_path), "init", "-q", path)
    return begun(path, Hands())


def parsed(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def tasks_of(house: House) -> dict[str, Task]:
    with house.ledger.state() as state:
        return {task.id: task for task in state.all(Task)}


def test_an_export_begins_with_the_ledger_and_holds_every_record(full: House) -> None:
    header, *records = parsed(list(transfer.exported(full.ledger)))
    assert {name: header[name] for name in ("gitcoord", "format", "epoch", "seq")} == {
        "gitcoord": 1,
        "format": 1,
        "epoch": 1,
        "seq": 6,
    }
    assert header["settings"]["max_attempts"] == 7
    counts = [entry["table"] for entry in records]
    assert {table: counts.count(table) for table in counts} == {
        "handoffs": 1,
        "locks": 1,
        "notes": 1,
        "ops": 6,
        "sessions": 1,
        "tasks": 2,
    }


def test_the_past_can_be_exported(full: House) -> None:
    chain = [oid for oid, _ in full.store.chain(full.ledger.head())]
    lines = parsed(list(transfer.exported(full.ledger, chain[-1])))
    assert lines[0]["seq"] == 1
    assert [line["table"] for line in lines[1:]] == ["ops"]


def test_what_was_exported_can_be_imported_once_and_again(full: House, empty: House) -> None:
    lines = list(transfer.exported(full.ledger))
    answer = transfer.import_lines(empty.coordinator, lines, agent="ada")
    assert answer.added == {"handoffs": 1, "notes": 1, "tasks": 2}
    assert answer.left_behind == {"locks": 1, "ops": 6, "sessions": 1}
    assert tasks_of(empty) == tasks_of(full)
    again = transfer.import_lines(empty.coordinator, lines, agent="ada")
    assert (again.added, again.present) == ({}, {"handoffs": 1, "notes": 1, "tasks": 2})


TASK = b'{"table": "tasks", "record": {"id": "t-9", "title": "x", "created_at": "%s"}}'
GOOD = TASK % b"2026-01-05T08:00:00.000Z"
HEADER = b'{"gitcoord": 1, "format": 1}'


@pytest.mark.parametrize(
    ("lines", "number", "why"),
    [
        ([HEADER, GOOD, b"{"], 3, "not JSON"),
        ([HEADER, b"", GOOD, b"[1]"], 4, "not a JSON object"),
        ([HEADER, GOOD, b'{"table": "tasks"}'], 3, "expected"),
        ([HEADER, b'{"table": "tasks", "record": {}, "more": 1}'], 2, "expected"),
        ([HEADER, GOOD, b"", b"", TASK % b"yesterday"], 5, "not a time"),
        ([HEADER, GOOD, b'{"table": "pets", "record": {}}'], 3, "not a table"),
        ([HEADER, GOOD, b'{"table": "tasks", "record": {"format": "x"}}'], 3, "not a format"),
        ([HEADER, b"\xff\xfe"], 2, "not JSON"),
        ([GOOD], 1, "begins with"),
        ([b'{"gitcoord": 1}'], 1, "not a format"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(
    empty: House, lines: list[bytes], number: int, why: str
) -> None:
    head = empty.ledger.head()
    with pytest.raises(InvalidFile, match=why) as refused:
        transfer.import_lines(empty.coordinator, lines, agent="ada")
    assert refused.value.details["line"] == number
    assert refused.value.message.startswith(f"line {number}: ")
    assert empty.ledger.head() == head


def test_an_empty_file_is_refused(empty: House) -> None:
    with pytest.raises(InvalidFile, match="empty"):
        transfer.import_lines(empty.coordinator, [b"", b"\n"], agent="ada")


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"gitcoord": 2, "format": 1}'],
        [b'{"gitcoord": 1, "format": 2}'],
        [HEADER, GOOD, b'{"table": "tasks", "record": {"format": 2}}'],
    ],
)
def test_what_a_newer_gitcoord_has_written_is_refused(empty: House, lines: list[bytes]) -> None:
    head = empty.ledger.head()
    with pytest.raises(FormatTooNew):
        transfer.import_lines(empty.coordinator, lines, agent="ada")
    assert empty.ledger.head() == head
