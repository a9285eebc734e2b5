"""What Codex CLI is told about gitcoord, and where it reads it.

Formats: https://developers.openai.com/codex/config-reference and /codex/hooks, held against
version 0.169.0. Whether a hook is trusted is another question (trust). Not here: how files
are changed.
"""

from __future__ import annotations

import os
from typing import Any

from gitcoord.clients import instructions, places, skills
from gitcoord.clients.codex import hooks
from gitcoord.clients.contents import Table
from gitcoord.clients.hooktable import Hooks
from gitcoord.clients.plan import Facts
from gitcoord.clients.program import hook_line, of_server
from gitcoord.clients.setup import File, Scope, SetUp

CLIENT = "codex"
#: Seconds that a hook may take; it ends by itself after two.
TIMEOUT = 10
#: What Codex grants at most to the events that nobody can wait for.
TIMEOUT_AT_END = 3
_WITH_TOOL = ("before", "after")
_AT_END = ("SessionEnd", "Interrupt")


def groups(program: str) -> dict[str, dict[str, Any]]:
    """Return the hooks: event -> its group."""
    tools = "|".join((hooks.EDITOR, *hooks.SHELLS))
    return {
        event: ({"matcher": tools} if step in _WITH_TOOL else {})
        | {
            "hooks": [
                {
                    "type": "command",
                    "command": hook_line(program, CLIENT, event),
                    "timeout": TIMEOUT_AT_END if event in _AT_END else TIMEOUT,
                }
            ]
        }
        for event, step in hooks.STEPS.items()
    }


def server(program: str) -> dict[str, Any]:
    """Return the MCP server's table.

    `required`: the tools are there in the first turn; the shell is no way round, as its
    sandbox keeps the git directory read-only. Codex passes few variables on by itself.
    """
    return {
        "command": program,
        "args": ["mcp"],
        "env_vars": ["GITCOORD_REMOTE", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME"],
        "startup_timeout_sec": 20,
        "required": True,
        "default_tools_approval_mode": "approve",
    }


def setup(facts: Facts, scope: Scope, *, workflow: bool = False) -> SetUp:
    """Return the set-up.

    `workflow`: also the skills of the workflow. Raises `NotARepository`; `UsageError` where
    a file that has to change for this clone alone is tracked by git.
    """
    if scope == "user":
        root = home(facts)
        text = os.path.join(root, "AGENTS.md")
    else:
        root = os.path.join(places.worktree(facts), ".codex")
        text = os.path.join(places.worktree(facts), "AGENTS.md")
    always = ("command",)
    table = Table(
        "MCP server", ("mcp_servers", "gitcoord"), server(facts.program), always, of_server
    )
    files: tuple[File, ...] = (
        File(os.path.join(root, "hooks.json"), (Hooks(CLIENT, groups(facts.program)),)),
        File(os.path.join(root, "config.toml"), (table,)),
        File(text, (instructions.block(facts.program, sandboxed=True),)),
        *skills.files(os.path.join(root, "skills"), facts.program, workflow=workflow),
    )
    if scope == "local":
        files = places.alone(facts, CLIENT, files, optional=text)
    return SetUp(CLIENT, scope, files, _notes(scope))


def home(facts: Facts) -> str:
    """Return the folder of the user's own Codex files."""
    return facts.environ.get("CODEX_HOME") or os.path.join(places.home(facts.environ), ".codex")


def _notes(scope: Scope) -> tuple[str, ...]:
    hook = (
        "Codex runs hooks only once you have trusted them: start codex here, type /hooks and "
        "approve those of gitcoord. Until then it skips them without a word; "
        "`gitcoord doctor` shows whether they are trusted."
    )
    folder = "It reads .codex of a repository only in folders that you trust; it asks once."
    needed = (
        "It does not start where the MCP server cannot be started; whoever has no gitcoord "
        "sets `required = false` in .codex/config.toml."
    )
    return {"project": (hook, folder, needed), "local": (hook, folder), "user": (hook,)}[scope]
