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
    Word("session status", "checked_out", "ended"),
    Word("refusal", "locked_by_other", "lock_held"),
    Word("refusal", "task_not_found_or_not_claimed_by_agent", "not_assigned"),
    Word("refusal", "destructive_operation_blocked", "denied"),
    Word("refusal", "invalid_file_path", "invalid_key"),
    Word("lock action", "refreshed", "renewed"),
    Word("memory action", "deduplicated", "merged"),
)

#: Operations as Agent Coordinator's audit log names them, and ours; a name may stand for several.
OPERATIONS: tuple[tuple[str, str], ...] = (
    ("acquire_lock", "lock.acquire"),
    ("release_lock", "lock.release"),
    ("submit_task", "task.add"),
    ("claim_task", "task.next"),
    ("claim_task", "task.claim"),
    ("complete_task", "task.move"),
    ("remember", "memory.remember"),
    ("write_handoff", "handoff.write"),
    ("register_agent", "session.start"),
    ("cleanup_dead_agents", "session.sweep"),
    ("guardrail_violation", "guard.record"),
)

#: What `get_work` says when nothing is ready. Not a refusal: nothing was asked that is forbidden.
NO_TASKS = "no_tasks_available"
#: The error code in the result of a failed completion that means: its orchestrator gave it up.
CANCELLED = "cancelled_by_orchestrator"
#: Seconds of the minute in which the originals count a TTL.
MINUTE = 60.0

#: Priorities from this number on have this word; 1 is the most urgent.
PRIORITY_WORDS = ((8, "low"), (5, "medium"), (3, "high"), (1, "critical"))
#: Characters of a description that become the title of a task which was given none.
TITLE = 100

#: Ends the part of a text that holds data, which `_begin` begins.
_END = "\n```"


def ours(of: str, word: str) -> str:
    """Return our word for one of an original; a word that is ours already stays."""
    return next((one.ours for one in WORDS if (one.of, one.original) == (of, word)), word)


def original(of: str, word: str) -> str:
    """Return the original's word for one of ours; the same where there is none."""
    return next((one.original for one in WORDS if (one.of, one.ours) == (of, word)), word)


def operations(word: str) -> str:
    """Return our operations for one of the original's audit log, with commas; others stay."""
    return ",".join(ours for original, ours in OPERATIONS if original == word) or word


def operation(tag: str) -> str:
    """Return the original's name of an operation in its audit log; ours where it has none."""
    return next((original for original, ours in OPERATIONS if ours == tag), tag)


def seconds(minutes: float | None) -> float | None:
    """Return a TTL in minutes as seconds; None stays what the settings say."""
    return None if minutes is None else minutes * MINUTE


def refusal(error: GitcoordError) -> dict[str, Any]:
    """Return the fields with which the originals tell a refusal.

    Those of a lock name its holder: `locked_by`, `expires_at` and `lock_reason` where there is
    one; what guardrails stop has the status `blocked`.
    """
    found: dict[str, Any] = {"success": False, "reason": original("refusal", error.code)}
    if error.code == "denied":
        found["status"] = "blocked"
    conflicts = error.details.get("conflicts") or [{}]
    if error.code == "lock_held" and isinstance(conflicts[0], dict):
        names = {"agent": "locked_by", "expires_at": "expires_at", "reason": "lock_reason"}
        found |= {name: said for ours, name in names.items() if (said := conflicts[0].get(ours))}
    return found


def upside_down(priority: int) -> int:
    """Return a priority of a system where the larger number is more urgent as ours, and back.

    Ours are 1 to 10; what lies beyond is the nearest of them.
    """
    return min(max(11 - priority, 1), 10)


def priority_word(priority: int) -> str:
    """Return the word for a priority: critical, high, medium or low."""
    return next(word for least, word in PRIORITY_WORDS if priority >= least)


def titled(description: str, otherwise: str) -> str:
    """Return a title for a task that was given none: the first line of its description, cut."""
    lines = description.strip().splitlines()
    title = " ".join((lines or [otherwise])[0].split())
    return title if len(title) <= TITLE else title[: TITLE - 3] + "..."


def described(text: str, data: dict[str, Any], label: str = "input_data") -> str:
    """Return a text with data at its end, where people see it too: `input_data`, `metadata`."""
    if not data:
        return text
    return f"{text}{_begin(label)}{msgspec.json.encode(data).decode()}{_END}"


def input_data(text: str, label: str = "input_data") -> tuple[str, dict[str, Any] | None]:
    """Return the text alone, and the data that `described` has put to it."""
    alone, found, rest = text.rpartition(_begin(label))
    data = _object(rest.removesuffix(_END)) if found and rest.endswith(_END) else None
    return (text, None) if data is None else (alone, data)


def _begin(label: str) -> str:
    return f"\n\n{label}:\n```json\n"


def result(text: str) -> str | dict[str, Any] | None:
    """Return a task's result as it was given: a JSON object, or else the text; None for none."""
    return _object(text) or text or None


def details(given: str | dict[str, Any]) -> str:
    """Return data as the text of which `result` makes the same again; a text stays."""
    if isinstance(given, str):
        return given
    return msgspec.json.encode(given).decode() if given else ""


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text holds; None for anything else."""
    if not text.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None
