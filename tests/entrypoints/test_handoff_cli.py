"""`gitcoord handoff`: words of the agent, facts of git, and how they are found again."""

from __future__ import annotations

import io
import os

import pytest

from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.gitrun import git


def test_a_handoff_keeps_the_words_of_the_agent(door: Door) -> None:
    door.start("ada")
    task = door.json("task", "add", "Login")["task"]["id"]
    written = door.json(
        "handoff", "write", "Login works", "--completed", "form", "--completed", "tests",
        "--in-progress", "second factor", "--decision", "sessions live in Redis",
        "--next-step", "try it on Windows", "--relevant-file", "src/login.py", "--task", task,
    )["handoff"]  # fmt: skip
    found = door.json("handoff", "read")["handoff"]
    assert found == written
    assert found["summary"] == "Login works"
    assert found["completed"] == ["form", "tests"]
    assert found["in_progress"] == ["second factor"]
    assert found["decisions"] == ["sessions live in Redis"]
    assert found["next_steps"] == ["try it on Windows"]
    assert found["relevant_files"] == ["src/login.py"]
    assert found["task"] == task
    text = door("handoff", "read")
    for word in ("ada", "Login works", "form", "Redis", "Windows", "src/login.py"):
        assert word in text


def test_a_handoff_adds_what_git_and_the_ledger_know(door: Door) -> None:
    git(door.place, "checkout", "-q", "-b", "topic")
    door.start("ada")
    door("lock", "acquire", "a.py", "b.py", "db:schema")
    task = door.json("task", "add", "Login")["task"]["id"]
    door("task", "claim", task)
    door.commit("a.py", "print()\n")
    door.write("new.txt", "x\n")
    facts = door.json("handoff", "write", "half")["handoff"]["facts"]
    assert facts["branch"] == "topic"
    assert facts["head"] == git(door.place, "rev-parse", "HEAD")
    assert facts["dirty"] == ["new.txt"]
    assert facts["open_tasks"] == [task]
    assert facts["held_keys"] == ["a.py", "b.py", "db:schema"]
    assert facts["unlanded_keys"] == ["a.py"]
    assert "not landed" in door("handoff", "read")


def test_many_dirty_files_are_counted_instead_of_listed(door: Door) -> None:
    door.start("ada")
    for number in range(205):
        door.write(f"many/{number:03d}.txt", "")
    dirty = door.json("handoff", "write", "half")["handoff"]["facts"]["dirty"]
    assert len(dirty) == 201
    assert dirty[-1] == "... and 5 more"


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_file_name_that_is_no_text_does_no_harm(door: Door) -> None:
    door.start("ada")
    try:
        with open(os.path.join(os.fsencode(door.place), b"\xff.txt"), "w"):
            pass
    except OSError:
        pytest.skip("this file system takes no such name")
    assert door.json("handoff", "write", "half")["handoff"]["facts"]["dirty"] == ["\ufffd.txt"]


def test_a_handoff_is_read_from_a_file_and_from_stdin(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.start("ada")
    door.write("h.yaml", "summary: from yaml\nnext_steps:\n  - one\ndecisions: single\n")
    found = door.json("handoff", "write", "--file", "h.yaml", "--next-step", "two")["handoff"]
    assert found["summary"] == "from yaml"
    assert found["next_steps"] == ["one", "two"]
    assert found["decisions"] == ["single"]
    said = io.TextIOWrapper(io.BytesIO(b'{"summary": "from json", "completed": ["a"]}'), "utf-8")
    monkeypatch.setattr("sys.stdin", said)
    found = door.json("handoff", "write", "--file", "-")["handoff"]
    assert (found["summary"], found["completed"]) == ("from json", ["a"])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("sumary: x", "Did you mean summary?"),
        ("nonsense: x", "Known: summary"),
        ("summary: [a]", "summary must be a text"),
        ("summary: a\ncompleted: [1]", "completed must be a list of texts"),
        ("- a", "must hold fields"),
        ("a: [", "neither YAML nor JSON"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(door: Door, text: str, word: str) -> None:
    door.start("ada")
    door.write("h.yaml", text)
    error = door.refused("handoff", "write", "--file", "h.yaml", code=2)
    assert error["code"] == "invalid_file"
    assert word in f"{error['message']} {error.get('hint', '')}"


def test_a_handoff_without_a_summary_or_with_two_is_refused(door: Door) -> None:
    door.start("ada")
    assert door.refused("handoff", "write", code=2)["code"] == "summary_required"
    door.refused("handoff", "write", "a", "--summary", "b", code=2)
    door.refused("handoff", "write", "--file", "missing.yaml", code=2)
    assert door.refused("handoff", "write", "a", "--task", "t-none")["code"] == "task_not_found"
    assert door.refused("handoff", "write", "x" * 70_000, code=2)["code"] == "text_too_long"


def test_only_a_live_session_leaves_a_handoff(door: Door) -> None:
    assert door.refused("handoff", "write", "x", code=2)["code"] == "session_required"
    ada = door.start("ada")
    door("session", "end")
    assert door.refused("handoff", "write", "x", "--session", ada)["code"] == "session_ended"


def test_the_newest_is_read_first_by_agent_by_task_or_of_all(door: Door) -> None:
    ada, bob = door.start("ada"), door.start("bob")
    task = door.json("task", "add", "Login", "--session", ada)["task"]["id"]
    door("handoff", "write", "one", "--session", ada, "--task", task)
    door("handoff", "write", "two", "--session", bob)
    door("handoff", "write", "three", "--session", ada)

    def summary(*words: str) -> str:
        found = door.json("handoff", "read", *words)["handoff"]["summary"]
        assert isinstance(found, str)
        return found

    assert summary() == "three"
    assert summary("--agent", "bob") == "two"
    assert summary("--agent", "ada") == "three"
    assert summary("--task", task) == "one"
    everything = door.json("handoff", "read", "--all")["handoffs"]
    assert [one["summary"] for one in everything] == ["three", "two", "one"]
    assert summary(everything[1]["id"]) == "two"
    assert len(door.json("handoff", "read", "-n", "2")["handoffs"]) == 2
    assert door.json("handoff", "read", "--agent", "eve")["handoff"] is None
    assert door("handoff", "read", "--agent", "eve") == "there is no handoff\n"
    assert door.refused("handoff", "read", "h-none", code=2)["code"] == "invalid_id"


def test_a_handoff_can_be_written_before_the_first_commit(
    empty_repo: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    door = outside(empty_repo, monkeypatch, capfd)
    door("init")
    door.start("ada")
    door.write("a.py", "")
    facts = door.json("handoff", "write", "begun")["handoff"]["facts"]
    assert (facts["branch"], facts["head"], facts["dirty"]) == ("main", "", ["a.py"])


def test_a_relevant_file_is_named_from_the_root_wherever_it_is_typed(door: Door) -> None:
    door.start("ada")
    door.write("src/a.py", "")
    door.go(os.path.join(door.place, "src"))
    words = ("--relevant-file", "./a.py", "--relevant-file", "../README", "--relevant-file", "b.py")
    absolute = os.path.join(door.place, "src", "a.py")
    found = door.json("handoff", "write", "x", *words, "--relevant-file", absolute)["handoff"]
    assert found["relevant_files"] == ["src/a.py", "README", "b.py", "src/a.py"]


def test_every_command_has_help_with_an_example(door: Door) -> None:
    for name in ("write", "read"):
        assert f"Example: gitcoord handoff {name}" in door("handoff", name, "--help")
