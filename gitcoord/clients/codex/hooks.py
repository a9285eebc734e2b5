"""Hooks of Codex CLI: its JSON to an `Event`, a `Reply` to its JSON.

Held against version 0.169.0. An answer with a field that its schema does not have is thrown
away and the tool runs, so nothing is written but what the schema of that event has. `ask`
stops nothing there: it becomes a denial that says that a person has to decide.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.clients import patch
from gitcoord.clients.event import (
    ERROR_LIMIT,
    Edit,
    Event,
    Reply,
    Said,
    Step,
    agent_of,
    call_of,
    dict_of,
    id_of,
    text_of,
)

STEPS: dict[str, Step] = {
    "SessionStart": "start",
    "UserPromptSubmit": "prompt",
    "PreToolUse": "before",
    "PostToolUse": "after",
    "Stop": "stop",
    "Interrupt": "stop",
    "SubagentStart": "sub_start",
    "SubagentStop": "sub_stop",
    "SessionEnd": "end",
}
EDITOR = "apply_patch"
SHELLS = ("Bash",)
_TOLD = ("start", "prompt", "before", "after", "sub_start")


def read(name: str, body: dict[str, Any], *, headless: bool = False) -> Event:
    """Return the event; `name` is the event for which the hook was set up."""
    step = STEPS.get(name, "other")
    tool, given = text_of(body, "tool_name", limit=200), dict_of(body, "tool_input")
    return Event(
        client="codex",
        name=name,
        step=step,
        session=id_of(body, "session_id"),
        agent=agent_of(body, "agent_id"),
        cwd=text_of(body, "cwd", limit=4096),
        tool=tool,
        edits=_edits(tool, given),
        command=text_of(given, "command") if tool in SHELLS else "",
        call=call_of(tool, given) if step == "after" else "",
        error=_error(text_of(body, "tool_response", limit=ERROR_LIMIT)) if step == "after" else "",
        text=text_of(body, "prompt", "last_assistant_message"),
        reason=text_of(body, "source" if step == "start" else "reason", limit=100),
        stopping=body.get("stop_hook_active") is True,
        transcript=text_of(body, "transcript_path", limit=4096),
        agent_transcript=text_of(body, "agent_transcript_path", limit=4096),
        attended=False,
    )


def write(event: Event, reply: Reply) -> Said:
    """Return what this event's hook prints; always with exit code 0."""
    answer: dict[str, Any] = {}
    specific: dict[str, Any] = {}
    if reply.verdict and event.step == "before":
        specific["permissionDecision"] = "deny"
        specific["permissionDecisionReason"] = reply.reason
    if event.step in _TOLD and (told := "\n".join(filter(None, (reply.remark, reply.context)))):
        # Without a terminal Codex shows the person nothing of it: the model has to hear it.
        specific["additionalContext"] = told
    if specific:
        answer["hookSpecificOutput"] = {"hookEventName": event.name, **specific}
    if reply.remark:
        answer["systemMessage"] = reply.remark
    return Said(msgspec.json.encode(answer).decode() + "\n" if answer else "")


def _error(response: str) -> str:
    """Return the response of a tool that says with which exit code it failed.

    That of a shell command does not say it.
    """
    first, _, rest = response.partition("\n")
    code = first.removeprefix("Exit code: ")
    return response if rest and code != first and code.strip() not in ("0", "") else ""


def _edits(tool: str, given: dict[str, Any]) -> tuple[Edit, ...]:
    return (
        patch.touched(text_of(given, "command", "input", limit=1 << 22)) if tool == EDITOR else ()
    )
