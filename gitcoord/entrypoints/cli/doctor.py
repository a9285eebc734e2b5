"""`gitcoord doctor`: what is wrong with the ledger or this clone, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.entrypoints.cli.render import table
from gitcoord.errors import Damaged, UsageError

if TYPE_CHECKING:
    from gitcoord.ledger.finding import Finding


@click.command(epilog="Example: gitcoord doctor --repair")
@click.option("--repair", is_flag=True, help="Repair what can be repaired without any risk.")
@click.option("--restore", is_flag=True, help="Publish a lost or rewound ledger again.")
@command
def doctor(desk: Desk, repair: bool, restore: bool) -> int:
    """Verify every record, the chain, the invariants, and this clone's files.

    Nothing is changed unless asked. Exit code 6 when something is wrong with the ledger.
    """
    from gitcoord.ledger.checkup import checkup, worst
    from gitcoord.ledger.remedies import repair as repaired
    from gitcoord.ledger.remedies import restore as restored

    if repair and restore:
        raise UsageError("--repair and --restore are two steps; run them one after the other")
    house = desk.house
    if restore:
        done = restored(house, agent=desk.person)
        desk.show(
            {"restored": done._asdict()},
            f"restored the ledger of transaction {done.seq - 1} as epoch {done.epoch}; "
            "fencing tokens of older epochs are void",
        )
        return 0
    findings = checkup(house, desk.checkout)
    actions = repaired(house, findings) if repair else []
    if actions:
        findings = checkup(house, desk.checkout)
    verdict = worst(findings)
    desk.show(
        {"verdict": verdict, "findings": [one._asdict() for one in findings], "repaired": actions},
        lambda: _text(findings, actions, verdict),
    )
    return EXIT_CODES[Damaged] if verdict == "error" else 0


def _text(findings: list[Finding], actions: list[str], verdict: str) -> str:
    rows = [(one.severity, one.code, one.message) for one in findings]
    lines = [table(("", "check", "finding"), rows, "nothing was found")]
    hints = dict.fromkeys(one.hint for one in findings if one.hint)
    lines += [f"next: {hint}" for hint in hints]
    lines += [f"repaired: {action}" for action in actions]
    if any(one.repairable for one in findings):
        lines.append("next: Run `gitcoord doctor --repair` for what is safe to repair.")
    lines.append("all is well" if verdict in ("ok", "note") else f"verdict: {verdict}")
    return "\n".join(lines)
