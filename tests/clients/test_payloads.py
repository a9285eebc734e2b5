"""What the real clients have sent is read as what it is, and answered in a form that they take."""

from __future__ import annotations

import itertools
import json

import jsonschema
import pytest

from gitcoord.clients import adapters
from gitcoord.clients.event import Edit, Reply
from gitcoord.clients.tally import Tally, follow
from tests.clients.formats import HERE, check, examples

CLIENTS = ("claude", "codex", "gemini")
EXAMPLES = [(client, name) for client in CLIENTS for name in examples(client)]

#: What changes files, or runs: by client and example, without the half before or after the tool.
EDITS: dict[tuple[str, str], tuple[Edit, ...]] = {
    ("claude", "Edit"): (Edit("/repo/notes.txt"),),
    ("claude", "Write"): (Edit("/repo/new.txt"),),
    ("claude", "Write-subagent"): (Edit("/repo/delegated.txt"),),
    ("claude", "NotebookEdit"): (Edit("/repo/book.ipynb"),),
    ("codex", "apply_patch"): (Edit("/repo/notes.txt"),),
    ("codex", "apply_patch-subagent"): (Edit("/repo/delegated.txt", "create"),),
    ("codex", "apply_patch-many"): (
        Edit("moved.txt", "rename", "notes.txt"),
        Edit("sub/more.txt", "create"),
        Edit("made.txt", "delete"),
    ),
    ("gemini", "replace"): (Edit("/repo/notes.txt"),),
    ("gemini", "write_file"): (Edit("/repo/new.txt"),),
}
COMMANDS = {
    ("claude", "Bash"): "echo shell > made.txt",
    ("claude", "Bash-failed"): "ls nothing-here",
    ("codex", "Bash"): "cat '/repo/notes.txt'",
    ("codex", "Bash-failed"): "ls nothing-here",
    ("gemini", "run_shell_command"): "echo shell > made.txt",
    ("gemini", "run_shell_command-failed"): "ls nothing-here",
}
REPLIES = [
    Reply(verdict=verdict, reason="why" if verdict else "", context=context, remark=remark)  # type: ignore[arg-type]
    for verdict, context, remark in itertools.product(("", "deny", "ask"), ("", "c"), ("", "m"))
]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_event_that_is_answered_has_an_example(client: str) -> None:
    events = {body["hook_event_name"] for body in examples(client).values()}
    assert events >= set(adapters.hooks(client).STEPS)


@pytest.mark.parametrize(("client", "name"), EXAMPLES)
def test_an_event_is_read_as_what_it_is(client: str, name: str) -> None:
    body, adapter = examples(client)[name], adapters.hooks(client)
    said = body["hook_event_name"]
    event = adapter.read(said, body)
    steps = {adapter.STEPS.get(said, "other")} | ({"failed"} if said == "AfterTool" else set())
    assert event.step in steps
    assert (event.client, event.name, event.session) == (client, said, body["session_id"])
    assert (event.cwd, event.tool) == (body["cwd"], body.get("tool_name", ""))
    assert event.transcript == (body["transcript_path"] or "")
    assert event.agent == body.get("agent_id", "")
    tool = name.partition("-")[2]
    kinds = [edit._replace(kind="modify") if "Write" in tool else edit for edit in event.edits]
    assert tuple(kinds) == EDITS.get((client, tool), ())
    assert event.command == COMMANDS.get((client, tool), "")
    assert event.stopping is bool(body.get("stop_hook_active"))
    if event.step == "prompt":
        assert event.text == "Change the notes."
    if event.step in ("stop", "sub_stop") and name in ("Stop", "AfterAgent"):
        assert event.text == "All is done."
    if event.step == "start":
        assert event.reason == "startup"


def test_what_a_tool_says_of_a_new_file_is_believed() -> None:
    for name in ("PostToolUse-Write", "PostToolUse-Write-subagent"):
        (edit,) = adapters.hooks("claude").read("PostToolUse", examples("claude")[name]).edits
        assert edit.kind == "create"


@pytest.mark.parametrize(("client", "name"), EXAMPLES)
def test_whatever_is_answered_is_in_the_form_that_the_client_takes(client: str, name: str) -> None:
    body, adapter = examples(client)[name], adapters.hooks(client)
    event = adapter.read(body["hook_event_name"], body)
    if event.step == "other":
        return
    for reply in REPLIES:
        said = adapter.write(event, reply)
        assert (said.code, said.stderr) == (0, "")
        found = json.loads(said.stdout or "{}")
        check(client, event.name, found)
        if reply.verdict and event.step == "before":
            assert "why" in said.stdout
            assert '"deny"' in said.stdout or (client, reply.verdict) == ("claude", "ask")


def test_the_check_of_answers_refuses_what_clients_ignore() -> None:
    specific = {"hookEventName": "PreToolUse", "permissionDecision": "ask"}
    for client, event, wrong in (
        ("claude", "PreToolUse", {"decision": "deny", "reason": "x"}),
        ("claude", "Stop", {"hookSpecificOutput": {"hookEventName": "Stop"}}),
        ("codex", "PreToolUse", {"hookSpecificOutput": specific}),
        ("codex", "Stop", {"hookSpecificOutput": {"hookEventName": "Stop"}}),
        ("gemini", "BeforeTool", {"hookSpecificOutput": specific}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            check(client, event, wrong)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_tokens_of_a_recorded_conversation_are_those_that_the_api_has_counted(
    client: str,
) -> None:
    folder = HERE / "transcripts" / client
    spent = json.loads((folder / "usage.json").read_text(encoding="utf-8"))
    files = list(folder.rglob("*.jsonl"))
    assert len(files) == 2
    found = [follow(str(file), Tally(), adapters.counting(client)).counts for file in files]
    fresh, written = spent["fresh"], spent["cache_write"]
    if client == "gemini":
        # It has no word for what the cache took: that is part of what was read.
        fresh, written = fresh + written, 0
    assert sum(one.input_tokens for one in found) == fresh
    assert sum(one.cache_write_tokens for one in found) == written
    assert sum(one.cache_read_tokens for one in found) == spent["cache_read"]
    assert sum(one.output_tokens for one in found) == spent["output"]
    assert all(one.requests and one.model for one in found)
    costs = [one.cost_usd for one in found if one.cost_usd is not None]
    assert costs == ([0.0283782] if client == "claude" else [])
