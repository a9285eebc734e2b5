"""Whether Gemini CLI reads our settings: what in its own ones keeps it from doing so.

Reads only; trust is for people to give. The order of what counts is that of the file
docs/cli/trusted-folders.md of version 0.61.0. Not here: whether the hooks are complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from gitcoord.clients import jsontext
from gitcoord.clients.gemini.setup import home
from gitcoord.clients.plan import Facts, read
from gitcoord.clients.setup import SetUp
from gitcoord.ledger.finding import Finding


def findings(facts: Facts, setup: SetUp) -> Iterator[Finding]:
    """Yield what keeps Gemini CLI from running our hooks and the MCP server."""
    user = os.path.join(home(facts), "settings.json")
    for path in dict.fromkeys((user, setup.files[0].path)):
        if _at(path, "hooksConfig", "enabled") is False:
            hint = f"Remove hooksConfig.enabled from {path}."
            yield Finding("gemini_hooks_off", "warning", f"{path} switches all hooks off", hint)
    here = facts.repository.worktree
    if here is None or _at(user, "security", "folderTrust", "enabled") is False:
        return
    if facts.environ.get("GEMINI_CLI_TRUST_WORKSPACE", "").lower() == "true":
        return
    if not _trusted(facts, os.path.realpath(here)):
        yield Finding(
            "gemini_folder",
            "note",
            f"Gemini CLI has not been told to trust {here}: it reads no settings there and starts "
            "no MCP server until it is",
            "Start gemini there and trust the folder.",
        )


def _trusted(facts: Facts, here: str) -> bool:
    """Say whether the nearest rule about this folder trusts it."""
    named = facts.environ.get("GEMINI_CLI_TRUSTED_FOLDERS_PATH")
    rules = _json(named or os.path.join(home(facts), "trustedFolders.json"))
    nearest, verdict = "", False
    for path, rule in rules.items():
        trusts = rule in ("TRUST_FOLDER", "TRUST_PARENT")
        top = os.path.realpath(os.path.dirname(path) if rule == "TRUST_PARENT" else path)
        if (here == top or here.startswith(os.path.join(top, ""))) and len(top) >= len(nearest):
            nearest, verdict = top, trusts
    return verdict


def _at(path: str, *names: str) -> Any:
    found: Any = _json(path)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _json(path: str) -> dict[str, Any]:
    text = (read(path) or b"").decode("utf-8", "replace")
    try:
        said = jsontext.parse(text or "{}", comments=True).value
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
