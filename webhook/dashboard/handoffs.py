"""Handoffs: what sessions have left for those who go on, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.domain.handoffs import newest
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Handoffs that are shown.
ROWS = 40
#: The parts of a handoff: field, and what it is called.
PARTS = (
    ("completed", "Done"),
    ("in_progress", "In progress"),
    ("decisions", "Decisions"),
    ("next_steps", "Next steps"),
)


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows: of all, of one `agent`, or about one `task`."""
    agent, task = given.get("agent", ""), given.get("task", "")
    with sight(asking) as seen:
        found = newest(seen.state, agent=agent or None, task=task or None, limit=ROWS)
        return {
            "handoffs": found,
            "parts_of": PARTS,
            "agent": agent,
            "task": task,
            "now": seen.now,
            "live": True,
        }
