"""What is told of plans and escalations: a revision made, an escalation raised and resolved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.domain.escalations import Escalation
from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.plans import Plan


def plans(scene: Scene) -> Iterator[Event]:
    """Yield the revisions that were made; a plan that is forgotten is not told."""
    for before, after in scene.pairs(Plan):
        if after is None or (before is not None and _revision(before) == _revision(after)):
            continue
        fields = plain(
            after, "title", "plan_revision", "contracts_revision", "by", feature_id="feature"
        )
        packages = [{"id": one.id, "task_id": one.task} for one in after.packages]
        yield Event("plan.made", fields | {"packages": packages})


def escalations(scene: Scene) -> Iterator[Event]:
    """Yield what happened to escalations; both, where it was in one transaction."""
    for before, after in scene.pairs(Escalation):
        if after is None:
            continue
        if before is None:
            yield _told("escalation.raised", after)
        if after.archived and (before is None or not before.archived):
            by = plain(after, "resolution", by="resolved_by")
            yield _told("escalation.resolved", after, **by)


def _revision(plan: Plan) -> tuple[int, int]:
    return plan.plan_revision, plan.contracts_revision


def _told(kind: str, found: Escalation, **data: Any) -> Event:
    fields = plain(
        found, "kind", "severity", "action", "summary", "pauses", "status",
        escalation_id="id", feature_id="feature", task_id="task", session_id="session",
        agent_name="agent",
    )  # fmt: skip
    return Event(kind, fields | data, sessions_of(found.session))
