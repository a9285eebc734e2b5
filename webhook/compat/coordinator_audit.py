"""Agent Coordinator: its audit log, as the ledger's audit has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.sessions import Session, root
from gitcoord.entrypoints import originals
from webhook.compat.line import Ask

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.ledger.audit import Entry

#: Entries of a page, where it is not said and at most.
LIMIT, MOST = 20, 500


def query(ask: Ask) -> dict[str, Any]:
    """Return what was asked for and what came of it, newest first."""
    from gitcoord.entrypoints.cli.audit import opened, wish

    said = wish(
        ask.asking,
        agent=ask.query.get("agent_id"),
        operation=originals.operations(ask.query.get("operation", "")),
    )
    with opened(ask.asking) as audit:
        page = audit.page(said, limit=ask.number("limit", LIMIT, 1, MOST))
    with ask.asking.state() as state:
        return {"entries": [_entry(state, one) for one in page.entries]}


def _entry(state: State, one: Entry) -> dict[str, Any]:
    session = state.get(Session, root(one.session)) if one.session else None
    refused = one.outcome not in ("done", "waiting", "")
    return {
        "id": one.id or f"{one.commit}.{one.place}",
        "agent_id": one.agent,
        "agent_type": "" if session is None else session.type,
        "operation": originals.operation(one.operation),
        "parameters": one.arguments,
        "result": {"outcome": one.outcome},
        "duration_ms": None,
        "success": one.outcome == "done",
        "error_message": one.outcome if refused else None,
        "created_at": one.time or None,
    }
