"""Whether Claude Code runs our hooks: what in its own settings keeps it from doing so.

Reads only; trust is for people to give. Not here: whether the hooks are complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from gitcoord.clients.claude.setup import home, private_file, project
from gitcoord.clients.plan import Facts, read
from gitcoord.clients.setup import SetUp
from gitcoord.ledger.finding import Finding


def findings(facts: Facts, setup: SetUp) -> Iterator[Finding]:
    """Yield what keeps Claude Code from running our hooks."""
    folders = [home(facts)]
    if facts.repository.worktree is not None:
        folders.append(os.path.join(facts.repository.worktree, ".claude"))
    for folder in folders:
        for name in ("settings.json", "settings.local.json"):
            path = os.path.join(folder, name)
            if _json(path).get("disableAllHooks") is True:
                yield Finding(
                    "claude_hooks_off",
                    "warning",
                    f"{path} switches all hooks off",
                    f"Remove disableAllHooks from {path}.",
                )
    projects = _json(private_file(facts)).get("projects")
    if setup.scope == "user" or not isinstance(projects, dict):
        return
    known = projects.get(project(facts))
    if not (isinstance(known, dict) and known.get("hasTrustDialogAccepted")):
        yield Finding(
            "claude_folder",
            "note",
            f"Claude Code has not been told to trust {project(facts)}: on a terminal it runs no "
            "hooks there until it is",
            "Start claude there and trust the folder; `claude -p` needs no trust.",
        )


def _json(path: str) -> dict[str, Any]:
    try:
        said = json.loads(read(path) or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
