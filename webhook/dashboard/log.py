"""The audit log: every transaction, the newest first, filtered; and one with all it says.

Each of them is a point to which overview, sessions, tasks and locks can travel (`past`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.time import from_epoch, moment
from gitcoord.ledger.history import Filter, meta_at, transactions
from webhook.dashboard.past import point, sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Transactions of a page.
ROWS = 50
#: What the filter of operations offers: beginning of their names, and what it is called.
KINDS = (
    ("session.", "Sessions"),
    ("lock.", "Locks"),
    ("task.", "Tasks"),
    ("message.", "Messages"),
    ("handoff.", "Handoffs"),
    ("change.", "Changes"),
    ("config.", "Settings"),
)
FILTERS = ("agent", "operation", "key", "session", "since", "until")


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the log shows. Raises `InvalidValue`, `InvalidKey` for a filter that is none."""
    ledger = asking.house.ledger
    wall = from_epoch(ledger.clock.wall())
    asked = {name: given.get(name, "").strip() for name in FILTERS}
    wish = Filter(
        agent=asked["agent"],
        operation=asked["operation"],
        key=asked["key"],
        session=asked["session"],
        since=moment(asked["since"], wall) if asked["since"] else "",
        until=moment(asked["until"], wall) if asked["until"] else "",
    )
    before = given.get("before", "")
    start = point(asking, before).transaction.oid if before else None
    found = list(transactions(ledger, wish, limit=ROWS + 1, start=start))
    with sight(asking) as seen:
        return {
            "history": found[:ROWS],
            "more": found[ROWS].oid if len(found) > ROWS else "",
            "asked": asked,
            "filtered": any(asked.values()),
            "before": before,
            "kinds": KINDS,
            "now": seen.now,
            # What is on an older page does not change.
            "live": not before,
        }


def transaction(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of one transaction shows. Raises `InvalidValue`."""
    found = point(asking, given["oid"])
    with sight(asking) as seen:
        return {
            "where": found,
            "meta": meta_at(asking.house.ledger, found.transaction.oid),
            "lines": [
                {
                    "op": line["op"],
                    "agent": line.get("agent", ""),
                    "session": line.get("session", ""),
                    "outcome": str(line.get("outcome", "")),
                    "text": _json(line.get("args", {})),
                }
                for line in found.transaction.lines
            ],
            "now": seen.now,
            "live": False,
        }


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
