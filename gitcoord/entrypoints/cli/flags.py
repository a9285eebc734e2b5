"""`gitcoord context --env`: what skills can count on, as flags for a shell.

Promises an answer in every surroundings, with exit code 0: where there is no repository, no
ledger or no way to it, everything is false and the reason is said, so that a skill works on
alone. A flag is true only where the commands behind it exist. Not here: what is going on.
"""

from __future__ import annotations

import os
from importlib import import_module
from shlex import quote
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk

#: How the ledger is worked with: typed commands, tools of the MCP server, not at all.
Transport = Literal["cli", "mcp", "none"]

#: Seconds for which what a git host said last is relied upon.
QUICK = 15.0

#: Flag -> the commands that it stands for; all of them must exist.
CAN: dict[str, tuple[str, ...]] = {
    "CAN_LOCK": ("lock acquire", "lock release"),
    "CAN_QUEUE_WORK": ("task add", "task next", "task complete"),
    "CAN_HANDOFF": ("handoff write", "handoff read"),
    "CAN_MEMORY": ("memory remember", "memory recall"),
    "CAN_GUARDRAILS": ("guard check",),
    "CAN_DISCOVER": ("session list",),
    "CAN_MESSAGE": ("message send", "message inbox"),
    "CAN_POLICY": ("policy check",),
    "CAN_AUDIT": ("audit query",),
    "CAN_FEATURE_REGISTRY": ("feature register", "feature conflicts"),
    "CAN_MERGE_QUEUE": ("merge enqueue", "merge next"),
}


class Flags(NamedTuple):
    """What a skill can count on."""

    transport: Transport
    #: Code of what is in the way, "ok" for nothing.
    reason: str
    can: dict[str, bool]

    @property
    def available(self) -> bool:
        """Whether there is a ledger that can be worked with."""
        return self.transport != "none"


def show(desk: Desk) -> None:
    """Print the flags: lines that a shell can evaluate, or one JSON document."""
    found = flags(desk)
    lines = {
        "COORDINATOR_AVAILABLE": _word(found.available),
        "COORDINATION_TRANSPORT": found.transport,
        "COORDINATION_REASON": found.reason,
        **{name: _word(can) for name, can in found.can.items()},
    }
    if not desk.json:
        # Not through `desk.show`: whoever evaluates this wants no word more.
        click.echo("\n".join(f"{name}={quote(value)}" for name, value in lines.items()))
        return
    desk.show(
        {
            "status": "ok" if found.available else "skipped",
            "coordinator_available": found.available,
            "coordination_transport": found.transport,
            "reason": found.reason,
            **{name.lower(): can for name, can in found.can.items()},
            "env": lines,
        },
        "",
    )


def flags(desk: Desk) -> Flags:
    """Return what can be counted on here; never raises what a user could cause."""
    transport, reason = _reach(desk)
    return Flags(
        transport,
        reason,
        {flag: transport != "none" and all(map(exists, names)) for flag, names in CAN.items()},
    )


def exists(name: str) -> bool:
    """Say whether there is a command of this noun and verb, or of this one word."""
    from gitcoord.entrypoints.cli import __name__ as package
    from gitcoord.entrypoints.cli.root import COMMANDS

    noun, _, verb = name.partition(" ")
    if noun not in COMMANDS or not verb:
        return noun in COMMANDS
    module, attribute, _ = COMMANDS[noun]
    found = getattr(import_module(f"{package}.{module}"), attribute)
    return isinstance(found, click.Group) and verb in found.list_commands(click.Context(found))


def _reach(desk: Desk) -> tuple[Transport, str]:
    """Return how the ledger here can be worked with, and what is in the way if it cannot."""
    try:
        wire = desk.house.wire
        if wire is not None:
            age = wire.contact.age
            if age is None or age >= QUICK:
                desk.house.follow()
            if wire.contact.error is not None:
                return "none", wire.contact.error.code
        desk.house.ledger.head()
    except GitcoordError as trouble:
        return "none", trouble.code
    if os.access(desk.repository.common_dir, os.W_OK):
        return "cli", "ok"
    # Codex keeps the git directory read-only for shells; its MCP server stands outside.
    from gitcoord.clients.present import present
    from gitcoord.entrypoints.cli.setup_target import known

    sandboxed = any(name.startswith("CODEX_") for name in desk.environ)
    if sandboxed and present(known(desk), "codex"):
        return "mcp", "ok"
    return "none", "read_only"


def _word(value: bool) -> str:
    return "true" if value else "false"
