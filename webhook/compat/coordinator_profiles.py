"""Agent Coordinator: what an agent may do, and questions about policies.

The trust level that a request claims for itself is not believed: it comes from the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.permission import principal
from gitcoord.entrypoints.mcp.tools_profiles import decision, shown
from webhook.compat.coordinator_agents import Identity, agent_of, session_of

if TYPE_CHECKING:
    from gitcoord.domain.permission import Principal
    from gitcoord.domain.state import State
    from webhook.compat.line import Ask


def mine(ask: Ask) -> dict[str, Any]:
    """Return the profile of the agent that the key is bound to, or of the session that acts."""
    with ask.asking.state() as state:
        who = _who(ask, state, Identity())
    return {
        "success": True,
        "profile": msgspec.to_builtins(shown(who)),
        "source": who.standing.source,
        "reason": None,
    }


class Asking(Identity, frozen=True, kw_only=True):
    """Which operation, and with what."""

    operation: str
    resource: str = ""
    context: dict[str, Any] = {}


def check(ask: Ask) -> dict[str, Any]:
    """Say whether the agent may do an operation."""
    body: Asking = ask.body
    with ask.asking.state() as state:
        found = decision(state, _who(ask, state, body), body.operation, body.resource, body.context)
    return {
        "allowed": found.allowed,
        "reason": found.reason,
        "engine": found.engine,
        "diagnostics": found.diagnostics,
    }


class Validating(msgspec.Struct, frozen=True, kw_only=True):
    """A policy."""

    policy_text: str


def validate(ask: Ask) -> dict[str, Any]:
    """Say whether a policy fits the schema."""
    from gitcoord.domain.cedar import errors_of

    errors = errors_of(ask.body.policy_text)
    return {"valid": not errors, "errors": errors}


def _who(ask: Ask, state: State, said: Identity) -> Principal:
    """Return who asks: the session that acts, or else the agent as it would check in."""
    from gitcoord.domain.sessions import Session, root

    now = ask.asking.now(state)
    acts = ask.caller.session
    session = state.get(Session, root(acts)) if acts else session_of(ask, said)
    if session is None:
        agent = agent_of(ask, said)
        session = Session(id="", agent=agent, type=said.agent_type, started_at=now, seen_at=now)
    return principal(state, session, now)
