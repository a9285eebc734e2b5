"""Tools for ports of this machine: lease a block, give it back, see who has which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output

if TYPE_CHECKING:
    from gitcoord.domain.ports import PortLease

Whose = Annotated[str, Meta(description="A session or a name of yours; default: your session.")]


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """A block of ports, in the fields of Agent Coordinator."""

    session_id: str
    db_port: int
    rest_port: int
    realtime_port: int
    api_port: int
    compose_project_name: str
    agent: str
    worktree: str
    expires_at: str


class AllocatePorts(Input, frozen=True, kw_only=True):
    """For whom."""

    session_id: Whose = ""
    ttl_minutes: Annotated[float | None, Meta(description="Default: as configured.")] = None


class PortsAllocated(Output, frozen=True, kw_only=True):
    """The block, and lines for a shell."""

    allocation: Allocation | UnsetType = UNSET
    env_snippet: str | UnsetType = UNSET
    #: Whether it was leased before.
    renewed: bool | UnsetType = UNSET


def allocate_ports(call: Call, asked: AllocatePorts) -> PortsAllocated:
    """Lease a block of four named ports on this machine."""
    from gitcoord.entrypoints import originals, ports

    seconds = originals.seconds(asked.ttl_minutes)
    answer = ports.allocate(call, asked.session_id or call.holder, ttl=seconds)
    return PortsAllocated(
        allocation=_shown(answer.lease),
        env_snippet=ports.snippet(answer.lease),
        renewed=answer.renewed,
    )


class ReleasePorts(Input, frozen=True, kw_only=True):
    """Whose."""

    session_id: Whose = ""


class PortsReleased(Output, frozen=True, kw_only=True):
    """Whether there was a block to give back."""

    released: bool | UnsetType = UNSET


def release_ports(call: Call, asked: ReleasePorts) -> PortsReleased:
    """Give a block back; where there is none nothing happens."""
    from gitcoord.entrypoints import ports

    return PortsReleased(released=ports.release(call, asked.session_id or call.holder) is not None)


class PortsStatus(Input, frozen=True, kw_only=True):
    """Nothing."""


class PortsShown(Output, frozen=True, kw_only=True):
    """The leases that hold on this machine, of all its repositories."""

    allocations: list[Allocation] | UnsetType = UNSET


def ports_status(call: Call, asked: PortsStatus) -> PortsShown:
    """List the leases."""
    from gitcoord.entrypoints import ports

    return PortsShown(allocations=[_shown(one) for one in ports.listed(call)])


def _shown(lease: PortLease) -> Allocation:
    from gitcoord.entrypoints import ports

    return Allocation(
        **ports.original(lease),
        agent=lease.agent,
        worktree=lease.worktree,
        expires_at=lease.expires_at,
    )
