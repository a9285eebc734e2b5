"""Token counts in a chat of Gemini CLI (version 0.61.0), one JSON object a line.

A message is written more than once under its id, the last time with the final figures. Its
input includes what came from a cache, which is taken out; thoughts are output.
"""

from __future__ import annotations

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
