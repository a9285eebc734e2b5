"""Whose a branch is, by its name.

A pattern is text with `*`, which stands for anything, and with `{agent}` and `{task}`, which
stand for one part between slashes. Where a pattern names no agent, what comes before its first
slash does: `claude/fix-login` is a branch of `claude`. Not here: whether it exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from gitcoord.domain.names import checked_name
from gitcoord.domain.operation import checked_id
from gitcoord.errors import UsageError

_PARTS = {"*": ".+", "{agent}": "(?P<agent>[^/]+)", "{task}": "(?P<task>[^/]+)"}
_TOKEN = re.compile(r"(\*|\{agent\}|\{task\})")


class Owner(NamedTuple):
    """The agent of a branch, and its task where the name says so."""

    agent: str
    task: str = ""


def owner(branch: str, patterns: Iterable[str]) -> Owner | None:
    """Return whose branch it is, or None for one that no pattern matches.

    A name in which agent or task are no names of ours is nobody's.
    """
    for pattern in patterns:
        match = _compiled(pattern).fullmatch(branch)
        if match is None:
            continue
        found = match.groupdict()
        agent = found.get("agent") or branch.partition("/")[0]
        task = found.get("task") or ""
        try:
            checked_name(agent, "agent")
            if task:
                checked_id(task, "task")
        except UsageError:
            continue
        return Owner(agent, task)
    return None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = _TOKEN.split(pattern)
    return re.compile("".join(_PARTS.get(part) or re.escape(part) for part in parts))
