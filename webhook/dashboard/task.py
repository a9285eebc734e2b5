"""One task: what it is about, what stands in its way, what became of every attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.domain.obstacles import obstacles
from gitcoord.domain.tasks import Task, notes_of, task_of
from webhook.dashboard.past import sight
from webhook.dashboard.tasks import lane

if TYPE_CHECKING:
    from webhook.api.asking import Asking


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows. Raises `TaskNotFound`, `InvalidId`."""
    with sight(asking) as seen:
        found = task_of(seen.state, given["task"])
        needs = (seen.state.get(Task, name) for name in found.depends_on)
        dependants = [
            one
            for archived in (False, True)
            for one in seen.state.find(Task, f"on:{found.id}", archived=archived)
        ]
        return {
            "task": found,
            "status": lane(found),
            "notes": notes_of(seen.state, found.id),
            "obstacles": obstacles(seen.state, seen.context, found),
            "needs": [(one, lane(one)) for one in needs if one is not None],
            "dependants": [(one, lane(one)) for one in dependants],
            "limit": found.limit(seen.state.settings),
            "now": seen.now,
            "live": True,
        }
