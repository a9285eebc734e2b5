"""`gitcoord approval`: what waits for a person's consent, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.governing import changed, governing
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.approvals import Approval, Kind
    from gitcoord.domain.time import Time

KINDS = ("operation", "command", "task", "feature", "merge")


@click.group()
def approval() -> None:
    """Ask for a person's consent, and decide what agents have asked for.

    An approval is for exactly one thing and is used once.
    """


@approval.command(
    epilog="Examples: gitcoord approval request 'git push --force' --kind command | "
    "gitcoord approval request login --kind feature --head OID"
)
@click.argument("text")
@click.option("--kind", type=click.Choice(KINDS), default="operation", show_default=True,
              help="What TEXT is; of the last three its id.")  # fmt: skip
@click.option("--head", default="", metavar="OID", help="The commit that it is at.")
@click.option("--reason", default="", metavar="TEXT", help="For whoever decides.")
@click.option("--ttl", metavar="TIME", help="How long it can be decided (default: approval_ttl).")
@acting
@command
def request(desk: Desk, text: str, kind: str, head: str, reason: str, ttl: str | None) -> None:
    """Ask for consent; the same thing again is the same request."""
    from gitcoord.domain.approvals import Subject
    from gitcoord.domain.approving import RequestApproval, Requested
    from gitcoord.domain.time import parse_duration
    from gitcoord.ledger.request import fresh_id

    about = Subject(kind=cast("Kind", kind), text=text, head=head)
    seconds = None if ttl is None else parse_duration(ttl)
    wish = RequestApproval(id=fresh_id("a-"), about=about, reason=reason, ttl=seconds)
    answer = desk.do(wish, Requested)
    found = answer.approval
    desk.show(
        {"approval": found, "new": answer.new},
        f"request {found.id} is {found.status}, until {found.expires_at}",
    )


@approval.command("list", epilog="Example: gitcoord approval list --all")
@click.option("--all", "everything", is_flag=True, help="Also those that are closed.")
@reading
def list_(desk: Desk, everything: bool) -> None:
    """List requests, the oldest first."""
    from gitcoord.domain.approvals import listed, status_at

    with desk.state() as state:
        now = desk.now(state)
        found = [*listed(state, closed=True), *listed(state)] if everything else [*listed(state)]
    found.sort(key=lambda one: (one.at, one.id))
    open_ones = [one for one in found if everything or status_at(one, now) != "expired"]
    desk.show(
        {"approvals": [_shown(one, now) for one in open_ones]},
        lambda: [_row(one, now) for one in open_ones] or "nothing waits for an approval",
    )


@approval.command(epilog="Example: gitcoord approval show a-4k2m8x7q1z")
@click.argument("id")
@reading
def show(desk: Desk, id: str) -> None:
    """Show a request whole: what is asked for, by whom, why, and what was decided."""
    from gitcoord.domain.approvals import approval_by

    with desk.state() as state:
        found, now = approval_by(state, id), desk.now(state)
    desk.show({"approval": _shown(found, now)}, lambda: _whole(found, now))


@approval.command(epilog="Example: gitcoord approval decide a-4k2m8x7q1z --deny --reason 'not now'")
@click.argument("id")
@click.option("--approve", "decision", flag_value="approve", help="It may be done, once.")
@click.option("--deny", "decision", flag_value="deny", help="It may not; needs a reason.")
@click.option("--reason", default="", metavar="TEXT", help="Whoever asked reads it.")
@governing
@command
def decide(desk: Desk, id: str, decision: str | None, reason: str, person: bool) -> None:
    """Approve or deny a request; nobody decides their own.

    A session needs the trust for it (`decide_approval`); in its worktree a person says --person.
    """
    from gitcoord.domain.approving import DecideApproval, Decided

    if decision is None:
        raise UsageError("--approve or --deny?")
    wish = DecideApproval(id=id, decision=decision, reason=reason)  # type: ignore[arg-type]
    found = changed(desk, wish, Decided, person).approval
    until = f", until {found.expires_at}" if found.status == "approved" else ""
    desk.show({"approval": found}, f"{found.id} is {found.status}{until}: {found.title}")


def _shown(found: Approval, now: Time) -> dict[str, object]:
    from gitcoord.domain.approvals import status_at
    from gitcoord.domain.record import shown

    return cast("dict[str, object]", shown(found)) | {"status": status_at(found, now)}


def _row(found: Approval, now: Time) -> str:
    from gitcoord.domain.approvals import status_at
    from gitcoord.entrypoints.cli.render import ago, left

    status = "used" if found.used_at else status_at(found, now)
    time = f"{left(now, found.expires_at)} left" if status in ("pending", "approved") else ""
    who = found.agent or "somebody"
    parts = (found.id, status, time, f"{who}, {ago(now, found.at)}", found.title)
    return "  ".join(filter(None, parts))


def _whole(found: Approval, now: Time) -> list[str]:
    about = found.subject
    at = f" at {about.head}" if about.head else ""
    lines = [_row(found, now), f"  {about.kind}{at}"]
    lines += [f"    {line}" for line in about.text.splitlines()]
    lines += [f"  because {found.why}"] if found.why else []
    lines += [f"  they say: {found.reason}"] if found.reason else []
    lines += [f"  {name}: {value}" for name, value in found.details.items()]
    if found.decided_at:
        why = f": {found.decision_reason}" if found.decision_reason else ""
        lines.append(f"  decided by {found.decided_by} at {found.decided_at}{why}")
    lines += [f"  used at {found.used_at}"] if found.used_at else []
    return lines
