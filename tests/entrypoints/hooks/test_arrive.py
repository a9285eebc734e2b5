"""The beginning of a conversation: checked in, told what there is to know, gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk
from tests.gitrun import git

CLIENTS = ("claude", "codex", "gemini")


def sessions(door: Door) -> list[dict[str, object]]:
    found = door.json("session", "list")["sessions"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("client", CLIENTS)
def test_a_conversation_checks_in_under_the_client_s_own_id(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client, "conv-7")
    assert "session s-" in talk.start()
    (found,) = sessions(door)
    assert (found["client"], found["client_session"]) == (client, "conv-7")
    assert found["type"] == client


def test_a_command_typed_in_the_conversation_is_the_same_session(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", talk.session)
    door("lock", "acquire", "a.py")
    (found,) = sessions(door)
    assert door.json("lock", "list")["locks"][0]["session"] == found["id"]


def test_a_local_conversation_lives_as_long_as_its_client_s_process(door: Door, talk: Talk) -> None:
    talk.start()
    (found,) = sessions(door)
    assert found["life"] == "process"
    assert (
        door.json("session", "show", str(found["id"]))["session"]["process"]["pid"] == os.getpid()
    )


def test_the_agent_is_told_who_works_here_and_what_was_handed_over(door: Door, talk: Talk) -> None:
    ada = door.start("ada", "--area", "server")
    door.become(ada)
    door("lock", "acquire", "src/**", "--reason", "rework")
    door("handoff", "write", "The parser works", "--next-step", "write its tests")
    door.become(None)
    told = talk.start()
    assert "ada" in told
    assert "src/**" in told
    assert "The parser works" in told
    assert "write its tests" in told


def test_the_agent_is_told_whose_declared_work_is_the_same(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    with monkeypatch.context() as typed:
        typed.setenv("CLAUDE_CODE_SESSION_ID", talk.session)
        door("session", "scope", "--files", "src/**")
    assert "works on the same" not in talk.start("resume")
    door.start("ada", "--files", "src/a.py")
    assert "ada works on the same: src/a.py" in talk.start("resume")


def test_an_unread_message_is_told_at_the_start(door: Door, talk: Talk) -> None:
    ada = door.start("ada")
    door("message", "send", "main is frozen", "--session", ada)
    told = talk.start()
    assert "Message from ada to all, " in told
    assert "main is frozen" in told
    assert "main is frozen" not in talk.start("resume")


def test_beginning_twice_goes_on_with_the_session(door: Door, talk: Talk) -> None:
    talk.start()
    before = sessions(door)
    for source in ("resume", "compact", "startup"):
        talk.start(source)
    assert [one["id"] for one in sessions(door)] == [one["id"] for one in before]


def test_a_cleared_conversation_goes_on_with_the_session_under_its_new_id(
    door: Door, talk: Talk
) -> None:
    talk.start()
    (before,) = sessions(door)
    talk.edit("README")
    talk("end", reason="clear")
    talk.session = "c-2"
    talk.start("clear")
    (after,) = sessions(door)
    assert after["id"] == before["id"]
    assert after["client_session"] == "c-2"


def test_a_conversation_of_another_process_is_not_taken_over_by_a_clear(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    monkeypatch.setenv("CLAUDE_PID", str(os.getppid()))
    talk.session = "c-2"
    talk.start("clear")
    assert len(sessions(door)) == 2


def test_a_session_that_the_environment_names_is_used_and_not_ended(door: Door, talk: Talk) -> None:
    mine = door.start("ada")
    door.become(mine)
    assert mine in talk.start()
    talk.edit("README")
    talk("end", reason="other")
    (found,) = sessions(door)
    assert (found["id"], found["status"]) == (mine, "idle")
    assert door.json("lock", "list")["locks"] == []


def test_a_repository_without_a_ledger_is_left_alone(
    bare_door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    talk = Talk(bare_door.place, capfd)
    for step in ("start", "prompt", "stop", "end"):
        assert talk(step) == {}
    assert talk.edit("README") == {}
    assert talk.shell("git push --force origin main") == {}
    assert not os.path.exists(os.path.join(bare_door.place, ".git", "gitcoord"))


def test_outside_of_a_repository_nothing_is_said(
    tmp_path: os.PathLike[str], capfd: pytest.CaptureFixture[str]
) -> None:
    talk = Talk(os.fspath(tmp_path), capfd)
    assert talk.start() == ""
    assert talk.edit("a.py") == {}


def test_a_conversation_in_a_linked_worktree_uses_the_same_ledger(
    door: Door, talks: Callable[..., Talk]
) -> None:
    git(door.place, "worktree", "add", "-q", "../other", "-b", "other")
    there = os.path.join(os.path.dirname(door.place), "other")
    talks("claude", "c-1").start()
    talks("claude", "c-2", there).start()
    assert {one["worktree"] for one in sessions(door)} == {door.place, there}


def test_only_the_start_looks_for_a_ledger_at_the_remote(
    bare_door: Door, bare_repo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    git(bare_door.place, "remote", "add", "origin", bare_repo)
    talk = Talk(bare_door.place, capfd)
    assert talk.edit("README") == {}
    assert not os.path.exists(os.path.join(bare_door.place, ".git", "gitcoord"))
    clone = os.path.join(os.path.dirname(bare_door.place), "clone")
    git(bare_door.place, "push", "-q", "origin", "HEAD:main")
    git(os.path.dirname(bare_door.place), "clone", "-q", bare_repo, clone)
    bare_door.go(clone)
    bare_door("init", "--remote", "origin")
    for name in os.listdir(os.path.join(bare_door.place, ".git")):
        assert name != "gitcoord"
    assert "session s-" in talk.start()
