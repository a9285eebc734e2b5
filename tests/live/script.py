"""What a scripted model says: turns, in our words, the same for every client.

A turn is calls of tools or a last text. Each stub knows how its client's tools are named. The
usage of a turn is made up, but known: it grows with the turn, so that no two turns look alike
and a total that was counted twice, or missed one, cannot come out right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Write:
    """Make this file, with this content."""

    path: str
    content: str


@dataclass(frozen=True)
class Read:
    """Read this file; clients want that before they change one."""

    path: str


@dataclass(frozen=True)
class Edit:
    """Replace `old`, a whole line that is there once, by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Run:
    """Run this command in a shell."""

    command: str


@dataclass(frozen=True)
class Use:
    """Call this tool of the MCP server `gitcoord`."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Call what only one client has, in its own words."""

    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True)
class Delegate:
    """Give work to a sub-agent, which has turns of its own, and wait for it."""

    prompt: str
    turns: tuple[Turn, ...]


Act = Read | Write | Edit | Run | Use | Raw | Delegate


@dataclass(frozen=True)
class Turn:
    """One answer of the model: calls, or a text that ends the run."""

    acts: tuple[Act, ...] = ()
    text: str = ""


def do(*acts: Act) -> Turn:
    """Return a turn that calls tools."""
    return Turn(acts=acts)


def say(text: str) -> Turn:
    """Return a turn that only talks."""
    return Turn(text=text)


@dataclass(frozen=True)
class Usage:
    """Tokens of one answer; `fresh` excludes what the cache gave and took."""

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.fresh + other.fresh,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
        )


def usage_of(number: int) -> Usage:
    """Return what the answer with this number costs."""
    return Usage(1000 + 10 * number, 200 + number, 30 + number, 7 + number)
