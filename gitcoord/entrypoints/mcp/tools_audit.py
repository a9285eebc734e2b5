"""The tool for the audit: who asked for what, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Limit, Output

if TYPE_CHECKING:
    from gitcoord.ledger.audit import Entry


class QueryAudit(Input, frozen=True, kw_only=True):
    """Which entries; what is left out does not matter."""

    agent_id: Annotated[str, Meta(description="Name of an agent.")] = ""
    session_id: str = ""
    operation: Annotated[str, Meta(description="As lock.acquire, lock. or acquire_lock.")] = ""
    outcome: Annotated[
        str, Meta(description="done, refused, denied, guardrail, waiting, or an error code.")
    ] = ""
    key: Key = ""
    since: Annotated[str, Meta(description="A time, or how long ago: 2h.")] = ""
    until: str = ""
    limit: Limit = 20
    cursor: Annotated[str, Meta(description="`next` of the page before.")] = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as somebody asked for it."""

    id: str
    agent_id: str
    session_id: str | UnsetType = UNSET
    operation: str
    #: The original's word where it has another one.
    original_operation: str | UnsetType = UNSET
    parameters: dict[str, Any]
    #: done, refused, denied, guardrail, waiting or unknown.
    result: str
    success: bool
    #: The code of the refusal.
    error_message: str | UnsetType = UNSET
    #: Left out where it is not known yet.
    created_at: str | UnsetType = UNSET
    #: The transaction that tells of it; left out while it waits in this clone.
    commit: str | UnsetType = UNSET


class Audited(Output, frozen=True, kw_only=True):
    """The entries, newest first."""

    entries: list[AuditEntry] | UnsetType = UNSET
    #: What to pass as `cursor` for those behind them.
    next: str | UnsetType = UNSET
    #: Where history begins in this clone, if it is cut off.
    known_from: str | UnsetType = UNSET


def query_audit(call: Call, asked: QueryAudit) -> Audited:
    """Say who asked for what, and what came of it."""
    from gitcoord.entrypoints.cli.audit import checked, opened, wish

    call.reading()
    said = wish(
        call,
        agent=asked.agent_id,
        by=asked.session_id,
        operation=originals.operations(asked.operation),
        key=asked.key,
        since=asked.since,
        until=asked.until,
    )
    with opened(call) as audit:
        page = audit.page(said, checked(asked.outcome), limit=asked.limit, cursor=asked.cursor)
    return Audited(
        entries=[entry(one) for one in page.entries],
        next=page.next or UNSET,
        known_from=UNSET if page.known_from is None else page.known_from.time,
    )


def entry(one: Entry) -> AuditEntry:
    """Return an entry as the tool shows it."""
    word = originals.operation(one.operation)
    return AuditEntry(
        id=one.id,
        agent_id=one.agent,
        session_id=one.session or UNSET,
        operation=one.operation,
        original_operation=UNSET if word == one.operation else word,
        parameters=one.arguments if isinstance(one.arguments, dict) else {},
        result=one.result,
        success=one.outcome == "done",
        error_message=UNSET if one.outcome in ("done", "waiting", "") else one.outcome,
        created_at=one.time or UNSET,
        commit=one.commit or UNSET,
    )
