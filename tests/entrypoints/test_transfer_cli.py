"""`gitcoord export` and `gitcoord import`: out of one repository and into another."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import first_commit
from tests.entrypoints.door import Door
from tests.gitrun import git


@pytest.fixture
def filled(door: Door) -> Door:
    """Stand in a ledger with something of everything."""
    door.start("ada")
    done = door.json("task", "add", "Schema", "--id", "t-schema")["task"]["id"]
    door("task", "claim", done)
    door("task", "complete", "--result", "done")
    door("task", "add", "Login", "--id", "t-login", "--depends-on", done, "--keys", "a.py")
    door("task", "claim", "t-login")
    door("task", "note", "t-login", "half")
    door("handoff", "write", "--summary", "half of it")
    door("change", "record", "--path", "a.py")
    door("lock", "acquire", "b.py")
    return door


@pytest.fixture
def other(filled: Door, tmp_path: Path) -> str:
    """Make another repository with a ledger."""
    place = first_commit(tmp_path / "other")
    filled("-C", place, "init")
    return place


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def exported(door: Door, tmp_path: Path) -> str:
    file = str(tmp_path / "ledger.jsonl")
    door("export", "-o", file)
    return file


def test_every_record_is_a_line_after_one_about_the_ledger(filled: Door) -> None:
    head, *records = lines(filled("export"))
    assert (head["gitcoord"], head["format"], head["epoch"]) == (1, 1, 1)
    assert head["seq"] == filled.json("status")["ledger"]["seq"]
    assert head["settings"]["target_branch"] == "main"
    tables = {one["table"] for one in records}
    assert tables >= {"tasks", "archive/tasks", "notes", "handoffs", "changes", "locks", "sessions"}
    (login,) = (one["record"] for one in records if one["table"] == "tasks")
    assert (login["id"], login["title"]) == ("t-login", "Login")


def test_a_file_is_written_whole_or_not_at_all(filled: Door, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    answer = filled.json("export", "-o", str(file))
    text = file.read_text(encoding="utf-8")
    assert answer == {"ok": True, "records": len(text.splitlines()) - 1, "file": str(file)}
    assert text == filled("export")
    git(filled.place, "update-ref", "-d", "refs/coord/state")
    filled("export", "-o", str(file), code=6)
    assert file.read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path) == os.listdir(file.parent)
    assert not (tmp_path / "ledger.jsonl.part").exists()
    filled("export", "-o", str(tmp_path / "none" / "x"), code=5)


def test_the_past_can_be_exported(filled: Door) -> None:
    before = filled("export")
    then = filled.json("status")["ledger"]["at"]
    time.sleep(0.01)
    filled("task", "add", "More")
    assert filled("export") != before
    assert filled("export", "--at", then) == before


def test_what_can_live_elsewhere_is_imported_and_the_rest_stays(
    filled: Door, other: str, tmp_path: Path
) -> None:
    file = exported(filled, tmp_path)
    answer = filled.json("-C", other, "import", file)
    assert answer["added"] == {"tasks": 2, "notes": 4, "handoffs": 1, "changes": 1}
    assert answer["present"] == {}
    assert set(answer["left_behind"]) == {"sessions", "locks", "ops"}
    login = filled.json("-C", other, "task", "show", "t-login")["task"]
    # Who held it over there holds nothing here.
    assert (login["status"], login["session"], login["waiting_for"]) == ("pending", "", [])
    done = filled.json("-C", other, "task", "show", "t-schema")["task"]
    assert (done["status"], done["result"]) == ("completed", "done")
    assert filled.json("-C", other, "lock", "list")["locks"] == []
    assert "half of it" in filled("-C", other, "handoff", "read")
    assert filled.json("-C", other, "doctor")["verdict"] == "ok"


def test_what_is_here_already_is_not_added_again(filled: Door, other: str, tmp_path: Path) -> None:
    file = exported(filled, tmp_path)
    said = filled("-C", other, "import", file)
    assert "added 2 tasks" in said
    assert "left behind: 2 locks" in said
    before = git(other, "rev-parse", "refs/coord/state")
    again = filled.json("-C", other, "import", file)
    assert (again["added"], again["present"]["tasks"]) == ({}, 2)
    assert git(other, "rev-parse", "refs/coord/state") == before


def test_another_record_of_the_same_id_refuses_everything(
    filled: Door, other: str, tmp_path: Path
) -> None:
    filled("-C", other, "task", "add", "Something else", "--id", "t-login")
    error = refused(filled, other, exported(filled, tmp_path), code=3)
    assert (error["code"], error["id"]) == ("id_taken", "t-login")
    assert len(filled.json("-C", other, "task", "list", "--all")["tasks"]) == 1


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (lambda body: body[0] | {"gitcoord": 2}, 6, None),
        (lambda body: body[0] | {"format": 99}, 6, None),
        (lambda body: {"hello": 1}, 2, 1),
        (lambda body: [1], 2, 1),
    ],
)
def test_another_beginning_is_refused(
    filled: Door, other: str, tmp_path: Path, change: Any, code: int, line: int | None
) -> None:
    everything = lines(filled("export"))
    file = written(tmp_path, [change(everything), *everything[1:]])
    error = refused(filled, other, file, code=code)
    assert error["code"] == ("format_too_new" if code == 6 else "invalid_file")
    assert error.get("line") == line


@pytest.mark.parametrize(
    "bad",
    [
        {"table": "tasks", "record": {"id": "t-x", "title": 7}},
        {"table": "tasks", "record": {"id": "a b", "title": "x", "created_at": "now"}},
        {"table": "tasks"},
        {"table": "planets", "record": {"id": "t-x"}},
        "hello",
    ],
)
def test_one_bad_line_refuses_the_whole_file_and_is_named(
    filled: Door, other: str, tmp_path: Path, bad: Any
) -> None:
    everything = lines(filled("export"))
    file = written(tmp_path, [*everything, bad])
    error = refused(filled, other, file, code=2)
    assert (error["code"], error["line"]) == ("invalid_file", len(everything) + 1)


def test_a_line_that_is_no_json_is_named(filled: Door, other: str, tmp_path: Path) -> None:
    file = exported(filled, tmp_path)
    with open(file, "ab") as out:
        out.write(b"{broken\n")
    assert "not JSON" in refused(filled, other, file, code=2)["message"]
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert "empty" in refused(filled, other, str(empty), code=2)["message"]
    refused(filled, other, str(tmp_path / "none"), code=2)


def test_standard_input_can_be_imported(
    filled: Door, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(exported(filled, tmp_path)).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert filled.json("-C", other, "import", "-")["added"]["tasks"] == 2


def written(folder: Path, body: list[Any]) -> str:
    file = folder / "changed.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in body), encoding="utf-8")
    return str(file)


def refused(door: Door, other: str, file: str, code: int) -> dict[str, Any]:
    """Import into the other repository, be refused, and prove that nothing came of it."""
    before = git(other, "for-each-ref", "refs/coord")
    body = json.loads(door("-C", other, "import", file, "--json", code=code))
    assert git(other, "for-each-ref", "refs/coord") == before
    error = body["error"]
    assert isinstance(error, dict)
    return error
