"""Agent Coordinator: blocks of ports, on the machine where the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.time import to_epoch
from gitcoord.entrypoints import ports
from webhook.api.ports import whose
from webhook.compat.coordinator_agents import of_key
from webhook.compat.line import Ask, Misfit

if TYPE_CHECKING:
    from gitcoord.domain.ports import PortLease


class Porting(msgspec.Struct, frozen=True, kw_only=True):
    """Whose ports: a session, or what a client calls its conversation."""

    session_id: str


def allocate(ask: Ask) -> dict[str, Any]:
    """Lease a block of ports; asked again it is the same for longer."""
    lease = ports.allocate(ask.asking, _named(ask)).lease
    return {"success": True, "allocation": _shown(lease), "env_snippet": ports.snippet(lease)}


def release(ask: Ask) -> dict[str, Any]:
    """Give a block back; what has none succeeds, too."""
    found = ports.release(ask.asking, _named(ask))
    return {"success": True, "released": found is not None}


def status(ask: Ask) -> list[dict[str, Any]]:
    """List the leases of the project."""
    now = ask.asking.house.ledger.clock.wall()
    return [
        _shown(one) | {"remaining_ttl_minutes": max(0.0, (to_epoch(one.expires_at) - now) / 60)}
        for one in ports.listed(ask.asking, here=True)
    ]


def _shown(lease: PortLease) -> dict[str, Any]:
    return ports.original(lease) | {"expires_at": lease.expires_at}


def _named(ask: Ask) -> str:
    name: str = ask.body.session_id
    if not name.strip():
        raise Misfit("session_id", "this field must not be empty")
    return whose(ask.asking, name, lambda session: of_key(ask, session))
