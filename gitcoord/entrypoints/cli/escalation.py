"""`gitcoord escalation`: what a worker cannot decide, raised, listed and resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from gitcoord.entrypoints.cli.completion import task_ids
from gitcoord.entrypoints.cli.desk import Desk, acting, command, reading
from gitcoord.entrypoints.cli.governing import changed, governing

if TYPE_CHECKING:
    from gitcoord.domain.escalations import Escalation, Severity
    from gitcoord.domain.time import Time

SEVERITIES = ("NON_BLOCKING", "LOW", "MEDIUM", "HIGH", "BLOCKING")


@click.group()
def escalation() -> None:
    """Say what you cannot decide; what blocks a feature pauses it until it is resolved."""


@escalation.command(
    "raise",
    epilog="Example: gitcoord escalation raise CONTRACT_REVISION_REQUIRED "
    "'users need an email' --task t-4k2m8x7q1z",
)
@click.argument("kind")
@click.argument("summary")
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES, case_sensitive=False),
    default="MEDIUM",
    show_default=True,
    help="BLOCKING pauses the feature, as some kinds always do.",
)
@click.option("--details", default="", metavar="TEXT", help="All that whoever decides must know.")
@click.option("--feature", default="", metavar="F", help="Default: that of the task.")
@click.option("--task", default="", metavar="ID", help="The task of which it came.",
              shell_complete=task_ids)  # fmt: skip
@acting
@command
def raise_(
    desk: Desk, kind: str, summary: str, severity: str, details: str, feature: str, task: str
) -> None:
    """Raise an escalation; it stands in the queue as the most urgent task."""
    from gitcoord.domain.escalations import Raised, RaiseEscalation, Raising
    from gitcoord.ledger.request import fresh_id

    wish = Raising(
        id=fresh_id("e-"),
        queued=fresh_id("t-"),
        kind=kind,
        severity=cast("Severity", severity.upper()),
        summary=summary,
        details=details,
    )
    found = desk.do(RaiseEscalation(escalation=wish, feature=feature, task=task), Raised).escalation
    pause = f"; feature {found.feature} is paused until it is resolved" if found.pauses else ""
    desk.show(
        {"escalation": found},
        f"escalation {found.id}: {found.action}, task {found.queued}{pause}",
    )


@escalation.command("list", epilog="Example: gitcoord escalation list --all")
@click.option("--all", "everything", is_flag=True, help="Also those that are resolved.")
@reading
def list_(desk: Desk, everything: bool) -> None:
    """List escalations, the oldest first."""
    from gitcoord.domain.escalations import listed

    with desk.state() as state:
        found, now = listed(state, closed=everything), desk.now(state)
    desk.show(
        {"escalations": found},
        lambda: [_row(one, now) for one in found] or "there are no open escalations",
    )


@escalation.command(epilog="Example: gitcoord escalation resolve e-4k2m8x7q1z 'email is optional'")
@click.argument("id")
@click.argument("resolution")
@governing
@command
def resolve(desk: Desk, id: str, resolution: str, person: bool) -> None:
    """Say how an escalation was decided; its pause and its task end with it.

    What asks for a person is not resolved by the agent that has raised it.
    """
    from gitcoord.domain.escalations import Resolved, ResolveEscalation

    wish = ResolveEscalation(id=id, resolution=resolution)
    found = changed(desk, wish, Resolved, person).escalation
    desk.show({"escalation": found}, f"escalation {found.id} is resolved: {found.resolution}")


def _row(one: Escalation, now: Time) -> str:
    from gitcoord.entrypoints.cli.render import ago

    what = "resolved" if one.status == "resolved" else one.action
    pause = f"  pauses {one.feature}" if one.pauses and one.status == "open" else ""
    about = f"  of {one.task}" if one.task else ""
    first = f"{one.id}  {one.kind}  {one.severity}  {what}  {one.agent}, {ago(now, one.at)}"
    return f"{first}{about}{pause}  {one.summary}"
