"""`gitcoord watch`: a live view that follows the ledger's ref.

On a terminal a screen that is drawn anew whenever the ledger moves; elsewhere,
or with `--json`, one line for each transaction as it happens.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.cli.render import STYLES, ago, left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.domain.state import State
    from gitcoord.ledger.journal import Transaction

#: Seconds between two looks at the ref, and between two drawings when nothing moves.
LOOK, REDRAW = 0.25, 5.0


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
                "subject": one.subject,
                "operations": one.lines,
            }
            click.echo(msgspec.json.encode(body).decode("utf-8", "replace"))
        else:
            click.echo(f"{one.time[:19]}Z  {one.subject}")
        sys.stdout.flush()


def _news(desk: Desk, end: float | None) -> Iterator[Transaction]:
    """Yield each transaction that lands, oldest first, until `end` (monotonic seconds)."""
    from gitcoord.ledger import journal

    ledger = desk.house.ledger
    seen = ledger.head()
    while end is None or time.monotonic() < end:
        head = ledger.head()
        if head == seen:
            time.sleep(LOOK)
            continue
        fresh = []
        for oid, raw in ledger.store.chain(head):
            if oid == seen:
                break
            fresh.append(journal.read(oid, raw))
        seen = head
        yield from reversed(fresh)


def _screen(desk: Desk, end: float | None) -> None:
    from rich.live import Live

    ledger = desk.house.ledger
    judge = desk.house.judge()
    drawn_at, seen = 0.0, None
    with Live(screen=True, auto_refresh=False) as live:
        while end is None or time.monotonic() < end:
            head = ledger.head()
            if head != seen or time.monotonic() - drawn_at > REDRAW:
                seen, drawn_at = head, time.monotonic()
                with desk.state() as state:
                    live.update(_picture(desk, state), refresh=True)
                judge.look_if_due()
            time.sleep(LOOK)


def _picture(desk: Desk, state: State) -> Any:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from gitcoord.domain.life import status_of
    from gitcoord.domain.locks import Lock
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.tasks import Task
    from gitcoord.ledger.history import transactions

    now = desk.now(state)
    beats = desk.house.presence.beats()

    def drawn(title: str, *columns: str) -> Table:
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, expand=True)
        for column in columns:
            table.add_column(column, overflow="ellipsis", no_wrap=True)
        return table

    people = drawn("Sessions", "agent", "status", "area", "task", "last sign")
    for session in state.find(Session, "live"):
        beat = beats[session.id].at if session.id in beats else ""
        status = status_of(session, now, beat)
        sign = ago(now, max(session.seen_at, beat))
        people.add_row(
            session.agent, Text(status, STYLES.get(status, "")), session.area, session.task, sign
        )
    locks = drawn("Locks", "key", "mode", "agent", "left", "reason")
    for lock in state.all(Lock):
        if lock.expires_at > now:
            locks.add_row(lock.key, lock.mode, lock.agent, left(now, lock.expires_at), lock.reason)
    tasks = drawn("Tasks", "id", "status", "priority", "agent", "title")
    for task in _open_tasks(state, Task):
        style = STYLES.get(task.status, "")
        tasks.add_row(task.id, Text(task.status, style), str(task.priority), task.agent, task.title)
    diary = drawn("Lately", "time", "what")
    for one in transactions(desk.house.ledger, limit=8):
        diary.add_row(one.time[11:19], one.subject)
    title = Text(f"gitcoord  {desk.house.repository.worktree or desk.house.repository.common_dir}")
    title.append(f"  transaction {state.meta.seq}, {now[:19]}Z  (Ctrl-C ends)", "dim")
    return Group(title, people, locks, tasks, diary)


def _open_tasks(state: State, kind: Any) -> list[Any]:
    """Return at most a screenful of tasks, those in work first."""
    order = ("in_progress", "assigned", "blocked", "failed", "pending")
    found: list[Any] = []
    for status in order:
        for task in state.scan(kind, f"status:{status}:"):
            if len(found) >= 15:
                return found
            found.append(task)
    return found
