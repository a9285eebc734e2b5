"""Token counts in a transcript of Claude Code (version 2.1.330), one JSON object a line.

An answer of the API may stand on several lines with one `message.id`; it counts once, as it
was written last. The cost is the client's own, which it writes when it ends.
"""

from __future__ import annotations

from typing import Any

from gitcoord.clients.event import dict_of, text_of
from gitcoord.clients.tally import Tally, number


def count(tally: Tally, line: dict[str, Any]) -> None:
    """Count what one line says."""
    kind = line.get("type")
    if kind == "assistant":
        message = dict_of(line, "message")
        usage = dict_of(message, "usage")
        id = text_of(message, "id", limit=200)
        model = text_of(message, "model", limit=100)
        if not (id and usage) or model == "<synthetic>":
            return
        tally.counts.model = model or tally.counts.model
        tally.count(
            id,
            (
                number(usage, "input_tokens"),
                number(usage, "output_tokens"),
                number(usage, "cache_read_input_tokens"),
                number(usage, "cache_creation_input_tokens"),
            ),
        )
    elif kind == "cost-state" and not line.get("hasUnknownModelCost"):
        cost = line.get("totalCostUSD")
        if isinstance(cost, (int, float)) and cost >= 0:
            tally.counts.cost_usd = float(cost)
