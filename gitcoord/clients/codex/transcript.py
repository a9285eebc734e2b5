"""Token counts in a rollout of Codex CLI (version 0.169.0), one JSON object a line.

`total_token_usage` is the total so far, so the last one counts; its input includes what
came from a cache, which is taken out again.
"""

from __future__ import annotations

from typing import Any

from gitcoord.clients.event import dict_of, text_of
from gitcoord.clients.tally import Tally, number


def count(tally: Tally, line: dict[str, Any]) -> None:
    """Count what one line says."""
    payload = dict_of(line, "payload")
    if line.get("type") == "turn_context":
        tally.counts.model = text_of(payload, "model", limit=100) or tally.counts.model
    if line.get("type") != "event_msg" or payload.get("type") != "token_count":
        return
    total = dict_of(dict_of(payload, "info"), "total_token_usage")
    if not total:
        return
    counts = tally.counts
    cached, written = (
        number(total, "cached_input_tokens"),
        number(total, "cache_write_input_tokens"),
    )
    before = counts.input_tokens, counts.output_tokens, counts.cache_read_tokens
    counts.cache_read_tokens, counts.cache_write_tokens = cached, written
    counts.input_tokens = max(0, number(total, "input_tokens") - cached - written)
    counts.output_tokens = number(total, "output_tokens")
    if before != (counts.input_tokens, counts.output_tokens, counts.cache_read_tokens):
        counts.requests += 1
