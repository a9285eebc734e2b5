"""`gitcoord hook`: what agent clients call; here for people who look it up.

The call itself never comes here: `entrypoints/main.py` hands it to `entrypoints/hooks`
before the command line is loaded.
"""

from __future__ import annotations

import click

from gitcoord.clients.adapters import CLIENTS, hooks
from gitcoord.errors import UsageError


@click.command(epilog="Example: gitcoord hook claude PreToolUse < event.json")
@click.argument("client", metavar="CLIENT")
@click.argument("event", metavar="EVENT")
def hook(client: str, event: str) -> None:
    """Answer a hook of an agent client: its JSON on stdin, the client's own answer on stdout.

    `gitcoord setup CLIENT` writes these calls into the client's settings. A hook ends within
    two seconds; its exit code and output are what the client obeys (docs/hooks.md).
    """
    steps = hooks(client).STEPS
    raise UsageError(
        f"{CLIENTS[client]} has no event {event!r} that gitcoord answers",
        hint=f"Known: {', '.join(steps)}.",
    )
