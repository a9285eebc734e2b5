"""What can be asked: functions from a request and its parameters to an answer.

Each sees one snapshot of the ledger. Answers are what the commands show with `--json`, lists in
pages. Not here: how parameters are read and answers written.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.changes import Change
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.locks import Held, Lock, LockView
from gitcoord.domain.notices import Notice
from gitcoord.domain.obstacles import Obstacle
from gitcoord.domain.settings import Settings
from gitcoord.domain.tasks import CLOSED, STATUSES, Note, Task
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.violations import Violation
from gitcoord.domain.waiting import WaiterView
from gitcoord.errors import InvalidValue
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.domain.state import State
    from webhook.api.asking import Asking

#: More than any list holds: the page says how many are shown.
ALL = 10**9


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's counters, and how much of everything there is."""

    project: str
    head: str
    epoch: int
    seq: int
    at: str
    sessions: int
    locks: int
    waiting: int
    unlanded: int
    tasks: dict[str, int]
    #: Why the git host could not be asked; "" where all is well or this machine decides.
    trouble: str = ""


def status(asking: Asking, asked: Asked) -> Status:
    """Return the counts."""
    house = asking.house
    with asking.snapshot() as snapshot:
        state = house.ledger.state_of(snapshot)
        now = asking.now(state)
        counts = {name: _count(snapshot.scan("tasks", f"status:{name}:")) for name in STATUSES}
        counts |= {
            "ready": _count(snapshot.scan("tasks", "ready:")),
            "closed": snapshot.count("archive/tasks"),
        }
        error = None if house.wire is None else house.wire.contact.error
        return Status(
            project=asking.caller.project.name,
            head=house.ledger.head(),
            epoch=state.meta.epoch,
            seq=state.meta.seq,
            at=state.meta.time,
            sessions=len(snapshot.find("sessions", "live")),
            locks=_count(snapshot.scan("locks", "end:", f"end:{now}")),
            waiting=_count(snapshot.names("waiters")),
            unlanded=_count(snapshot.names("unlanded")),
            tasks={name: count for name, count in counts.items() if name not in CLOSED},
            trouble="" if error is None else error.message,
        )


class SessionsAsked(Paged, frozen=True, kw_only=True):
    """Which sessions."""

    agent: str = ""
    ended: Annotated[bool, Meta(description="Those who have left, instead of the living.")] = False


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions by agent; those who have left by their end, the last one first."""

    sessions: list[dict[str, Any]]
    next: str = ""


def sessions(asking: Asking, asked: SessionsAsked) -> Sessions:
    """Return the sessions."""
    from gitcoord.domain.sessions import Session
    from gitcoord.entrypoints.cli import roster

    with asking.snapshot() as snapshot:
        state = asking.house.ledger.state_of(snapshot)
        now = asking.now(state)
        if asked.ended:
            gone = sorted(
                state.scan(Session, "end:", archived=True), key=_departure, reverse=True
            )
            found = (one for one in gone if asked.agent in ("", one.agent))
            shown, more = page(found, _departure, asked, descending=True)
        else:
            here = (one for one in roster.live(state) if asked.agent in ("", one.agent))
            shown, more = page(here, lambda x: f"{x.agent}\0{x.started_at}\0{x.id}", asked)
        rows = roster.documents(asking.beats(), snapshot, shown, now)
    return Sessions(sessions=rows, next=more)


class SessionAsked(Asked, frozen=True, kw_only=True):
    """Which session."""

    session: str


class OneSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session with what it holds."""

    session: dict[str, Any]
    locks: list[LockView]
    tasks: list[Task]
    unlanded: list[Mark] = []


def session(asking: Asking, asked: SessionAsked) -> OneSession:
    """Return one session. Raises `SessionNotFound`."""
    from gitcoord.domain.locks import holdings, view
    from gitcoord.domain.operation import checked_id
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.tasks import held_by
    from gitcoord.entrypoints.cli import roster
    from gitcoord.errors import SessionNotFound

    with asking.snapshot() as snapshot:
        state = asking.house.ledger.state_of(snapshot)
        found = state.get(Session, checked_id(asked.session, "session"))
        if found is None:
            raise SessionNotFound(f"there is no session {asked.session!r}")
        (row,) = roster.documents(asking.beats(), snapshot, [found], asking.now(state))
        return OneSession(
            session=row,
            locks=[view(lock) for lock in holdings(state, found.id)],
            tasks=held_by(state, found.id),
            unlanded=[mark for mark in state.all(Mark) if mark.agent == found.agent],
        )


class LocksAsked(Paged, frozen=True, kw_only=True):
    """Which locks."""

    agent: str = ""
    session: str = ""


class Locks(msgspec.Struct, frozen=True, kw_only=True):
    """Live locks by key; who waits, in the order of the queue; what has not landed."""

    locks: list[LockView]
    waiting: list[WaiterView] = []
    unlanded: list[Mark] = []
    next: str = ""


def locks(asking: Asking, asked: LocksAsked) -> Locks:
    """Return the locks."""
    from gitcoord.domain import locks as rules
    from gitcoord.domain import waiting

    with asking.state() as state:
        now = asking.now(state)
        live = (x for x in state.scan(Lock, "end:") if x.expires_at > now)
        mine = [
            x
            for x in live
            if asked.agent in ("", x.agent) and asked.session in ("", x.session)
        ]
        shown, more = page(sorted(mine, key=_at), _at, asked)
        return Locks(
            locks=[rules.view(x) for x in shown],
            waiting=[waiting.view(one) for one in waiting.queue(state)],
            unlanded=sorted(state.all(Mark), key=lambda mark: mark.at),
            next=more,
        )


class CheckAsked(Asked, frozen=True, kw_only=True):
    """Which paths."""

    path: Annotated[list[str], Meta(min_length=1, max_length=500)]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the paths are free for the acting session, and what covers them."""

    free: bool
    held: list[Held]


def checked(asking: Asking, asked: CheckAsked) -> Checked:
    """Return who holds the paths. Raises `InvalidKey`."""
    from gitcoord.domain.locks import check

    mine = asking.caller.session
    with asking.state() as state:
        held = check(state, asking.context(state, mine), asked.path, mine)
    taken = any(not one.mine and one.lock.mode == "exclusive" for one in held)
    return Checked(free=not taken, held=held)


class TasksAsked(Paged, frozen=True, kw_only=True):
    """Which tasks; without a status all that are open."""

    status: list[str] = []
    agent: str = ""
    type: str = ""
    feature: str = ""
    parent: str = ""


class Tasks(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by status, the most urgent first."""

    tasks: list[Task]
    next: str = ""


def tasks(asking: Asking, asked: TasksAsked) -> Tasks:
    """Return the tasks. Raises `InvalidValue` for a status that does not exist."""
    for name in asked.status:
        if name not in STATUSES:
            raise InvalidValue(f"there is no status {name!r}", hint=f"Known: {', '.join(STATUSES)}.")
    wanted = [x for x in STATUSES if (x in asked.status if asked.status else x not in CLOSED)]
    with asking.state() as state:
        shown, more = page(_matching(state, wanted, asked), _turn, asked)
        return Tasks(tasks=shown, next=more)


class TaskAsked(Asked, frozen=True, kw_only=True):
    """Which task."""

    task: str


class OneTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its notes, and what stands in the way of claiming it."""

    task: Task
    notes: list[Note]
    obstacles: list[Obstacle]


def task(asking: Asking, asked: TaskAsked) -> OneTask:
    """Return one task. Raises `TaskNotFound`."""
    from gitcoord.domain.obstacles import obstacles
    from gitcoord.domain.tasks import notes_of, task_of

    with asking.state() as state:
        found = task_of(state, asked.task)
        ways = obstacles(state, asking.context(state, asking.caller.session), found)
        return OneTask(task=found, notes=notes_of(state, found.id), obstacles=ways)


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Open tasks; each with the tasks that it waits for."""

    tasks: list[Task]
    edges: dict[str, list[str]]


def graph(asking: Asking, asked: Asked) -> Graph:
    """Return the graph of all open tasks."""
    with asking.state() as state:
        found = list(_matching(state, [x for x in STATUSES if x not in CLOSED], TasksAsked()))
    return Graph(tasks=found, edges={one.id: list(one.depends_on) for one in found})


class HandoffsAsked(Asked, frozen=True, kw_only=True):
    """Whose handoffs."""

    agent: str | None = None
    task: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 20


class Handoffs(msgspec.Struct, frozen=True, kw_only=True):
    """Handoffs, the newest first."""

    handoffs: list[Handoff]


def handoffs(asking: Asking, asked: HandoffsAsked) -> Handoffs:
    """Return handoffs."""
    from gitcoord.domain.handoffs import newest

    with asking.state() as state:
        found = newest(state, agent=asked.agent, task=asked.task, limit=asked.limit)
    return Handoffs(handoffs=found)


class ChangesAsked(Paged, frozen=True, kw_only=True):
    """Which changes: of a file or below a folder, of a session, or all."""

    path: str = ""
    session: str = ""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, the newest first."""

    changes: list[Change]
    next: str = ""


def changes(asking: Asking, asked: ChangesAsked) -> Changes:
    """Return changes. Raises `InvalidKey`."""
    from gitcoord.domain.changes import recent

    with asking.state() as state:
        found = recent(state, path=asked.path, session=asked.session, limit=ALL)
    shown, more = page(found, lambda x: f"{x.at}\0{x.id}", asked, descending=True)
    return Changes(changes=shown, next=more)


class ViolationsAsked(Paged, frozen=True, kw_only=True):
    """Which violations."""

    session: str = ""
    rule: str = ""


class Violations(msgspec.Struct, frozen=True, kw_only=True):
    """Violations, the newest first."""

    violations: list[Violation]
    next: str = ""


def violations(asking: Asking, asked: ViolationsAsked) -> Violations:
    """Return what guardrails have found."""
    from gitcoord.domain.violations import recorded

    with asking.state() as state:
        found = recorded(state, session=asked.session, rule=asked.rule, limit=ALL)
    shown, more = page(found, lambda x: f"{x.at}\0{x.id}", asked, descending=True)
    return Violations(violations=shown, next=more)


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """What the acting session was told."""

    notices: list[Notice]


def notices(asking: Asking, asked: Asked) -> Notices:
    """Return the notices. Raises `SessionRequired`."""
    from gitcoord.domain.notices import told

    with asking.state() as state:
        return Notices(notices=told(state, asking.holder))


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that all share."""

    settings: Settings


def settings(asking: Asking, asked: Asked) -> Agreed:
    """Return the settings."""
    with asking.state() as state:
        return Agreed(settings=state.settings)


def _matching(state: State, statuses: list[str], asked: TasksAsked) -> Iterator[Task]:
    found = chain.from_iterable(
        state.scan(Task, f"status:{name}:", archived=name in CLOSED) for name in statuses
    )
    for one in found:
        if (
            asked.agent in ("", one.agent)
            and asked.type in ("", one.type)
            and asked.feature in ("", one.feature)
            and asked.parent in ("", one.parent)
        ):
            yield one


def _turn(one: Task) -> str:
    return f"{STATUSES.index(one.status):02d}:{one.order}"


def _departure(one: Any) -> str:
    return f"{one.ended_at}\0{one.id}"


def _at(lock: Lock) -> str:
    return f"{lock.key}\0{lock.session}"


def _count(found: Any) -> int:
    return sum(1 for _ in found)
