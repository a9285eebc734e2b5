"""What clients without a set-up of their own can be told, to be entered by hand.

From the documentation of these clients; gitcoord has not been run with them. They get the
MCP server and the instructions; locks are then taken by the agent itself, and the hooks of
git check what it commits. Not here: clients that are set up.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gitcoord.clients import instructions


class Snippet(NamedTuple):
    """A file of a client, and what belongs into it."""

    path: str
    text: str


#: Client -> its name, the file for MCP servers, and what else there is to know.
_CLIENTS: dict[str, tuple[str, str, str]] = {
    "cursor": (
        "Cursor",
        ".cursor/mcp.json",
        "Cursor has hooks of its own form, for which gitcoord has no adapter.",
    ),
    "copilot": (
        "Copilot CLI",
        ".mcp.json",
        (
            "Copilot CLI also runs the hooks that `gitcoord setup claude` writes to "
            ".claude/settings.json. Its cloud agent takes MCP servers from the repository's "
            "settings on GitHub instead."
        ),
    ),
    "opencode": (
        "OpenCode",
        "opencode.json",
        "OpenCode has no hooks that start a program.",
    ),
}
CLIENTS = tuple(_CLIENTS)


def snippets(client: str, program: str) -> tuple[Snippet, ...]:
    """Return what belongs into the files of a client; `program` is what it starts."""
    return (
        Snippet(_CLIENTS[client][1], json.dumps(_server(client, program), indent=2) + "\n"),
        Snippet("AGENTS.md", instructions.block(program, hooks=False).put("")),
    )


def notes(client: str) -> tuple[str, ...]:
    """Return what people should know about a client."""
    name, _, more = _CLIENTS[client]
    untried = f"From the documentation of {name}; we have not run gitcoord with it."
    guard = "`gitcoord setup git` checks commits and pushes, whatever client makes them."
    return (untried, more, guard)


def _server(client: str, program: str) -> dict[str, Any]:
    if client == "opencode":
        local = {"type": "local", "command": [program, "mcp"], "enabled": True}
        return {"mcp": {"gitcoord": local}}
    entry: dict[str, Any] = {"command": program, "args": ["mcp"]}
    if client == "copilot":
        entry = {"type": "stdio"} | entry | {"tools": ["*"]}
    return {"mcpServers": {"gitcoord": entry}}
