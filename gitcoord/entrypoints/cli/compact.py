"""`gitcoord compact`: prune what is long closed, and pack what git keeps of the ledger."""

from __future__ import annotations

import click

from gitcoord.domain.time import parse_duration
from gitcoord.entrypoints.cli.desk import Desk, command


@click.command(epilog="Example: gitcoord compact --keep 30d")
@click.option(
    "--keep",
    metavar="TIME",
    help="Keep what was closed less than so long ago (default: sessions, changes, messages "
    "and violations 30 days, tasks and handoffs 90 days, memories 180 days).",
)
@click.option("--pack-only", is_flag=True, help="Prune nothing, only pack.")
@command
def compact(desk: Desk, keep: str | None, pack_only: bool) -> None:
    """Remove closed sessions and tasks, old handoffs, changes, messages and memories.

    The history keeps them: `gitcoord log` and `--at TIME` still show them.
    """
    from gitcoord.domain.compact import Compact, Compacted

    wish = Compact()
    if keep is not None:
        seconds = parse_duration(keep)
        wish = Compact(
            sessions=seconds,
            tasks=seconds,
            changes=seconds,
            handoffs=seconds,
            memories=seconds,
            messages=seconds,
            violations=seconds,
        )
    removed: dict[str, int] = {}
    while not pack_only:
        answer = desk.do(wish, Compacted)
        for table, count in answer.removed.items():
            removed[table] = removed.get(table, 0) + count
        if not answer.more:
            break
    packed = desk.house.consolidate()
    desk.show(
        {"removed": removed, "packed": packed},
        lambda: [
            *(f"removed {count} {table}" for table, count in sorted(removed.items())),
            f"packed {packed} loose objects and packs" if packed else "nothing to pack",
        ],
    )
