"""`gitcoord init --remote`: whose ledger a clone uses, and that none is ever overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from gitcoord.entrypoints.cli import joining, moving
from gitcoord.entrypoints.cli.joining import host_name
from gitcoord.storage.wire.address import parsed
from tests.entrypoints.door import Door, refs
from tests.entrypoints.remote.clones import STATE, Clones, remote_of
from tests.gitrun import git
from tests.servers.git_http import GitHost

ROOT = str(Path(__file__).parents[3])


def test_a_ledger_is_begun_at_the_host_and_nothing_of_it_is_in_the_clone(
    here: Door, hub: GitHost
) -> None:
    found = here.json("init", "--remote", "origin")
    assert (found["created"], found["ledger"]["remote"]) == (True, "origin")
    assert hub.refs("hub")[STATE] == found["ledger"]["head"]
    assert refs(here.place) == ""
    assert remote_of(here.place) == "origin"
    settings = found["settings"]
    assert (settings["beat_interval"], settings["clock_tolerance"]) == (60, 30)
    assert settings["target_branch"] == "main"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/a/b.git", "github.com"),
        ("https://word@github.com:443/a/b", "github.com"),
        ("git@github.com:a/b.git", "github.com"),
        ("ssh://git@ssh.github.com:443/a/b.git", "ssh.github.com"),
        ("/srv/github.com/b.git", ""),
    ],
)
def test_the_host_is_known_by_its_name_in_all_forms(url: str, name: str) -> None:
    assert host_name(parsed(url, "/")) == name


@pytest.mark.parametrize(("name", "budget"), [("github.com", 6), ("example.org", 0)])
def test_a_ledger_at_github_begins_with_the_push_budget_that_is_advised_there(
    here: Door, monkeypatch: pytest.MonkeyPatch, name: str, budget: int
) -> None:
    monkeypatch.setattr(joining, "host_name", lambda address: name)
    assert here.json("init", "--remote", "origin")["settings"]["push_budget"] == budget


def test_the_ledger_that_the_host_has_is_used(here: Door, hub: GitHost, clones: Clones) -> None:
    head = here.json("init", "--remote", "origin")["ledger"]["head"]
    here.go(clones("two"))
    found = here.json("init", "--remote", "origin")
    assert (found["created"], found["ledger"]["head"]) == (False, head)
    assert hub.refs("hub")[STATE] == head
    assert remote_of(os.getcwd()) == "origin"


def test_without_remote_a_ledger_at_origin_is_used_and_that_is_said(
    here: Door, clones: Clones
) -> None:
    here("init", "--remote", "origin")
    here.go(clones("two"))
    assert "at origin; that one is used" in here("init")
    assert remote_of(os.getcwd()) == "origin"


def test_a_second_init_changes_nothing(here: Door, hub: GitHost) -> None:
    here("init", "--remote", "origin")
    before = hub.refs("hub")
    for words in (["init"], ["init", "--remote", "origin"]):
        assert here.json(*words)["created"] is False
        assert hub.refs("hub") == before


def test_who_can_read_it_is_said(here: Door, hub: GitHost) -> None:
    here("init", "--remote", "origin")
    assert "can be read without signing in" in here.err
    assert hub.url("hub") in here.err


def test_a_host_that_wants_to_know_who_asks_is_not_called_public(here: Door, hub: GitHost) -> None:
    hub.users["ada"] = "secret-word"
    url = hub.url("hub", "ada", "secret-word")
    said = here("init", "--remote", url)
    assert "whoever can read" in here.err
    assert "signing in" not in here.err
    assert "secret-word" not in said + here.err


def test_a_private_repository_keeps_the_ledger_of_a_public_one(here: Door, hub: GitHost) -> None:
    hub.create("private")
    here("init", "--remote", hub.url("private"))
    assert STATE in hub.refs("private")
    assert STATE not in hub.refs("hub")
    here.start("ada")
    here("lock", "acquire", "src/a.py")
    assert len(here.json("lock", "list")["locks"]) == 1


def test_an_empty_local_ledger_gives_way_and_its_settings_are_kept(
    here: Door, hub: GitHost
) -> None:
    here("init", "--set", "lock_ttl=1h")
    found = here.json("init", "--remote", "origin")
    assert found["created"] is True
    assert found["settings"]["lock_ttl"] == 3600
    assert found["settings"]["beat_ttl"] == 300


@pytest.fixture
def busy(here: Door) -> Door:
    """Stand in a clone whose local ledger has open records."""
    here("init")
    here.start("ada")
    here("task", "add", "Write it")
    here("lock", "acquire", "src/a.py")
    return here


def test_open_records_here_are_not_left_without_asking(busy: Door, hub: GitHost) -> None:
    error = busy.refused("init", "--remote", "origin")
    assert error["code"] == "already_initialised"
    assert "--move" in error["hint"]
    assert "--leave" in error["hint"]
    assert error["local"] == {"live sessions": 1, "locks": 1, "unfinished tasks": 1}
    assert STATE not in hub.refs("hub")
    assert remote_of(busy.place) == ""


def test_a_ledger_moves_to_the_host_as_it_is(busy: Door, hub: GitHost, clones: Clones) -> None:
    head = git(busy.place, "rev-parse", STATE)
    found = busy.json("init", "--remote", "origin", "--move")
    assert (found["created"], found["moved"]) == (False, True)
    assert hub.git("hub", "merge-base", "--is-ancestor", head, STATE) == ""
    assert git(busy.place, "for-each-ref", "--format=%(refname) %(objectname)", "refs/coord",
               "refs/coord-moved").splitlines() == [f"refs/coord-moved/state {head}"]  # fmt: skip
    assert found["settings"]["beat_ttl"] == 300
    assert [x["key"] for x in busy.json("lock", "list")["locks"]] == ["src/a.py"]
    busy("lock", "release", "--all")
    error = busy.refused("export", "--local", code=6)
    assert (error["code"], "moved to a git host" in error["message"]) == ("ledger_missing", True)
    assert "--restore" not in error["hint"]
    busy.go(clones("two"))
    assert len(busy.json("task", "list")["tasks"]) == 1


def test_what_waits_for_the_next_decision_moves_along(busy: Door) -> None:
    busy("change", "record", "--path", "a.py", "--later")
    busy("init", "--remote", "origin", "--move")
    busy("lock", "release", "--all")
    assert [x["path"] for x in busy.json("change", "list")["changes"]] == ["a.py"]


def test_a_move_that_was_cut_short_is_taken_up_again(busy: Door, hub: GitHost) -> None:
    git(busy.place, "push", "-q", "origin", STATE)
    assert busy.json("init", "--remote", "origin")["created"] is False
    assert len(busy.json("lock", "list")["locks"]) == 1
    assert remote_of(busy.place) == "origin"


def test_a_ledger_that_the_host_gets_during_a_move_is_not_overwritten(
    busy: Door, hub: GitHost, clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, publish = clones("two"), moving._publish

    def overtaken(*given: Any) -> None:
        with closing(open_house(other, os.environ, remote="origin")) as house:
            house.coordinator.begin(Begin())
        publish(*given)

    monkeypatch.setattr(moving, "_publish", overtaken)
    local = refs(busy.place)
    assert busy.refused("init", "--remote", "origin", "--move")["code"] == "both_have_content"
    assert hub.git("hub", "rev-list", "--count", STATE) == "1"
    assert refs(busy.place) == local
    assert remote_of(busy.place) == ""


def test_two_ledgers_with_records_are_both_left_alone(
    busy: Door, hub: GitHost, clones: Clones
) -> None:
    busy.go(clones("two"))
    busy("init", "--remote", "origin")
    busy("task", "add", "Theirs")
    at_host = hub.refs("hub")
    busy.go(busy.place)
    for words in ((), ("--move",)):
        error = busy.refused("init", "--remote", "origin", *words)
        assert error["code"] == "both_have_content"
        assert hub.refs("hub") == at_host
        assert remote_of(busy.place) == ""
    assert "gitcoord init --remote origin --leave" in error["hint"]
    assert "gitcoord export --local | gitcoord import -" in error["hint"]


def test_the_open_records_can_be_brought_along(busy: Door, clones: Clones, tmp_path: Path) -> None:
    busy.go(clones("two"))
    busy("init", "--remote", "origin")
    busy("task", "add", "Theirs")
    busy.go(busy.place)
    local = refs(busy.place)
    busy("init", "--remote", "origin", "--leave")
    Path(tmp_path, "all.jsonl").write_text(busy("export", "--local"))
    busy("import", str(tmp_path / "all.jsonl"))
    titles = {task["title"] for task in busy.json("task", "list")["tasks"]}
    assert titles == {"Theirs", "Write it"}
    assert refs(busy.place) == local
    assert busy.json("init")["created"] is False


def test_secrets_in_a_url_are_in_no_advice_about_two_ledgers(
    here: Door, clones: Clones, hub: GitHost
) -> None:
    here("init")
    here("task", "add", "mine")
    first, url = here.place, hub.url("hub", "ada", "secret-word")
    error = here.refused("init", "--remote", url)
    assert (error["code"], "secret-word" in json.dumps(error)) == ("already_initialised", False)
    assert f"--remote {hub.url('hub')} --move" in error["hint"]
    here.go(clones("two"))
    here("init", "--remote", "origin")
    here.go(first)
    error = here.refused("init", "--remote", url)
    assert (error["code"], "secret-word" in json.dumps(error)) == ("both_have_content", False)
    assert "secret-word" not in json.dumps(here.refused("init", "--remote", f"{url}\n", code=2))


def test_this_repository_is_no_remote_of_itself(busy: Door) -> None:
    for words in (["--move"], ["--leave"], []):
        error = busy.refused("init", "--remote", busy.place, *words, code=2)
        assert "this repository itself" in error["message"]


def test_a_path_means_the_same_from_every_folder(here: Door, hub: GitHost, tmp_path: Path) -> None:
    os.mkdir(os.path.join(here.place, "deep"))
    here.go(os.path.join(here.place, "deep"))
    here("init", "--remote", os.path.relpath(hub.path("hub")))
    here.go(here.place)
    assert here.json("where")["where"]["arbiter"] == "host"
    assert STATE in hub.refs("hub")


def test_of_several_first_inits_one_begins_and_the_others_use_it(
    hub: GitHost, clones: Clones
) -> None:
    command = [sys.executable, "-m", "gitcoord", "init", "--remote", "origin", "--json"]
    children = [
        subprocess.Popen(
            command,
            cwd=clones(f"c{at}"),
            env=os.environ | {"PYTHONPATH": ROOT},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for at in range(4)
    ]
    said = [json.loads(child.communicate()[0]) for child in children]
    assert all(one["ok"] for one in said), said
    assert sum(one["created"] for one in said) == 1
    assert {one["ledger"]["head"] for one in said} == {hub.refs("hub")[STATE]}


def test_the_word_local_goes_back_to_this_machine(here: Door, hub: GitHost) -> None:
    here("init", "--remote", "origin")
    at_host = hub.refs("hub")
    assert here.json("init", "--remote", "local")["ledger"]["remote"] is None
    assert remote_of(here.place) == "local"
    assert STATE in refs(here.place)
    assert hub.refs("hub") == at_host


@pytest.mark.parametrize(
    ("remote", "code", "exit_code"),
    [
        ("nowhere-at-all", "invalid_url", 2),
        ("ext::sh -c true", "invalid_url", 2),
        ("--upload-pack=x", "invalid_url", 2),
        ("ftp://127.0.0.1/x", "invalid_url", 2),
    ],
)
def test_what_is_no_remote_is_refused(
    here: Door, hub: GitHost, remote: str, code: str, exit_code: int
) -> None:
    error = here.refused("init", f"--remote={remote}", code=exit_code)
    assert error["code"] == code
    assert remote_of(here.place) == ""
    assert "hint" in error


def test_a_host_that_is_away_begins_nothing(here: Door, hub: GitHost) -> None:
    hub.stop()
    error = here.refused("init", "--remote", "origin", code=5)
    assert error["code"] == "host_unreachable"
    assert remote_of(here.place) == ""


def test_a_plain_init_while_the_host_is_away_is_local_and_says_so(here: Door, hub: GitHost) -> None:
    hub.stop()
    assert here.json("init")["ledger"]["remote"] is None
    here("init")
    assert remote_of(here.place) == ""


def test_wrong_credentials_begin_nothing_and_are_not_shown(here: Door, hub: GitHost) -> None:
    hub.users["ada"] = "right-word"
    url = hub.url("hub", "ada", "wrong-word")
    error = here.refused("init", "--remote", url, code=5)
    assert error["code"] == "access_denied"
    assert "wrong-word" not in json.dumps(error)
    assert remote_of(here.place) == ""


def test_who_may_only_read_is_refused(here: Door, hub: GitHost) -> None:
    hub.users["ada"] = "word"
    hub.readers.add("ada")
    error = here.refused("init", "--remote", hub.url("hub", "ada", "word"), code=5)
    assert error["code"] == "access_denied"
    assert STATE not in hub.refs("hub")
    assert remote_of(here.place) == ""


def test_a_host_that_hides_the_ledger_is_refused(here: Door, hub: GitHost) -> None:
    hub.hide("hub", "refs/coord")
    error = here.refused("init", "--remote", "origin", code=5)
    assert error["code"] == "host_refused"
    assert "refs/coord" in error["hint"]
    assert remote_of(here.place) == ""


def test_a_newer_format_at_the_host_is_refused_and_nothing_changes(
    here: Door, hub: GitHost, repo: str
) -> None:
    Path(repo, "meta.json").write_text('{"format": 99, "epoch": 1, "seq": 1}')
    git(repo, "add", "meta.json")
    git(repo, "commit", "-q", "-m", "from the future")
    git(repo, "push", "-q", hub.url("hub"), f"HEAD:{STATE}")
    before = hub.refs("hub")
    for words in (["init", "--remote", "origin"], ["init"], ["status"]):
        assert here.refused(*words, code=6)["code"] == "format_too_new"
        assert remote_of(here.place) == ""
        assert hub.refs("hub") == before


def test_what_is_no_ledger_is_refused_and_nothing_changes(
    here: Door, hub: GitHost, repo: str
) -> None:
    git(repo, "push", "-q", hub.url("hub"), f"main:{STATE}")
    before = hub.refs("hub")
    for words in (["init", "--remote", "origin"], ["status"]):
        assert here.refused(*words, code=6)["code"] == "corrupt_record"
        assert remote_of(here.place) == ""
        assert hub.refs("hub") == before
