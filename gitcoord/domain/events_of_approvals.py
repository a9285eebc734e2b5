"""What is told of approvals: asked for, decided, over, used. The subject itself is not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.domain.approvals import Approval
from gitcoord.domain.event import Event, Scene, plain, sessions_of


def approvals(scene: Scene) -> Iterator[Event]:
    """Yield what happened to requests; several steps in one transaction are told one by one."""
    for before, after in scene.pairs(Approval):
        if after is None:
            continue
        if before is None:
            yield _told("approval.requested", after, **plain(after, "why", "expires_at"))
        status = "pending" if before is None else before.status
        if after.decided_at and (before is None or not before.decided_at):
            decision = "approved" if after.status != "denied" else "denied"
            by = {"by": after.decided_by, "reason": after.decision_reason}
            yield _told(f"approval.{decision}", after, **by)
        if after.used_at and (before is None or not before.used_at):
            yield _told("approval.used", after, **plain(after, "used_at"))
        if after.status == "expired" and status != "expired":
            yield _told("approval.expired", after)


def _told(kind: str, found: Approval, **data: Any) -> Event:
    fields = plain(
        found, "title", "status", approval_id="id", session_id="session", agent_name="agent"
    )
    about = {"kind": found.subject.kind, "head": found.subject.head}
    return Event(kind, fields | about | data, sessions_of(found.session))
