"""Tools for a person's consent: ask for it, and see what was decided. Deciding is no tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output

if TYPE_CHECKING:
    from gitcoord.domain.approvals import Approval


class RequestApproval(Input, frozen=True, kw_only=True):
    """What needs consent. For a command give the command itself."""

    operation: Annotated[
        str, Meta(description="The command, exactly; or what you want to do; or an id (kind).")
    ]
    kind: Annotated[
        Literal["operation", "command", "task", "feature", "merge"],
        Meta(description="What operation is."),
    ] = "operation"
    head: Annotated[str, Meta(description="The commit that a thing is at.")] = ""
    resource: Annotated[str, Meta(description="What it is done to, for whoever decides.")] = ""
    reason: Annotated[str, Meta(description="Why, for whoever decides.")] = ""
    context: dict[str, Any] = {}
    timeout_seconds: float | None = None


class ApprovalShown(Output, frozen=True, kw_only=True):
    """The request and what has become of it."""

    request_id: str | UnsetType = UNSET
    #: pending, approved, denied or expired.
    status: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    decided_by: str | UnsetType = UNSET
    #: What whoever decided has said.
    decision_reason: str | UnsetType = UNSET
    #: Whether it was used; an approval counts once.
    used: bool | UnsetType = UNSET


class CheckApproval(Input, frozen=True, kw_only=True):
    """Which request."""

    request_id: str


def request_approval(call: Call, asked: RequestApproval) -> ApprovalShown:
    """Ask a person; the same thing again is the same request."""
    from gitcoord.domain.approvals import Subject
    from gitcoord.domain.approving import RequestApproval as Wish
    from gitcoord.domain.approving import Requested
    from gitcoord.ledger.request import fresh_id

    resource = {"resource": asked.resource} if asked.resource else {}
    wish = Wish(
        id=fresh_id("a-"),
        about=Subject(kind=asked.kind, text=asked.operation, head=asked.head),
        reason=asked.reason,
        details=asked.context | resource,
        ttl=asked.timeout_seconds,
    )
    return _shown(call, call.do(wish, Requested).approval)


def check_approval(call: Call, asked: CheckApproval) -> ApprovalShown:
    """Say what has become of a request."""
    from gitcoord.domain.approvals import approval_by

    call.reading()
    with call.state() as state:
        found = approval_by(state, asked.request_id)
    return _shown(call, found)


def _shown(call: Call, found: Approval) -> ApprovalShown:
    from gitcoord.domain.approvals import status_at

    with call.state() as state:
        status = status_at(found, call.now(state))
    return ApprovalShown(
        request_id=found.id,
        status=status,
        expires_at=found.expires_at,
        decided_by=found.decided_by or UNSET,
        decision_reason=found.decision_reason or UNSET,
        used=bool(found.used_at),
    )
