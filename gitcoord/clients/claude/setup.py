"""What Claude Code is told about gitcoord, and where it reads it.

Formats: https://code.claude.com/docs/en/settings, /hooks, /mcp, /skills and /statusline below
the same address, held against version 2.1.330. The plugin (plugin_folder) is made from the
same tables. Not here: how files are changed.
"""

from __future__ import annotations

import json
import os
from typing import Any

from gitcoord.clients import instructions, places, skills
from gitcoord.clients.claude import hooks
from gitcoord.clients.contents import Content, Entry
from gitcoord.clients.hooktable import Hooks
from gitcoord.clients.plan import Facts, read
from gitcoord.clients.program import hook_line, of_line, of_server, quoted
from gitcoord.clients.setup import File, Scope, SetUp

CLIENT = "claude"
#: Seconds that a hook may take; it ends by itself after two.
TIMEOUT = 10
#: All hooks at the end of a session share 1.5 s unless one of them asks for more.
TIMEOUT_AT_END = 5
#: Steps that concern a tool, and so are asked for by the tools' names.
_WITH_TOOL = ("before", "after", "failed")
STATUS = "status --oneline"


def groups(program: str) -> dict[str, dict[str, Any]]:
    """Return the hooks: event -> its group."""
    tools = "|".join((*hooks.EDITORS, *hooks.SHELLS))
    return {
        event: ({"matcher": tools} if step in _WITH_TOOL else {})
        | {
            "hooks": [
                {
                    "type": "command",
                    "command": hook_line(program, CLIENT, event),
                    "timeout": TIMEOUT_AT_END if step == "end" else TIMEOUT,
                }
            ]
        }
        for event, step in hooks.STEPS.items()
    }


def server(program: str) -> dict[str, Any]:
    """Return the MCP server's entry; without `alwaysLoad` its tools are hidden behind a search."""
    return {"type": "stdio", "command": program, "args": ["mcp"], "alwaysLoad": True}


def setup(facts: Facts, scope: Scope, *, workflow: bool = False) -> SetUp:
    """Return the set-up; `workflow`: also the skills of the workflow.

    A status line is part of it unless the user has another. Raises `NotARepository`,
    `UsageError`.
    """
    name = ("mcpServers", "gitcoord")
    if scope == "user":
        root = home(facts)
        settings, text = os.path.join(root, "settings.json"), os.path.join(root, "CLAUDE.md")
        mcp = _private(facts, name)
    else:
        here = places.worktree(facts)
        root = os.path.join(here, ".claude")
        local = ".local" if scope == "local" else ""
        settings = os.path.join(root, f"settings{local}.json")
        text = os.path.join(here, f"CLAUDE{local}.md")
        mcp = (
            _private(facts, ("projects", project(facts), *name))
            if local
            else File(os.path.join(here, ".mcp.json"), (_entry(facts, name),))
        )
    contents: list[Content] = [Hooks(CLIENT, groups(facts.program))]
    if _line_of(settings) is not None or not _has_status_line(facts):
        contents.append(_status_line(facts))
    first = "@AGENTS.md" if scope != "user" and _hides_agents_md(text) else ""
    files: tuple[File, ...] = (
        File(settings, tuple(contents)),
        mcp,
        File(text, (instructions.block(facts.program, first=first),)),
        *skills.files(os.path.join(root, "skills"), facts.program, workflow=workflow),
    )
    if scope == "local":
        made = [file.path for file in files if file is not mcp]
        files = (*files, places.hidden(facts, CLIENT, made))
    return SetUp(CLIENT, scope, files, _notes(scope))


def home(facts: Facts) -> str:
    """Return the folder of the user's own files for Claude Code."""
    found = facts.environ.get("CLAUDE_CONFIG_DIR")
    return found or os.path.join(places.home(facts.environ), ".claude")


def _notes(scope: Scope) -> tuple[str, ...]:
    trust = "Claude Code runs hooks of a repository once you trust the folder, at its first start."
    approve = "It asks once whether the MCP server gitcoord of .mcp.json may be used."
    return {"project": (trust, approve), "local": (trust,), "user": ()}[scope]


def _entry(facts: Facts, path: tuple[str, ...]) -> Entry:
    return Entry("MCP server", path, server(facts.program), ("command",), of_server)


def private_file(facts: Facts) -> str:
    """Return the file in which Claude Code keeps what is the user's own, among it servers."""
    folder = facts.environ.get("CLAUDE_CONFIG_DIR") or places.home(facts.environ)
    return os.path.join(folder, ".claude.json")


def _private(facts: Facts, path: tuple[str, ...]) -> File:
    return File(private_file(facts), (_entry(facts, path),), copied=False)


def project(facts: Facts) -> str:
    """Return the name under which Claude Code files this repository: one for all worktrees."""
    common = facts.repository.common_dir
    main = os.path.dirname(common) if os.path.basename(common) == ".git" else ""
    return os.path.realpath(main or places.worktree(facts))


def _status_line(facts: Facts) -> Entry:
    command = {"type": "command", "command": f"{quoted(facts.program)} {STATUS}"}
    return Entry("status line", ("statusLine",), command, ("command",), _of_status)


def _of_status(entry: Any) -> str | None:
    return of_line(entry.get("command"), STATUS) if isinstance(entry, dict) else None


def _has_status_line(facts: Facts) -> bool:
    """Say whether any settings that count here have a status line that is not ours."""
    folders = [home(facts)]
    if facts.repository.worktree is not None:
        folders.append(os.path.join(facts.repository.worktree, ".claude"))
    files = [
        os.path.join(folder, name)
        for folder in folders
        for name in ("settings.json", "settings.local.json")
    ]
    return any(_line_of(file) == "" for file in files)


def _line_of(path: str) -> str | None:
    """Return the program of our status line in a file, "" for another's, None for none."""
    try:
        said = json.loads(read(path) or b"{}")
    except ValueError:
        # Whoever changes that file says what is wrong with it.
        return None
    line = said.get("statusLine") if isinstance(said, dict) else None
    return None if line is None else _of_status(line) or ""


def _hides_agents_md(path: str) -> bool:
    """Say whether this file would be there for our sake only and keep AGENTS.md unread.

    Claude Code reads AGENTS.md where there is neither a CLAUDE.md nor a CLAUDE.local.md.
    """
    folder = os.path.dirname(path)
    if not os.path.exists(os.path.join(folder, "AGENTS.md")):
        return False
    names = ("CLAUDE.md", "CLAUDE.local.md", os.path.join(".claude", "CLAUDE.md"))
    others = {os.path.join(folder, name) for name in names} - {path}
    if any(map(os.path.exists, others)):
        return False
    text = (read(path) or b"").decode("utf-8", "replace")
    return not text.strip() or f"{instructions.BEGIN}\n@AGENTS.md" in text
