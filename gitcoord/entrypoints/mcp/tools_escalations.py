"""The tool with which a worker says what it cannot decide."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.escalations import KINDS, Action, Severity
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output
from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous


class Escalate(Input, frozen=True, kw_only=True):
    """What it is about."""

    kind: Annotated[str, Meta(description=f"{', '.join(KINDS)}, or a word of yours.")]
    summary: str
    details: Annotated[str, Meta(description="All that whoever decides must know.")] = ""
    severity: Severity = "MEDIUM"
    task_id: str = ""
    feature: Annotated[str, Meta(description="Default: that of the task.")] = ""


class Escalated(Output, frozen=True, kw_only=True):
    """The escalation, what will be done, and the task in the queue that stands for it."""

    escalation_id: str | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    #: Whether the feature is paused until it is resolved.
    paused: bool | UnsetType = UNSET


def escalate(call: Call, asked: Escalate) -> Escalated:
    """Raise an escalation."""
    from gitcoord.domain.escalations import Raised, RaiseEscalation, Raising
    from gitcoord.ledger.request import fresh_id

    refuse_dangerous(call, [asked.summary, asked.details], "escalate")
    wish = Raising(
        id=fresh_id("e-"),
        queued=fresh_id("t-"),
        kind=asked.kind,
        severity=asked.severity,
        summary=asked.summary,
        details=asked.details,
    )
    operation = RaiseEscalation(escalation=wish, feature=asked.feature, task=asked.task_id)
    found = call.do(operation, Raised).escalation
    return Escalated(
        escalation_id=found.id, action=found.action, task_id=found.queued, paused=found.pauses
    )
