"""Token counts in a chat of Gemini CLI (version 0.61.0), one JSON object a line.

A message is written more than once under its id, the last time with the final figures. Its
input includes what came from a cache, which is taken out; thoughts are output.
"""

from __future__ import annotations

import os
from typing import Any

from gitcoord.clients.event import dict_of, text_of
from gitcoord.clients.tally import Tally, number


def count(tally: Tally, line: dict[str, Any]) -> None:
    """Count what one line says."""
    tokens, id = dict_of(line, "tokens"), text_of(line, "id", limit=200)
    if line.get("type") != "gemini" or not (tokens and id):
        return
    tally.counts.model = text_of(line, "model", limit=100) or tally.counts.model
    cached = number(tokens, "cached")
    tally.count(
        id,
        (
            max(0, number(tokens, "input") - cached),
            number(tokens, "output") + number(tokens, "thoughts"),
            cached,
            0,
        ),
    )


def beside(transcript: str, session: str) -> list[str]:
    """Return the chats of the conversation's sub-agents, in order of their names.

    They stand in a folder beside the chat, named like the conversation.
    """
    if not transcript or os.path.basename(session) != session or session.startswith("."):
        return []
    folder = os.path.join(os.path.dirname(transcript), session)
    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError):
        # It has no sub-agents, or is no name of a folder.
        return []
    return [os.path.join(folder, name) for name in names if name.endswith(".jsonl")]
