"""`gitcoord message`: what is written reaches whom it is for, once, and its sender sees that."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from gitcoord.domain.record import TEXT_LIMIT
from tests.entrypoints.door import Door, refs
from tests.gitrun import git


@pytest.fixture
def pair(door: Door) -> tuple[str, str]:
    """Check ada and bob in."""
    return door.start("ada"), door.start("bob")


def send(door: Door, session: str, *words: str) -> dict[str, Any]:
    found = door.json("message", "send", *words, "--session", session)["message"]
    assert isinstance(found, dict)
    return found


def inbox(door: Door, session: str, *words: str) -> list[dict[str, Any]]:
    found = door.json("message", "inbox", "--session", session, *words)["messages"]
    assert isinstance(found, list)
    return found


def texts(door: Door, session: str, *words: str) -> list[str]:
    return [one["text"] for one in inbox(door, session, *words)]


def test_a_message_is_sent_read_and_seen_to_be_read(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    words = ("--to", "bob", "--type", "request", "--priority", "high", "may I?")
    sent = send(door, ada, *words)
    assert (sent["to"], sent["type"], sent["priority"], sent["agent"]) == (
        bob, "request", "high", "ada",
    )  # fmt: skip
    assert [(one["agent"], one["status"]) for one in sent["receipts"]] == [("bob", "unknown")]
    (read,) = inbox(door, bob)
    assert (read["id"], read["text"], read["status"]) == (sent["id"], "may I?", "unknown")
    assert inbox(door, bob) == []
    (kept,) = inbox(door, bob, "--all")
    assert (kept["status"], kept["receipt"]["read_at"] is None) == ("read", False)
    (seen,) = inbox(door, ada, "--sent")
    assert [one["status"] for one in seen["receipts"]] == ["read"]
    assert inbox(door, ada) == []


def test_people_read_it_as_text(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    said = door("message", "send", "may I?", "--to", "bob", "--ack", "--session", ada)
    id = inbox(door, bob, "--peek")[0]["id"]
    assert said == f"message {id} is sent to bob\n"
    text = door("message", "inbox", "--session", bob)
    for word in (id, "from ada to you", "may I?", f"gitcoord message ack {id}"):
        assert word in text
    assert "read: bob" in door("message", "inbox", "--sent", "--session", ada)
    assert door("message", "ack", id, "--session", bob) == f"acknowledged {id} of ada\n"
    assert "acknowledged: bob" in door("message", "inbox", "--sent", "--session", ada)
    assert door("message", "inbox", "--session", bob) == "there is no message\n"
    assert door("message", "inbox", "--sent", "--session", bob) == "nothing was sent\n"


@pytest.mark.parametrize("words", [(), ("--all",)])
def test_without_a_recipient_it_is_for_all(
    door: Door, pair: tuple[str, str], words: tuple[str, ...]
) -> None:
    ada, bob = pair
    said = door("message", "send", "hello", *words, "--session", ada)
    assert said.endswith("is sent to all (bob)\n")
    cyd = door.start("cyd")
    assert texts(door, bob) == texts(door, cyd) == ["hello"]
    assert "from ada to all" in door("message", "inbox", "--all", "--session", bob)
    assert "to all" in door("message", "inbox", "--sent", "--session", ada)


def test_nobody_else_sees_a_letter(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    cyd = door.start("cyd")
    send(door, ada, "--to", "bob", "the door code")
    assert texts(door, cyd) == texts(door, cyd, "--all") == texts(door, cyd, "--sent") == []
    assert "door code" not in door("log", "--full")
    assert "door code" not in json.dumps(door.json("log"))
    assert "door code" not in git(door.place, "log", "--format=%B", "refs/coord/state")
    assert "message: ada to bob (text)" in door("log")
    assert texts(door, bob) == ["the door code"]


def test_looking_in_changes_nothing(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    send(door, ada, "hello")
    before = refs(door.place)
    for words in (("--peek",), ("--all", "--peek")):
        assert texts(door, bob, *words) == ["hello"]
    assert texts(door, ada, "--sent") == ["hello"]
    assert refs(door.place) == before


def test_what_is_not_shown_is_not_read(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    for number in range(3):
        send(door, ada, f"text {number}")
    assert texts(door, bob, "-n", "2") == ["text 0", "text 1"]
    assert texts(door, bob) == ["text 2"]
    assert texts(door, bob, "--all", "-n", "2") == ["text 2", "text 1"]


def test_a_sub_agent_reads_with_its_session(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    send(door, f"{ada}/tests", "--to", f"{bob}/docs", "hello")
    assert texts(door, f"{bob}/tests") == ["hello"]
    assert texts(door, bob) == []
    assert texts(door, ada, "--sent") == ["hello"]


def test_a_person_may_write(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "alice")
    assert door("message", "send", "hello").endswith("all (nobody else is here yet)\n")
    bob = door.start("bob")
    assert "from alice (no session)" in door("message", "inbox", "--session", bob)


def test_a_text_is_read_from_standard_input(
    door: Door, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = pair

    def typed(raw: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8"))

    typed("two\nlinés\n".encode())
    send(door, ada, "-")
    assert texts(door, bob) == ["two\nlinés"]
    typed(b"\xff")
    assert door.refused("message", "send", "-", "--session", ada, code=2)["code"] == "invalid_file"
    typed(b"x" * (TEXT_LIMIT + 1))
    error = door.refused("message", "send", "-", "--session", ada, code=2)
    assert error["code"] == "text_too_long"


def test_the_same_id_is_sent_once(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    for _ in range(2):
        send(door, ada, "hello", "--id", "m-1")
    assert texts(door, bob) == ["hello"]
    words = ("message", "send", "other", "--id", "m-1", "--session", ada)
    assert door.refused(*words)["code"] == "id_taken"


def test_who_is_unknown_or_ambiguous_is_refused_with_the_live_ones(
    door: Door, pair: tuple[str, str]
) -> None:
    ada, bob = pair
    error = door.refused("message", "send", "x", "--to", "eve", "--session", ada)
    assert error["code"] == "recipient_not_found"
    assert error["sessions"] == [{"session": bob, "agent": "bob"}]
    door.start("bob")
    error = door.refused("message", "send", "x", "--to", "bob", "--session", ada)
    assert (error["code"], len(error["sessions"])) == ("recipient_ambiguous", 2)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("send", "x", "--to", "bob", "--all"), "usage"),
        (("send", " "), "invalid_value"),
        (("send", "x", "--type", "system"), "usage"),
        (("send", "x", "--id", "no id"), "invalid_id"),
        (("send",), "usage"),
        (("ack",), "usage"),
        (("inbox", "--all", "--sent"), "usage"),
        (("inbox", "-n", "0"), "usage"),
    ],
)
def test_wrong_words_are_refused(
    door: Door, pair: tuple[str, str], words: tuple[str, ...], code: str
) -> None:
    found = door.refused("message", *words, "--session", pair[0], code=2)
    assert found["code"] == code


def test_only_its_recipient_acknowledges(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    id = send(door, ada, "--to", "bob", "--ack", "may I?")["id"]
    assert door.refused("message", "ack", id, "--session", ada)["code"] == "message_not_found"
    found = door.json("message", "ack", id, "--session", bob)["messages"]
    assert [(one["id"], one["status"]) for one in found] == [(id, "acknowledged")]


def test_a_session_must_be_named_and_exist(door: Door, pair: tuple[str, str]) -> None:
    assert door.refused("message", "inbox", code=2)["code"] == "session_ambiguous"
    error = door.refused("message", "inbox", "--session", "s-none")
    assert error["code"] == "session_not_found"


def test_a_text_commands_nobody_s_terminal(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    send(door, ada, "red \x1b[31malert\nnext line")
    assert texts(door, bob, "--peek") == ["red \x1b[31malert\nnext line"]
    for words in (("--session", bob), ("--sent", "--session", ada)):
        shown = door("message", "inbox", *words)
        assert "\x1b" not in shown
        assert "red \ufffd[31malert\nnext line" in shown


def test_status_and_context_mention_what_waits(door: Door, pair: tuple[str, str]) -> None:
    ada, bob = pair
    assert door.json("status")["messages"] is None
    assert door.json("status", "--session", bob)["messages"]["open"] == 0
    for number in range(5):
        send(door, ada, f"text {number}")
    send(door, ada, "--to", "bob", "--priority", "urgent", "--ack", "x" * 500)
    waiting = {"open": 6, "urgent": 1, "to_acknowledge": 1}
    assert door.json("status", "--session", bob)["messages"] == waiting
    assert "6 messages for you (1 urgent): gitcoord message inbox" in door(
        "status", "--session", bob
    )
    assert "bob 0 locks 6 messages |" in door("status", "--oneline", "--session", bob)
    before = refs(door.place)
    text = door.json("context", "--session", bob)["text"]
    order = [
        text.index(word) for word in ("You are bob", "urgent text from ada", "text 0", "You h")
    ]
    assert order == sorted(order)
    assert "x" * 297 + "..." in text
    assert "answer with `gitcoord message ack" in text
    assert "... and 1 more: gitcoord message inbox" in text
    assert refs(door.place) == before
    inbox(door, bob)
    assert door.json("status", "--session", bob)["messages"]["open"] == 1
    assert "1 message for you (1 urgent)" in door("status", "--session", bob)
    assert "message" not in door("status", "--oneline", "--session", ada)
    text = door.json("context", "--session", ada)["text"]
    assert "MESSAGE" not in text


def test_the_context_without_messages_has_no_word_of_them(door: Door) -> None:
    ada = door.start("ada")
    assert "MESSAGE" not in door.json("context", "--session", ada)["text"]


def test_what_was_read_while_nobody_could_be_told_is_not_shown_again(
    door: Door, pair: tuple[str, str]
) -> None:
    from gitcoord.bootstrap import open_house
    from gitcoord.domain.messages import ReceiveMessages

    ada, bob = pair
    id = send(door, ada, "hello")["id"]
    house = open_house(door.place, {})
    house.coordinator.later(ReceiveMessages(ids=(id,)), session=bob)
    house.close()
    assert texts(door, bob, "--peek") == []
    assert texts(door, bob, "--all", "--peek") == ["hello"]


def test_every_command_has_help_with_an_example(door: Door) -> None:
    for name in ("send", "inbox", "ack"):
        assert f"Example: gitcoord message {name}" in door("message", name, "--help")
