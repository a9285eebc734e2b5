"""`gitcoord watch`: a live view that follows the ledger, at a git host by asking it.

On a terminal a screen that is drawn anew whenever the ledger moves; elsewhere,
or with `--json`, one line for each transaction as it happens.
"""

from __future__ import annotations

import math
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.failures import encoded
from gitcoord.entrypoints.cli.pace import Pace
from gitcoord.entrypoints.cli.render import ago, drawn, left
from gitcoord.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.ledger.journal import Transaction

#: Seconds between two looks at a local ledger, and between two drawings when nothing moves.
LOOK, REDRAW = 0.25, 5.0
#: Most locks and tasks on the screen.
SHOWN = 15


@click.command(epilog="Example: gitcoord watch --for 10m")
@click.option("--for", "duration", metavar="TIME", help="Stop after so long.")
@command
def watch(desk: Desk, duration: str | None) -> None:
    """Follow what happens until interrupted."""
    from gitcoord.domain.time import parse_duration

    end = None if duration is None else time.monotonic() + parse_duration(duration)
    desk.house.ledger.head()
    try:
        if sys.stdout.isatty() and not desk.json:
            _screen(desk, end)
        else:
            _lines(desk, end)
    except KeyboardInterrupt:
        return


def _lines(desk: Desk, end: float | None) -> None:
    for one in _news(desk, end):
        if desk.json:
            body = {
                "oid": one.oid,
                "time": one.time,
                "agent": one.agent,
                "subject": one.subject,
                "operations": one.lines,
            }
            click.echo(encoded(body))
        else:
            click.echo(f"{one.time[:19]}Z  {one.subject}")
        sys.stdout.flush()


def _news(desk: Desk, end: float | None) -> Iterator[Transaction]:
    """Yield each transaction that lands, oldest first, until `end` (monotonic seconds)."""
    from gitcoord.ledger import journal

    ledger, pace = desk.house.ledger, Pace(desk, LOOK, LOOK)
    seen = pace.head()
    while end is None or time.monotonic() < end:
        head = pace.head()
        if head == seen:
            pace.sleep(_until(end))
            continue
        pace.moved()
        fresh = []
        for oid, raw in ledger.store.chain(head):
            if oid == seen:
                break
            fresh.append(journal.read(oid, raw))
        seen = head
        yield from reversed(fresh)


def _screen(desk: Desk, end: float | None) -> None:
    from rich.live import Live

    pace = Pace(desk, LOOK, LOOK, silent=True)
    judge = desk.house.judge()
    drawn_at, seen = 0.0, None
    with Live(screen=True, auto_refresh=False) as live:
        while end is None or time.monotonic() < end:
            head = pace.head()
            if head != seen or time.monotonic() - drawn_at > REDRAW:
                if head != seen:
                    pace.moved()
                seen, drawn_at = head, time.monotonic()
                with desk.state() as state:
                    live.update(_picture(desk, state, live.console.width), refresh=True)
                with suppress(Unavailable):
                    # The next look says that the host does not answer.
                    judge.look_if_due()
            pace.sleep(_until(end))


def _until(end: float | None) -> float:
    """Return the seconds that are left."""
    return math.inf if end is None else end - time.monotonic()


def _picture(desk: Desk, state: State, width: int) -> Any:
    """Return the screen: a line for each session, lock, task and transaction."""
    from rich.console import Group
    from rich.text import Text

    from gitcoord.domain.locks import Lock
    from gitcoord.domain.tasks import Task
    from gitcoord.entrypoints.cli.arbiter import remark
    from gitcoord.ledger.history import transactions

    now = desk.now(state)
    locks = sorted(
        (lock for lock in state.all(Lock) if lock.expires_at > now), key=lambda lock: lock.key
    )
    parts: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = {
        "Sessions": (
            ("agent", "status", "seen", "area", "works on"),
            _people(desk, state, now),
        ),
        "Locks": (
            ("key", "mode", "agent", "left", "reason"),
            [(x.key, x.mode, x.agent, left(now, x.expires_at), x.reason) for x in locks[:SHOWN]],
        ),
        "Tasks": (
            ("id", "status", "priority", "agent", "title"),
            [(x.id, x.status, str(x.priority), x.agent, x.title) for x in _open_tasks(state, Task)],
        ),
        "Lately": (
            ("time", "what"),
            [(x.time[11:19], x.subject) for x in transactions(desk.house.ledger, limit=8)],
        ),
    }
    place = desk.house.repository.worktree or desk.house.repository.common_dir
    title = Text(f"gitcoord  transaction {state.meta.seq}, {now[:19]}Z", overflow="ellipsis")
    title.append(f"  (Ctrl-C ends)  {place}", "dim").no_wrap = True
    if said := remark(desk.house):
        title.append(f"\n{said}", "yellow")
    lines: list[Any] = [title]
    for name, (columns, rows) in parts.items():
        lines += [Text(f"\n{name}", "bold"), drawn(columns, rows, width, lines=True)]
        if name == "Locks" and len(locks) > SHOWN:
            lines.append(Text(f"... and {len(locks) - SHOWN} more", "dim"))
    return Group(*lines)


def _people(desk: Desk, state: State, now: Time) -> list[tuple[str, ...]]:
    from gitcoord.domain.observatory import observed
    from gitcoord.domain.sessions import Session

    beats = desk.beats()
    rows: list[tuple[str, ...]] = []
    for session in state.find(Session, "live"):
        beat = beats[session.id].at if session.id in beats else ""
        sign = ago(now, max(session.seen_at, beat))
        status = observed(state, session, now, beat).status
        rows.append((session.agent, status, sign, session.area, session.task))
    return rows


def _open_tasks(state: State, kind: Any) -> list[Any]:
    """Return at most a screenful of tasks, those in work first."""
    order = ("in_progress", "assigned", "blocked", "failed", "pending")
    found: list[Any] = []
    for status in order:
        for task in state.scan(kind, f"status:{status}:"):
            if len(found) >= SHOWN:
                return found
            found.append(task)
    return found
