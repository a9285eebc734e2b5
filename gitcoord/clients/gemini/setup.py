"""What Gemini CLI is told about gitcoord, and where it reads it.

Formats: the files docs/hooks/reference.md and docs/reference/configuration.md that version
0.61.0 brings along; its settings may have comments. Not here: how files are changed.
"""

from __future__ import annotations

import os
from typing import Any

from gitcoord.clients import instructions, places, skills
from gitcoord.clients.contents import Entry
from gitcoord.clients.gemini import hooks
from gitcoord.clients.hooktable import Hooks
from gitcoord.clients.plan import Facts
from gitcoord.clients.program import hook_line, of_server
from gitcoord.clients.setup import File, Scope, SetUp

CLIENT = "gemini"
#: Milliseconds that a hook may take; it ends by itself after two seconds.
TIMEOUT = 10_000
#: Gemini CLI takes an exit code above 1 for a refusal, also that of a shell which does not find
#: the program any more. Our hooks refuse with what they print and end with 0.
LET_GO = "; exit 0"
_WITH_TOOL = ("before", "after")


def groups(program: str) -> dict[str, dict[str, Any]]:
    """Return the hooks: event -> its group."""
    tools = "|".join((*hooks.EDITORS, *hooks.SHELLS))
    return {
        event: ({"matcher": tools} if step in _WITH_TOOL else {})
        | {
            "hooks": [
                {
                    "type": "command",
                    "name": "gitcoord",
                    "command": hook_line(program, CLIENT, event) + LET_GO,
                    "timeout": TIMEOUT,
                }
            ]
        }
        for event, step in hooks.STEPS.items()
    }


def server(program: str) -> dict[str, Any]:
    """Return the MCP server's entry."""
    return {"command": program, "args": ["mcp"]}


def setup(facts: Facts, scope: Scope, *, workflow: bool = False) -> SetUp:
    """Return the set-up.

    `workflow`: also the skills of the workflow. Raises `NotARepository`; `UsageError` where
    a file that has to change for this clone alone is tracked by git.
    """
    if scope == "user":
        root = home(facts)
        text = os.path.join(root, "GEMINI.md")
    else:
        root = os.path.join(places.worktree(facts), ".gemini")
        text = os.path.join(places.worktree(facts), "GEMINI.md")
    entry = Entry(
        "MCP server",
        ("mcpServers", "gitcoord"),
        server(facts.program),
        ("command",),
        of_server,
        comments=True,
    )
    settings = os.path.join(root, "settings.json")
    files: tuple[File, ...] = (
        File(settings, (Hooks(CLIENT, groups(facts.program), comments=True), entry)),
        File(text, (instructions.block(facts.program),)),
        *skills.files(os.path.join(root, "skills"), facts.program, workflow=workflow),
    )
    if scope == "local":
        files = places.alone(facts, CLIENT, files, optional=text)
    return SetUp(CLIENT, scope, files, _notes(scope))


def home(facts: Facts) -> str:
    """Return the folder of the user's own Gemini files."""
    return os.path.join(
        facts.environ.get("GEMINI_CLI_HOME") or places.home(facts.environ), ".gemini"
    )


def _notes(scope: Scope) -> tuple[str, ...]:
    if scope == "user":
        return ("In folders that you do not trust Gemini CLI starts no MCP server.",)
    trust = (
        "Gemini CLI reads .gemini of a repository only in folders that you trust: it asks at its "
        "first start there; without a terminal GEMINI_CLI_TRUST_WORKSPACE=true says so."
    )
    return (trust,)
