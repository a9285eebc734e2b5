"""Whether Codex runs our hooks: it skips those that nobody has approved without a word.

Asked from Codex itself, which answers without a login; where it is not installed, read from
its configuration in the way that version 0.169.0 writes it. Changes nothing and grants no
trust: that is for people. Not here: what the hooks are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from hashlib import sha256
from threading import Timer
from typing import Any, NamedTuple

from gitcoord.clients import jsontext, tomltext
from gitcoord.clients.codex.setup import CLIENT, home
from gitcoord.clients.plan import Facts, read
from gitcoord.clients.program import of_hook, of_line
from gitcoord.clients.setup import SetUp
from gitcoord.ledger.finding import Finding

#: Seconds that Codex may take to answer.
PATIENCE = 5.0
#: What counts as approved.
GOOD = ("trusted", "managed")

_REQUESTS = (
    {
        "id": 1,
        "method": "initialize",
        "params": {"clientInfo": {"name": "gitcoord", "version": "1"}},
    },
    {"method": "initialized"},
)


class Trust(NamedTuple):
    """What is known about our hooks in one file."""

    #: Event -> trusted, managed, untrusted, modified or disabled; only those that Codex would read.
    states: dict[str, str]
    #: Whether Codex itself has said so.
    asked: bool


def findings(facts: Facts, setup: SetUp) -> Iterator[Finding]:
    """Yield what keeps Codex from running our hooks, or that nothing does."""
    hooks = hooks_file(facts, setup)
    config = _config(facts)
    if tomltext.at(config, ("features", "hooks")) is False:
        yield Finding(
            "codex_hooks_off", "warning", "[features] hooks is false in Codex's config.toml"
        )
    folder = os.path.dirname(os.path.dirname(hooks))
    if setup.scope != "user" and not _folder_trusted(config, facts, folder):
        yield Finding(
            "codex_folder",
            "warning",
            f"Codex does not trust {folder}: it reads neither hooks nor MCP servers of it",
            "Start codex there and trust the folder.",
        )
        return
    trust = asked(facts, hooks) or recorded(config, hooks)
    yield _verdict(trust, hooks, setup)


def hooks_file(facts: Facts, setup: SetUp) -> str:
    """Return the file of hooks that Codex reads: for linked worktrees that of the main one."""
    common, path = facts.repository.common_dir, setup.files[0].path
    linked = setup.scope != "user" and facts.repository.git_dir != common
    if linked and os.path.basename(common) == ".git":
        return os.path.join(os.path.dirname(common), ".codex", "hooks.json")
    return path


def asked(facts: Facts, hooks: str) -> Trust | None:
    """Return what Codex says of the hooks in a file; None where it does not answer in time.

    JSON-RPC method `hooks/list` of `codex app-server`.
    """
    codex = shutil.which("codex", path=facts.environ.get("PATH"))
    here = facts.repository.worktree
    if codex is None or here is None or not os.path.isdir(home(facts)):
        return None
    listed = _listed(codex, here, facts.environ)
    if listed is None:
        return None
    states = {}
    for one in listed:
        ours = of_line(one.get("command"), f"hook {CLIENT} ") is not None
        if ours and _same(one.get("sourcePath"), hooks):
            event = str(one.get("eventName"))
            state = str(one.get("trustStatus")) if one.get("enabled", True) else "disabled"
            states[event[:1].upper() + event[1:]] = state
    return Trust(states, True)


def recorded(config: Mapping[str, Any], hooks: str) -> Trust:
    """Return what Codex's configuration says of the hooks in a file."""
    root = jsontext.parse((read(hooks) or b"{}").decode("utf-8", "replace")).value
    states = {}
    for event, groups in root.get("hooks", {}).items():
        for place, group in enumerate(groups):
            for number, handler in enumerate(group.get("hooks", ())):
                if of_hook(handler, CLIENT) is None:
                    continue
                key = f"{os.path.realpath(hooks)}:{_snake(event)}:{place}:{number}"
                known = tomltext.at(config, ("hooks", "state", key)) or {}
                if known.get("enabled") is False:
                    states[event] = "disabled"
                elif "trusted_hash" not in known:
                    states[event] = "untrusted"
                else:
                    same = known["trusted_hash"] == digest(event, group, handler)
                    states[event] = "trusted" if same else "modified"
    return Trust(states, False)


def digest(event: str, group: Mapping[str, Any], handler: Mapping[str, Any]) -> str:
    """Return the digest by which Codex 0.169.0 knows a hook (measured)."""
    said: dict[str, Any] = {
        "event_name": _snake(event),
        "hooks": [
            {
                "type": "command",
                "command": handler["command"],
                "timeout": handler.get("timeout", 600),
                "async": handler.get("async", False),
            }
        ],
    }
    if group.get("matcher") is not None:
        said["matcher"] = group["matcher"]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _verdict(trust: Trust, hooks: str, setup: SetUp) -> Finding:
    source = "" if trust.asked else " (as its config.toml says; codex itself was not asked)"
    if not trust.states:
        return Finding(
            "codex_hooks_unseen",
            "warning",
            f"Codex sees no hooks of gitcoord in {hooks}{source}",
            f"Run `gitcoord setup {CLIENT} --scope {setup.scope}` where that file is.",
        )
    bad = {event: state for event, state in trust.states.items() if state not in GOOD}
    if bad:
        shown = ", ".join(f"{event} {state}" for event, state in sorted(bad.items()))
        return Finding(
            "codex_trust",
            "warning",
            f"Codex skips {len(bad)} of {len(trust.states)} hooks without a word: {shown}{source}",
            "Start codex here, type /hooks, and approve those of gitcoord.",
        )
    return Finding("codex_trust", "ok", f"Codex trusts all {len(trust.states)} hooks{source}")


def _listed(codex: str, cwd: str, environ: Mapping[str, str]) -> list[dict[str, Any]] | None:
    wanted = {"id": 2, "method": "hooks/list", "params": {"cwds": [cwd]}}
    try:
        server = subprocess.Popen(
            [codex, "app-server"],
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    limit = Timer(PATIENCE, server.kill)
    limit.start()
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            for request in (*_REQUESTS, wanted):
                server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
            for line in server.stdout:
                answer = json.loads(line)
                if answer.get("id") == 2:
                    data = answer["result"]["data"]
                    return [hook for place in data for hook in place["hooks"]]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            # Another version with other answers: then its configuration is read.
            return None
        finally:
            limit.cancel()
            server.kill()
    return None


def _config(facts: Facts) -> dict[str, Any]:
    text = (read(os.path.join(home(facts), "config.toml")) or b"").decode("utf-8", "replace")
    try:
        return tomltext.parse(text)
    except ValueError:
        # Codex will say so itself, in its own words.
        return {}


def _folder_trusted(config: Mapping[str, Any], facts: Facts, folder: str) -> bool:
    places = {folder, os.path.realpath(folder), facts.repository.worktree or folder}
    found = (tomltext.at(config, ("projects", place, "trust_level")) for place in places)
    return "trusted" in found


def _same(one: Any, other: str) -> bool:
    return isinstance(one, str) and os.path.realpath(one) == os.path.realpath(other)


def _snake(event: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in event).lstrip("_")
