"""What waits for a person's consent, and what was decided lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.approvals import Approval, listed, status_at
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Closed requests that are shown.
CLOSED = 30


class Row(NamedTuple):
    """A request, and its status as of now; an approval that was used is `used`."""

    approval: Approval
    status: str


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows: what can be decided, what is approved, what is closed."""
    with sight(asking) as seen:
        every = [*listed(seen.state), *listed(seen.state, closed=True)]
        rows = [
            Row(one, "used" if one.used_at else status_at(one, seen.now))
            for one in sorted(every, key=lambda one: (one.at, one.id))
        ]
        rest = [row for row in rows if row.status != "pending"]
        rest.sort(key=lambda row: row.approval.decided_at or row.approval.at, reverse=True)
        return {
            "waiting": [row for row in rows if row.status == "pending"],
            "decided": rest[:CLOSED],
            "decided_count": len(rest),
            "now": seen.now,
            "live": True,
        }
