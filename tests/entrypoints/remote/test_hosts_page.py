"""What docs/hosts.md says about mirrors, hooks and looking at the ledger is true."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.remote.clones import STATE, Clones
from tests.gitrun import git
from tests.servers.git_http import GitHost

PAGE = Path(__file__).parents[3] / "docs" / "hosts.md"


def pushed(place: str, *words: str) -> int:
    return subprocess.run(
        ["git", "-C", place, "push", "-q", *words], capture_output=True
    ).returncode


@pytest.fixture
def joined(here: Door) -> Door:
    """Stand in a clone whose ledger, with a lock in it, is at the host."""
    here("init", "--remote", "origin")
    here.become(here.start("ada"))
    here("lock", "acquire", "src/a.py")
    return here


def test_a_mirror_push_deletes_the_ledger_and_it_comes_back(
    joined: Door, hub: GitHost, clones: Clones
) -> None:
    other = clones("two")
    joined.go(other)
    joined("lock", "list")
    assert pushed(other, "--mirror", "origin") == 0
    assert STATE not in hub.refs("hub")
    for place in (other, joined.place):
        joined.go(place)
        for words in (["status"], ["lock", "acquire", "b.py"], ["init"]):
            assert joined.refused(*words, code=6)["code"] == "ledger_missing"
        assert STATE not in hub.refs("hub")
    said = joined("doctor", "--restore")
    assert "at origin as epoch 2" in said
    assert "other clones" in said
    for place in (other, joined.place):
        joined.go(place)
        assert [one["key"] for one in joined.json("lock", "list")["locks"]] == ["src/a.py"]
    assert joined.json("doctor")["verdict"] != "error"


def test_what_a_host_denies_to_branches_neither_hurts_nor_protects_the_ledger(
    here: Door, hub: GitHost, clones: Clones
) -> None:
    hub.git("hub", "config", "receive.denyNonFastForwards", "true")
    hub.git("hub", "config", "receive.denyDeletes", "true")
    here("init", "--remote", "origin")
    first = hub.refs("hub")[STATE]
    here.become(here.start("ada"))
    here("lock", "acquire", "src/a.py")
    other = clones("two")
    # Rewound, then deleted.
    assert pushed(here.place, "--force", "origin", f"{first}:{STATE}") != 0
    git(here.place, "fetch", "-q", "origin", first)
    assert pushed(here.place, "--force", "origin", f"{first}:{STATE}") == 0
    assert here.refused("status", code=6)["code"] == "ledger_rewound"
    here("doctor", "--restore")
    assert pushed(other, "--mirror", "origin") == 0
    assert here.refused("status", code=6)["code"] == "ledger_missing"
    here("doctor", "--restore")
    assert [one["key"] for one in here.json("lock", "list")["locks"]] == ["src/a.py"]


def test_a_plain_doctor_says_that_it_is_gone_and_what_to_do(joined: Door, hub: GitHost) -> None:
    hub.git("hub", "update-ref", "-d", STATE)
    findings = joined.json("doctor", code=6)["findings"]
    (gone,) = (one for one in findings if one["code"] == "ledger_missing")
    assert "--restore" in gone["hint"]


def test_the_hook_keeps_the_ledger_and_lets_everything_else_pass(
    joined: Door, hub: GitHost, clones: Clones
) -> None:
    found = re.search(r"```sh\n(#!/bin/sh\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    hook = hub.path("hub") / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(found[1], encoding="utf-8")
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    joined("lock", "acquire", "b.py")
    before = hub.refs("hub")[STATE]
    other = clones("two")
    pushed(other, "--mirror", "origin")
    pushed(other, "--force", "origin", f"main:{STATE}")
    assert hub.refs("hub")[STATE] == before
    git(other, "commit", "-q", "--allow-empty", "-m", "more")
    assert pushed(other, "origin", "main") == 0
    joined("lock", "release", "--all")


def test_the_other_push_that_is_named_leaves_the_ledger(joined: Door, hub: GitHost) -> None:
    before = hub.refs("hub")
    words = ("refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
    assert all(word in PAGE.read_text(encoding="utf-8") for word in words)
    assert pushed(joined.place, "--prune", "origin", *words) == 0
    assert hub.refs("hub") == before


def test_the_ledger_can_be_seen_with_git_alone_and_is_not_in_the_clone(joined: Door) -> None:
    line = next(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if "ledger.git log" in line
    )
    done = subprocess.run(line.split(), cwd=joined.place, capture_output=True, text=True)
    assert "lock: ada takes src/a.py" in done.stdout
    assert "lock:" not in git(joined.place, "log", "--all", "--format=%s")


def test_a_local_ledger_is_left_out_of_a_log_as_the_page_says(bare_door: Door) -> None:
    bare_door("init")
    words = re.search(r"`git (log --exclude=.*?)`", PAGE.read_text(encoding="utf-8"))
    assert words is not None
    everything = git(bare_door.place, "log", "--all", "--format=%s").splitlines()
    left = git(bare_door.place, *shlex.split(words[1]), "--format=%s").splitlines()
    assert len(everything) == len(left) + 1


def test_every_code_of_the_table_is_one_of_ours() -> None:
    from gitcoord.entrypoints.cli.failures import exit_code
    from gitcoord.errors import GitcoordError, by_code

    table = PAGE.read_text(encoding="utf-8").partition("## When something is wrong")[2]
    rows = re.findall(r"^\| (`.*?) \| (\d) \|", table, re.MULTILINE)
    codes = [(code, int(exits)) for row, exits in rows for code in row.split(", ")]
    assert len(codes) > 10
    for code, exits in codes:
        error = by_code({"code": code.strip("`"), "message": ""})
        assert type(error) is not GitcoordError, code
        assert exit_code(error) == exits, code
