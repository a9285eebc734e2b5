"""What labels say: keys that are asked for, tasks, and what we put on for people to see.

A label that asks begins with the prefix of the settings ("locked:"); what we show has a prefix
of its own ("coord:"), so that nothing that we write can be read as a request. GitHub keeps 50
characters of a name: a longer key gets a short form, the prefix, "~" and 12 hexadecimal digits
of its SHA-256, and stands in the label's description (at most 100 characters of it). So does one
that differs from another label in the case of letters alone, which GitHub does not tell apart.
Limits: https://docs.github.com/rest/issues/labels
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

NAME_LIMIT = 50
DESCRIPTION_LIMIT = 100
SHOWN = "coord:"

_SHORT = re.compile(r"~[0-9a-f]{12}")
_AGENT = "agent:"
_ASSIGNED = "status:assigned"
_PRIORITY = "priority:"


class Style(NamedTuple):
    """How a label of ours looks: six hexadecimal digits of colour, and what it says."""

    color: str
    description: str


#: What we show on threads, by label. Colours are told apart also without their hue.
STYLES: dict[str, Style] = {
    f"{SHOWN}locks": Style("1f6feb", "This holds locks; its status comment names them."),
    f"{SHOWN}blocked": Style("b62324", "This changes what somebody else holds."),
    f"{SHOWN}queued": Style("0e8a8a", "This is in the merge queue; its status comment says where."),
    f"{SHOWN}ejected": Style("9e3a6d", "The merge queue has given this up; a comment says why."),
    f"{SHOWN}pending": Style("8b949e", "The task waits to be claimed."),
    f"{SHOWN}assigned": Style("9a6700", "The task is claimed."),
    f"{SHOWN}in-progress": Style("bf8700", "The task is worked on."),
    f"{SHOWN}task-blocked": Style("b62324", "The task is blocked."),
    f"{SHOWN}completed": Style("1a7f37", "The task is completed."),
    f"{SHOWN}failed": Style("82071e", "The task has failed."),
    f"{SHOWN}cancelled": Style("6e7781", "The task was cancelled."),
}
LOCKS, BLOCKED = f"{SHOWN}locks", f"{SHOWN}blocked"
QUEUED, EJECTED = f"{SHOWN}queued", f"{SHOWN}ejected"
#: Status of a task -> the label that shows it.
OF_TASK: dict[str, str] = {
    "pending": f"{SHOWN}pending",
    "assigned": f"{SHOWN}assigned",
    "in_progress": f"{SHOWN}in-progress",
    "blocked": f"{SHOWN}task-blocked",
    "completed": f"{SHOWN}completed",
    "failed": f"{SHOWN}failed",
    "cancelled": f"{SHOWN}cancelled",
}
#: How a label that asks for a lock looks.
LOCKED_COLOR = "5319e7"


def lock_label(key: str, prefix: str) -> str:
    """Return the label that asks for a key."""
    name = prefix + key
    return name if len(name) <= NAME_LIMIT else f"{prefix}{short(key)}"


def otherwise(label: str, key: str) -> str:
    """Return the label with the short form of the key, where the other cannot be had."""
    return f"{label.removesuffix(key)}{short(key)}" if label.endswith(key) else label


def short(key: str) -> str:
    """Return the short form of a key that does not fit into a label."""
    return "~" + sha256(key.encode()).hexdigest()[:12]


def is_short(text: str) -> bool:
    """Say whether what follows the prefix stands for a longer key."""
    return _SHORT.fullmatch(text) is not None


def style(label: str, key: str = "") -> Style:
    """Return how one of our labels looks; `key` is what a label that asks stands for."""
    found = STYLES.get(label)
    return found or Style(LOCKED_COLOR, key[:DESCRIPTION_LIMIT])


def asked(labels: Iterable[str], prefix: str) -> dict[str, str]:
    """Return the labels that ask for locks: label -> key, or short form of a key."""
    return {name: name.removeprefix(prefix).strip() for name in labels if name.startswith(prefix)}


def shown(labels: Iterable[str]) -> set[str]:
    """Return those of the labels that we have put on."""
    return {name for name in labels if name in STYLES}


def agents(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the agents that `agent:<id>` labels name, sorted."""
    found = {name.removeprefix(_AGENT).strip() for name in labels if name.startswith(_AGENT)}
    return tuple(sorted(found - {""}))


def wants_task(labels: Iterable[str], task_label: str) -> bool:
    """Say whether an issue with these labels is to be a task.

    That is one with the task label of the settings, or with `agent:<id>` and `status:assigned`.
    """
    names = set(labels)
    return task_label in names or (_ASSIGNED in names and bool(agents(names)))


def priority(labels: Iterable[str]) -> str:
    """Return what a label `priority:<word or number>` says, or "" ."""
    found = sorted(name.removeprefix(_PRIORITY) for name in labels if name.startswith(_PRIORITY))
    return found[0].strip() if found else ""
