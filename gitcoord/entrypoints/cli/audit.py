"""`gitcoord audit`: what was asked for and what came of it, and whether the chain can be trusted.

`log` shows transactions, as they are in the chain; this shows operations, also those that were
refused, and finds them by an index.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitcoord.entrypoints.cli.desk import Desk, reading
from gitcoord.entrypoints.cli.render import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.ledger.audit import Audit, Entry, Page
    from gitcoord.ledger.history import Filter
    from gitcoord.ledger.proof import Fault

F = TypeVar("F", bound=Callable[..., Any])

#: Faults that are shown to people; all are in the JSON document.
_SHOWN = 50


def _filters(function: F) -> F:
    """Add the options that say which entries are wanted."""
    options = (
        click.option("--agent", metavar="NAME", help="Only what this agent asked for."),
        click.option("--session", "by", metavar="ID", help="Only what this session asked for."),
        click.option("--operation", metavar="OP", help="Only this one, e.g. lock or lock.acquire."),
        click.option(
            "--outcome",
            metavar="WORD",
            help="done, refused, denied, guardrail, waiting, unknown, or the code of a refusal.",
        ),
        click.option("--key", metavar="KEY", help="Only what touches keys that overlap this one."),
        click.option("--since", metavar="TIME", help="From then on: a time, or how long ago (2h)."),
        click.option("--until", metavar="TIME", help="Up to then: a time, or how long ago."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group()
def audit() -> None:
    """Look who asked for what, what came of it, and whether the chain is right."""


@audit.command(epilog="Example: gitcoord audit query --outcome denied --since 1d")
@_filters
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--cursor", metavar="TEXT", help="Go on where the page before ended (`next`).")
@click.option("--full", is_flag=True, help="Show the arguments of each operation.")
@reading
def query(desk: Desk, limit: int, cursor: str | None, full: bool, **said: Any) -> None:
    """Show operations, newest first, also those that were refused.

    What waits in this clone to be told by its next transaction is marked with *.
    """
    outcome = said.pop("outcome") or ""
    with opened(desk) as found:
        page = found.page(wish(desk, **said), checked(outcome), limit=limit, cursor=cursor or "")
    desk.show(shown(page), lambda: _text(page, full))


@audit.command(epilog="Example: gitcoord audit export --format csv --since 30d > audit.csv")
@_filters
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl",
              show_default=True, help="JSON Lines, or CSV for spreadsheets.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of standard output.")
@reading
def export(desk: Desk, form: str, output: str | None, **said: Any) -> None:
    """Write all operations that the options admit, newest first, one a line."""
    from gitcoord.entrypoints.cli.transfer import written
    from gitcoord.ledger.auditfile import FORMS

    outcome = said.pop("outcome") or ""
    with opened(desk) as found:
        lines = FORMS[form](found.everything(wish(desk, **said), checked(outcome)))
        if output is None:
            for line in lines:
                sys.stdout.buffer.write(line)
            return
        count = written(os.path.join(desk.directory, output), lines) - (form == "csv")
    desk.show({"entries": count, "file": output}, f"wrote {count} entries to {output}")


@audit.command(epilog="Example: gitcoord audit verify --signatures")
@click.option(
    "--signatures/--no-signatures",
    default=None,
    help="Whether transactions have to be signed (default: if this clone signs).",
)
@reading
def verify(desk: Desk, signatures: bool | None) -> int:
    """Prove that every transaction, from the newest to the first, is as gitcoord writes it.

    Says what was looked at and what was not. Exit code 6 when anything is wrong.
    """
    from gitcoord.entrypoints.cli.failures import EXIT_CODES
    from gitcoord.errors import Damaged
    from gitcoord.ledger.proof import SEEN, UNSEEN, Proof

    head = desk.house.ledger.head()
    proof = Proof(desk.house.ledger)
    faults = list(proof.faults(head))
    seals = _sealed(desk, head, signatures, faults)
    grades = {fault.severity for fault in faults}
    verdict = "error" if "error" in grades else "warning" if "warning" in grades else "ok"
    document = {
        "verdict": verdict,
        "transactions": proof.count,
        "head": head,
        "oldest": proof.oldest,
        "whole": proof.whole,
        "faults": [fault._asdict() for fault in faults],
        "signatures": seals,
        "checked": SEEN,
        "unchecked": UNSEEN,
    }
    desk.show(document, lambda: _verdict(document, faults))
    return EXIT_CODES[Damaged] if verdict == "error" else 0


def _sealed(
    desk: Desk, head: str, wanted: bool | None, faults: list[Fault]
) -> dict[str, Any] | None:
    """Judge the signatures and return what came of it; None where nothing is set up for it."""
    from gitcoord.errors import InvalidConfig
    from gitcoord.ledger.seals import Seals
    from gitcoord.storage.signing import Signing

    signing = Signing(desk.house.repository, desk.house.objects)
    signs = desk.house.repository.sign
    if wanted is False or not (wanted or signs or signing.signers):
        return None
    if not signing.signers:
        raise InvalidConfig(
            "whose signatures count is not said: gpg.ssh.allowedSignersFile",
            hint="Run `git config gpg.ssh.allowedSignersFile FILE`, or pass --no-signatures.",
        )
    seals = Seals(wanted=bool(wanted or signs))
    faults += seals.faults(signing.judged(head))
    return {"signed": seals.signed, "unsigned": seals.unsigned, "signers": dict(seals.signers)}


@contextmanager
def opened(desk: Desk) -> Iterator[Audit]:
    """Yield the audit of the desk's ledger."""
    from gitcoord.ledger.audit import Audit

    found = Audit(desk.house.ledger, desk.house.home, desk.house.spool)
    try:
        yield found
    finally:
        found.close()


def wish(desk: Desk, **said: str | None) -> Filter:
    """Return the filter that the words of a door mean. Raises `InvalidValue` for no time."""
    from gitcoord.domain.time import from_epoch, moment
    from gitcoord.ledger.history import Filter

    now = from_epoch(desk.house.ledger.clock.wall())
    since, until = said.get("since"), said.get("until")
    return Filter(
        agent=said.get("agent") or "",
        session=said.get("by") or "",
        operation=said.get("operation") or "",
        key=said.get("key") or "",
        since=moment(since, now) if since else "",
        until=moment(until, now) if until else "",
    )


def checked(outcome: str) -> str:
    """Return the outcome if it has the form of one. Raises `InvalidValue`."""
    from gitcoord.ledger.audit import checked_outcome

    return checked_outcome(outcome)


def shown(page: Page) -> dict[str, Any]:
    """Return a page as plain data."""
    from gitcoord.ledger.auditfile import document

    begins = page.known_from
    return {
        "entries": [document(one) for one in page.entries],
        "next": page.next or None,
        "known_from": None if begins is None else {"commit": begins.oldest, "time": begins.time},
    }


def _text(page: Page, full: bool) -> str:
    import msgspec

    rows = [_row(one) for one in page.entries]
    said = table(("when", "agent", "operation", "outcome", "commit"), rows, "nothing was found")
    if full and rows:
        lines = []
        for row, one in zip(rows, page.entries, strict=True):
            lines.append("  ".join(row))
            lines.append("    " + msgspec.json.encode(one.arguments).decode())
        said = "\n".join(lines)
    notes = [f"next: pass --cursor {page.next}"] if page.next else []
    if page.known_from is not None:
        notes.append(f"what was before {page.known_from.time} is not in this clone")
    return "\n".join([said, *notes])


def _row(one: Entry) -> tuple[str, ...]:
    time = one.time[:19] + "Z" if one.time else "-"
    word = one.outcome if one.result != "guardrail" else "guardrail"
    return time, one.agent or "-", one.operation or "?", word or "-", one.commit[:9] or "*"


def _verdict(document: dict[str, Any], faults: list[Fault]) -> str:
    rows = [(x.severity, x.code, x.commit[:9], x.message) for x in faults[:_SHOWN]]
    lines = [table(("", "fault", "commit", "what"), rows, "")] if rows else []
    if len(faults) > _SHOWN:
        lines.append(f"and {len(faults) - _SHOWN} more")
    whole = "all of them" if document["whole"] else "older ones are not in this clone"
    lines.append(f"{document['transactions']} transactions were looked at, {whole}")
    if (seals := document["signatures"]) is not None:
        by = ", ".join(f"{name} {count}" for name, count in seals["signers"].items())
        lines.append(f"{seals['signed']} signed{f' ({by})' if by else ''}, {seals['unsigned']} not")
    lines.append("nothing is wrong" if document["verdict"] == "ok" else document["verdict"])
    lines += [f"not looked at: {one}" for one in document["unchecked"]]
    return "\n".join(lines)
