"""A server's session: the same as that of the client's hooks and commands, alive, checked out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.mcp.agents import COMMAND, ERAS, Agent, Agents
from tests.entrypoints.mcp.byhand import ask, say, spoken_to
from tests.entrypoints.program import until

CODEX = {"x-codex-turn-metadata": {"session_id": "c-1"}}
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def live(door: Door) -> list[dict[str, Any]]:
    found = door.json("session", "list")["sessions"]
    assert isinstance(found, list)
    return found


def shown(door: Door, session: str) -> dict[str, Any]:
    found = door.json("session", "show", session)["session"]
    assert isinstance(found, dict)
    return found


def command_pid(agent: Agent, place: str) -> int:
    """Return the process of the server that was started last in a place."""
    import psutil

    found = [
        child
        for child in psutil.Process().children(recursive=True)
        if child.cmdline()[1:4] == [*COMMAND[1:], "mcp"] and child.cwd() == os.path.realpath(place)
    ]
    return int(max(found, key=lambda child: child.create_time()).pid)


@pytest.mark.parametrize("era", ERAS)
def test_it_checks_in_with_the_first_call_that_acts_and_checks_out_at_the_end(
    door: Door, agents: Agents, era: str
) -> None:
    agent = agents.stdio(era=era, name="opencode")
    agent.call("session_context")
    agent.read("locks://current")
    assert live(door) == []
    session = agent.call("acquire_lock", file_path="a.py")["session"]
    (found,) = live(door)
    assert (found["id"], found["life"], found["type"]) == (session, "beat", "opencode")
    agents.leave(agent)
    ended = shown(door, session)
    assert (ended["status"], ended["outcome"]) == ("ended", "completed")
    assert door.json("lock", "list")["locks"] == []
    assert agent.log == ""


def test_work_that_has_not_landed_is_marked_when_it_checks_out(door: Door, agents: Agents) -> None:
    agent = agents.inside()
    agent.call("acquire_lock", file_path="a.py")
    subprocess.run(["git", "switch", "-qc", "topic"], cwd=door.place, check=True)
    door.commit("a.py", "new\n")
    agents.leave(agent)
    (mark,) = door.json("lock", "list")["unlanded"]
    assert (mark["key"], mark["branch"]) == ("a.py", "topic")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_checks_it_out_too(door: Door, agents: Agents, number: signal.Signals) -> None:
    child = spoken_to(door.place)
    call = {"name": "acquire_lock", "arguments": {"file_path": "a.py"}}
    assert "result" in ask(child, 2, "tools/call", call)
    (found,) = live(door)
    # The input stays open: only the signal ends it.
    child.send_signal(number)
    assert child.wait(timeout=60) == 128 + number
    assert shown(door, found["id"])["status"] == "ended"
    assert door.json("lock", "list")["locks"] == []
    assert child.stderr is not None
    assert child.stderr.read() == b""
    for pipe in (child.stdin, child.stdout, child.stderr):
        assert pipe is not None
        pipe.close()


def test_in_a_client_that_says_who_it_is_hooks_commands_and_server_are_one_session(
    door: Door, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "u-1")
    begun = door.start("ada")
    agent = agents.inside(CLAUDE_CODE_SESSION_ID="u-1")
    # Known before anything acts.
    assert agent.call("session_context")["session_id"] == begun
    assert agent.call("acquire_lock", file_path="a.py")["session"] == begun
    assert [one["agent"] for one in door.json("lock", "list")["locks"]] == ["ada"]
    door("lock", "release", "a.py")
    assert agent.call("register_session", current_task="login")["resumed"] is True
    assert shown(door, begun)["task"] == "login"
    # Whoever has begun it says how its life is judged, and ends it.
    assert shown(door, begun)["life"] == "lease"
    agents.leave(agent)
    assert [one["id"] for one in live(door)] == [begun]


def test_a_command_of_the_client_continues_what_the_server_has_begun(
    door: Door, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agents.inside(GEMINI_SESSION_ID="g-1")
    session = agent.call("register_session")["session_id"]
    assert shown(door, session)["client"] == "gemini"
    monkeypatch.setenv("GEMINI_SESSION_ID", "g-1")
    found = door.json("session", "start")
    assert (found["resumed"], found["session"]["id"]) == (True, session)
    assert found["session"]["life"] == "beat"
    agents.leave(agent)
    assert live(door) == []


def test_codex_says_with_every_call_who_calls(door: Door, agents: Agents) -> None:
    agent = agents.inside(name="codex-mcp-client")
    one = agent.call("register_session", meta=CODEX)["session_id"]
    assert (shown(door, one)["client"], shown(door, one)["client_session"]) == ("codex", "c-1")
    other = {"x-codex-turn-metadata": {"session_id": "c-2"}}
    two = agent.call("acquire_lock", file_path="a.py", meta=other)["session"]
    assert two != one
    held = agent.raw("acquire_lock", file_path="a.py", meta=CODEX)
    assert held.is_error
    assert agent.call("acquire_lock", file_path="b.py", meta=CODEX)["session"] == one
    agents.leave(agent)
    assert live(door) == []


def test_a_named_session_is_acted_for_and_left_alone(door: Door, agents: Agents) -> None:
    ada = door.start("ada")
    agent = agents.inside(GITCOORD_SESSION=f"{ada}/tester", CLAUDE_CODE_SESSION_ID="u-1")
    assert agent.call("acquire_lock", file_path="a.py")["session"] == f"{ada}/tester"
    agents.leave(agent)
    (lock,) = door.json("lock", "list")["locks"]
    assert lock["session"] == f"{ada}/tester"
    assert [one["id"] for one in live(door)] == [ada]


def test_a_named_session_that_does_not_exist_is_begun_under_its_name(
    door: Door, agents: Agents
) -> None:
    agent = agents.inside(GITCOORD_SESSION="s-of-mine")
    assert agent.call("acquire_lock", file_path="a.py")["session"] == "s-of-mine"
    agents.leave(agent)
    assert shown(door, "s-of-mine")["status"] == "ended"
    # One that has ended keeps its id.
    again = agents.inside(GITCOORD_SESSION="s-of-mine")
    session = again.call("acquire_lock", file_path="a.py")["session"]
    assert session != "s-of-mine"
    assert again.call("acquire_lock", file_path="b.py")["session"] == session


@pytest.mark.parametrize("begun_by", ["server", "hook"])
def test_it_beats_and_keeps_locks_for_as_long_as_it_is_connected(
    door: Door, agents: Agents, monkeypatch: pytest.MonkeyPatch, begun_by: str
) -> None:
    door("config", "--shared", "beat_interval", "200ms")
    door("config", "--shared", "beat_ttl", "60s")
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "u-1")
    if begun_by == "hook":
        door("session", "start", "--life", "beat")
        door("lock", "acquire", "a.py", "--ttl", "8s")
        agents.inside(CLAUDE_CODE_SESSION_ID="u-1")
    else:
        agent = agents.inside(CLAUDE_CODE_SESSION_ID="u-1")
        agent.call("acquire_lock", file_path="a.py", ttl_minutes=1 / 60)
    (first,) = door.json("lock", "list")["locks"]
    (session,) = live(door)

    def renewed() -> bool:
        locks = door.json("lock", "list")["locks"]
        return bool(locks) and locks[0]["expires_at"] > first["expires_at"]

    until(renewed)
    (lock,) = door.json("lock", "list")["locks"]
    assert lock["token"] == first["token"]
    until(lambda: live(door)[0]["seen_at"] > session["seen_at"])


@posix
def test_a_server_that_is_killed_loses_everything_to_the_next_sweep(
    door: Door, agents: Agents
) -> None:
    door("config", "--shared", "beat_interval", "200ms")
    door("config", "--shared", "beat_ttl", "1s")
    door("config", "--shared", "waiter_ttl", "2s")
    dead = agents.stdio(name="dead")
    session = dead.call("acquire_lock", file_path="a.py", ttl_minutes=60)["session"]
    os.kill(command_pid(dead, door.place), signal.SIGKILL)
    # The other server looks for the dead while it beats, and grants what they held.
    rival = agents.inside(name="rival")
    found = rival.call("acquire_lock", file_path="a.py", wait_seconds=60)
    assert found["locked_by"] != session
    assert shown(door, session)["status"] == "timed_out"


def test_sessions_that_are_dead_are_swept_on_demand(door: Door, agents: Agents) -> None:
    door("config", "--shared", "beat_interval", "200ms")
    door("config", "--shared", "beat_ttl", "400ms")
    door("session", "start", "--name", "ghost", "--life", "beat", "--session", "s-ghost")
    door("lock", "acquire", "a.py", "b.py", "--session", "s-ghost")
    agent = agents.inside()
    cleaned: list[dict[str, Any]] = []

    def swept() -> bool:
        found = agent.call("cleanup_dead_agents")
        if found["agents_cleaned"]:
            cleaned.append(found)
        return bool(cleaned) or shown(door, "s-ghost")["status"] == "timed_out"

    until(swept)
    # Only the server looks here, so that it is the one who finds out.
    assert cleaned[0]["locks_released"] == 2
    assert [one["session_id"] for one in cleaned[0]["cleaned"]] == ["s-ghost"]
    gone = agent.call("discover_agents", status="disconnected")["agents"]
    assert [one["session_id"] for one in gone] == ["s-ghost"]


def test_in_a_linked_worktree_and_from_elsewhere_it_is_the_same_ledger(
    door: Door, agents: Agents, linked_worktree: str, tmp_path: Any
) -> None:
    here = agents.stdio(at=linked_worktree)
    here.call("acquire_lock", file_path=os.path.join(linked_worktree, "a.py"))
    assert door.json("lock", "list")["locks"][0]["key"] == "a.py"
    named = agents.stdio(at=str(tmp_path), CLAUDE_PROJECT_DIR=door.place)
    assert named.call("check_locks", file_paths=["a.py"])["free"] is False


def test_a_client_that_is_gone_without_a_word_is_checked_out(door: Door) -> None:
    child = spoken_to(door.place)
    call = {"name": "acquire_lock", "arguments": {"file_path": "a.py"}}
    assert "result" in ask(child, 2, "tools/call", call)
    assert child.stdout is not None
    child.stdout.close()
    body = {"jsonrpc": "2.0", "id": 3, "method": "ping"}
    say(child, json.dumps(body).encode())
    # The input is still open.
    assert child.wait(timeout=60) == 0
    assert live(door) == []
    for pipe in (child.stdin, child.stderr):
        assert pipe is not None
        pipe.close()
