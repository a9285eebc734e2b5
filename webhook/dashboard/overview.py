"""The overview: who is here and what it costs, what is held, where work collides, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from gitcoord.domain.changes import recent
from gitcoord.domain.locks import Lock
from gitcoord.domain.merges import listed
from gitcoord.domain.sessions import Session
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.usage import Usage
from gitcoord.domain.waiting import Waiter, dead, queue
from gitcoord.ledger.history import transactions
from webhook.dashboard import people
from webhook.dashboard.clashes import clashes
from webhook.dashboard.merges import counted
from webhook.dashboard.past import Sight, sight
from webhook.dashboard.plans import ESCALATIONS, PLANS, escalated, planned

if TYPE_CHECKING:
    from webhook.api.asking import Asking
    from webhook.projects import Project

#: Rows of each list, and those of the longest one, which stands beside two of the others.
ROWS, HISTORY = 10, 18
#: Sessions that are shown; the page of sessions has all of them.
SESSIONS = 25
#: Pairs that are shown at once, and those that can be unfolded.
CLASHES, FOLDED = 6, 100


class Spend(NamedTuple):
    """What sessions have used, as far as the ledger remembers them."""

    tokens: int = 0
    #: Of those whose price is known.
    cost: float = 0.0
    #: Sessions whose price is not known.
    unknown: int = 0
    requests: int = 0
    errors: int = 0

    def plus(self, usage: Usage | None) -> Spend:
        """Return the sum with one session more."""
        if usage is None:
            return self
        return Spend(
            self.tokens + usage.tokens,
            self.cost + (usage.cost_usd or 0.0),
            self.unknown + (usage.cost_usd is None),
            self.requests + usage.requests,
            self.errors + usage.errors,
        )


#: Project -> the head for which its ended sessions were added up, and what they have used.
_SPENT: WeakKeyDictionary[Project, tuple[str, Spend]] = WeakKeyDictionary()


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the overview shows, now or at a point in the past."""
    with sight(asking, given.get("at", "")) as seen:
        rows = people.here(seen)
        spend = _ended(asking, seen)
        for one in rows:
            spend = spend.plus(one.usage)
        locks, queued, found = held(seen), waiting(seen), clashes(seen)
        raised, plans = escalated(seen), planned(seen)
        return {
            "rows": rows[:SESSIONS],
            "sessions_count": len(rows),
            "tally": people.tally(rows),
            "spend": spend,
            "locks": locks[:ROWS],
            "locks_count": len(locks),
            "waiters": queued[:ROWS],
            "waiters_count": len(queued),
            "clashes": found[: CLASHES + FOLDED],
            "clashes_at_once": CLASHES,
            "clashes_count": len(found),
            "escalations": raised[:ESCALATIONS],
            "escalations_count": len(raised),
            "plans": plans[:PLANS],
            "plans_count": len(plans),
            "marks": sum(1 for _ in seen.state.all(Mark)),
            "changes": recent(seen.state, limit=ROWS),
            "tasks": {
                name: sum(1 for _ in seen.snapshot.scan("tasks", prefix))
                for name, prefix in _COUNTS
            },
            "queue": counted(listed(seen.state)),
            "history": list(transactions(asking.house.ledger, limit=HISTORY, start=seen.head)),
            "now": seen.now,
            "point": seen.point,
            "live": seen.point is None,
        }


def held(seen: Sight) -> list[Lock]:
    """Return the locks whose leases have not ended, those that end first in front."""
    return [one for one in seen.state.scan(Lock, "end:") if one.expires_at > seen.now]


def waiting(seen: Sight) -> list[Waiter]:
    """Return those who wait for keys and have not lost their place, first come first."""
    return [one for one in queue(seen.state) if not dead(seen.state, seen.context, one)]


def _ended(asking: Asking, seen: Sight) -> Spend:
    project = asking.caller.project
    known = _SPENT.get(project)
    if known is not None and known[0] == seen.head:
        return known[1]
    spend = Spend()
    for session in seen.state.scan(Session, "end:", archived=True):
        spend = spend.plus(session.usage)
    if seen.point is None:
        _SPENT[project] = (seen.head, spend)
    return spend


_COUNTS = (
    ("in_progress", "status:in_progress:"),
    ("assigned", "status:assigned:"),
    ("ready", "ready:"),
    ("waiting", "later:"),
    ("blocked", "status:blocked:"),
    ("failed", "status:failed:"),
)
