"""What clients accept as a hook's answer, and what they really send: recorded, not invented.

`ANSWERS` is the format of each event's answer as JSON Schema, held against Claude Code 2.1.330,
Codex 0.169.0 and Gemini CLI 0.61.0. The events stand in `payloads/`, made by `live/record.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).parent
TEXT = {"type": "string", "minLength": 1}

#: Events that the recorder cannot bring about, with the fields that all events of a client have.
DOCUMENTED: dict[str, dict[str, dict[str, Any]]] = {
    "claude": {"StopFailure": {"permission_mode": "default"}},
    "codex": {"Interrupt": {"model": "m", "permission_mode": "default", "turn_id": "t"}},
    "gemini": {},
}


def _object(fields: dict[str, Any], *needed: str) -> dict[str, Any]:
    """Return an object with these fields and no others."""
    names = list(needed)
    return {
        "type": "object",
        "properties": fields,
        "required": names,
        "additionalProperties": False,
    }


def _specific(event: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return `hookSpecificOutput` of an event, which has to name it."""
    return _object({"hookEventName": {"const": event}, **fields}, "hookEventName")


def _claude(event: str) -> dict[str, Any]:
    decision = {
        "permissionDecision": {"enum": ["deny", "ask"]},
        "permissionDecisionReason": TEXT,
    }
    before = decision if event == "PreToolUse" else {}
    # After a stop the agent would go on working if it were told anything.
    silent = event in ("Stop", "StopFailure", "SubagentStop", "SessionEnd")
    told = {} if silent else {"additionalContext": TEXT}
    specific = {} if silent else {"hookSpecificOutput": _specific(event, before | told)}
    # What stands outside is for Copilot CLI, which runs these hooks too; Claude ignores it.
    return _object({"systemMessage": TEXT, **before, **specific})


def _codex(event: str) -> dict[str, Any]:
    # `ask` stops nothing there.
    decision = {"permissionDecision": {"const": "deny"}, "permissionDecisionReason": TEXT}
    fields = decision if event == "PreToolUse" else {}
    told = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "SubagentStart")
    if event not in told:
        return _object({"systemMessage": TEXT})
    specific = _specific(event, {**fields, "additionalContext": TEXT})
    return _object({"systemMessage": TEXT, "hookSpecificOutput": specific})


def _gemini(event: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"systemMessage": TEXT}
    if event == "BeforeTool":
        fields |= {"decision": {"const": "deny"}, "reason": TEXT}
    if event in ("SessionStart", "BeforeAgent", "AfterTool"):
        fields["hookSpecificOutput"] = _specific(event, {"additionalContext": TEXT})
    return _object(fields)


ANSWERS = {"claude": _claude, "codex": _codex, "gemini": _gemini}


def check(client: str, event: str, answer: dict[str, Any]) -> None:
    """Fail where the answer is not what the client takes for this event."""
    jsonschema.validate(answer, ANSWERS[client](event))


def recorded(client: str) -> dict[str, dict[str, Any]]:
    """Return what the client sent: the name of the file without its end -> the document."""
    files = sorted((HERE / "payloads" / client).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def examples(client: str) -> dict[str, dict[str, Any]]:
    """Return what the client sent, and the documented form of what could not be recorded."""
    base = {"session_id": "s", "transcript_path": "/repo/none.jsonl", "cwd": "/repo"}
    written = {
        event: base | {"hook_event_name": event} | fields
        for event, fields in DOCUMENTED[client].items()
    }
    return recorded(client) | written
