"""`gitcoord status`: the state of the ledger, for a quick look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.locks import LockView
    from gitcoord.domain.operation import Beat
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task
    from gitcoord.domain.time import Time
    from gitcoord.domain.unlanded import Mark
    from gitcoord.domain.waiting import WaiterView
    from gitcoord.storage.cache import Snapshot

#: Seconds for which the line of a prompt relies on what a git host has said last.
QUICK = 15.0
#: Tasks, locks and marks that people see without asking for a list.
SHOWN = 10


class View(NamedTuple):
    """What `status` shows of one state."""

    at: Time
    sessions: list[dict[str, Any]]
    locks: list[LockView]
    waiting: list[WaiterView]
    #: Number of tasks by status; "ready" counts those of the pending ones that may start.
    counts: dict[str, int]
    claimed: list[Task]
    next: list[Task]
    unlanded: list[Mark]
    #: Messages that the acting session has to read or acknowledge; None: nobody acts.
    messages: dict[str, int] | None


@click.command(epilog="Example: gitcoord status --at 2026-01-31T12:00:00Z")
@click.option("--oneline", is_flag=True, help="One short line, for status lines and prompts.")
@click.option("--at", metavar="TIME", help="As it was at that time.")
@acting
@command
def status(desk: Desk, oneline: bool, at: str | None) -> None:
    """Show who works here, what is locked and what is to do."""
    from gitcoord.entrypoints.cli import arbiter

    if at is None:
        desk.follow(older=QUICK if oneline else 0.0)
        if not oneline:
            desk.settle()
    with desk.snapshot(at) as snapshot:
        if oneline:
            line = _line(desk, snapshot, at)
            desk.show({"line": line}, line)
            return
        state = desk.house.ledger.state_of(snapshot)
        now = desk.now(state) if at is None else state.meta.time
        beats = desk.beats() if at is None else {}
        view = _view(snapshot, state, beats, now, _mail(desk, state))
        meta = state.meta
        remote = arbiter.facts(desk.house, state, now)
    desk.show(
        {
            "ledger": {"epoch": meta.epoch, "seq": meta.seq, "token": meta.token, "at": meta.time},
            "remote": remote,
            "sessions": view.sessions,
            "locks": view.locks,
            "waiting": view.waiting,
            "tasks": view.counts,
            "claimed": view.claimed,
            "next": view.next,
            "unlanded": view.unlanded,
            "messages": view.messages,
        },
        lambda: [*_text(view), *([f"decided at {arbiter.line(remote)}"] if remote else ())],
    )


def _line(desk: Desk, snapshot: Snapshot, at: str | None) -> str:
    """Return the state in one line, read from the index without loading the records."""
    from gitcoord.domain.time import from_epoch, parse

    now = from_epoch(desk.house.ledger.clock.wall()) if at is None else parse(at)
    sessions = len(snapshot.find("sessions", "live"))
    locks = sum(1 for _ in snapshot.scan("locks", "end:", f"end:{now}"))
    ready = sum(1 for _ in snapshot.scan("tasks", "ready:"))
    all_of_it = ", ".join(
        _counted(count, *words)
        for count, *words in (
            (sessions, "session", "sessions"),
            (locks, "lock", "locks"),
            (ready, "ready", "ready"),
        )
    )
    mine = _own_part(desk, snapshot)
    return f"{mine} | {all_of_it}" if mine else all_of_it


def _own_part(desk: Desk, snapshot: Snapshot) -> str:
    from gitcoord.domain.sessions import Session, root

    try:
        name = root(desk.holder)
    except UsageError:
        return ""
    state = desk.house.ledger.state_of(snapshot)
    session = state.get(Session, name)
    if session is None or session.archived:
        return f"{session.agent if session else name} has ended"
    held = len(snapshot.find("locks", f"by:{name}"))
    tasks = snapshot.find("tasks", f"by:{name}")
    parts = [session.agent, *tasks[:1]]
    if len(tasks) > 1:
        parts[-1] += f"+{len(tasks) - 1}"
    parts.append(_counted(held, "lock", "locks"))
    mail = _mail(desk, state)
    if mail and mail["open"]:
        parts.append(_counted(mail["open"], "message", "messages"))
    return " ".join(parts)


def _mail(desk: Desk, state: State) -> dict[str, int] | None:
    """Return how many messages the acting session has to read or acknowledge, if one acts."""
    try:
        holder = desk.holder
    except UsageError:
        return None
    if not state.has("messages", "open"):
        return {"open": 0, "urgent": 0, "to_acknowledge": 0}
    from gitcoord.entrypoints.cli.message import incoming

    found = incoming(desk, state, holder, everything=False)
    return {
        "open": len(found),
        "urgent": sum(one.priority == "urgent" for one in found),
        "to_acknowledge": sum(one.needs_ack for one in found),
    }


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _view(
    snapshot: Snapshot,
    state: State,
    beats: Mapping[str, Beat],
    now: Time,
    messages: dict[str, int] | None,
) -> View:
    from gitcoord.domain import locks, unlanded, waiting
    from gitcoord.domain.tasks import Task
    from gitcoord.entrypoints.cli import roster

    counts = {
        status: sum(1 for _ in snapshot.scan("tasks", f"status:{status}:"))
        for status in ("pending", "assigned", "in_progress", "blocked", "failed")
    }
    counts["ready"] = sum(1 for _ in snapshot.scan("tasks", "ready:"))
    counts["closed"] = snapshot.count("archive/tasks")
    claimed = (
        task
        for status in ("in_progress", "assigned", "blocked")
        for task in state.scan(Task, f"status:{status}:")
    )
    return View(
        at=now,
        sessions=roster.documents(beats, snapshot, state, roster.live(state), now),
        locks=sorted(
            (locks.view(x) for x in state.scan(locks.Lock, "end:") if x.expires_at > now),
            key=lambda x: (x.agent, x.key),
        ),
        waiting=[waiting.view(one) for one in waiting.queue(state)],
        counts=counts,
        claimed=list(claimed),
        next=_first(state.scan(Task, "ready:")),
        unlanded=sorted(state.all(unlanded.Mark), key=lambda mark: mark.at),
        messages=messages,
    )


def _first(tasks: Any) -> list[Task]:
    from itertools import islice

    return list(islice(tasks, SHOWN))


def _text(view: View) -> list[str]:
    from gitcoord.entrypoints.cli import roster
    from gitcoord.entrypoints.cli.render import left, table

    lines = [roster.sessions_table(view.sessions, view.at)]
    if view.locks:
        rows = [
            (x.agent, x.key, x.mode, left(view.at, x.expires_at), x.reason or x.task)
            for x in view.locks[:SHOWN]
        ]
        lines += ["", table(("held by", "key", "mode", "left", "why"), rows, "")]
        lines += _more(len(view.locks), "gitcoord lock list")
    lines += [f"waiting: {one.agent} for {', '.join(one.keys)}" for one in view.waiting]
    if view.claimed:
        busy = [(x.agent, x.id, x.status, x.title) for x in view.claimed[:SHOWN]]
        lines += ["", table(("works on", "task", "status", "title"), busy, "")]
        lines += _more(len(view.claimed), "gitcoord task list")
    lines += ["", _tasks_line(view)]
    if view.unlanded:
        lines += [
            f"unlanded: {mark.key} by {mark.agent}, build on {mark.branch}"
            for mark in view.unlanded[:SHOWN]
        ]
        lines += _more(len(view.unlanded), "gitcoord lock list")
    if view.messages and view.messages["open"]:
        count = _counted(view.messages["open"], "message", "messages")
        urgent = f" ({view.messages['urgent']} urgent)" if view.messages["urgent"] else ""
        lines.append(f"{count} for you{urgent}: gitcoord message inbox")
    return lines


def _more(count: int, how: str) -> list[str]:
    return [f"... and {count - SHOWN} more: {how}"] if count > SHOWN else []


def _tasks_line(view: View) -> str:
    counts = view.counts
    open_ones = sum(counts[x] for x in ("pending", "assigned", "in_progress", "blocked", "failed"))
    if not open_ones:
        return "no open tasks" if not counts["closed"] else f"all {counts['closed']} tasks closed"
    waiting = f"{counts['pending']} pending ({counts['ready']} ready)"
    parts = [waiting] if counts["pending"] else []
    parts += [
        f"{counts[x]} {x.replace('_', ' ')}"
        for x in ("assigned", "in_progress", "blocked", "failed", "closed")
        if counts[x]
    ]
    said = f"tasks: {', '.join(parts)}"
    if view.next:
        said += f"; next is {view.next[0].id} {view.next[0].title}"
    return said
