"""One session: how it fares, what it holds, what it has done and used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.domain.changes import recent
from gitcoord.domain.conflicts import conflicts
from gitcoord.domain.locks import holdings
from gitcoord.domain.operation import checked_id
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import held_by
from gitcoord.domain.unlanded import Mark
from gitcoord.errors import SessionNotFound
from gitcoord.ledger.history import Filter, transactions
from webhook.dashboard.past import sight
from webhook.dashboard.people import row

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Transactions and changes that are shown.
ROWS = 25


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows. Raises `SessionNotFound`, `InvalidId`."""
    with sight(asking) as seen:
        found = seen.state.get(Session, checked_id(given["session"], "session"))
        if found is None:
            raise SessionNotFound(
                f"there is no session {given['session']!r}",
                hint="The list of sessions shows those that the ledger remembers.",
            )
        live = not found.archived
        # What was done before it checked in is not its doing; the search ends there.
        wish = Filter(session=found.id, since=found.started_at)
        return {
            "row": row(seen, found),
            "session": found,
            "locks": holdings(seen.state, found.id),
            "tasks": held_by(seen.state, found.id),
            "clashes": conflicts(seen.state, found.area, found.files, found.id) if live else [],
            "marks": [mark for mark in seen.state.all(Mark) if mark.session == found.id],
            "changes": recent(seen.state, session=found.id, limit=ROWS),
            "history": list(transactions(asking.house.ledger, wish, limit=ROWS)),
            "now": seen.now,
            "live": True,
        }
