"""What workers could not decide, and how far the plans of features have come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.escalations import Escalation, listed
from gitcoord.domain.plans import Plan
from gitcoord.domain.tasks import Task

if TYPE_CHECKING:
    from webhook.dashboard.past import Sight

#: Escalations, and plans, that the overview shows; the newest plans, which are looked at.
ESCALATIONS, PLANS, LOOKED = 6, 6, 30


class Progress(NamedTuple):
    """A plan, and how many of its packages are done, have failed, or are open in any way."""

    plan: Plan
    done: int
    failed: int
    open: int


def escalated(seen: Sight) -> list[Escalation]:
    """Return the open escalations: those that pause a feature first, then the oldest."""
    return sorted(listed(seen.state), key=lambda one: (not one.pauses, one.at, one.id))


def planned(seen: Sight) -> list[Progress]:
    """Return those of the newest plans of which something is left to do, the latest first."""
    newest = sorted(seen.state.all(Plan), key=lambda one: (one.at, one.feature), reverse=True)
    found = [_progress(seen, plan) for plan in newest[:LOOKED]]
    return [one for one in found if one.open]


def _progress(seen: Sight, plan: Plan) -> Progress:
    tasks = [seen.state.get(Task, one.task) for one in plan.packages]
    statuses = [task.status for task in tasks if task is not None]
    done, given_up = statuses.count("completed"), statuses.count("cancelled")
    return Progress(plan, done, statuses.count("failed"), len(statuses) - done - given_up)
