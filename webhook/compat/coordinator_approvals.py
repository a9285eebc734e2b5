"""Agent Coordinator: requests for approval, with the routes of its later versions.

A decision takes a key of scope admin; it is made by the key itself, never by an agent.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from gitcoord.domain.approvals import Approval, Subject, approval_by, listed, status_at
from gitcoord.domain.approving import DecideApproval, Decided, RequestApproval, Requested
from gitcoord.errors import ApprovalClosed
from gitcoord.ledger.request import fresh_id
from webhook.compat.coordinator_agents import Identity, acting
from webhook.compat.line import Ask
from webhook.problems import Problem


class Asking(Identity, frozen=True, kw_only=True):
    """What needs consent; `kind`, `head` and `reason` are ours."""

    operation: str
    kind: Literal["operation", "command", "task", "feature", "merge"] = "operation"
    head: str = ""
    reason: str = ""
    resource: str = ""
    context: dict[str, Any] = {}
    timeout_seconds: float | None = None


def request(ask: Ask) -> dict[str, Any]:
    """Ask for consent; the same again is the same request."""
    body: Asking = ask.body
    resource = {"resource": body.resource} if body.resource else {}
    wish = RequestApproval(
        id=fresh_id("a-"),
        about=Subject(kind=body.kind, text=body.operation, head=body.head),
        reason=body.reason,
        details=body.context | resource,
        ttl=body.timeout_seconds,
    )
    found = ask.do(wish, Requested, acting(ask, body)).approval
    return {"success": True, "request_id": found.id} | {
        "status": found.status,
        "expires_at": found.expires_at,
    }


def pending(ask: Ask) -> dict[str, Any]:
    """List the requests that can be decided, the oldest first."""
    agent, limit = ask.query.get("agent_id", ""), ask.number("limit", 50, 1, 500)
    with ask.asking.state() as state:
        now = ask.asking.now(state)
        found = [
            _shown(one, now)
            for one in listed(state)
            if status_at(one, now) == "pending" and agent in ("", one.agent)
        ]
    return {"approvals": found[:limit]}


def get(ask: Ask) -> dict[str, Any]:
    """Show a request."""
    with ask.asking.state() as state:
        found = approval_by(state, ask.path["id"])
        return {"success": True} | _shown(found, ask.asking.now(state))


class Deciding(Struct, frozen=True, kw_only=True):
    """The decision. Who has decided is the key; another name is for the reason."""

    decision: Literal["approved", "denied"]
    decided_by: str = ""
    reason: str = ""


def decide(ask: Ask) -> dict[str, Any]:
    """Approve or deny a request."""
    body: Deciding = ask.body
    reason = body.reason or ("" if body.decision == "approved" else "denied without a reason")
    said = f"{body.decided_by}: {reason}" if body.decided_by and reason else reason
    wish = DecideApproval(
        id=ask.path["id"],
        decision="approve" if body.decision == "approved" else "deny",
        reason=said or body.decided_by,
    )
    try:
        found = ask.do(wish, Decided).approval
    except ApprovalClosed as closed:
        raise Problem(404, closed.code, "Request not found or already decided") from None
    return {"success": True, "request_id": found.id, "status": found.status}


def _shown(found: Approval, now: str) -> dict[str, Any]:
    told = {
        "request_id": found.id,
        "status": status_at(found, now),
        "agent_id": found.agent,
        "operation": found.subject.text,
        "resource": found.details.get("resource"),
        "context": found.details,
        "created_at": found.at,
        "expires_at": found.expires_at,
    }
    if found.decided_at:
        told |= {"decided_by": found.decided_by, "reason": found.decision_reason}
    return told
