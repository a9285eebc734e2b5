"""Where a git host decides: what hooks cost there, and what they answer when it is away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitcoord.entrypoints.hooks import signals
from gitcoord.entrypoints.hooks import visit as visits
from tests.entrypoints.conftest import outside
from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk
from tests.entrypoints.hooks.test_fast import quick
from tests.entrypoints.remote.clones import Clones
from tests.entrypoints.remote.conftest import clones, here, hub
from tests.gitrun import git
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost

__all__ = ["clones", "git_host", "here", "hub"]


@pytest.fixture
def talk(here: Door, capfd: pytest.CaptureFixture[str]) -> Talk:
    """Begin a conversation in a clone whose ledger is at the host."""
    here("init", "--remote", "origin")
    found = Talk(here.place, capfd)
    found.start()
    return found


def pushes(host: GitHost) -> int:
    return host.count(command="push")


@pytest.fixture
def other(
    clones: Clones, talk: Talk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Door:
    """Stand in a second clone, in which ada works."""
    door = outside(clones("two"), monkeypatch, capfd)
    door.become(door.start("ada"))
    monkeypatch.delenv("GITCOORD_SESSION")
    return door


def test_an_edit_is_locked_at_the_host_for_all_clones(
    here: Door, talk: Talk, other: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    assert talk.edit("src/a.py") == {}
    theirs = Talk(other.place, capfd, session="c-2")
    theirs.start()
    assert "src/a.py" in theirs.denied(theirs.edit("src/a.py"))


def test_only_a_new_lock_costs_a_push(here: Door, talk: Talk, hub: GitHost) -> None:
    hub.clear()
    talk.edit("README")
    assert pushes(hub) == 1
    for _ in range(3):
        talk.edit("README")
        talk.edit("README", "after")
        talk("prompt", prompt="go on")
        talk.shell("make")
        talk.shell("make", "after")
        talk("stop", stop_hook_active=False)
    assert pushes(hub) == 1
    talk("end", reason="other")
    assert pushes(hub) == 2


def test_being_stuck_costs_no_push_and_the_pause_at_a_cap_one(
    here: Door, talk: Talk, hub: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("config", "--shared", "spending_action", "pause")
    here("config", "--shared", "spending_requests", "1")
    hub.clear()
    for _ in range(6):
        talk.shell("make", "failed", error="no rule")
    assert pushes(hub) == 0
    path = tmp_path / "t.jsonl"
    message = {"id": "m", "model": "m-1", "usage": {"input_tokens": 1, "output_tokens": 1}}
    path.write_text(json.dumps({"type": "assistant", "message": message}) + "\n", encoding="utf-8")
    monkeypatch.setattr(signals, "COUNTING", 0.0)
    told = talk.told(talk.shell("date", "after", transcript_path=str(path)))
    assert "it has used 1 requests" in told
    assert pushes(hub) == 1
    assert "it has used 1 requests" in talk.denied(talk.shell("date"))


def test_a_session_at_a_host_lives_by_its_leases(here: Door, talk: Talk) -> None:
    assert here.json("session", "list")["sessions"][0]["life"] == "lease"


@pytest.fixture
def away(talk: Talk, hub: GitHost, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Hold a lock, know of another's, and lose the host."""
    monkeypatch.setattr(visits, "PATIENCE", 0.2)
    talk.edit("mine.py")
    hub.stop()
    return talk


def test_an_own_lock_holds_for_a_minute_without_the_host(away: Talk) -> None:
    assert quick(away, "mine.py")
    assert away.edit("mine.py") == {}


def test_after_a_minute_without_the_host_an_own_lock_is_not_relied_upon(
    away: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.hooks import memo

    monkeypatch.setattr(memo, "CONFIRMED", 0.0)
    away.track_gone()
    answered = away.edit("mine.py")
    assert away.denied(answered) == ""
    assert "not locked" in answered["systemMessage"]


def test_an_unknown_file_is_warned_of_while_the_host_is_away(away: Talk) -> None:
    answered = away.edit("new.py")
    assert away.denied(answered) == ""
    assert "not locked" in answered["systemMessage"]
    assert "not locked" in away.told(answered)


def test_with_when_unreachable_deny_it_is_refused(
    here: Door, talk: Talk, hub: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "PATIENCE", 0.2)
    here("config", "--shared", "when_unreachable", "deny")
    talk.edit("mine.py")
    hub.stop()
    assert "not locked" in talk.denied(talk.edit("new.py"))
    assert talk.edit("mine.py") == {}


def test_what_another_is_known_to_hold_is_refused_without_the_host(
    here: Door,
    talk: Talk,
    other: Door,
    hub: GitHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (ada,) = [x for x in other.json("session", "list")["sessions"] if x["agent"] == "ada"]
    other("lock", "acquire", "theirs.py", "--session", ada["id"])
    here.go(here.place)
    here("status")
    hub.stop()
    monkeypatch.setattr(visits, "PATIENCE", 0.2)
    assert "ada" in talk.denied(talk.edit("theirs.py"))


def test_a_host_that_hangs_is_answered_for_within_the_hook_s_time(
    here: Door, talk: Talk, hub: GitHost
) -> None:
    hub.latency = 20.0
    said = talk.process("before", **talk.editing("new.py"))
    hub.latency = 0.0
    assert "not locked" in said


def test_a_fresh_clone_finds_the_ledger_when_a_conversation_starts(
    talk: Talk, clones: Clones, capfd: pytest.CaptureFixture[str]
) -> None:
    place = clones("fresh")
    fresh = Talk(place, capfd, session="c-9")
    assert fresh.edit("README") == {}
    assert not Path(place, ".git", "gitcoord").exists()
    assert "session s-" in fresh.start()
    assert git(place, "config", "coord.remote").strip() == "origin"
