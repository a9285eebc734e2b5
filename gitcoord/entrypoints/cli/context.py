"""`gitcoord context`: what an agent needs to know now, in few words.

Promises never to print more characters than the budget, the most important first:
what happened to it, who wrote to it, its task, its locks, what was learned that fits the task,
who is near, what has not landed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from gitcoord.entrypoints.cli.desk import Desk, acting, command
from gitcoord.entrypoints.cli.render import ago, left
from gitcoord.errors import SessionAmbiguous, SessionRequired, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.locks import Lock
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task
    from gitcoord.domain.time import Time

#: Characters of a description, a note or a handoff that are shown.
EXCERPT = 300
#: Notices, messages, notes on each task, and locks of each other agent that are shown.
NOTICES, MESSAGES, NOTES, LOCKS = 5, 5, 3, 6


class Section(NamedTuple):
    """Lines about one thing, the most important first, and where there is more."""

    name: str
    lines: list[str]
    more: str = ""


@click.command(epilog="Example: gitcoord context --budget 2000")
@click.option(
    "--budget",
    type=click.IntRange(200),
    metavar="CHARS",
    help="Print at most so many characters (default: setting context_budget).",
)
@click.option("--env", is_flag=True, help="Print flags for skills instead; never fails.")
@acting
@command
def context(desk: Desk, budget: int | None, env: bool) -> None:
    """Print what an agent needs to know now.

    --env prints COORDINATOR_AVAILABLE, COORDINATION_TRANSPORT and CAN_* as lines for a shell.
    """
    if env:
        from gitcoord.entrypoints.cli.flags import show

        if budget is not None or desk.named:
            raise UsageError(
                "flags are the same for everybody, and are not cut",
                hint="Run `gitcoord context --env` without --budget and --session.",
            )
        show(desk)
        return
    desk.follow()
    session, text, omitted = told(desk, budget or desk.settings.context_budget)
    desk.show({"session": session, "text": text, "omitted": omitted}, text)


def told(desk: Desk, budget: int) -> tuple[Session | None, str, list[str]]:
    """Return the acting session, if it is certain, the text, and what was cut from it."""
    from gitcoord.domain.sessions import Session, root

    desk.settle()
    with desk.state() as state:
        now = desk.now(state)
        try:
            found = state.get(Session, root(desk.holder))
        except (SessionRequired, SessionAmbiguous) as unknown:
            sections = [Section("you", [_stranger(unknown)]), *_around(state, now, None)]
            session = None
        else:
            session = found
            sections = list(about(desk, state, now, found))
    return session, *fit(sections, budget)


def fit(sections: Sequence[Section], budget: int) -> tuple[str, list[str]]:
    """Return the sections' lines within `budget` characters, and the names of what was cut.

    While others follow no section but the first takes over half of what is left.
    """
    lines: list[str] = []
    omitted: list[str] = []
    room = budget
    for at, section in enumerate(sections):
        more = f"  ... more: {section.more}" if section.more else "  ..."
        last = at in (0, len(sections) - 1)
        share = room if last else max(room // 2, min(room, 120))
        shown = _within(section.lines, share, more)
        lines += shown
        room -= sum(len(line) + 1 for line in shown)
        if shown != section.lines:
            omitted.append(section.name)
    return "\n".join(lines), omitted


def _within(lines: list[str], room: int, more: str) -> list[str]:
    """Return the first lines that fit, each with its line end, and `more` if some do not."""
    if sum(len(line) + 1 for line in lines) <= room:
        return lines
    for last in (more, "  ..."):
        left_over = room - len(last) - 1
        kept: list[str] = []
        for line in lines:
            if len(line) + 1 > left_over:
                break
            kept.append(line)
            left_over -= len(line) + 1
        if kept:
            return [*kept, last]
    return [lines[0][: room - 4] + "..."] if room > 40 else []


def _stranger(unknown: SessionRequired | SessionAmbiguous) -> str:
    return f"{unknown.message} {unknown.hint}"


def about(desk: Desk, state: State, now: Time, session: Session | None) -> Iterator[Section]:
    """Yield what concerns the acting session, the most important first."""
    holder = desk.holder
    if session is None:
        yield Section("you", [f"There is no session {holder}. Run `gitcoord session start`."])
        yield from _around(state, now, None)
        return
    yield Section("you", _you(session, holder))
    yield Section("notices", _notices(state, session), "gitcoord session show")
    if session.archived:
        yield from _around(state, now, session)
        return
    yield Section("rights", _rights(state, now, session), "gitcoord profile show")
    yield _messages(desk, state, now)
    yield _tasks(state, now, holder)
    yield _own_locks(state, now, holder)
    yield _learned(desk, state, now, holder)
    yield from _around(state, now, session)
    yield _notes(state, now, holder)


def _around(state: State, now: Time, session: Session | None) -> Iterator[Section]:
    yield _unlanded(state, now, session)
    yield _others(state, now, session)
    yield _handoff(state, now, session)


def _you(session: Session, holder: str) -> list[str]:
    if not session.archived:
        how = ""
        if session.status == "paused":
            from gitcoord.domain.restraint import stopped

            refusal = stopped(session)
            why = f" ({session.pause_reason})" if session.pause_reason else ""
            how = f" It is paused{why}. {refusal.hint}"
        return [f"You are {session.agent}, session {holder}.{how}"]
    lost = ", ".join([*session.lost_keys, *session.lost_tasks])
    ended = f"Your session {session.id} has ended ({session.outcome}); you hold nothing."
    return [
        f"{ended} Run `gitcoord session start` before you go on.",
        *([f"It lost: {lost}"] if lost else ()),
    ]


def _rights(state: State, now: Time, session: Session) -> list[str]:
    """Return in a line what restricts the session; nothing where nothing does."""
    from gitcoord.domain.rights import restricted

    if not restricted(state, session):
        return []
    from gitcoord.domain.assignments import standing

    if not standing(state, session).restricts:
        return []
    from gitcoord.entrypoints.cli.profile_text import restriction

    return [restriction(state, session, now)]


def _notices(state: State, session: Session) -> list[str]:
    from gitcoord.domain.notices import told

    found = told(state, session.id, since=session.started_at)[-NOTICES:]
    return [f"NOTICE {one.at[:19]}Z: {one.text}" for one in reversed(found)]


def _messages(desk: Desk, state: State, now: Time) -> Section:
    """Return what the session has still to read or to acknowledge; looking marks nothing."""
    if not state.has("messages", "open"):
        return Section("messages", [])
    from gitcoord.entrypoints.cli.message import author, incoming

    found = incoming(desk, state, desk.holder, everything=False)
    lines = []
    for one in found[:MESSAGES]:
        urgency = "" if one.priority == "normal" else f"{one.priority} "
        to = "" if one.to else " to all"
        ack = f" (answer with `gitcoord message ack {one.id}`)" if one.needs_ack else ""
        said = f"{urgency}{one.type} from {author(one)}{to}, {ago(now, one.at)}"
        lines.append(f"MESSAGE {one.id}, {said}: {_cut(one.text)}{ack}")
    if len(found) > MESSAGES:
        lines.append(f"  ... and {len(found) - MESSAGES} more: gitcoord message inbox")
    return Section("messages", lines, "gitcoord message inbox")


def _tasks(state: State, now: Time, holder: str) -> Section:
    from gitcoord.domain.tasks import Task, held_by

    lines = []
    for task in held_by(state, holder):
        lines.append(f"Your task {task.id} ({task.status}): {task.title}")
        lines += [f"  {line}" for line in _task_lines(task, now)]
    if not lines:
        ready = next(iter(state.scan(Task, "ready:")), None)
        lines.append(
            "You have no task, and none is ready."
            if ready is None
            else f"You have no task. `gitcoord task next` claims one; first in line: {ready.title}"
        )
    return Section("task", lines, "gitcoord task show ID")


def _task_lines(task: Task, now: Time) -> list[str]:
    lines = []
    if task.description:
        lines.append(_cut(task.description))
    if task.blocked_reason:
        lines.append(f"blocked: {_cut(task.blocked_reason)}")
    if task.keys:
        lines.append(f"keys: {', '.join(task.keys)}")
    if task.worktree:
        lines.append(f"worktree {task.worktree} on {task.branch}")
    if task.deadline:
        lines.append(f"deadline {task.deadline} ({left(now, task.deadline)})")
    if len(task.attempts) > 1:
        before = task.attempts[-2]
        why = before.error or before.result
        said = f"attempt {task.attempts[-1].n}; the one before: {before.outcome}"
        lines.append(f"{said}, {_cut(why)}" if why else said)
    return lines


def _notes(state: State, now: Time, holder: str) -> Section:
    from gitcoord.domain.tasks import held_by, notes_of

    lines = []
    for task in held_by(state, holder):
        # What moves have written stands in the task's lines above.
        said = [note for note in notes_of(state, task.id) if note.kind != "system"]
        lines += [
            f"Note on {task.id} by {note.agent or 'somebody'}, {ago(now, note.at)}: "
            f"{_cut(note.text)}"
            for note in reversed(said[-NOTES:])
        ]
    return Section("notes", lines, "gitcoord task show ID")


def _learned(desk: Desk, state: State, now: Time, holder: str) -> Section:
    from gitcoord.entrypoints.cli.lessons import lessons

    return Section("memory", lessons(desk, state, now, holder), "gitcoord memory recall --task ID")


def _own_locks(state: State, now: Time, holder: str) -> Section:
    from gitcoord.domain.locks import holdings

    locks = sorted(holdings(state, holder), key=lambda lock: lock.expires_at)
    lines = [f"You hold {_lock(lock, now)}" for lock in locks]
    return Section("locks", lines or ["You hold no locks."], "gitcoord lock list --mine")


def _lock(lock: Lock, now: Time) -> str:
    shared = ", shared" if lock.mode == "shared" else ""
    if lock.expires_at <= now:
        return f"{lock.key} (ENDED {ago(now, lock.expires_at)}{shared})"
    return f"{lock.key} (until {lock.expires_at[11:19]}Z, {left(now, lock.expires_at)}{shared})"


def _unlanded(state: State, now: Time, session: Session | None) -> Section:
    from gitcoord.domain.unlanded import Mark

    agent = session.agent if session else None
    marks = sorted(state.all(Mark), key=lambda mark: mark.at, reverse=True)
    lines = [
        f"Not landed: {mark.key} by {'you' if mark.agent == agent else mark.agent}, "
        f"{ago(now, mark.at)}; build on {mark.branch}"
        for mark in sorted(marks, key=lambda mark: mark.agent == agent)
    ]
    return Section("unlanded", lines, "gitcoord lock list")


def _others(state: State, now: Time, session: Session | None) -> Section:
    from gitcoord.domain.locks import holdings
    from gitcoord.domain.observatory import observed
    from gitcoord.domain.tasks import held_by

    mine = session.id if session else ""
    area = session.area if session else ""
    others = [one for one in _live(state) if one.id != mine]
    others.sort(key=lambda one: (one.area != area if area else False, one.agent))
    lines = []
    for one in others:
        held = [x for x in holdings(state, one.id) if x.expires_at > now]
        tasks = [f"{task.id} {task.title}" for task in held_by(state, one.id)]
        parts = [f"{one.agent} ({observed(state, one, now).status})"]
        if what := tasks or [part for part in (one.area, one.task) if part]:
            parts.append(f"works on {', '.join(what)}")
        if held:
            named = [_lock(lock, now) for lock in held[:LOCKS]]
            more = f" and {len(held) - LOCKS} more" if len(held) > LOCKS else ""
            parts.append(f"holds {', '.join(named)}{more}")
        elif one.files:
            parts.append(f"declared {', '.join(one.files[:5])}")
        lines.append("; ".join(parts))
    return Section("others", lines or ["Nobody else is checked in."], "gitcoord status")


def _live(state: State) -> list[Session]:
    from gitcoord.domain.sessions import Session

    return state.find(Session, "live")


def _handoff(state: State, now: Time, session: Session | None) -> Section:
    from gitcoord.domain.handoffs import newest
    from gitcoord.domain.tasks import held_by

    tasks = held_by(state, session.id) if session else []
    found = [one for task in tasks for one in newest(state, task=task.id)] or newest(state)
    lines = []
    for one in found[:1]:
        lines.append(f"Last handoff, by {one.agent} {ago(now, one.at)}: {_cut(one.summary)}")
        lines += [f"  next: {_cut(step)}" for step in one.next_steps]
        lines += [f"  in progress: {_cut(step)}" for step in one.in_progress]
        lines += [f"  decided: {_cut(step)}" for step in one.decisions]
    return Section("handoff", lines, "gitcoord handoff read")


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= EXCERPT else plain[: EXCERPT - 3] + "..."
