"""The last catch of the MCP server: a fault of ours costs one answer, not the connection.

What went wrong is written to stderr, where clients keep a server's log, and never to the model.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

from gitcoord.errors import GitcoordError

T = TypeVar("T")


def contained(function: Callable[[], T]) -> T:
    """Return what the function returns.

    Raises the errors of gitcoord as they are, and `GitcoordError` for anything else.
    """
    try:
        return function()
    except GitcoordError:
        raise
    except Exception as bug:
        report(bug)
        raise GitcoordError(
            "this is a bug in gitcoord; nothing more is known to this side",
            hint="Go on without this tool; the server's log (stderr) says what happened.",
        ) from bug


def report(trouble: BaseException | str) -> None:
    """Write down what went wrong."""
    if isinstance(trouble, GitcoordError):
        trouble = f"{trouble.code}: {trouble.message}"
    if isinstance(trouble, str):
        print(f"gitcoord mcp: {trouble}", file=sys.stderr, flush=True)
        return
    print("gitcoord mcp: a bug", file=sys.stderr)
    traceback.print_exception(trouble, file=sys.stderr)
    sys.stderr.flush()
