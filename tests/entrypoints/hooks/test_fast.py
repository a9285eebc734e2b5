"""The fast way: right or not taken, and with nothing loaded that costs time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.entrypoints.hooks import fast
from tests.entrypoints.door import Door
from tests.entrypoints.hooks.talk import WORDS, Talk
from tests.gitrun import git
from tests.test_start_up import loaded_by

CLIENTS = ("claude", "codex", "gemini")


def quick(talk: Talk, path: str, step: str = "before", **fields: Any) -> bool:
    """Say whether the fast way answers by itself."""
    body = talk.body(step, **(talk.editing(path) | fields))
    return fast.answered(talk.client, WORDS[talk.client][step], json.dumps(body).encode())


@pytest.mark.parametrize("client", CLIENTS)
def test_the_second_edit_of_a_locked_file_goes_the_fast_way(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    assert not quick(talk, "README")
    talk.edit("README")
    assert quick(talk, "README")
    assert quick(talk, "README", "after")
    assert not quick(talk, "other.py")


def test_whatever_the_ledger_decides_makes_the_memo_void(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    door.start("ada")
    assert not quick(talk, "README")
    talk.edit("README")
    assert quick(talk, "README")


def test_a_takeover_is_seen_by_the_very_next_edit(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    ada = door.start("ada")
    talk.edit("README")
    assert quick(talk, "README")
    door("lock", "takeover", "README", "--reason", "hotfix", "--session", ada)
    assert not quick(talk, "README")
    assert "ada" in talk.denied(talk.edit("README"))


def test_a_ledger_that_moves_while_the_memo_is_made_leaves_none(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.hooks import edits

    talk.start()
    talk.edit("README")
    ada = door.start("ada")
    real = edits.holdings

    def moved(*given: Any) -> Any:
        found = real(*given)
        door("lock", "takeover", "README", "--reason", "hotfix", "--session", ada)
        return found

    monkeypatch.setattr(edits, "holdings", moved)
    talk.edit("README")
    monkeypatch.undo()
    assert not quick(talk, "README")


def test_a_lock_past_half_of_its_time_goes_the_full_way(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    talk.edit("README")
    later = time.time() + 1000
    monkeypatch.setattr(time, "time", lambda: later)
    assert not quick(talk, "README")


def test_a_sign_of_life_that_is_due_goes_the_full_way(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    talk.edit("README")
    soon, later = time.time() + 25, time.time() + 35
    monkeypatch.setattr(time, "time", lambda: soon)
    assert quick(talk, "README")
    monkeypatch.setattr(time, "time", lambda: later)
    assert not quick(talk, "README")


def test_another_session_in_the_environment_goes_the_full_way(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.start()
    talk.edit("README")
    monkeypatch.setenv("GITCOORD_SESSION", "s-other")
    assert not quick(talk, "README")


def test_changed_settings_go_the_full_way(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    door.write(".gitcoord.yaml", "hook_mode: warn\n")
    assert not quick(talk, "README")


def test_a_link_and_a_sub_agent_go_the_full_way(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    os.symlink("README", os.path.join(door.place, "link"))
    assert not quick(talk, "link")
    assert not quick(talk, "README", agent_id="helper")


def test_a_linked_worktree_has_the_same_memo_for_its_own_files_only(
    door: Door, talks: Callable[..., Talk]
) -> None:
    git(door.place, "worktree", "add", "-q", "../other", "-b", "other")
    there = talks("claude", "c-2", os.path.join(os.path.dirname(door.place), "other"))
    there.start()
    there.edit("README")
    assert quick(there, "README")
    assert not quick(there, os.path.join(door.place, "README"))


def test_packed_refs_go_the_full_way(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    git(door.place, "pack-refs", "--all")
    assert not quick(talk, "README")
    assert talk.edit("README") == {}


@pytest.mark.parametrize("damage", [b"", b"gitcoord hook memo 1\n", b"\xff" * 300, b"\n" * 20])
def test_a_damaged_memo_goes_the_full_way(door: Door, talk: Talk, damage: bytes) -> None:
    talk.start()
    talk.edit("README")
    memo = Path(door.place, ".git", "gitcoord", "hooks", "claude-c-1.memo")
    memo.write_bytes(damage)
    assert not quick(talk, "README")
    assert talk.edit("README") == {}
    assert quick(talk, "README")


def test_ten_thousand_own_locks_are_in_one_memo(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.bootstrap import open_house
    from gitcoord.domain.lock_operations import AcquireLocks

    talk.start()
    (session,) = door.json("session", "list")["sessions"]
    house = open_house(door.place, os.environ)
    for start in range(0, 10_000, 1000):
        keys = tuple(f"src/f{number}.py" for number in range(start, start + 1000))
        house.coordinator.run(AcquireLocks(keys=keys), session=session["id"])
    house.close()
    talk.edit("src/f5.py")
    assert quick(talk, "src/f9999.py")
    assert not quick(talk, "src/f10000.py")


def test_the_fast_way_loads_nothing_that_python_has_not(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("README")
    at = Path(door.place).parent / "probe"
    at.mkdir()
    body = json.dumps(talk.body("before", **talk.editing("README")))
    run = (
        "import io, os, sys; r, w = os.pipe(); os.write(w, sys.argv.pop().encode()); os.close(w); "
        "os.dup2(r, 0); from gitcoord.entrypoints.main import main; main()"
    )
    plain, _ = loaded_by("import os, sys", at=at)
    loaded, said = loaded_by(run, "hook", "claude", "PreToolUse", body, at=at)
    assert said == ""
    assert loaded - plain == {"gitcoord", "__future__", "_json", "gc"} - plain


def test_hooks_load_no_library_for_options_or_of_other_doors(door: Door, talk: Talk) -> None:
    at = Path(door.place).parent / "probe"
    at.mkdir()
    run = (
        "import io, os, sys; r, w = os.pipe(); os.write(w, sys.argv.pop().encode()); os.close(w); "
        "os.dup2(r, 0); from gitcoord.entrypoints.main import main; main()"
    )
    for step in ("start", "prompt", "before", "stop", "end"):
        body = json.dumps(talk.body(step, **talk.editing("README")))
        loaded, _ = loaded_by(run, "hook", "claude", WORDS["claude"][step], body, at=at)
        assert not loaded & {"mcp", "pygit2", "starlette", "github", "pydantic", "rich"}
        # What is before or after a single edit is waited for many times an hour.
        if step == "before":
            assert not loaded & {"click", "hashlib", "_hashlib"}


@given(st.binary(max_size=400))
def test_whatever_stands_on_its_input_the_fast_way_does_not_fail(data: bytes) -> None:
    assert fast.answered("claude", "PreToolUse", data) is False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional={
    "session_id": json_values, "cwd": json_values, "tool_name": json_values,
    "tool_input": json_values, "agent_id": json_values,
}))  # fmt: skip
def test_fields_of_any_kind_are_no_event_for_the_fast_way(body: dict[str, Any]) -> None:
    assert fast.answered("codex", "PreToolUse", json.dumps(body).encode()) is False


@given(st.text(max_size=50))
def test_the_small_reader_of_json_reads_what_the_large_one_reads(text: str) -> None:
    data = json.dumps({"a": [text, {"b": 1.5}], "c": None}, ensure_ascii=False)
    assert fast._parsed(data.encode()) == json.loads(data)


def test_a_hook_whose_time_is_over_says_what_it_would_have_said(tmp_path: Path) -> None:
    code = (
        "import threading\n"
        "from gitcoord.entrypoints.hooks.fast import Limit\n"
        "limit = Limit(0.05); limit.said = 'over\\n'; limit.start()\n"
        "threading.Event().wait(30)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "over\n")


def test_a_hook_that_has_spoken_is_ended_without_another_word(tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "from gitcoord.entrypoints.hooks.fast import Limit\n"
        "limit = Limit(0.05); limit.said = 'over\\n'; limit.start()\n"
        "assert limit.speak(); print('mine', flush=True); limit.spoken()\n"
        "threading.Event().wait(30)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "mine\n")
