"""`gitcoord doctor`: what is wrong with the ledger or this clone, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.failures import EXIT_CODES
from gitcoord.entrypoints.cli.render import table
from gitcoord.errors import Damaged, GitcoordError, NotInitialised, Unavailable, UsageError

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.ledger.finding import Finding


@click.command(epilog="Example: gitcoord doctor --repair")
@click.option("--repair", is_flag=True, help="Repair what can be repaired without any risk.")
@click.option("--restore", is_flag=True, help="Publish a lost or rewound ledger again.")
@click.option("--remote", is_flag=True, help="Try out what the git host lets us do.")
@command
def doctor(desk: Desk, repair: bool, restore: bool, remote: bool) -> int:
    """Verify every record, the chain, the invariants, this clone's files and the set-ups.

    Nothing is changed unless asked. Exit code 6 when something is wrong with the ledger.
    --remote tries out the git host instead, on refs of its own that are gone afterwards,
    also before there is a ledger; exit code 5 when the host is not fit.
    """
    from gitcoord.clients.checks import findings as clients_findings
    from gitcoord.entrypoints.cli.setup_target import known
    from gitcoord.ledger.checkup import checkup, worst
    from gitcoord.ledger.remedies import repair as repaired

    if repair + restore + remote > 1:
        raise UsageError("--repair, --restore and --remote are steps of their own")
    if remote:
        return _probe(desk)
    desk.follow()
    house = desk.house
    if restore:
        _restore(desk)
        return 0
    findings = checkup(house, desk.checkout)
    actions = repaired(house, findings) if repair else []
    if actions:
        findings = checkup(house, desk.checkout)
    findings += clients_findings(known(desk))
    verdict = worst(findings)
    desk.show(
        {"verdict": verdict, "findings": [one._asdict() for one in findings], "repaired": actions},
        lambda: _text(findings, actions, verdict),
    )
    return EXIT_CODES[Damaged] if verdict == "error" else 0


def _restore(desk: Desk) -> None:
    from gitcoord.entrypoints.cli.arbiter import named
    from gitcoord.ledger.remedies import restore

    done = restore(desk.house, agent=desk.person)
    place = "" if desk.house.wire is None else f" at {named(desk.house)}"
    desk.show(
        {"restored": done._asdict()},
        f"restored the ledger of transaction {done.seq - 1}{place} as epoch {done.epoch}; "
        "fencing tokens of older epochs are void"
        + (", and other clones go on with it at their next contact" if place else ""),
    )


def _probe(desk: Desk) -> int:
    from gitcoord.entrypoints.cli.patience import unwinding
    from gitcoord.ledger.checkup import worst

    house = _tried(desk)
    try:
        # What was tried is deleted again also when the command is stopped.
        with unwinding():
            findings = list(_probed(desk, house))
    finally:
        if house is not desk.house:
            house.close()
    verdict = worst(findings)
    desk.show(
        {"verdict": verdict, "findings": [one._asdict() for one in findings], "repaired": []},
        lambda: _text(findings, [], verdict),
    )
    return EXIT_CODES[Unavailable] if verdict == "error" else 0


def _tried(desk: Desk) -> House:
    """Return the house at the host that is tried: the desk's, else one at its git remote.

    So a host can be tried before anything is kept there.
    """
    from gitcoord.bootstrap import open_house
    from gitcoord.entrypoints.cli.arbiter import named
    from gitcoord.storage.wire.reach import candidate

    house = desk.house
    if house.wire is not None:
        return house
    remote = candidate(house.repository)
    if remote is None:
        raise UsageError(
            "this clone has no ledger at a git host, and no git remote to try out",
            hint="Name one: `GITCOORD_REMOTE=URL gitcoord doctor --remote`.",
        )
    found = open_house(desk.directory, desk.environ, remote=remote)
    desk.note(f"nothing is kept at a git host yet; this is what {named(found)} would allow")
    return found


def _probed(desk: Desk, house: House) -> Iterator[Finding]:
    """Yield what the push budget leaves, then what the host lets us do within it."""
    from gitcoord.ledger.finding import Finding
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.wire.probe import MOST, probe

    assert house.wire is not None
    left = MOST
    try:
        house.presence.beats()
        with house.ledger.state() as state:
            limit = state.settings.push_budget
            allowance = house.presence.allowance(state, desk.now(state))
        if allowance.left is None:
            yield Finding("push_budget", "ok", "no push budget is set; GitHub advises 6")
        else:
            left = min(left, allowance.left)
            message = f"{limit - allowance.left} of {limit} pushes of this minute are used"
            yield Finding("push_budget", "ok", message)
    except NotInitialised:
        yield Finding("push_budget", "ok", "there is no ledger yet that could have one")
    except GitcoordError as error:
        # What is wrong with the ledger is the plain doctor's business.
        yield Finding("push_budget", "note", f"the ledger cannot be read: {error.message}")
    host = house.wire.host
    for fact in probe(
        host.address,
        Git(house.repository),
        preemptive=host.memory.authenticated,
        pushes=left,
    ):
        yield Finding(fact.code, fact.severity, fact.message, fact.hint)


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
