"""A clone without a ledger finds that of its remote by itself, once, and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.remote.clones import STATE, Clones, remote_of
from tests.gitrun import git
from tests.servers.faults import status
from tests.servers.git_http import GitHost


@pytest.fixture
def fresh(here: Door, clones: Clones, hub: GitHost) -> Door:
    """Stand in a clone that was made beside one whose ledger is at the host."""
    here("init", "--remote", "origin")
    here.start("ada")
    here.place = clones("two")
    here.go(here.place)
    hub.clear()
    return here


def test_the_first_command_finds_it_and_the_next_one_knows(fresh: Door) -> None:
    assert "ada" in fresh("status")
    assert "using the ledger of origin" in fresh.err
    assert remote_of(fresh.place) == "origin"
    fresh("status")
    assert "using" not in fresh.err
    assert refs(fresh.place) == ""


def test_under_json_there_is_the_document_alone(fresh: Door) -> None:
    assert len(fresh.json("status")["sessions"]) == 1
    assert fresh.err == ""


def test_a_decision_finds_it_too(fresh: Door) -> None:
    fresh.start("ben")
    assert len(fresh.json("session", "list")["sessions"]) == 2


@pytest.mark.parametrize("options", [("--depth=1",), ("--filter=blob:none",), ("--bare",)])
def test_every_kind_of_clone_finds_it(
    fresh: Door, clones: Clones, hub: GitHost, options: tuple[str, ...]
) -> None:
    hub.git("hub", "config", "uploadpack.allowFilter", "true")
    place = clones("three", *options)
    fresh.go(place)
    fresh.place = place
    shallow = Path(place, ".git", "shallow")
    before = shallow.read_bytes() if shallow.exists() else b""
    assert len(fresh.json("status")["sessions"]) == 1
    fresh.become(fresh.start("ben"))
    fresh("lock", "acquire", "src/a.py")
    assert [one["agent"] for one in fresh.json("lock", "list")["locks"]] == ["ben"]
    assert (shallow.read_bytes() if shallow.exists() else b"") == before
    assert "refs/coord/" not in refs(place)


def test_the_only_remote_counts_whatever_it_is_called(fresh: Door) -> None:
    git(fresh.place, "remote", "rename", "origin", "upstream")
    fresh("status")
    assert remote_of(fresh.place) == "upstream"


def test_of_several_remotes_without_an_origin_none_is_guessed(fresh: Door) -> None:
    git(fresh.place, "remote", "rename", "origin", "one")
    git(fresh.place, "remote", "add", "two", "https://example.invalid/x.git")
    assert fresh.refused("status", code=2)["code"] == "not_initialised"
    assert remote_of(fresh.place) == ""


def test_a_remote_that_the_project_file_names_is_asked(fresh: Door) -> None:
    git(fresh.place, "remote", "rename", "origin", "one")
    git(fresh.place, "remote", "add", "two", "https://example.invalid/x.git")
    fresh.write(".gitcoord.yaml", "remote: one\n")
    fresh("status")
    assert remote_of(fresh.place) == "one"


def test_a_url_in_the_project_file_is_followed_only_by_init(fresh: Door, hub: GitHost) -> None:
    hub.create("elsewhere")
    fresh.write(".gitcoord.yaml", f"remote: {hub.url('elsewhere')}\n")
    fresh("status", code=2)
    assert "gitcoord init" in fresh.err
    assert remote_of(fresh.place) == ""
    assert hub.count(path="/elsewhere.git/git-upload-pack") == 0
    fresh("init")
    assert remote_of(fresh.place) == hub.url("elsewhere")


def test_a_clone_that_is_to_be_local_asks_nobody(fresh: Door, hub: GitHost) -> None:
    git(fresh.place, "config", "coord.remote", "local")
    hub.clear()
    assert fresh.refused("status", code=2)["code"] == "not_initialised"
    assert hub.requests == []


def test_a_local_ledger_asks_nobody(here: Door, hub: GitHost) -> None:
    here("init")
    hub.clear()
    here.start("ada")
    here("status")
    assert hub.requests == []


def test_a_local_ledger_that_is_gone_is_not_replaced_by_another(fresh: Door) -> None:
    git(fresh.place, "config", "coord.remote", "local")
    fresh("init")
    git(fresh.place, "config", "--unset", "coord.remote")
    git(fresh.place, "update-ref", "-d", STATE)
    assert fresh.refused("status", code=6)["code"] == "ledger_missing"


def test_that_there_is_none_is_not_asked_again_for_a_minute(here: Door, hub: GitHost) -> None:
    hub.clear()
    assert here.refused("status", code=2)["code"] == "not_initialised"
    assert hub.count(service="upload-pack") == 1
    here.refused("status", code=2)
    assert hub.count(service="upload-pack") == 1


def test_a_host_that_is_away_is_no_ledger_and_that_is_said(fresh: Door, hub: GitHost) -> None:
    hub.stop()
    assert fresh.refused("status", code=2)["code"] == "not_initialised"
    for _ in range(2):
        fresh("status", code=2)
        assert "whether the remote has a ledger is not known" in fresh.err
        assert "Connection refused" in fresh.err
    assert remote_of(fresh.place) == ""


def test_a_host_that_was_away_is_asked_again_soon(fresh: Door, hub: GitHost) -> None:
    hub.faults.append(status(503, command="ls-refs"))
    fresh("status", code=2)
    hub.clear()
    fresh("status", code=2)
    assert hub.requests == []
    (note,) = Path(fresh.place, ".git", "gitcoord").glob("no-ledger-*")
    eleven_seconds_ago = note.stat().st_mtime - 11
    os.utime(note, (eleven_seconds_ago, eleven_seconds_ago))
    fresh("status")
    assert remote_of(fresh.place) == "origin"


def test_the_environment_names_a_remote_for_one_command(
    fresh: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITCOORD_REMOTE", "origin")
    assert len(fresh.json("status")["sessions"]) == 1
    assert remote_of(fresh.place) == ""
    monkeypatch.setenv("GITCOORD_REMOTE", "local")
    assert fresh.refused("status", code=2)["code"] == "not_initialised"


def test_a_wrong_remote_is_named_with_its_place(
    fresh: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(fresh.place, "config", "coord.remote", "gone")
    error = fresh.refused("status", code=2)
    assert error["code"] == "invalid_url"
    assert "coord.remote" in error["message"]
    fresh("config", "remote", "origin")
    fresh("status")
    monkeypatch.setenv("GITCOORD_REMOTE", "ext::sh -c id")
    assert "GITCOORD_REMOTE" in fresh.refused("status", code=2)["message"]


def test_where_and_status_say_who_decides(fresh: Door, hub: GitHost) -> None:
    where = fresh.json("where")["where"]
    assert (where["arbiter"], where["remote"]["name"]) == ("host", "origin")
    assert where["remote"]["url"] == hub.url("hub")
    assert where["remote"]["contact"] < 60
    assert abs(where["remote"]["clock_offset"]) < 60
    said = fresh("where")
    assert f"origin ({hub.url('hub')})" in said
    fresh("config", "--shared", "push_budget", "6")
    remote = fresh.json("status")["remote"]
    assert (remote["push_budget"], remote["pushes"]) == (6, 3)
    assert "3 of 6 pushes this minute" in fresh("status")


def test_secrets_in_a_url_are_never_shown(fresh: Door, hub: GitHost) -> None:
    hub.users["ada"] = "secret-word"
    git(fresh.place, "config", "coord.remote", hub.url("hub", "ada", "secret-word"))
    said = ""
    for words in (
        ["where"],
        ["where", "--json"],
        ["status"],
        ["doctor", "--remote"],
        ["doctor"],
        ["config"],
        ["config", "remote", "--json"],
        ["config", "remote", hub.url("hub", "ada", "secret-word")],
        ["uninstall", "--dry-run"],
    ):
        said += fresh(*words) + fresh.err
    assert hub.base in said
    assert "secret-word" not in said
    hub.users["ada"] = "another"
    fresh("lock", "acquire", "x", code=2)
    fresh("status")
    assert "secret-word" not in fresh.err


def test_secrets_in_a_url_are_in_nothing_that_is_stored(fresh: Door, hub: GitHost) -> None:
    hub.users["ada"] = "secret-word"
    git(fresh.place, "config", "coord.remote", hub.url("hub", "ada", "secret-word"))
    fresh.become(fresh.start("ben"))
    fresh("task", "add", "Write it", "--id", "t-1")
    fresh("task", "claim", "t-1", "--keys", "src/a.py")
    fresh.commit("src/a.py", "1")
    fresh("change", "record", "--path", "src/a.py", "--later")
    fresh("handoff", "write", "Half done")
    fresh("lock", "release", "--all")
    fresh.become(None)
    fresh("config", "--shared", "push_budget", "6")
    stored = hub.git("hub", "log", "--format=%B", "-p", "--root", STATE)
    assert "t-1" in stored
    assert "secret-word" not in stored
    for file in Path(fresh.place, ".git", "gitcoord").rglob("*"):
        assert file.is_dir() or b"secret-word" not in file.read_bytes(), file


def test_secrets_in_a_url_of_the_project_file_are_not_shown(fresh: Door, hub: GitHost) -> None:
    fresh.write(".gitcoord.yaml", f"remote: {hub.url('hub', 'ada', 'secret-word')}\n")
    fresh("status", code=2)
    assert f".gitcoord.yaml names a ledger at {hub.url('hub')}" in fresh.err
    assert "secret-word" not in fresh.err


def test_uninstall_leaves_the_ledger_at_the_host(fresh: Door, hub: GitHost) -> None:
    fresh("status")
    before = hub.refs("hub")
    assert "stays for the others" in fresh("uninstall", "--yes")
    assert hub.refs("hub") == before
    assert remote_of(fresh.place) == ""
    assert not os.path.exists(os.path.join(fresh.place, ".git", "gitcoord"))


def test_uninstall_asks_while_sessions_of_this_machine_are_live(here: Door) -> None:
    here("init", "--remote", "origin")
    session = here.start("ada")
    error = here.refused("uninstall", "--yes")
    assert error["sessions"] == [session]
    here("uninstall", "--yes", "--force")
