"""`gitcoord log`: the ledger's diary, newest first, without git's own vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, reading
from gitcoord.entrypoints.cli.render import table

if TYPE_CHECKING:
    from gitcoord.ledger.journal import Transaction


@click.command(epilog="Example: gitcoord log --agent claude-1 --operation lock --since 2h")
@click.option("--agent", metavar="NAME", help="Only what this agent did.")
@click.option("--session", "by", metavar="ID", help="Only what this session did.")
@click.option("--operation", metavar="OP", help="Only this operation, e.g. lock or lock.acquire.")
@click.option("--key", metavar="KEY", help="Only what touches keys that overlap this one.")
@click.option("--since", metavar="TIME", help="From then on: a time, or how long ago (2h).")
@click.option("--until", metavar="TIME", help="Up to then: a time, or how long ago.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--full", is_flag=True, help="Show each operation with its arguments.")
@reading
def log(
    desk: Desk,
    agent: str | None,
    by: str | None,
    operation: str | None,
    key: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    full: bool,
) -> None:
    """Show transactions, newest first.

    The same with git alone: git log refs/coord/state
    """
    from gitcoord.domain.time import from_epoch, moment
    from gitcoord.ledger.history import Filter, transactions

    now = from_epoch(desk.house.ledger.clock.wall())
    wanted = Filter(
        agent=agent or "",
        session=by or "",
        operation=operation or "",
        key=key or "",
        since=moment(since, now) if since is not None else "",
        until=moment(until, now) if until is not None else "",
    )
    found = list(transactions(desk.house.ledger, wanted, limit=limit))
    desk.show({"transactions": [_shown(one) for one in found]}, lambda: _text(found, full))


def _shown(one: Transaction) -> dict[str, Any]:
    return {
        "oid": one.oid,
        "time": one.time,
        "agent": one.agent,
        "subject": one.subject,
        "operations": one.lines,
    }


def _text(found: list[Transaction], full: bool) -> str:
    import msgspec

    if not full:
        rows = [(one.oid[:9], one.time[:19] + "Z", one.subject) for one in found]
        return table(("commit", "time", "what"), rows, "nothing has happened")
    lines = []
    for one in found:
        lines.append(f"{one.oid[:9]}  {one.time[:19]}Z  {one.subject}")
        lines += ["    " + msgspec.json.encode(line).decode() for line in one.lines]
    return "\n".join(lines) or "nothing has happened"
