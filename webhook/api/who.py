"""Who is here and what is held: counts, sessions, locks. Each question sees one snapshot.

Answers are what the commands show with `--json`, lists in pages. Not here: how parameters are
read and answers written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.locks import Held, Lock, LockView
from gitcoord.domain.tasks import Task
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.waiting import WaiterView
from gitcoord.entrypoints.cli.task_text import CLOSED, STATUSES
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from webhook.api.asking import Asking


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
        counts: dict[str, int] = {
            name: _count(snapshot.scan("tasks", f"status:{name}:"))
            for name in STATUSES
            if name not in CLOSED
        }
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
            tasks=counts,
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
            gone = sorted(state.scan(Session, "end:", archived=True), key=_departure, reverse=True)
            found = (one for one in gone if asked.agent in ("", one.agent))
            shown, more = page(found, _departure, asked, descending=True)
        else:
            here = (one for one in roster.live(state) if asked.agent in ("", one.agent))
            shown, more = page(here, lambda x: f"{x.agent}\0{x.started_at}\0{x.id}", asked)
        rows = roster.documents(asking.beats(), snapshot, state, shown, now)
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
        now = asking.now(state)
        (row,) = roster.documents(asking.beats(), snapshot, state, [found], now)
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
            x for x in live if asked.agent in ("", x.agent) and asked.session in ("", x.session)
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


def _departure(one: Any) -> str:
    return f"{one.ended_at}\0{one.id}"


def _at(lock: Lock) -> str:
    return f"{lock.key}\0{lock.session}"


def _count(found: Any) -> int:
    return sum(1 for _ in found)
