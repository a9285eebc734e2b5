"""Bad input, a broken ledger, our own bugs: the agent works on, and is told once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.clients import adapters
from gitcoord.clients.event import Event, Reply
from tests.entrypoints.door import Door, refs
from tests.entrypoints.hooks.talk import WORDS, Talk

CLIENTS = ("claude", "codex", "gemini")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"session_id": "c-1", "cwd": "/', b"\xff\xfe", b"[]", b"null", b"1e999", b"\0",
     b'{"session_id": ["c"]}', b'{"session_id": "", "cwd": 7}'],
)  # fmt: skip
def test_input_that_cannot_be_read_lets_the_tool_go_on(
    door: Door, talks: Callable[..., Talk], client: str, data: bytes
) -> None:
    talk = talks(client)
    before = refs(door.place)
    for step in ("start", "before", "stop", "end"):
        answered = talk.raw(WORDS[client][step], data)
        assert talk.denied(answered) == ""
        # Codex shows its person nothing without a terminal, so that its agent is told, too.
        told = {"systemMessage", "hookSpecificOutput"} if client == "codex" else {"systemMessage"}
        assert answered.keys() <= told
    assert refs(door.place) == before


def ended(talk: Talk, step: str, data: bytes | None, *before: str) -> str:
    """Run the hook as a client does, with nothing loaded by others; return what it printed.

    None closes its standard input.
    """
    hook = [sys.executable, "-m", "gitcoord", *before, "hook", talk.client]
    words = [*hook, WORDS[talk.client][step]]
    if data is None:
        words = ["sh", "-c", 'exec "$@" <&-', "sh", *words]
    done = subprocess.run(words, cwd=talk.place, input=data or b"", capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


#: Texts that begin like an event, and how they go on.
BROKEN = [
    b"",
    b'{"session_id": "c-1", "cwd": "/',
    b'{"session_id": "c-1", "cwd',
    b'{"a": "' + b"x" * (65 << 20),
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"session_id": "c-1\xff',
    b"\xef\xbb\xbf{}",
    b"9" * 10_000,
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("client", CLIENTS)
def test_a_hook_process_ends_well_whatever_it_reads(
    door: Door, talks: Callable[..., Talk], client: str, data: bytes
) -> None:
    talk = talks(client)
    before = refs(door.place)
    said = json.loads(ended(talk, "before", data))
    assert talk.denied(said) == ""
    assert "cannot be read" in said["systemMessage"]
    assert refs(door.place) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
def test_a_hook_process_without_standard_input_ends_well(door: Door, talk: Talk) -> None:
    assert "cannot be read" in json.loads(ended(talk, "before", None))["systemMessage"]


@pytest.mark.parametrize("path", ["a\\u0000b", "\\ud800.py", "\\udcff.py", "x" * 5000])
@pytest.mark.parametrize("field", ["file_path", "cwd"])
def test_a_hook_process_ends_well_whatever_path_it_is_given(
    door: Door, talk: Talk, path: str, field: str
) -> None:
    talk.start()
    talk.edit("README")
    given = {"file_path": "README", "cwd": door.place} | {field: f"{door.place}/{path}"}
    text = (
        f'{{"session_id": "{talk.session}", "cwd": "{given["cwd"]}", "tool_name": "Edit", '
        f'"tool_input": {{"file_path": "{given["file_path"]}"}}}}'
    )
    said = ended(talk, "before", text.encode())
    assert talk.denied(json.loads(said or "{}")) == ""


@pytest.mark.parametrize("rest", [b"cut \\ud83d", b"latin \xe9"])
def test_half_a_character_in_an_edit_does_not_open_a_held_file(
    door: Door, talk: Talk, rest: bytes
) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "README", "--session", ada)
    talk.start()
    body = talk.body("before", **talk.editing("README"))
    data = json.dumps(body).encode().replace(b'"new_string": "b', b'"new_string": "' + rest)
    assert rest in data
    assert "ada" in talk.denied(json.loads(ended(talk, "before", data)))


def test_a_hook_for_another_folder_is_answered_there(
    door: Door, talk: Talk, tmp_path: Path
) -> None:
    ada = door.start("ada")
    door("lock", "acquire", "README", "--session", ada)
    talk.place = str(tmp_path)
    given = {"tool_name": "Edit", "tool_input": {"file_path": "README"}}
    data = json.dumps({"session_id": "c-1", **given}).encode()
    assert ended(talk, "before", data) == ""
    assert "ada" in talk.denied(json.loads(ended(talk, "before", data, "-C", door.place)))


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_process_whose_folder_is_gone_ends_well(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert talk.raw("Stop", b'{"session_id": "c-1"}') == {}
    assert talk.raw("PreToolUse", b'{"session_id": "c-1", "tool_name": "Edit"}') == {}


@pytest.mark.parametrize("client", CLIENTS)
def test_events_that_concern_nobody_are_answered_with_nothing(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    assert talk.raw("Notification", json.dumps(talk.body("start")).encode()) == {}


def test_a_client_that_is_not_known_stops_nothing_and_says_so(
    door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    from gitcoord.entrypoints.hooks.door import answer
    from gitcoord.entrypoints.hooks.fast import Limit

    assert answer("emacs", "PreToolUse", b"{}", Limit(60)) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "claude, codex, gemini" in said.err


HOSTILE = [
    "/" * 5000,
    "a" * 5000,
    "a\0b",
    "a\nb",
    "\u202egnp.exe",
    "C:\\Windows\\system32",
    "sub/" * 600 + "f",
    "~root/notes",
    "\u017f.py",
    "e\u0301.py",
    "{a,b}.py",
    "*.py",
    "[x].py",
    "\ud800.py",
    " ",
    "-rf",
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("client", CLIENTS)
def test_hostile_paths_end_in_an_answer(
    door: Door, talks: Callable[..., Talk], client: str, path: str
) -> None:
    talk = talks(client)
    talk.start()
    for step in ("before", "after"):
        assert talk.denied(talk.edit(path, step)) == ""


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(door: Door, talk: Talk) -> None:
    talk.start()
    talk.edit("[x]*.py")
    ada = door.start("ada")
    door("lock", "acquire", "x.py", "--session", ada)
    assert len(door.json("lock", "list")["locks"]) == 2


def test_a_huge_event_is_read(door: Door, talk: Talk) -> None:
    talk.start()
    full = os.path.join(door.place, "big.txt")
    given = {"file_path": full, "content": "x" * (8 << 20)}
    assert talk("before", tool_name="Write", tool_input=given) == {}
    assert door.json("lock", "list")["locks"][0]["key"] == "big.txt"


def test_a_transcript_that_is_missing_or_broken_counts_for_nothing(
    door: Door, talk: Talk, tmp_path: Path
) -> None:
    talk.start()
    broken = tmp_path / "t.jsonl"
    broken.write_bytes(b'{"type": "assistant", "message": 7}\n\xff\xff\n{"type": "assist')
    for path in (str(tmp_path / "gone"), str(tmp_path), str(broken), "relative", "a\0b"):
        assert talk("stop", transcript_path=path) == {}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broken_ledger_lets_the_agent_work_on_and_is_said_once(
    door: Door, talks: Callable[..., Talk], client: str
) -> None:
    talk = talks(client)
    talk.start()
    Path(door.place, ".git", "refs", "coord", "state").write_text("0" * 39 + "1\n")
    first = talk.edit("README")
    assert talk.denied(first) == ""
    assert "does not guard" in first["systemMessage"]
    assert talk.edit("README") == {}
    assert talk.denied(talk.shell("git status")) == ""


def test_a_broken_ledger_does_not_open_the_door_for_dangerous_commands(
    door: Door, talk: Talk
) -> None:
    talk.start()
    Path(door.place, ".git", "refs", "coord", "state").write_text("0" * 39 + "1\n")
    assert "git_force_push" in talk.denied(talk.shell("git push --force origin main"))


def test_wrong_settings_are_said_once(door: Door, talk: Talk) -> None:
    talk.start()
    door.write(".gitcoord.yaml", "hook_mod: warn\n")
    assert "hook_mode" in talk.edit("README")["systemMessage"]
    assert talk.edit("README") == {}


def test_our_own_bug_is_said_once_and_kept(
    door: Door, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.hooks import edits

    def broken(*_: Any) -> Reply:
        raise ZeroDivisionError("a bug")

    talk.start()
    talk.broken = True
    monkeypatch.setattr(edits, "guard", broken)
    first = talk.edit("README")
    assert talk.denied(first) == ""
    assert "a bug" in first["systemMessage"]
    assert "Traceback" not in json.dumps(first)
    assert talk.edit("README") == {}
    kept = Path(door.place, ".git", "gitcoord", "hooks", "bug.txt").read_text()
    assert "ZeroDivisionError" in kept


def test_a_folder_that_is_gone_is_no_reason_to_fail(door: Door, talk: Talk, tmp_path: Path) -> None:
    talk.start()
    assert talk("before", cwd=str(tmp_path / "gone"), **talk.editing("README")) == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=12,
)
FIELDS = (
    "session_id", "agent_id", "cwd", "tool_name", "tool_input", "tool_response", "prompt",
    "source", "reason", "transcript_path", "stop_hook_active", "last_assistant_message",
    "permission_mode",
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    client=st.sampled_from(CLIENTS),
    body=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=13),
    tool=st.sampled_from(["Edit", "apply_patch", "write_file", "Bash", "run_shell_command", ""]),
    data=st.data(),
)
def test_an_adapter_reads_whatever_a_client_could_write(
    client: str, body: dict[str, Any], tool: str, data: st.DataObject
) -> None:
    adapter = adapters.hooks(client)
    name = data.draw(st.sampled_from([*adapter.STEPS, "Other"]))
    event = adapter.read(name, body | ({"tool_name": tool} if tool else {}))
    assert isinstance(event, Event)
    assert all(isinstance(edit.path, str) and edit.path for edit in event.edits)
    reply = Reply(verdict="deny", reason="r", context="c", remark="m")
    said = adapter.write(event, reply)
    assert isinstance(json.loads(said.stdout or "{}"), dict)
