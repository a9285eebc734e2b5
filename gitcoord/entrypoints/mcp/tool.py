"""One tool: its function, what goes in and comes out, and what a client is told of it.

Not here: which tools there are (table, golemxv).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from gitcoord.entrypoints.mcp.shapes import Input, Output


class Tool(NamedTuple):
    """One tool."""

    name: str
    run: Callable[[Any, Any], Output]
    input: type[Input]
    output: type[Output]
    title: str
    description: str
    core: bool = False
    acts: bool = True
    destructive: bool = False
    idempotent: bool = False
    #: Whether it changes nothing, not even by checking in.
    read_only: bool = False


def encoded(answer: Output) -> dict[str, Any]:
    """Return an answer as plain data, without what is not there."""
    found: dict[str, Any] = msgspec.to_builtins(answer)
    return found
