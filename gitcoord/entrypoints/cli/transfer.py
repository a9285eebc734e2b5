"""`gitcoord export` and `gitcoord import`: all records as JSON Lines, out and in again."""

from __future__ import annotations

import sys

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import InvalidFile, Unavailable


@click.command(epilog="Example: gitcoord export > ledger.jsonl")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of standard output.")
@click.option("--at", metavar="TIME", help="The records as they were at that time.")
@command
def export(desk: Desk, output: str | None, at: str | None) -> None:
    """Write every record, one JSON document a line.

    The first line says which ledger and which transaction it is.
    """
    from gitcoord.domain.time import parse
    from gitcoord.ledger.history import at as commit_at
    from gitcoord.ledger.transfer import exported

    ledger = desk.house.ledger
    commit = None if at is None else commit_at(ledger, parse(at))
    count = -1
    try:
        with open(output, "wb") if output else sys.stdout.buffer as file:
            for line in exported(ledger, commit):
                file.write(line)
                count += 1
            file.flush()
            if not output:
                return
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unavailable(f"{output}: {error.strerror}") from error
    desk.show({"records": count, "file": output}, f"wrote {count} records to {output}")


@click.command("import", epilog="Example: gitcoord import ledger.jsonl")
@click.argument("file", metavar="FILE")
@command
def import_(desk: Desk, file: str) -> None:
    """Add the tasks, notes, handoffs and changes that `export` wrote, all or none.

    Locks and sessions are not taken over: who held them lives elsewhere.
    """
    from gitcoord.ledger.transfer import import_lines

    try:
        with open(file, "rb") if file != "-" else sys.stdin.buffer as source:
            answer = import_lines(desk.house.coordinator, source, agent=desk.person)
    except OSError as error:
        raise InvalidFile(f"{file}: {error.strerror}", file=file) from error
    desk.show(
        {
            "added": answer.added,
            "present": answer.present,
            "left_behind": answer.left_behind,
        },
        lambda: (
            [
                *(f"added {count} {name}" for name, count in sorted(answer.added.items())),
                *(
                    f"already here: {count} {name}"
                    for name, count in sorted(answer.present.items())
                ),
                *(
                    f"left behind: {count} {name}"
                    for name, count in sorted(answer.left_behind.items())
                ),
            ]
            or "there was nothing to import"
        ),
    )
