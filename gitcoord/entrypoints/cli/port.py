"""`gitcoord port`: blocks of ports of this machine, leased to sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command

if TYPE_CHECKING:
    from gitcoord.domain.ports import PortLease


@click.group()
def port() -> None:
    """Lease blocks of ports, so that servers of several worktrees do not collide.

    Leases hold for this machine, whichever of its repositories they are for.
    """


@port.command(epilog="Example: gitcoord port allocate --ttl 4h")
@click.option("--ttl", metavar="TIME", help="How long the lease holds (default: port_ttl).")
@acting
@command
def allocate(desk: Desk, ttl: str | None) -> None:
    """Lease a block and print lines for the shell; asked again it is the same block for longer.

    The lease ends with the session or by time. Ports that somebody listens on are passed over.
    """
    from gitcoord.domain.time import parse_duration
    from gitcoord.entrypoints import ports

    seconds = None if ttl is None else parse_duration(ttl)
    answer = ports.allocate(desk, desk.holder, ttl=seconds)
    lines = ports.snippet(answer.lease)
    desk.show(
        {"port": _row(answer.lease), "renewed": answer.renewed, "env_snippet": lines},
        lines,
    )


@port.command(epilog="Example: gitcoord port release")
@acting
@command
def release(desk: Desk) -> None:
    """Give the session's block back."""
    from gitcoord.entrypoints import ports

    found = ports.release(desk, desk.holder)
    document: dict[str, Any] = {"released": found is not None, "port": found and _row(found)}
    text = "no ports were leased"
    if found is not None:
        text = f"ports {found.first} to {found.first + found.size - 1} are free again"
    desk.show(document, text)


@port.command("list", epilog="Example: gitcoord port list --json")
@command
def list_(desk: Desk) -> None:
    """List the leases of this machine, of all its repositories."""
    from gitcoord.entrypoints import ports

    found = ports.listed(desk)
    desk.show({"ports": [_row(one) for one in found]}, lambda: _table(found))


def _row(lease: PortLease) -> dict[str, Any]:
    from gitcoord.domain.ports import ports
    from gitcoord.domain.record import shown

    row: dict[str, Any] = shown(lease)
    return row | {"last": lease.first + lease.size - 1, "ports": ports(lease)}


def _table(found: list[PortLease]) -> list[str] | str:
    if not found:
        return "no ports are leased"
    return [
        f"{one.first} to {one.first + one.size - 1}  {one.agent} ({one.session})  "
        f"until {one.expires_at[:19]}Z  {one.worktree or one.place}"
        for one in found
    ]
