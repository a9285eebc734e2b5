"""`gitcoord memory`: what was learned is found again, what was for now goes with its session."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import first_commit
from tests.entrypoints.door import Door, refs
from tests.gitrun import git


@pytest.fixture
def ada(door: Door) -> str:
    session = door.start("ada")
    door.become(session)
    return session


def remember(door: Door, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = door.json("memory", "remember", *words)["memory"]
    return found


def recall(door: Door, *words: str) -> list[str]:
    return [one["summary"] for one in door.json("memory", "recall", *words)["memories"]]


def test_requirement_2_what_was_remembered_is_recalled_with_its_relevance(
    door: Door, ada: str
) -> None:
    kept = remember(
        door, "uploads hang", "--type", "error", "--outcome", "negative", "--details", "over 2 GB",
        "--lesson", "split them", "--lesson", "or wait", "--tag", "s3", "uploads",
    )  # fmt: skip
    assert kept.keys() >= {"id", "agent", "session", "at", "times", "used", "used_at"}
    assert (kept["agent"], kept["session"], kept["used_at"]) == ("ada", ada, None)
    (found,) = door.json("memory", "recall", "upload")["memories"]
    assert found == kept | {"relevance": 0.9}
    text = door("memory", "recall", "upload")
    for word in ("0.90", "uploads hang", "error, negative", "ada", "split them", "s3", "2 GB"):
        assert word in text
    assert kept["id"] in text


def test_requirement_2_the_same_within_an_hour_is_merged(door: Door, ada: str) -> None:
    first = remember(door, "x", "--tag", "a", "--lesson", "one")
    again = door.json("memory", "remember", "x", "--tag", "b", "--lesson", "two")
    assert again["merged"] is True
    assert again["memory"]["id"] == first["id"]
    assert again["memory"]["lessons"] == ["one", "two"]
    assert again["memory"]["tags"] == ["a", "b"]
    assert "known" in door("memory", "remember", "x")
    assert "is remembered" in door("memory", "remember", "y")


def test_row_a57_memories_are_recalled_by_the_words_of_a_task(door: Door, ada: str) -> None:
    remember(door, "the parser chokes on tabs", "--tag", "lexer")
    remember(door, "login needs redis")
    task = door.json("task", "add", "Speed up parsers", "--description", "Tabs are slow.")
    assert recall(door, "--task", task["task"]["id"]) == ["the parser chokes on tabs"]
    assert set(recall(door, "redis", "--task", task["task"]["id"])) == {
        "the parser chokes on tabs", "login needs redis",
    }  # fmt: skip
    assert door.refused("memory", "recall", "--task", "t-none")["code"] == "task_not_found"


def test_memories_are_chosen_by_tags_type_agent_and_relevance(door: Door, ada: str) -> None:
    remember(door, "one", "--tag", "a", "b", "--type", "error")
    remember(door, "two", "--tag", "b", "--outcome", "positive")
    door.become(None)
    door.become(door.start("bob"))
    remember(door, "three", "--tag", "c", "--outcome", "negative")
    assert recall(door) == ["two", "three", "one"]
    assert recall(door, "-n", "1") == ["two"]
    assert recall(door, "--tag", "A", "--tag", "c") == ["three", "one"]
    assert recall(door, "one", "--tag", "a", "b", "--all-tags") == ["one"]
    assert recall(door, "--type", "error") == ["one"]
    assert recall(door, "--agent", "ada") == ["two", "one"]
    assert recall(door, "--min-relevance", "0.85") == ["two", "three"]
    assert recall(door, "--min-relevance", "1") == ["two"]


@pytest.mark.parametrize("text", ['"', "AND OR", "*", "NEAR(", "🚀", "--", "a:b OR", "';--", ""])
def test_a_search_made_of_operators_neither_fails_nor_finds_everything(
    door: Door, ada: str, text: str
) -> None:
    remember(door, "login")
    remember(door, "uploads hang", "--details", "x" * 100)
    said = json.loads(door("memory", "recall", "--json", "--", text))
    found = [one["summary"] for one in said["memories"]]
    # An empty text is no search.
    assert found == (["uploads hang", "login"] if text == "" else [])


def test_nothing_that_fits_is_said(door: Door) -> None:
    assert door("memory", "recall", "login") == "nothing comes to mind\n"
    assert door("memory", "recall") == "nothing comes to mind\n"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("remember", " "), "summary_required", 2),
        (("remember", "x", "--type", "dream"), "usage", 2),
        (("remember", "x", "--outcome", "good"), "usage", 2),
        (("remember", "x", "--tag", "a" * 101), "invalid_value", 2),
        (("remember", "x", "--used", "k-none"), "memory_not_found", 3),
        (("remember", "x" * 2**20), "text_too_long", 2),
        (("remember", "x", "--details", "y" * 40_000, "--lesson", "z" * 40_000),
         "text_too_long", 2),
        (("recall", "x", "--min-relevance", "2"), "invalid_value", 2),
        (("recall", "x", "--all-tags"), "usage", 2),
        (("recall", "-n", "0"), "usage", 2),
        (("used", "k-none"), "memory_not_found", 3),
        (("forget", "k-none"), "memory_not_found", 3),
        (("set", "a\n", "x"), "invalid_value", 2),
        (("set", "a", "x" * 16_384), "limit_reached", 3),
        (("get", "none"), "usage", 2),
        (("clear",), "invalid_value", 2),
        (("clear", "a", "--all"), "invalid_value", 2),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    door: Door, ada: str, words: tuple[str, ...], code: str, exit_code: int
) -> None:
    error = door.refused("memory", *words, code=exit_code)
    assert error["code"] == code
    assert door.json("memory", "get")["items"] == {}


def test_details_and_texts_are_read_from_standard_input(
    door: Door, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    typed("a\nlong é story\n".encode())
    assert remember(door, "x", "--details", "-")["details"] == "a\nlong é story"
    typed(b"the plan\n")
    door("memory", "set", "plan", "-")
    assert door("memory", "get", "plan") == "the plan\n"
    typed(b"x" * 2**20)
    assert door.refused("memory", "remember", "y", "--details", "-", code=2)["code"] == (
        "text_too_long"
    )


def test_a_secret_that_is_pasted_into_a_memory_is_kept_nowhere(door: Door, ada: str) -> None:
    token = "ghp_" + "abcdefghij" * 3 + "123456"
    kept = remember(door, "x", "--details", f"token {token}", "--lesson", f"password={token}")
    assert token not in str(kept)
    assert "[secret]" in kept["details"]
    assert token not in git(door.place, "log", "-p", "refs/coord/state")


def test_people_remember_and_forget_without_a_session(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "carla")
    kept = remember(door, "the build is slow on mondays")
    assert (kept["agent"], kept["session"]) == ("carla", "")
    assert "forgot" in door("memory", "forget", kept["id"])
    assert recall(door, "build") == []
    assert door.json("export", "--output", "x.jsonl")["records"] > 0
    with open("x.jsonl", encoding="utf-8") as file:
        assert '"archive/memories"' in file.read()


def test_that_a_memory_has_helped_rides_on_the_next_decision(door: Door, ada: str) -> None:
    name = remember(door, "uploads hang")["id"]
    before = refs(door.place)
    assert door.json("memory", "used", name) == {"ok": True, "used": [name], "spooled": True}
    assert refs(door.place) == before
    door("lock", "acquire", "a.py")
    (found,) = door.json("memory", "recall", "uploads")["memories"]
    assert (found["used"], found["used_by"]) == (1, [ada])
    assert "has helped 1 session" in door("memory", "recall")
    other = remember(door, "other", "--used", name)
    assert door.json("memory", "recall", "uploads")["memories"][0]["used"] == 1
    assert other["used"] == 0


def test_who_has_left_says_nothing_about_memories(door: Door, ada: str) -> None:
    name = remember(door, "x")["id"]
    door("session", "end")
    assert door.refused("memory", "used", name)["code"] == "session_ended"


def test_memories_travel_with_an_export(door: Door, ada: str, tmp_path: Path) -> None:
    remember(door, "uploads hang", "--tag", "s3")
    door("memory", "set", "plan", "x")
    file = str(tmp_path / "ledger.jsonl")
    door("export", "-o", file)
    door.become(None)
    door.go(first_commit(tmp_path / "other"))
    door("init")
    answer = door.json("import", file)
    assert answer["added"] == {"memories": 1}
    assert answer["left_behind"]["working"] == 1
    assert recall(door, "upload") == ["uploads hang"]


def test_requirement_3_the_working_memory_is_the_sessions_and_ends_with_it(
    door: Door, ada: str
) -> None:
    kept = door.json("memory", "set", "plan", "parser, then printer")
    assert (kept["names"], kept["size"], kept["budget"]) == (["plan"], 24, 16_384)
    door("memory", "set", "open", "tabs", "--session", f"{ada}/sub")
    assert door.json("memory", "get")["items"] == {
        "open": "tabs", "plan": "parser, then printer",
    }  # fmt: skip
    assert door("memory", "get", "open", "plan") == "tabs\nparser, then printer\n"
    table = door("memory", "get")
    assert "plan" in table
    assert "parser, then printer" in table
    door.become(None)
    door.become(door.start("bob"))
    assert door.json("memory", "get")["items"] == {}
    assert door("memory", "get") == "the working memory is empty\n"
    door.become(ada)
    assert door.json("memory", "clear", "plan")["dropped"] == ["plan"]
    assert door("memory", "clear", "plan") == "cleared nothing\n"
    assert "working" in git(door.place, "ls-tree", "--name-only", "refs/coord/state")
    door("session", "end")
    assert "working" not in git(door.place, "ls-tree", "--name-only", "refs/coord/state")
    assert door.json("memory", "get")["items"] == {}


def test_requirement_3_above_the_budget_it_says_what_gave_way(door: Door, ada: str) -> None:
    door.become(None)
    door("config", "--shared", "working_memory", "600")
    door.become(ada)
    door("memory", "set", "a", "a" * 300)
    door("memory", "set", "b", "b" * 250)
    said = door("memory", "set", "c", "c" * 100)
    assert "cut to make room: a" in said
    said = door("memory", "set", "d", "d" * 590)
    assert "dropped to make room: a, b, c" in said
    assert door.json("memory", "get")["items"] == {"d": "d" * 590}


def test_compaction_takes_old_memories(door: Door, ada: str) -> None:
    name = remember(door, "x")["id"]
    door("memory", "forget", name)
    door.become(None)
    assert door.json("compact", "--keep", "1d")["removed"] == {}
    assert door.json("compact", "--keep", "0s")["removed"] == {"memories": 1}


def test_what_was_learned_for_the_task_at_hand_is_in_the_context(door: Door, ada: str) -> None:
    kept = remember(door, "uploads over 2 GB hang", "--type", "error", "--lesson", "split them")
    for text in ("the garden needs water", "uploading is a word", "the task is to be done"):
        remember(door, text)
    long = remember(door, "z" * 300, "--tag", "storage")
    assert "Learned" not in door("context")
    door("task", "add", "Repair the upload", "--description", "It hangs.", "--id", "t-1")
    door("task", "claim", "t-1")
    (line,) = [x for x in door("context").splitlines() if x.startswith("Learned")]
    assert line.startswith("Learned (error, ada, ")
    assert line.endswith(f"{kept['id']}): uploads over 2 GB hang -> split them")
    # A tag is enough, and no line is long; who has no task is told nothing.
    door("task", "complete", "t-1")
    door("task", "add", "Tidy up storage and uploads that hang", "--id", "t-2")
    assert "Learned" not in door("context")
    door("task", "claim", "t-2")
    lines = [x for x in door("context").splitlines() if x.startswith("Learned")]
    assert {kept["id"], long["id"]} == {x.split("): ")[0].split(", ")[-1] for x in lines}
    assert max(map(len, lines)) == 200
    assert "memory" not in door.json("context")["omitted"]
