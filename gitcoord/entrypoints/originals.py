"""The words of the systems that gitcoord replaces, and ours for the same: one table.

MCP and HTTP show the fields of the originals with their words; this is where the two meet.
docs/compatibility.md says the same for people, and a test holds it to this table.
Not here: which fields a tool or a route has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gitcoord.errors import GitcoordError


class Word(NamedTuple):
    """One word of an original for a thing of ours."""

    #: What it is a word for.
    of: str
    original: str
    ours: str


WORDS: tuple[Word, ...] = (
    Word("task status", "claimed", "assigned"),
    Word("task status", "running", "in_progress"),
    Word("outcome", "success", "completed"),
    Word("session status", "disconnected", "timed_out"),
    Word("refusal", "locked_by_other", "lock_held"),
    Word("refusal", "task_not_found_or_not_claimed_by_agent", "not_assigned"),
    Word("refusal", "destructive_operation_blocked", "denied"),
    Word("refusal", "invalid_file_path", "invalid_key"),
    Word("lock action", "refreshed", "renewed"),
)

#: What `get_work` says when nothing is ready. Not a refusal: nothing was asked that is forbidden.
NO_TASKS = "no_tasks_available"
#: The error code in the result of a failed completion that means: its orchestrator gave it up.
CANCELLED = "cancelled_by_orchestrator"
#: Seconds of the minute in which the originals count a TTL.
MINUTE = 60.0

#: Begins the part of a task's description that holds its `input_data`.
_INPUT = "\n\ninput_data:\n```json\n"
_END = "\n```"


def ours(of: str, word: str) -> str:
    """Return our word for one of an original; a word that is ours already stays."""
    return next((one.ours for one in WORDS if (one.of, one.original) == (of, word)), word)


def original(of: str, word: str) -> str:
    """Return the original's word for one of ours; the same where there is none."""
    return next((one.original for one in WORDS if (one.of, one.ours) == (of, word)), word)


def seconds(minutes: float | None) -> float | None:
    """Return a TTL in minutes as seconds; None stays what the settings say."""
    return None if minutes is None else minutes * MINUTE


def refusal(error: GitcoordError) -> dict[str, Any]:
    """Return the fields with which the originals tell a refusal.

    Those of a lock name its holder: `locked_by`, `expires_at` and `lock_reason`; what guardrails
    stop has the status `blocked`.
    """
    found: dict[str, Any] = {"success": False, "reason": original("refusal", error.code)}
    if error.code == "denied":
        found["status"] = "blocked"
    conflicts = error.details.get("conflicts") or [{}]
    if error.code == "lock_held" and isinstance(conflicts[0], dict):
        names = {"agent": "locked_by", "expires_at": "expires_at", "reason": "lock_reason"}
        found |= {name: conflicts[0][ours] for ours, name in names.items() if ours in conflicts[0]}
    return found


def described(description: str, data: dict[str, Any]) -> str:
    """Return a task's description with `input_data` at its end, where people see it too."""
    if not data:
        return description
    return f"{description}{_INPUT}{msgspec.json.encode(data).decode()}{_END}"


def input_data(description: str) -> tuple[str, dict[str, Any] | None]:
    """Return the description alone, and the `input_data` that `described` has put to it."""
    text, found, rest = description.rpartition(_INPUT)
    data = _object(rest.removesuffix(_END)) if found and rest.endswith(_END) else None
    return (description, None) if data is None else (text, data)


def result(text: str) -> str | dict[str, Any] | None:
    """Return a task's result as it was given: a JSON object, or else the text; None for none."""
    return _object(text) or text or None


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text holds; None for anything else."""
    if not text.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None
