"""Hooks of Gemini CLI: its JSON to an `Event`, a `Reply` to its JSON.

Held against version 0.61.0. Only `decision: deny` stops a tool there; nothing can be added
to the model's context before a tool runs, so what is only a warning goes to the person.
`ask` hangs without a person: it becomes a denial that says that one has to decide.
"""

from __future__ import annotations

import re
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
    call_of,
    dict_of,
    id_of,
    text_of,
)

STEPS: dict[str, Step] = {
    "SessionStart": "start",
    "BeforeAgent": "prompt",
    "BeforeTool": "before",
    "AfterTool": "after",
    "AfterAgent": "stop",
    "SessionEnd": "end",
}
EDITORS = ("write_file", "replace", "edit")
SHELLS = ("run_shell_command",)
#: Steps whose `additionalContext` reaches the model.
_TOLD = ("start", "prompt", "after")
#: How the output of a shell command that failed ends.
_EXIT_CODE = re.compile(r"^Exit Code: (?!0$)", re.MULTILINE)


def read(name: str, body: dict[str, Any], *, headless: bool = False) -> Event:
    """Return the event; `name` is the event for which the hook was set up."""
    step = STEPS.get(name, "other")
    tool, given = text_of(body, "tool_name", limit=200), dict_of(body, "tool_input")
    response = dict_of(body, "tool_response") if step == "after" else {}
    failed = bool(response.get("error"))
    path = text_of(given, "file_path", limit=4096) if tool in EDITORS else ""
    return Event(
        client="gemini",
        name=name,
        step="failed" if failed else step,
        session=id_of(body, "session_id"),
        cwd=text_of(body, "cwd", limit=4096),
        tool=tool,
        edits=(Edit(path),) if path else (),
        command=text_of(given, "command") if tool in SHELLS else "",
        call=call_of(tool, given) if step == "after" else "",
        error=_error(response),
        text=text_of(body, "prompt") if step == "prompt" else text_of(body, "prompt_response"),
        reason=text_of(body, "source" if step == "start" else "reason", limit=100),
        stopping=body.get("stop_hook_active") is True,
        transcript=text_of(body, "transcript_path", limit=4096),
        attended=False,
    )


def _error(response: dict[str, Any]) -> str:
    """Return what went wrong; a shell command that fails is no error of the tool there."""
    if response.get("error"):
        return (
            text_of(dict_of(response, "error"), "message", limit=ERROR_LIMIT)
            or text_of(response, "error", "llmContent", limit=ERROR_LIMIT)
            or FAILED
        )
    said = text_of(response, "llmContent")
    return said[:ERROR_LIMIT] if _EXIT_CODE.search(said) else ""


def write(event: Event, reply: Reply) -> Said:
    """Return what this event's hook prints: JSON only, with exit code 0."""
    answer: dict[str, Any] = {}
    remarks = [reply.remark] if reply.remark else []
    if reply.verdict and event.step == "before":
        answer["decision"] = "deny"
        answer["reason"] = reply.reason
    if reply.context and event.step in (*_TOLD, "failed"):
        specific = {"hookEventName": event.name, "additionalContext": reply.context}
        answer["hookSpecificOutput"] = specific
    elif reply.context:
        remarks.append(reply.context)
    if remarks:
        answer["systemMessage"] = "\n".join(remarks)
    return Said(msgspec.json.encode(answer).decode() + "\n" if answer else "")
