"""The plugin for Claude Code, and the marketplace that offers it, from the set-up's tables.

The folder `plugin` beside this file is what `files` says, kept in the package so that it can
be installed from a checkout of it, from GitHub, or from where pip has put it. A test holds
the two together. Format: https://code.claude.com/docs/en/plugins-reference. Not here: the
texts of the skills, which are files of that folder only.
"""

from __future__ import annotations

import json
import os
from typing import Any

from gitcoord.clients.claude.setup import groups, server
from gitcoord.clients.program import NAME

#: The folder of the marketplace within the package, and the plugin in it.
MARKET = os.path.dirname(__file__)
FOLDER = os.path.join(MARKET, "plugin")
DESCRIPTION = "Locks, tasks and handoffs for many coding agents in one git repository."

README = """\
# gitcoord for Claude Code

Keeps several agents that work in one repository out of each other's way: checks in when a
session starts, locks each file before it is edited and says who holds it when it is taken,
watches shell commands, shows what others have changed, and checks out with a handoff draft.

It needs the program `gitcoord` on PATH (`pipx install gitcoord`) and a repository in which
`gitcoord init` was run; elsewhere it keeps silent. What it brings: hooks, an MCP server, a
skill for working beside others and twelve for a workflow. `gitcoord setup claude` does the
same for one repository without a plugin; use one of them, not both.

From a checkout of gitcoord: `claude plugin marketplace add .`, then
`claude plugin install gitcoord@gitcoord`.

All hooks at the end of a session share 1.5 seconds here. Where checking out takes longer, as
with a ledger at a slow git host, set `CLAUDE_CODE_SESSIONEND_HOOKS_TIMEOUT_MS=5000`.
"""


def files(version: str) -> dict[str, str]:
    """Return the made files of the plugin: path within the folder -> text."""
    hooks = {event: [group] for event, group in groups(NAME).items()}
    return {
        ".claude-plugin/plugin.json": _text(
            {
                "name": NAME,
                "version": version,
                "description": DESCRIPTION,
                "author": {"name": "The gitcoord maintainers"},
                "license": "Apache-2.0",
                "keywords": ["git", "coordination", "locks", "tasks", "agents"],
                "mcpServers": "./.mcp.json",
            }
        ),
        ".mcp.json": _text({"mcpServers": {NAME: server(NAME)}}),
        "hooks/hooks.json": _text({"description": DESCRIPTION, "hooks": hooks}),
        "README.md": README,
    }


def marketplace(source: str) -> str:
    """Return the file that offers the plugin; `source` leads to its folder, with `./`."""
    offered = {"name": NAME, "source": source, "description": DESCRIPTION}
    return _text(
        {
            "name": NAME,
            "owner": {"name": "The gitcoord maintainers"},
            "description": DESCRIPTION,
            "plugins": [offered],
        }
    )


def _text(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def write(folder: str = FOLDER) -> None:
    """Make the files anew, after a change of the tables. For those who work on gitcoord."""
    from gitcoord import __version__

    for name, text in files(__version__).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
