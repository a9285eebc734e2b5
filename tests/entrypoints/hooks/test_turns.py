"""What follows: changes and tokens recorded, news told once, rest after a turn, the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.hooks.talk import Talk
from tests.gitrun import git

CLIENTS = ("claude", "codex", "gemini")


def held(door: Door) -> list[str]:
    return [one["key"] for one in door.json("lock", "list")["locks"]]


def mine(door: Door) -> dict[str, Any]:
    found = door.json("session", "list")["sessions"]
    return next(one for one in found if one["client"])


@pytest.mark.parametrize("client", CLIENTS)
def test_an_edit_is_recorded_with_the_next_decision_and_costs_none(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    talk("prompt", prompt="make the greeting friendlier")
    talk.edit("README")
    before = refs(door.place)
    talk.edit("README", "after")
    assert refs(door.place) == before
    door.start("somebody")
    (found,) = door.json("change", "list")["changes"]
    assert found["path"] == "README"
    assert found["summary"] == "make the greeting friendlier"


def test_a_new_file_is_recorded_as_created(door: Door, talk: Talk) -> None:
    talk.start()
    fields = talk.editing("new.py") | {"tool_response": {"type": "create"}}
    talk("after", **fields)
    door.start("somebody")
    assert door.json("change", "list")["changes"][0]["kind"] == "create"


def test_news_of_others_on_the_same_files_are_told_once(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("src/a.py")
    assert talk.told(talk("prompt", prompt="hello")) == ""
    ada = door.start("ada")
    door("change", "record", "--path", "src/a.py", "--session", ada)
    door("change", "record", "--path", "elsewhere.py", "--session", ada)
    told = talk.told(talk("prompt", prompt="go on"))
    assert "ada changed src/a.py" in told
    assert "elsewhere" not in told
    assert talk.told(talk("prompt", prompt="go on")) == ""


def test_a_lock_of_another_where_the_session_works_is_told_once(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("src/a.py")
    talk.edit("src/a.py", "after")
    talk("stop", stop_hook_active=False)
    ada = door.start("ada")
    door("lock", "acquire", "src/**", "--reason", "rework", "--session", ada)
    door("lock", "acquire", "docs/x.md", "--session", ada)
    told = talk.told(talk("prompt", prompt="go on"))
    assert "ada has locked src/** (" in told
    assert " left): rework" in told
    assert "docs" not in told
    assert talk.told(talk("prompt", prompt="go on")) == ""


def test_a_message_is_put_before_the_agent_once_and_counts_as_delivered(
    door: Door, talk: Talk
) -> None:
    talk.start()
    ada = door.start("ada")
    sent = door.json(
        "message", "send", "--to", mine(door)["id"], "Do you need help?", "--session", ada
    )
    assert "Do you need help?" in talk.told(talk("prompt", prompt="hello"))
    assert talk.told(talk("prompt", prompt="hello")) == ""
    door.start("somebody")
    (found,) = door.json("message", "inbox", "--sent", "--session", ada)["messages"]
    assert found["id"] == sent["message"]["id"]
    assert found["receipts"][0]["delivered_at"]
    assert not found["receipts"][0]["read_at"]


def test_an_urgent_message_does_not_wait_for_the_next_prompt(door: Door, talk: Talk) -> None:
    talk.start()
    ada = door.start("ada")
    to = mine(door)["id"]
    door("message", "send", "--to", to, "when you have time", "--session", ada)
    door("message", "send", "--to", to, "stop now", "--priority", "urgent", "--session", ada)
    told = talk.told(talk.edit("README", "after"))
    assert "stop now" in told
    assert "when you have time" not in told


def test_a_lock_that_was_taken_over_is_told(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    ada = door.start("ada")
    door("lock", "takeover", "README", "--reason", "hotfix", "--session", ada)
    assert "hotfix" in talk.told(talk("prompt", prompt="go on"))


def test_a_stop_frees_what_was_locked_for_nothing_and_the_session_rests(
    door: Door, talk: Talk
) -> None:
    talk.start()
    talk.edit("README")
    talk.edit("kept.py")
    door.write("kept.py", "changed\n")
    assert talk("stop", stop_hook_active=False) == {}
    assert held(door) == ["kept.py"]
    assert mine(door)["status"] == "idle"
    talk.edit("README")
    assert mine(door)["status"] == "active"


def test_a_stop_leaves_what_a_person_has_locked(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", talk.session)
    door("lock", "acquire", "README")
    monkeypatch.delenv("CLAUDE_CODE_SESSION_ID")
    talk("stop", stop_hook_active=False)
    assert held(door) == ["README"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stop_never_keeps_the_agent(door: Door, talks: Callable[..., Talk], client: str) -> None:
    talk = talks(client)
    talk.start()
    for active in (False, True, True):
        assert talk("stop", stop_hook_active=active) == {}


def test_the_end_checks_out_with_a_draft_of_a_handoff(door: Door, talk: Talk) -> None:
    talk.start()
    talk("prompt", prompt="rework the greeting")
    talk.edit("README")
    door.write("README", "changed\n")
    talk.edit("README", "after")
    assert talk("end", reason="other") == {}
    assert held(door) == []
    (found,) = door.json("session", "list", "--all")["sessions"]
    assert found["status"] == "ended"
    handoff = door.json("handoff", "read")["handoff"]
    assert "rework the greeting" in handoff["summary"]
    assert handoff["relevant_files"] == ["README"]
    assert handoff["facts"]["dirty"] == ["README"]
    files = os.listdir(os.path.join(door.place, ".git", "gitcoord", "hooks"))
    assert [name for name in files if name.startswith("claude-c-1")] == []


def test_an_end_after_nothing_leaves_no_handoff(door: Door, talk: Talk) -> None:
    talk.start()
    talk("prompt", prompt="what does this do?")
    talk("end", reason="other")
    assert door.json("handoff", "read")["handoff"] is None


def test_a_sub_agent_leaves_its_changes_to_its_session(door: Door, talk: Talk) -> None:
    talk.start()
    talk.agent = "helper"
    talk.edit("README")
    talk.edit("kept.py")
    door.write("kept.py", "changed\n")
    talk("sub_stop", stop_hook_active=False)
    (lock,) = door.json("lock", "list")["locks"]
    assert (lock["key"], lock["session"]) == ("kept.py", mine(door)["id"])


def transcript(path: str, *answers: tuple[str, int, int]) -> None:
    with open(path, "a", encoding="utf-8") as file:
        for id, asked, said in answers:
            usage = {"input_tokens": asked, "output_tokens": said, "cache_read_input_tokens": 1}
            message = {"id": id, "model": "m-1", "usage": usage}
            file.write(json.dumps({"type": "assistant", "message": message}) + "\n")


def test_tokens_are_those_of_the_transcript_each_answer_once(
    door: Door, talk: Talk, tmp_path: os.PathLike[str]
) -> None:
    path = os.path.join(tmp_path, "t.jsonl")
    talk.start()
    transcript(path, ("a", 100, 5), ("a", 100, 7), ("b", 10, 1))
    talk("stop", transcript_path=path, stop_hook_active=False)
    transcript(path, ("b", 10, 2), ("c", 1, 1))
    talk("end", transcript_path=path, reason="other")
    (found,) = door.json("session", "list", "--all")["sessions"]
    usage = found["usage"]
    assert (usage["requests"], usage["input_tokens"], usage["output_tokens"]) == (3, 111, 10)
    assert usage["cache_read_tokens"] == 3
    assert usage["cost_usd"] is None


def test_the_tokens_of_a_long_turn_are_known_before_its_end(
    door: Door, talk: Talk, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(tmp_path, "t.jsonl")
    talk.start()
    transcript(path, ("a", 100, 5))
    talk.shell("make", "after", transcript_path=path)
    assert mine(door).get("usage") is None
    later = time.time() + 60
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: later)
        talk.shell("make", "after", transcript_path=path)
    usage = mine(door)["usage"]
    assert (usage["requests"], usage["input_tokens"], usage["output_tokens"]) == (1, 100, 5)


def test_a_conversation_that_is_resumed_counts_only_what_came_since(
    door: Door, talk: Talk, tmp_path: os.PathLike[str]
) -> None:
    path = os.path.join(tmp_path, "t.jsonl")
    talk.start()
    transcript(path, ("a", 100, 5), ("b", 10, 1))
    talk.shell("make", "failed")
    talk("end", transcript_path=path, reason="other")
    talk.start("resume")
    transcript(path, ("c", 7, 2))
    talk("end", transcript_path=path, reason="other")
    sessions = door.json("session", "list", "--all")["sessions"]
    used = [one["usage"] for one in sorted(sessions, key=lambda one: one["started_at"])]
    names = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "errors")
    counts = [tuple(one.get(name, 0) for name in names) for one in used]
    assert counts == [(2, 110, 6, 2, 1), (1, 7, 2, 1, 0)]


def test_a_cleared_conversation_adds_to_what_its_session_has_used(
    door: Door, talk: Talk, tmp_path: os.PathLike[str]
) -> None:
    first, second = os.path.join(tmp_path, "1.jsonl"), os.path.join(tmp_path, "2.jsonl")
    talk.start()
    transcript(first, ("a", 100, 5), ("b", 20, 1))
    talk.shell("make", "failed", transcript_path=first)
    talk("end", transcript_path=first, reason="clear")
    talk.session = "c-2"
    talk.start("clear")
    transcript(second, ("c", 7, 2))
    talk.shell("make", "failed", transcript_path=second)
    talk("end", transcript_path=second, reason="other")
    (found,) = door.json("session", "list", "--all")["sessions"]
    names = ("requests", "input_tokens", "output_tokens", "errors")
    assert [found["usage"][name] for name in names] == [3, 127, 8, 2]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_that_a_tool_has_made_is_recorded_as_created_once(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    talk.edit("made.py")
    door.write("made.py", "1\n")
    talk.process("after", **talk.editing("made.py"))
    talk.edit("README")
    talk.process("after", **talk.editing("README"))
    talk("stop", stop_hook_active=False)
    talk.edit("made.py")
    talk.process("after", **talk.editing("made.py"))
    talk("end", reason="other")
    changes = door.json("change", "list")["changes"]
    kinds = sorted((one["path"], one["kind"]) for one in changes)
    assert kinds == [("README", "modify"), ("made.py", "create"), ("made.py", "modify")]


def test_a_failed_tool_counts_as_an_error(door: Door, talk: Talk) -> None:
    talk.start()
    talk.shell("make", "failed")
    talk("end", reason="other")
    (found,) = door.json("session", "list", "--all")["sessions"]
    assert found["usage"]["errors"] == 1


def test_a_conversation_that_timed_out_is_checked_in_anew_and_takes_back_what_is_free(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    child = subprocess.Popen(["sleep", "60"])
    monkeypatch.setenv("CLAUDE_PID", str(child.pid))
    talk.start()
    talk.edit("a.py")
    talk.edit("b.py")
    first = mine(door)["id"]
    child.kill()
    child.wait()
    ada = door.start("ada")
    door("lock", "acquire", "b.py", "--session", ada)
    monkeypatch.setenv("CLAUDE_PID", str(os.getpid()))
    told = talk.told(talk("prompt", prompt="go on"))
    assert first in told
    assert "a.py is yours again" in told
    assert "b.py is not" in told
    assert mine(door)["id"] != first
    assert sorted(held(door)) == ["a.py", "b.py"]


def test_changes_in_the_fast_way_are_recorded_at_the_turn_s_end(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    assert talk.process("after", **talk.editing("README")) == ""
    talk("stop", stop_hook_active=False)
    door.start("somebody")
    assert [one["path"] for one in door.json("change", "list")["changes"]] == ["README"]


def test_git_sees_nothing_of_the_hooks(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    talk.edit("README", "after")
    talk("stop", stop_hook_active=False)
    talk("end", reason="other")
    assert git(door.place, "status", "--porcelain") == ""


def test_a_change_that_is_recorded_late_is_news_all_the_same(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    ada = door.start("ada")
    door("change", "record", "--path", "README", "--later", "--session", ada)
    assert talk.told(talk("prompt", prompt="hello")) == ""
    door.start("somebody")
    assert "ada changed README" in talk.told(talk("prompt", prompt="go on"))
    assert talk.told(talk("prompt", prompt="go on")) == ""


def test_a_changed_file_in_another_worktree_stays_locked(door: Door, talk: Talk) -> None:
    git(door.place, "worktree", "add", "-q", "../other", "-b", "other")
    there = os.path.join(os.path.dirname(door.place), "other")
    talk.start()
    talk.edit(os.path.join(there, "README"))
    with open(os.path.join(there, "README"), "a", encoding="utf-8") as file:
        file.write("more\n")
    talk("stop", stop_hook_active=False)
    assert held(door) == ["README"]
    talk("end", reason="other")
    (found,) = door.json("lock", "list")["unlanded"]
    assert (found["key"], found["branch"]) == ("README", "other")


def test_what_a_person_types_stays_private_where_that_is_wanted(door: Door, talk: Talk) -> None:
    git(door.place, "config", "coord.sharePrompts", "false")
    talk.start()
    talk("prompt", prompt="a private matter")
    talk.edit("README")
    assert door.json("lock", "list")["locks"][0]["reason"] == ""
