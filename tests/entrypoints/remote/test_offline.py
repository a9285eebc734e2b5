"""While the host is away reads say how old they are, decisions fail, notes are kept."""

from __future__ import annotations

import os

import pytest

from gitcoord.entrypoints.cli.desk import Desk
from tests.entrypoints.door import Door
from tests.entrypoints.remote.clones import Clones
from tests.gitrun import git
from tests.servers.git_http import GitHost


@pytest.fixture
def cut_off(here: Door, hub: GitHost, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Stand in a clone with a live session, a task and a lock, whose host has just gone away."""
    monkeypatch.setattr(Desk, "patience", 0.2)
    here("init", "--remote", "origin")
    here.become(here.start("ada"))
    here("task", "add", "Write it", "--id", "t-1")
    here("task", "claim", "t-1", "--keys", "src/a.py")
    hub.stop()
    return here


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "--oneline"),
        ("where",),
        ("whoami",),
        ("context",),
        ("log",),
        ("config",),
        ("config", "lock_ttl"),
        ("session", "list"),
        ("session", "show"),
        ("lock", "list"),
        ("lock", "check", "src/a.py"),
        ("task", "list"),
        ("task", "show", "t-1"),
        ("task", "graph"),
        ("handoff", "read"),
        ("change", "list"),
        ("message", "inbox"),
        ("memory", "recall", "x"),
        ("memory", "get"),
    ],
    ids=" ".join,
)
def test_reads_answer_from_what_is_known_and_say_since_when(
    cut_off: Door, words: tuple[str, ...]
) -> None:
    if words == ("status", "--oneline"):
        # A prompt relies on what was heard a moment ago.
        assert cut_off.json(*words)["as_of"]["error"] is None
        return
    found = cut_off.json(*words)["as_of"]
    assert found["error"] == "host_unreachable"
    assert 0 <= found["age"] < 600
    assert found["head"]
    cut_off(*words)
    assert cut_off.err.startswith("as of ")
    assert len(cut_off.err.splitlines()) == 1


def test_an_export_says_since_when_beside_the_records(cut_off: Door) -> None:
    assert '"t-1"' in cut_off("export")
    assert cut_off.err.startswith("as of ")


def test_a_fresh_answer_is_as_of_now(here: Door) -> None:
    here("init", "--remote", "origin")
    found = here.json("status")["as_of"]
    assert found["error"] is None
    assert found["age"] < 60
    here("status")
    assert here.err == ""


def test_a_local_ledger_has_no_age(bare_door: Door) -> None:
    bare_door("init")
    assert "as_of" not in bare_door.json("status")


@pytest.mark.parametrize(
    "words",
    [
        ("lock", "acquire", "x"),
        ("lock", "release", "--all"),
        ("task", "complete", "t-1"),
        ("memory", "set", "plan", "x"),
    ],
    ids=" ".join,
)
def test_decisions_are_unavailable_and_change_nothing(
    cut_off: Door, hub: GitHost, words: tuple[str, ...]
) -> None:
    before = hub.refs("hub")
    error = cut_off.refused(*words, code=5)
    assert error["code"] == "host_unreachable"
    assert error["hint"]
    assert hub.refs("hub") == before


def test_what_may_wait_is_kept_and_goes_with_the_next_decision(
    cut_off: Door, hub: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "kept here, sent with the next decision" in cut_off("handoff", "write", "Half done")
    assert cut_off.json("handoff", "write", "Nearly done")["spooled"] is True
    assert cut_off.json("task", "note", "t-1", "on it")["spooled"] is True
    assert "kept here" in cut_off("task", "note", "t-1", "still on it")
    assert cut_off.json("change", "record", "--path", "src/a.py")["spooled"] is True
    assert "kept here" in cut_off("change", "record", "--path", "src/b.py")
    assert cut_off.json("message", "send", "on my way")["spooled"] is True
    assert "kept here" in cut_off("message", "send", "nearly there", "--id", "m-2")
    assert cut_off.json("memory", "remember", "hosts go away")["spooled"] is True
    assert "kept here" in cut_off("memory", "remember", "and come back")
    hub.start()
    monkeypatch.setattr(Desk, "patience", 20.0)
    cut_off("task", "complete", "t-1")
    summaries = {one["summary"] for one in cut_off.json("handoff", "read", "--all")["handoffs"]}
    assert summaries == {"Half done", "Nearly done"}
    texts = {one["text"] for one in cut_off.json("task", "show", "t-1")["notes"]}
    assert texts >= {"on it", "still on it"}
    paths = {one["path"] for one in cut_off.json("change", "list")["changes"]}
    assert paths == {"src/a.py", "src/b.py"}
    sent = {one["text"] for one in cut_off.json("message", "inbox", "--sent")["messages"]}
    assert sent == {"on my way", "nearly there"}
    learned = {one["summary"] for one in cut_off.json("memory", "recall")["memories"]}
    assert learned == {"hosts go away", "and come back"}


def test_the_inbox_is_read_offline_and_its_sender_hears_of_it_with_the_next_decision(
    here: Door, hub: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "patience", 0.2)
    here("init", "--remote", "origin")
    ada, bob = here.start("ada"), here.start("bob")
    here("message", "send", "may I?", "--to", "bob", "--ack", "--session", ada)
    here("message", "send", "hello", "--to", "bob", "--session", ada)
    here.become(bob)
    hub.stop()
    first = here.json("message", "inbox")
    assert [one["text"] for one in first["messages"]] == ["may I?", "hello"]
    assert first["as_of"]["error"] == "host_unreachable"
    assert here.json("message", "inbox")["messages"] == []
    asked = first["messages"][0]["id"]
    assert here.json("message", "ack", asked)["spooled"] is True
    assert "kept here" in here("message", "ack", asked)
    hub.start()
    monkeypatch.setattr(Desk, "patience", 20.0)
    here("session", "heartbeat")
    found = here.json("message", "inbox", "--sent", "--session", ada)["messages"]
    assert [one["receipts"][0]["status"] for one in found] == ["read", "acknowledged"]


def test_what_the_last_known_state_refuses_is_not_kept(cut_off: Door) -> None:
    assert cut_off.refused("task", "note", "t-2", "x")["code"] == "task_not_found"
    assert cut_off.refused("handoff", "write", "", code=2)["code"] == "summary_required"
    assert cut_off.refused("memory", "remember", "", code=2)["code"] == "summary_required"


def test_a_clone_that_has_never_met_the_host_can_show_nothing(
    here: Door, hub: GitHost, clones: Clones
) -> None:
    here("init", "--remote", "origin")
    here.go(clones("two"))
    here.place = os.getcwd()
    hub.stop()
    error = here.refused("init", "--remote", "origin", code=5)
    assert error["code"] == "host_unreachable"
    git(here.place, "config", "coord.remote", "origin")
    here("status", code=5)
    assert here.err.count("Connection refused") == 1
