"""Before an edit: locked, renewed, refused, warned of; and what a client must obey."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.entrypoints.door import Door, refs
from tests.entrypoints.hooks.talk import Talk
from tests.gitrun import git

CLIENTS = ("claude", "codex", "gemini")


def locks(door: Door) -> dict[str, str]:
    return {one["key"]: one["agent"] for one in door.json("lock", "list")["locks"]}


def rival(door: Door, *keys: str) -> str:
    """Have somebody else hold these keys."""
    ada = door.start("ada")
    door("lock", "acquire", *keys, "--reason", "rework", "--session", ada)
    return ada


@pytest.mark.parametrize("client", CLIENTS)
def test_a_free_file_is_locked_and_nothing_is_said(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    assert talk.edit("src/a.py") == {}
    assert list(locks(door)) == ["src/a.py"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_that_somebody_holds_is_refused_with_who_and_what_next(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    rival(door, "src/**")
    talk = talks(client)
    talk.start()
    before = refs(door.place)
    why = talk.denied(talk.edit("src/a.py"))
    assert "ada" in why
    assert "src/**" in why
    assert "rework" in why
    (lock,) = door.json("lock", "list")["locks"]
    assert f"until {lock['expires_at'][11:19]}Z (" in why
    assert "gitcoord lock acquire 'src/a.py' --wait 60s" in why
    assert refs(door.place) == before


def test_an_answer_of_codex_has_no_field_that_its_schema_lacks(
    door: Door, talks: Callable[..., Talk]
) -> None:
    rival(door, "src/**")
    talk = talks("codex")
    talk.start()
    answered = talk.edit("src/a.py")
    assert answered.keys() == {"hookSpecificOutput"}
    assert answered["hookSpecificOutput"].keys() == {
        "hookEventName",
        "permissionDecision",
        "permissionDecisionReason",
    }


def test_a_patch_over_several_files_takes_all_or_none(
    door: Door, talks: Callable[..., Talk]
) -> None:
    rival(door, "b.py")
    talk = talks("codex")
    talk.start()
    patch = (
        "*** Begin Patch\n*** Add File: a.py\n+x\n*** Update File: b.py\n@@\n-x\n+y\n*** End Patch"
    )
    why = talk.denied(talk("before", tool_name="apply_patch", tool_input={"command": patch}))
    assert "b.py" in why
    assert list(locks(door)) == ["b.py"]


def test_both_names_of_a_moved_file_are_locked(door: Door, talks: Callable[..., Talk]) -> None:
    talk = talks("codex")
    talk.start()
    patch = "*** Begin Patch\n*** Update File: README\n*** Move to: READ.me\n@@\n*** End Patch"
    talk("before", tool_name="apply_patch", tool_input={"command": patch})
    assert set(locks(door)) == {"README", "READ.me"}


def test_in_warn_mode_the_edit_goes_on_with_a_warning(door: Door, talk: Talk) -> None:
    rival(door, "src/**")
    git(door.place, "config", "coord.hookMode", "warn")
    talk.start()
    answered = talk.edit("src/a.py")
    assert talk.denied(answered) == ""
    assert "ada" in talk.told(answered)


def test_with_the_mode_off_nothing_is_locked(door: Door, talk: Talk) -> None:
    rival(door, "src/**")
    git(door.place, "config", "coord.hookMode", "off")
    talk.start()
    assert talk.edit("src/a.py") == {}
    assert talk.edit("b.py") == {}
    assert list(locks(door)) == ["src/**"]


def test_a_file_below_an_own_wider_lock_needs_none_of_its_own(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", talk.session)
    door("lock", "acquire", "src/**")
    before = refs(door.place)
    assert talk.edit("src/a.py") == {}
    assert refs(door.place) == before


def test_only_a_lock_below_half_of_its_time_is_renewed(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock() -> dict[str, Any]:
        (found,) = door.json("lock", "list")["locks"]
        assert isinstance(found, dict)
        return found

    talk.start()
    talk.edit("a.py")
    first, begun = lock(), time.time()
    # The lock lives half an hour.
    monkeypatch.setattr(time, "time", lambda: begun + 800)
    before = refs(door.place)
    assert talk.edit("a.py") == {}
    assert refs(door.place) == before
    monkeypatch.setattr(time, "time", lambda: begun + 1000)
    assert talk.edit("a.py") == {}
    assert lock()["expires_at"] > first["expires_at"]
    assert lock()["token"] == first["token"]


def test_work_of_others_that_has_not_landed_is_shown(door: Door, talk: Talk) -> None:
    ada = rival(door, "README")
    git(door.place, "checkout", "-q", "-b", "adas")
    door.commit("README", "changed by ada\n")
    door("lock", "release", "README", "--session", ada)
    git(door.place, "checkout", "-q", "main")
    talk.start()
    answered = talk.edit("README")
    assert talk.denied(answered) == ""
    assert "adas" in talk.told(answered)


@pytest.mark.parametrize(
    "path",
    ["/etc/hosts", "../outside.txt", ".git/config", ".GIT/config", "sub/../.git/hooks/x", ""],
)
def test_what_is_no_file_of_the_repository_is_not_locked(door: Door, talk: Talk, path: str) -> None:
    talk.start()
    assert talk.denied(talk.edit(path)) == ""
    assert locks(door) == {}


def test_a_link_is_locked_as_the_file_that_it_leads_to(door: Door, talk: Talk) -> None:
    rival(door, "README")
    os.symlink("README", os.path.join(door.place, "link"))
    talk.start()
    assert "README" in talk.denied(talk.edit("link"))


def test_a_link_out_of_the_repository_is_not_its_business(
    door: Door, talk: Talk, tmp_path: os.PathLike[str]
) -> None:
    os.symlink(os.path.join(tmp_path, "elsewhere"), os.path.join(door.place, "out"))
    talk.start()
    assert talk.edit("out") == {}
    assert locks(door) == {}


def test_a_path_is_the_same_however_it_is_written(door: Door, talk: Talk) -> None:
    rival(door, "src/a.py")
    talk.start()
    assert "ada" in talk.denied(talk.edit("src/../src/./a.py"))
    assert "ada" in talk.denied(talk.edit("lib/../src//a.py"))


def test_another_case_is_the_same_file_where_the_ledger_folds_it(door: Door, talk: Talk) -> None:
    door("config", "--shared", "case_folding", "true")
    rival(door, "src/Login.py")
    talk.start()
    assert "ada" in talk.denied(talk.edit("SRC/login.PY"))
    assert "ada" in talk.denied(talk.shell("echo x >> src/LOGIN.py"))


@pytest.mark.parametrize("tool", ["MultiEdit", "NotebookEdit"])
def test_a_tool_of_several_edits_or_of_a_notebook_is_an_edit(
    door: Door, talk: Talk, tool: str
) -> None:
    rival(door, "held.ipynb")
    talk.start()
    field = "notebook_path" if tool == "NotebookEdit" else "file_path"
    full = os.path.join(door.place, "held.ipynb")
    assert "ada" in talk.denied(talk("before", tool_name=tool, tool_input={field: full}))


def test_a_file_of_another_worktree_is_a_file_of_the_same_repository(
    door: Door, talk: Talk
) -> None:
    rival(door, "README")
    git(door.place, "worktree", "add", "-q", "../other", "-b", "other")
    talk.start()
    assert "ada" in talk.denied(talk.edit("../other/README"))


def test_a_sub_agent_holds_as_a_part_of_its_session(door: Door, talk: Talk) -> None:
    talk.start()
    talk.agent = "helper"
    talk("sub_start", agent_type="explorer")
    talk.edit("a.py")
    (lock,) = door.json("lock", "list")["locks"]
    assert lock["session"].endswith("/helper")
    talk.agent = ""
    assert talk.denied(talk.edit("a.py")) == ""


def test_the_lock_of_a_dead_session_is_no_obstacle(
    door: Door, talk: Talk, program: Callable[..., object]
) -> None:
    import subprocess

    child = subprocess.Popen(["sleep", "60"])
    ada = door.start("ada", "--life", "process", "--pid", str(child.pid))
    door("lock", "acquire", "a.py", "--session", ada)
    talk.start()
    assert "ada" in talk.denied(talk.edit("a.py"))
    child.kill()
    child.wait()
    assert talk.edit("a.py") == {}


def test_a_paused_session_is_told_to_wait(door: Door, talk: Talk) -> None:
    talk.start()
    (found,) = door.json("session", "list")["sessions"]
    door("session", "pause", found["id"])
    assert "paused" in talk.denied(talk.edit("a.py"))
    assert locks(door) == {}
    door("session", "resume", found["id"])
    assert talk.edit("a.py") == {}


def test_a_session_that_a_person_has_ended_does_nothing_more(door: Door, talk: Talk) -> None:
    talk.start()
    (found,) = door.json("session", "list")["sessions"]
    door("session", "kill", found["id"], "--reason", "it loops")
    why = talk.denied(talk.edit("a.py"))
    assert "it loops" in why
    assert locks(door) == {}
    assert "it loops" in talk.told(talk("prompt", prompt="go on"))
    talk.start("startup")
    assert talk.edit("a.py") == {}


def test_a_conversation_that_was_not_checked_in_is_checked_in_by_its_first_edit(
    door: Door, talk: Talk
) -> None:
    assert talk.edit("a.py") == {}
    assert list(locks(door)) == ["a.py"]
