"""What hooks see of a conversation: it is stuck, it reaches a cap, a person lets it go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.clients import adapters
from gitcoord.entrypoints.hooks import edits, signals
from tests.entrypoints.door import Door, refs
from tests.entrypoints.hooks.talk import Talk

CLIENTS = ("claude", "codex", "gemini")
ERROR = "Exit code 1\nmake: *** No rule to make target 'al'.  Stop."


def mine(door: Door) -> dict[str, Any]:
    found = door.json("session", "list", "--all")["sessions"]
    return next(one for one in found if one["client"])


def fail(talk: Talk, command: str = "make al", error: str = ERROR) -> str:
    """Say that a command has failed, as the client says it, and return what the agent hears."""
    if talk.client == "claude":
        return talk.told(talk.shell(command, "failed", error=error))
    if talk.client == "gemini":
        said = f"Output: {error}\nExit Code: 2\nProcess Group PGID: 3528"
        return talk.told(talk.shell(command, "after", tool_response={"llmContent": said}))
    return talk.told(
        talk("after", **talk.editing("gone.py"), tool_response=error.replace("code 1", "code: 1"))
    )


@pytest.fixture
def spent(tmp_path: Path, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what makes the conversation use tokens and run a tool; returns what is heard."""
    monkeypatch.setattr(signals, "COUNTING", 0.0)
    path = tmp_path / "t.jsonl"
    path.touch()
    number = iter(range(10**6))

    def spend(tokens: int, requests: int = 1) -> str:
        with path.open("a", encoding="utf-8") as file:
            for left in reversed(range(requests)):
                usage = {"input_tokens": 0 if left else tokens, "output_tokens": 0}
                message = {"id": f"m-{next(number)}", "model": "m-1", "usage": usage}
                file.write(json.dumps({"type": "assistant", "message": message}) + "\n")
        return talk.told(talk.shell("date", "after", transcript_path=str(path)))

    return spend


@pytest.mark.parametrize("client", CLIENTS)
def test_the_same_error_five_times_in_a_row_makes_the_session_stuck(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    for _ in range(4):
        assert fail(talk) == ""
    assert mine(door)["status"] == "active"
    told = fail(talk)
    assert "looks stuck: the same error 5 times in a row" in told
    assert "No rule to make target" in told
    assert fail(talk) == ""
    found = mine(door)
    assert (found["status"], found["cause"]) == ("stuck", "same_error")
    assert "No rule to make target" in found["why"]


def test_an_error_with_other_numbers_is_the_same_and_another_error_is_not(
    door: Door, talk: Talk
) -> None:
    talk.start()
    for number in range(4):
        fail(talk, error=f"timeout after {number}.5 s at 0x{number}f")
    fail(talk, error="permission denied")
    for number in range(4):
        fail(talk, error=f"timeout after {number}.5 s at 0x{number}f")
    assert mine(door)["status"] == "active"
    fail(talk, error="timeout after 77 s at 0xabc")
    assert mine(door)["status"] == "stuck"


def test_what_succeeds_ends_it(door: Door, talk: Talk) -> None:
    talk.start()
    for _ in range(5):
        fail(talk)
    assert mine(door)["status"] == "stuck"
    talk.shell("make all", "after")
    assert mine(door)["status"] == "active"


def test_an_interruption_by_the_person_is_no_error(door: Door, talk: Talk) -> None:
    talk.start()
    for _ in range(6):
        talk.shell("make", "failed", error="interrupted", is_interrupt=True)
    talk("end", reason="other")
    assert mine(door)["signals"][""]["errors_in_row"] == 0
    assert mine(door)["usage"] is None


def test_a_word_of_its_person_begins_anew(door: Door, talk: Talk) -> None:
    talk.start()
    for _ in range(5):
        fail(talk)
    talk("prompt", prompt="try `make all`")
    fail(talk)
    assert mine(door)["status"] == "active"


def test_the_same_call_ten_times_with_nothing_changed_is_a_loop(door: Door, talk: Talk) -> None:
    talk.start()
    for number in range(9):
        given = {"command": "gh run list", "description": f"look {number}"}
        assert talk.told(talk("after", tool_name="Bash", tool_input=given)) == ""
        talk.shell(f"sleep {number}", "after")
    assert "same call of Bash 10 times" in talk.told(talk.shell("gh run list", "after"))
    assert mine(door)["cause"] == "retry_loop"


@pytest.mark.parametrize("how", ["edit", "commit"])
def test_what_changes_in_between_makes_it_no_loop(door: Door, talk: Talk, how: str) -> None:
    talk.start()
    for _ in range(12):
        assert talk.told(talk.shell("make", "after")) == ""
        if how == "edit":
            talk.edit("README", "after")
        else:
            talk.shell("git -C . commit -am x", "after")
    assert mine(door)["status"] == "active"


def test_a_sub_agent_that_was_stuck_is_forgotten_with_its_end(door: Door, talk: Talk) -> None:
    talk.start()
    talk.agent = "helper"
    for _ in range(5):
        fail(talk)
    assert "(sub-agent helper)" in mine(door)["why"]
    talk("sub_stop", stop_hook_active=False)
    door.start("somebody")
    assert mine(door)["status"] == "active"


def test_no_secret_of_an_error_gets_into_the_ledger_or_beside_it(door: Door, talk: Talk) -> None:
    secret = "ghp_" + "a1B2" * 9
    talk.start()
    for _ in range(5):
        assert secret not in fail(talk, error=f"cannot push with {secret}")
    assert "[secret]" in mine(door)["why"]
    for folder, _, files in os.walk(os.path.join(door.place, ".git", "gitcoord")):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                assert secret.encode() not in file.read()


def test_at_the_cap_the_next_tool_is_refused_until_a_person_resumes(
    door: Door, talk: Talk, spent: Callable[..., str]
) -> None:
    door("config", "--shared", "spending_action", "pause")
    door("config", "--shared", "spending_tokens", "1000")
    talk.start()
    assert spent(700) == ""
    assert "80% of 1,000 tokens" in spent(100)
    assert spent(50) == ""
    told = spent(200)
    id = mine(door)["id"]
    assert "it has used 1,000 tokens" in told
    assert f"gitcoord session resume {id}" in told
    for refusal in (talk.denied(talk.edit("a.py")), talk.denied(talk.shell("ls"))):
        assert "it has used 1,000 tokens" in refusal
        assert f"gitcoord session resume {id}" in refusal
    assert "1,000 tokens" in talk.told(talk("prompt", prompt="go on"))
    assert (mine(door)["status"], mine(door)["cause"]) == ("paused", "limit")
    refusal = door.refused("session", "resume", "--session", id)
    assert (refusal["code"], refusal["paused_for"]) == ("session_paused", "limit")
    door("session", "resume", id)
    assert talk.denied(talk.edit("a.py")) == ""
    assert spent(100) == ""
    assert talk.denied(talk.edit("a.py")) == ""
    assert "it has used 2,000 tokens" in spent(2000 - 1150)


def test_asking_says_that_a_person_has_to_approve(
    door: Door, talk: Talk, spent: Callable[..., str]
) -> None:
    door("config", "--shared", "spending_action", "ask")
    door("config", "--shared", "spending_requests", "3")
    talk.start()
    assert "approves with `gitcoord session resume" in spent(1, requests=3)
    assert "waits for a person" in talk.denied(talk.edit("a.py"))


def test_a_warning_is_told_once_and_stops_nothing(
    door: Door, talk: Talk, spent: Callable[..., str]
) -> None:
    door("config", "--shared", "spending_action", "warn")
    door("config", "--shared", "spending_tokens", "10")
    talk.start()
    assert "You have used 10 tokens" in spent(10)
    assert spent(1) == ""
    assert talk.told(talk("prompt", prompt="go on")) == ""
    assert talk.denied(talk.edit("a.py")) == ""


def test_too_many_requests_a_minute_pause_it(
    door: Door, talk: Talk, spent: Callable[..., str]
) -> None:
    door("config", "--shared", "rate_action", "pause")
    talk.start()
    assert spent(1) == ""
    assert spent(1, requests=60) == ""
    assert "more than 60 requests a minute" in spent(1)
    assert "more than 60 requests a minute" in talk.denied(talk.edit("a.py"))


def test_a_conversation_that_ends_beyond_its_cap_has_left(
    door: Door, talk: Talk, spent: Callable[..., str]
) -> None:
    door("config", "--shared", "spending_action", "pause")
    door("config", "--shared", "spending_tokens", "10")
    talk.start()
    talk.edit("README")
    door.write("README", "changed\n")
    talk.edit("README", "after")
    assert "is paused" in spent(50)
    talk("end", reason="other")
    assert mine(door)["status"] == "ended"
    assert door.json("lock", "list")["locks"] == []


def test_a_killed_session_is_refused_with_the_reason(door: Door, talk: Talk) -> None:
    talk.start()
    door("session", "kill", mine(door)["id"], "--reason", "it loops")
    assert "it loops" in talk.denied(talk.shell("ls"))
    assert (mine(door)["status"], mine(door)["why"]) == ("killed", "it loops")


@pytest.mark.parametrize("by", ["kill", "pause"])
def test_a_person_who_stops_it_while_a_hook_runs_is_obeyed_before_the_tool(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    talk.start()
    guard, id = edits.guard, mine(door)["id"]

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(edits, "guard", guard)
        door("session", by, id, "--reason", "it loops")
        return guard(*arguments)

    monkeypatch.setattr(edits, "guard", late)
    assert "it loops" in talk.denied(talk.edit("a.py"))
    assert door.json("lock", "list")["locks"] == []


def test_a_pause_of_a_person_says_why(door: Door, talk: Talk) -> None:
    talk.start()
    door("session", "pause", mine(door)["id"], "--reason", "wait for the merge")
    assert "is paused: wait for the merge" in talk.denied(talk.edit("a.py"))


def test_what_shows_nothing_new_causes_no_decision(door: Door, talk: Talk) -> None:
    talk.start()
    fail(talk)
    before = refs(door.place)
    for _ in range(3):
        fail(talk)
    assert refs(door.place) == before


PAYLOADS = Path(__file__).parents[2] / "clients" / "payloads"


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*/*.json")), ids=lambda p: p.stem)
def test_the_recorded_events_have_an_error_where_one_was(path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    event = adapters.hooks(path.parent.name).read(body["hook_event_name"], body)
    # Codex does not tell its hooks with which exit code a shell command has ended.
    wrong = path.stem.endswith("-failed") and event.client != "codex"
    assert bool(event.error) == wrong
    assert bool(event.call) == (event.step in ("after", "failed"))
