"""The features against each other, and which ready tasks fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.domain.forecast import Matrix, forecast, matrix
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Features of the picture, and ready tasks that are looked at.
FEATURES, TASKS = 30, 60


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows."""
    with sight(asking) as seen:
        found = matrix(seen.state)
        ahead = forecast(seen.state, seen.context, limit=TASKS)
        return {
            "features": found.features,
            "pairs": found.pairs,
            "picture": _picture(found),
            "cut": max(0, len(found.features) - FEATURES),
            "rounds": ahead.rounds,
            "held": ahead.held,
            "more": ahead.more,
            "now": seen.now,
            "live": True,
        }


def _picture(found: Matrix) -> list[list[str]]:
    """Return for each row of the picture the word of each of its cells; "" on the diagonal."""
    names = [one.id for one in found.features[:FEATURES]]
    words = {pair.features: pair.feasibility for pair in found.pairs}

    def word(row: str, column: str) -> str:
        if row == column:
            return ""
        return words.get((row, column)) or words.get((column, row)) or "FULL"

    return [[word(row, column) for column in names] for row in names]
