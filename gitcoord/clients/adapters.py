"""Which clients have an adapter, and where: one is imported when it is called.

Adding a client is a line here and a folder beside this file.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

from gitcoord.clients.event import Event, Reply, Said, Step
from gitcoord.clients.tally import Count
from gitcoord.errors import UsageError

#: Client -> the client in people's words.
CLIENTS: dict[str, str] = {
    "claude": "Claude Code",
    "codex": "Codex",
    "gemini": "Gemini CLI",
}


class Hooks(Protocol):
    """What the hooks of a client look like."""

    #: The client's events -> what happens.
    STEPS: dict[str, Step]

    def read(self, name: str, body: dict[str, Any], *, headless: bool = False) -> Event:
        """Return the event that the client describes."""
        ...

    def write(self, event: Event, reply: Reply) -> Said:
        """Return what the hook's process prints, and its exit code."""
        ...


def hooks(client: str) -> Hooks:
    """Return the adapter of a client. Raises `UsageError` for one that has none."""
    if client not in CLIENTS:
        known = ", ".join(CLIENTS)
        raise UsageError(f"there is no client {client!r}", hint=f"Known: {known}.")
    return cast("Hooks", import_module(f"gitcoord.clients.{client}.hooks"))


def counting(client: str) -> Count:
    """Return what counts the tokens in the lines of a client's transcript."""
    return cast("Count", import_module(f"gitcoord.clients.{client}.transcript").count)


def transcripts_beside(client: str, transcript: str, session: str) -> list[str]:
    """Return the transcripts of sub-agents that the client's hooks do not name."""
    if client != "gemini":
        return []
    from gitcoord.clients.gemini.transcript import beside

    return beside(transcript, session)
