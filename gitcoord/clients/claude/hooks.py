"""Hooks of Claude Code: its JSON to an `Event`, a `Reply` to its JSON.

Formats: https://code.claude.com/docs/en/hooks, held against version 2.1.330. Copilot CLI
reads a repository's Claude hooks too, so that a refusal carries the field that it obeys;
Claude ignores what it does not know. Not here: what to answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.clients.event import (
    ERROR_LIMIT,
    FAILED,
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
    "PostToolUseFailure": "failed",
    "Stop": "stop",
    "StopFailure": "stop",
    "SubagentStart": "sub_start",
    "SubagentStop": "sub_stop",
    "SessionEnd": "end",
}
#: Tools that change the file which this field of their input names.
EDITORS: dict[str, str] = {
    "Edit": "file_path",
    "Write": "file_path",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
}
SHELLS = ("Bash",)
#: Steps after which the model is shown `additionalContext`. After a stop it would go on working.
_TOLD = ("start", "prompt", "before", "after", "failed", "sub_start")


def read(name: str, body: dict[str, Any], *, headless: bool = False) -> Event:
    """Return the event; `name` is the event for which the hook was set up."""
    step = STEPS.get(name, "other")
    tool, given = text_of(body, "tool_name", limit=200), dict_of(body, "tool_input")
    return Event(
        client="claude",
        name=name,
        step=step,
        session=id_of(body, "session_id"),
        agent=agent_of(body, "agent_id"),
        cwd=text_of(body, "cwd", limit=4096),
        tool=tool,
        edits=_edits(tool, given, dict_of(body, "tool_response")),
        command=text_of(given, "command") if tool in SHELLS else "",
        call=call_of(tool, given) if step in ("after", "failed") else "",
        error=_error(step, body),
        text=text_of(body, "prompt", "last_assistant_message"),
        reason=text_of(body, "source" if step == "start" else "reason", limit=100),
        stopping=body.get("stop_hook_active") is True,
        transcript=text_of(body, "transcript_path", limit=4096),
        agent_transcript=text_of(body, "agent_transcript_path", limit=4096),
        attended=not headless and body.get("permission_mode") != "dontAsk",
    )


def write(event: Event, reply: Reply) -> Said:
    """Return what this event's hook prints; always with exit code 0, which has it read."""
    answer: dict[str, Any] = {}
    specific: dict[str, Any] = {}
    if reply.verdict and event.step == "before":
        specific["permissionDecision"] = reply.verdict
        specific["permissionDecisionReason"] = reply.reason
        answer["permissionDecision"] = reply.verdict
        answer["permissionDecisionReason"] = reply.reason
    if reply.context and event.step in _TOLD:
        specific["additionalContext"] = reply.context
    if specific:
        answer["hookSpecificOutput"] = {"hookEventName": event.name, **specific}
    if reply.remark:
        answer["systemMessage"] = reply.remark
    return Said(msgspec.json.encode(answer).decode() + "\n" if answer else "")


def _error(step: Step, body: dict[str, Any]) -> str:
    if step != "failed" or body.get("is_interrupt") is True:
        return ""
    return text_of(body, "error", limit=ERROR_LIMIT) or FAILED


def _edits(tool: str, given: dict[str, Any], response: dict[str, Any]) -> tuple[Edit, ...]:
    if tool not in EDITORS:
        return ()
    path = text_of(given, EDITORS[tool], limit=4096)
    created = response.get("type") == "create"
    return (Edit(path, "create" if created else "modify"),) if path else ()
