"""Results of packages as workers write them: JSON with the fields of Agent Coordinator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.escalations import KINDS, Raising
from gitcoord.domain.results import ReportResult, Result
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk

#: Fields by which a result is known as one of a package.
FIELDS = ("package_id", "plan_revision", "contracts_revision")


class _Escalated(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation as it stands in a result."""

    type: str
    severity: str = "MEDIUM"
    summary: str = ""
    details: str | dict[str, Any] = ""


def is_of_a_package(desk: Desk, task: str, data: Any) -> bool:
    """Say whether this is the result of a package in a plan, and not just any."""
    from gitcoord.domain.plans import plan_of

    if not (isinstance(data, dict) and any(name in data for name in FIELDS)):
        return False
    with desk.state() as state:
        return plan_of(state, task) is not None


def report_of(
    task: str,
    data: dict[str, Any],
    make_id: Callable[[str], str],
    *,
    success: bool | None = None,
    **more: Any,
) -> ReportResult:
    """Return the operation that hands the result in; `make_id` makes an id with a prefix.

    `success`: what was said beside the result. `more`: other fields of the operation. Raises
    `InvalidValue`, which names the field.
    """
    try:
        payload = msgspec.convert(data, Result)
        raised = msgspec.convert(data.get("escalations") or [], list[_Escalated])
        escalations = tuple(_raising(one, make_id) for one in raised)
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"not the result of a package: {wrong}") from None
    if success is not None and success != (payload.status == "completed"):
        raise InvalidValue(f"the result says {payload.status}, and success is {success}")
    said = data.get("notes") or data.get("error_message") or data.get("reason") or ""
    return ReportResult(
        id=task,
        payload=payload,
        result=msgspec.json.encode(data).decode(),
        error=said if payload.status == "failed" and isinstance(said, str) else "",
        escalations=escalations,
        **more,
    )


def _raising(one: _Escalated, make_id: Callable[[str], str]) -> Raising:
    details = one.details
    return msgspec.convert(
        {
            "id": make_id("e-"),
            "queued": make_id("t-"),
            "kind": one.type,
            "severity": one.severity.upper(),
            "summary": one.summary or _words(one.type),
            "details": details
            if isinstance(details, str)
            else msgspec.json.encode(details).decode(),
        },
        Raising,
    )


def _words(kind: str) -> str:
    known = kind.upper() in KINDS
    return kind.replace("_", " ").lower() if known else "an escalation without a summary"
