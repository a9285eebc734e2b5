"""Before a shell command: guardrails, and the files that it writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import Talk

CLIENTS = ("claude", "codex", "gemini")


def violations(door: Door, talk: Talk) -> list[Any]:
    """Return what the ledger remembers, after one more decision has taken the spool along."""
    from gitcoord.bootstrap import open_house
    from gitcoord.domain.violations import recorded

    door.start("somebody")
    house = open_house(door.place, os.environ)
    try:
        with house.ledger.state() as state:
            return list(recorded(state))
    finally:
        house.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dangerous_command_does_not_run_and_is_recorded(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    why = talk.denied(talk.shell("git push --force origin main"))
    assert "git_force_push" in why
    (found,) = violations(door, talk)
    assert (found.rule, found.action) == ("git_force_push", "blocked")
    assert found.session


@pytest.mark.parametrize("client", CLIENTS)
def test_a_harmless_command_is_let_go_without_a_word(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    assert talk.shell("git status") == {}
    assert violations(door, talk) == []


def test_a_person_who_is_there_is_asked(talk: Talk) -> None:
    talk.start()
    answered = talk.shell('rm -rf "$SOMEWHERE"')
    assert answered["hookSpecificOutput"]["permissionDecision"] == "ask"


@pytest.mark.parametrize("client", ["codex", "gemini"])
def test_where_nobody_can_be_asked_the_command_does_not_run(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    assert "A person has to decide" in talk.denied(talk.shell('rm -rf "$SOMEWHERE"'))


def test_without_a_person_nobody_is_asked(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")
    talk.start()
    assert "A person has to decide" in talk.denied(talk.shell('rm -rf "$SOMEWHERE"'))


def test_a_file_that_a_command_writes_is_locked_for_it(door: Door, talk: Talk) -> None:
    talk.start()
    assert talk.shell("echo more >> README") == {}
    assert [one["key"] for one in door.json("lock", "list")["locks"]] == ["README"]


def test_a_command_that_writes_a_file_of_somebody_else_does_not_run(door: Door, talk: Talk) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "README", "--session", ada)
    talk.start()
    assert "ada" in talk.denied(talk.shell("sed -i s/a/b/ README"))


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("echo x > a.py", ["a.py"]),
        ("cat > a.py <<'E'\nx\nE", ["a.py"]),
        ("cat <<'E' > a.py\nx > b.py\nE", ["a.py"]),
        ("cat <<E >> a.py && echo y > src/b.py\nx\nE", ["a.py", "src/b.py"]),
        ("echo x | tee -a a.py b.py", ["a.py", "b.py"]),
        ("sed -i.bak -e s/a/b/ a.py", ["a.py"]),
        ("perl -pi -e s/a/b/ a.py", ["a.py"]),
        ("git mv a.py new.py", ["a.py", "new.py"]),
        ("mv a.py src", ["a.py", "src/a.py"]),
        ("git rm -q a.py", ["a.py"]),
        ("cp a.py src/b.py", ["src/b.py"]),
        ("cd src && sh -c 'echo x > c.py'", ["src/c.py"]),
        ("git apply <<E\n--- a/a.py\n+++ b/a.py\nE", ["a.py"]),
        ("patch -p1 <<E\n--- a/src/b.py\n+++ b/src/b.py\nE", ["src/b.py"]),
        ("apply_patch <<E\n*** Update File: a.py\nE", ["a.py"]),
        ("python3 - <<E\nopen('a.py', 'w').write('x')\nE", ["a.py"]),
        ("rm -r src", ["src/**"]),
        ("mv src lib", ["lib/**", "src/**"]),
        ("echo 'x > a.py'", []),
        ("cat a.py > /dev/null 2>&1", []),
        ("echo x > /tmp/a.py", []),
    ],
)
def test_what_a_command_writes_is_recognised(
    door: Door, talk: Talk, command: str, keys: list[str]
) -> None:
    door.commit("a.py", "a\n")
    door.commit("src/b.py", "b\n")
    talk.start()
    assert talk.denied(talk.shell(command)) == ""
    assert sorted(one["key"] for one in door.json("lock", "list")["locks"]) == keys


@pytest.mark.parametrize(
    "command",
    ["rm -r src", "git rm -rq src", "mv src lib", "git mv src lib", "git checkout -- src",
     "mv a.py src", "rm -r src/deep"],
)  # fmt: skip
def test_a_folder_in_which_somebody_holds_a_file_stays(
    door: Door, talk: Talk, command: str
) -> None:
    door.commit("a.py", "a\n")
    door.commit("src/deep/b.py", "b\n")
    ada = door.start("ada")
    door("lock", "acquire", "src/deep/b.py", "src/a.py", "--session", ada)
    talk.start()
    assert "ada" in talk.denied(talk.shell(command))


def test_a_copy_into_a_folder_is_no_business_of_who_holds_others_there(
    door: Door, talk: Talk
) -> None:
    door.commit("src/b.py", "b\n")
    ada = door.start("ada")
    door("lock", "acquire", "src/b.py", "--session", ada)
    talk.start()
    assert talk.denied(talk.shell("cp README src")) == ""


def test_a_deleted_folder_is_recorded_and_free_again(door: Door, talk: Talk) -> None:
    door.commit("src/b.py", "b\n")
    talk.start()
    talk.shell("git rm -rq src")
    os.remove(os.path.join(door.place, "src", "b.py"))
    os.rmdir(os.path.join(door.place, "src"))
    talk.shell("git rm -rq src", "after")
    talk("end", reason="other")
    (found,) = door.json("change", "list")["changes"]
    assert (found["path"], found["kind"]) == ("src", "delete")
    assert door.json("lock", "list")["locks"] == []
    assert [one["key"] for one in door.json("lock", "list")["unlanded"]] == ["src/**"]


def test_a_file_that_git_ignores_needs_no_lock(door: Door, talk: Talk) -> None:
    door.write(".gitignore", "*.log\n")
    talk.start()
    assert talk.shell("make > build.log") == {}
    assert door.json("lock", "list")["locks"] == []


def test_what_a_command_wrote_is_recorded(door: Door, talk: Talk) -> None:
    talk.start()
    talk.shell("echo more >> README")
    talk.shell("echo more >> README", "after")
    door.start("somebody")
    assert [one["path"] for one in door.json("change", "list")["changes"]] == ["README"]


def test_a_secret_file_is_warned_of(talk: Talk) -> None:
    talk.start()
    answered = talk.edit(".env")
    assert talk.denied(answered) == ""
    assert "env_file_modify" in talk.told(answered)


def test_guardrails_hold_where_there_is_no_ledger_but_a_file_of_settings(
    bare_door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    bare_door.write(".gitcoord.yaml", "lock_ttl: 30m\n")
    talk = Talk(bare_door.place, capfd)
    assert "git_force_push" in talk.denied(talk.shell("git push --force origin main"))
