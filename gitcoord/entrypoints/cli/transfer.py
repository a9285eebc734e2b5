"""`gitcoord export` and `gitcoord import`: all records as JSON Lines, out and in again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import InvalidFile, Unavailable


@click.command(epilog="Example: gitcoord export > ledger.jsonl")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of standard output.")
@click.option("--at", metavar="TIME", help="The records as they were at that time.")
@click.option("--local", is_flag=True, help="Of the ledger of this repository, not of its remote.")
@command
def export(desk: Desk, output: str | None, at: str | None, local: bool) -> None:
    """Write every record, one JSON document a line.

    The first line says which ledger and which transaction it is.
    """
    from gitcoord.bootstrap import LOCAL, open_house
    from gitcoord.domain.time import parse
    from gitcoord.ledger.history import at as commit_at
    from gitcoord.ledger.transfer import exported

    if local:
        desk.__dict__["house"] = open_house(desk.directory, desk.environ, remote=LOCAL)
    desk.follow()
    ledger = desk.house.ledger
    lines = exported(ledger, None if at is None else commit_at(ledger, parse(at)))
    if output is None:
        for line in lines:
            sys.stdout.buffer.write(line)
        return
    count = written(os.path.join(desk.directory, output), lines) - 1
    desk.show({"records": count, "file": output}, f"wrote {count} records to {output}")


def written(path: str, lines: Iterator[bytes]) -> int:
    """Write the lines to a file, which is replaced only by a whole one; return how many."""
    part, count = f"{path}.part", 0
    try:
        with open(part, "wb") as file:
            for line in lines:
                file.write(line)
                count += 1
        os.replace(part, path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            os.remove(part)
    return count


@click.command("import", epilog="Example: gitcoord import ledger.jsonl")
@click.argument("file", metavar="FILE")
@command
def import_(desk: Desk, file: str) -> None:
    """Add the tasks, notes, handoffs, memories and changes that `export` wrote, all or none.

    Locks and sessions are not taken over: who held them lives elsewhere.
    """
    from gitcoord.ledger.transfer import import_lines

    try:
        if file == "-":
            lines = sys.stdin.buffer.readlines()
        else:
            with open(os.path.join(desk.directory, file), "rb") as source:
                lines = source.readlines()
    except OSError as error:
        raise InvalidFile(f"{file}: {error.strerror}", file=file) from error
    session = desk.typist()
    agent = desk.named_for(session)
    answer = import_lines(desk.house.coordinator, lines, session=session, agent=agent)
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
