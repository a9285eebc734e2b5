"""`gitcoord context --env`: flags that a shell can evaluate, also where there is nothing."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gitcoord.clients.skills import GENERAL, WORKFLOW, text
from gitcoord.entrypoints.cli import flags
from gitcoord.entrypoints.cli.root import cli
from tests.entrypoints.door import Door
from tests.gitrun import git

#: The one line that every skill begins with.
LINE = "gitcoord context --env 2>/dev/null || echo COORDINATOR_AVAILABLE=false"


def evaluated(text: str) -> dict[str, str]:
    """Return the flags as a shell sees them."""
    found = {}
    for line in text.splitlines():
        (word,) = shlex.split(line)
        name, _, value = word.partition("=")
        assert re.fullmatch(r"COORDINAT[A-Z_]+|CAN_[A-Z_]+", name)
        found[name] = value
    return found


def test_with_a_ledger_every_flag_says_whether_its_commands_exist(door: Door) -> None:
    found = evaluated(door("context", "--env"))
    assert found["COORDINATOR_AVAILABLE"] == "true"
    assert found["COORDINATION_TRANSPORT"] == "cli"
    assert found["COORDINATION_REASON"] == "ok"
    assert found["CAN_LOCK"] == found["CAN_QUEUE_WORK"] == found["CAN_HANDOFF"] == "true"
    for flag, commands in flags.CAN.items():
        help_of = [door(*name.split(), "--help", code=code(name)) for name in commands]
        shown = all(said.startswith("Usage:") for said in help_of)
        assert found[flag] == ("true" if shown else "false")


def code(name: str) -> int:
    return 0 if flags.exists(name) else 2


def test_a_noun_or_a_verb_that_is_not_there_is_no_command() -> None:
    assert flags.exists("lock acquire")
    assert not flags.exists("lock juggle")
    assert not flags.exists("nonsense acquire")
    assert not flags.exists("status acquire")


def test_programs_get_the_same_as_one_document(door: Door) -> None:
    said = door.json("context", "--env")
    assert (said["status"], said["coordinator_available"], said["can_lock"]) == ("ok", True, True)
    assert said["env"] == evaluated(door("context", "--env"))


def test_without_a_ledger_all_is_false_and_nothing_fails(bare_door: Door) -> None:
    found = evaluated(bare_door("context", "--env"))
    assert found.pop("COORDINATION_REASON") == "not_initialised"
    assert found.pop("COORDINATION_TRANSPORT") == "none"
    assert set(found.values()) == {"false"}
    assert bare_door.json("context", "--env")["status"] == "skipped"
    assert bare_door.err == ""
    bare_door("context", code=2)


def test_outside_of_a_repository_all_is_false(bare_door: Door, tmp_path: Path) -> None:
    bare_door.go(str(tmp_path))
    found = evaluated(bare_door("context", "--env"))
    assert (found["COORDINATOR_AVAILABLE"], found["COORDINATION_REASON"]) == (
        "false",
        "not_a_repository",
    )


def test_a_ledger_that_is_gone_is_none_to_count_on(door: Door) -> None:
    git(door.place, "update-ref", "-d", "refs/coord/state")
    found = evaluated(door("context", "--env"))
    assert found["COORDINATION_REASON"] == "ledger_missing"
    assert found["CAN_LOCK"] == "false"


def test_a_host_that_does_not_answer_is_none_to_count_on(door: Door) -> None:
    git(door.place, "config", "coord.remote", "http://127.0.0.1:9/none.git")
    found = evaluated(door("context", "--env"))
    assert found["COORDINATOR_AVAILABLE"] == "false"
    assert found["COORDINATION_REASON"] == "host_unreachable"


def test_where_the_shell_cannot_write_the_server_is_used_if_there_is_one(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door("setup", "codex", "--scope", "project", "--yes")
    real = os.access
    # Permissions do not stop every user that runs tests; what git's directory says is the point.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    assert evaluated(door("context", "--env"))["COORDINATION_REASON"] == "read_only"
    monkeypatch.setenv("CODEX_SESSION_ID", "x")
    found = evaluated(door("context", "--env"))
    assert (found["COORDINATION_TRANSPORT"], found["CAN_LOCK"]) == ("mcp", "true")


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
def test_the_line_of_the_skills_works_where_gitcoord_is_not_installed(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'eval "$({LINE})"; echo "$COORDINATOR_AVAILABLE"'],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "false\n", "")


@pytest.mark.parametrize("name", [GENERAL, *WORKFLOW])
def test_a_skill_asks_for_its_flags_and_names_only_commands_that_they_stand_for(
    name: str,
) -> None:
    said = text(name)
    assert f"\n{LINE}\n" in said
    asked = set(re.findall(r"CAN_[A-Z_]+", said))
    assert asked <= set(flags.CAN)
    if name != GENERAL:
        assert asked == set(WORKFLOW[name])
    behind = {command for flag in asked for command in flags.CAN[flag]}
    for words in re.findall(r"`gitcoord ([a-z]+(?: [a-z]+)?)", said):
        # What a later part brings stands behind a flag that is false until then.
        assert flags.exists(words) or words in behind


@pytest.mark.parametrize("name", [GENERAL, *WORKFLOW])
def test_the_examples_of_a_skill_parse(name: str) -> None:
    for line in re.findall(r"`gitcoord ([^`]+)`", text(name)):
        words = shlex.split(line)
        if len(words) > 1 and flags.exists(" ".join(words[:2])):
            group = cli.get_command(click.Context(cli), words[0])
            assert isinstance(group, click.Group)
            verb = group.get_command(click.Context(group), words[1])
            assert verb is not None
            assert verb.make_context(words[1], words[2:]).args == []


@pytest.mark.parametrize("more", [["--budget", "500"], ["--session", "s-1"]])
def test_options_that_flags_do_not_have_are_refused(door: Door, more: list[str]) -> None:
    assert "--env" in door.refused("context", "--env", *more, code=2)["hint"]


def test_the_document_has_every_flag_and_skill() -> None:
    page = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
    named = re.findall(r"`(CAN_[A-Z_]+)`", page)
    assert sorted(named) == sorted(flags.CAN)
    assert all(f"`{command}`" in page for names in flags.CAN.values() for command in names)
    assert all(f"`{name}`" in page for name in WORKFLOW)
