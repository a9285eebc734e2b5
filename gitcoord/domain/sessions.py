"""Sessions: who takes part, how its life is judged and what it says it works on.

A session is the holder of everything; an agent name is only what people call it.
Promises that whoever acts is live at the head on which it is decided. Not here:
how a session ends (`departure`, `sweep`) and who beats for it (presence).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain.names import checked_name, checked_names, one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.restraint import Restraint, stopped
from gitcoord.domain.signals import Signals
from gitcoord.domain.tally import Tally
from gitcoord.domain.time import Time, seconds_between
from gitcoord.domain.usage import Usage
from gitcoord.errors import (
    IdTaken,
    InvalidId,
    ScopeConflict,
    SessionEnded,
    SessionNotFound,
    SessionRequired,
    TtlOutOfRange,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What shows that a session lives: its beats, its process, or nothing but its leases.
Life = Literal["beat", "process", "lease"]
Status = Literal["active", "paused", "ended", "timed_out", "killed"]

#: Most files that one session may declare.
DECLARED_LIMIT = 1000
#: Shortest and longest silence, in seconds, that a session may ask for.
TTL_RANGE = (1.0, 86_400.0)


class Process(msgspec.Struct, frozen=True):
    """A process that cannot be mistaken for a later one with the same number."""

    host: str
    pid: int
    started: str
    boot: str


class Session(Record, frozen=True, kw_only=True):
    """One participant, from check-in to its end."""

    table = "sessions"

    id: str
    agent: str
    type: str = ""
    capabilities: tuple[str, ...] = ()
    area: str = ""
    files: tuple[str, ...] = ()
    task: str = ""
    life: Life = "lease"
    machine: str = ""
    process: Process | None = None
    client: str = ""
    #: The client's own id of this conversation.
    client_session: str = ""
    worktree: str = ""
    branch: str = ""
    status: Status = "active"
    started_at: Time
    seen_at: Time
    interval: Seconds = 30.0
    ttl: Seconds = 120.0
    suspect_since: Time = ""
    paused_at: Time = ""
    #: Why, where somebody or a rule has said so; and what ends it: any resumption, or only
    #: that by a person ("limit"), who has to approve ("approval").
    pause_reason: str = ""
    paused_for: Literal["", "limit", "approval"] = ""
    #: Since when its agent waits for its person; empty while it works.
    idle_since: Time = ""
    ended_at: Time = ""
    outcome: str = ""
    summary: str = ""
    files_touched: tuple[str, ...] = ()
    #: What it held when others ended it.
    lost_keys: tuple[str, ...] = ()
    lost_tasks: tuple[str, ...] = ()
    #: What it and its sub-agents have used, all told; None: nothing was reported.
    usage: Usage | None = None
    #: The same apart, where sub-agents have reported: by sub-agent, its own under "".
    usage_parts: dict[str, Usage] = {}
    #: What its hooks have seen, by sub-agent, its own under "".
    signals: dict[str, Signals] = {}
    #: What was done about its use; None: nothing.
    restraint: Restraint | None = None
    #: What it has used of the limits of its profile; None: it has no such limit.
    tally: Tally | None = None

    @property
    def name(self) -> str:
        """The session's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in ("ended", "timed_out", "killed")

    def terms(self) -> Iterable[str]:
        """Return what it is found by: being live, agent, client session, worktree, machine."""
        yield f"end:{self.ended_at}" if self.archived else "live"
        yield f"agent:{self.agent}"
        if self.client_session:
            yield _client_term(self.client, self.client_session)
        if self.worktree:
            yield f"tree:{self.worktree}"
        if self.machine:
            yield f"machine:{self.machine}"


def root(holder: str) -> str:
    """Return the id of the session that a holder (`session` or `session/sub-agent`) is part of."""
    return holder.partition("/")[0]


def acting(state: State, context: Context) -> Session:
    """Return the live session that acts.

    Raises `SessionRequired`, `SessionNotFound`, `SessionPaused` and `SessionEnded`, the last
    with what it lost and who holds that.
    """
    session = present(state, context)
    if session.status == "paused":
        raise stopped(session)
    return session


def present(state: State, context: Context) -> Session:
    """Return the session that acts, which may be paused. Raises like `acting` otherwise.

    A sub-agent whose name has not the form of an id is refused with `InvalidId`.
    """
    return living(state, _asking(context), context)


def known(state: State, context: Context) -> Session:
    """Return the session in whose name a fact is noted, also when it has ended since.

    Raises like `present`, but for `SessionEnded`.
    """
    return _stored(state, _asking(context))


def _asking(context: Context) -> str:
    """Return the id of the session that asks, itself or through a sub-agent."""
    if not context.session:
        raise SessionRequired
    if "/" in context.session and not checked_id(context.session, "session").partition("/")[2]:
        raise InvalidId("the name of a sub-agent is empty", id=context.session)
    return root(context.session)


def living(state: State, name: str, context: Context) -> Session:
    """Return the session of that id, active or paused.

    Raises `InvalidId`, `SessionNotFound`, and `SessionEnded` with what it lost and who holds that.
    """
    session = _stored(state, name)
    if session.archived:
        from gitcoord.domain.departure import whereabouts

        raise SessionEnded(
            f"session {session.id} of {session.agent} has ended ({session.outcome})",
            session=session.id,
            status=session.status,
            outcome=session.outcome,
            ended_at=session.ended_at,
            lost=whereabouts(state, context, session),
            lost_tasks=list(session.lost_tasks),
        )
    return session


def _stored(state: State, name: str) -> Session:
    session = state.get(Session, checked_id(name, "session"))
    if session is None:
        raise SessionNotFound(
            f"there is no session {name!r}",
            hint="Run `gitcoord session list`, or check in with `gitcoord session start`.",
            session=name,
        )
    return session


def touch(
    state: State,
    context: Context,
    session: Session,
    *,
    refresh: bool = True,
    awake: bool = False,
) -> None:
    """Note that the session has just acted, and extend its claims with their locks.

    `awake`: its agent does not wait for its person any more. With `refresh` its `seen_at` is
    moved on, at most every eighth of its TTL; without it only what must be written is: a
    transaction is not worth a sign of life that the presence carries anyway. A session that
    is paused or gone at this point is left as it is.
    """
    found = state.get(Session, session.id, archived=False)
    if found is None or found.status != "active":
        return
    stale = refresh and seconds_between(found.seen_at, context.now) > found.ttl / 8
    if stale or found.suspect_since or (awake and found.idle_since):
        found = msgspec.structs.replace(
            found,
            seen_at=context.now,
            suspect_since="",
            idle_since="" if awake else found.idle_since,
        )
        state.put(found)
    if state.has("tasks", f"by:{found.id}"):
        from gitcoord.domain.claims import extend

        extend(state, context, found)


class Conflict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another live session that declared to work on the same."""

    agent: str
    session: str
    overlapping_areas: tuple[str, ...] = ()
    #: The other's declared files that overlap with ours.
    overlapping_files: tuple[str, ...] = ()


class Started(Answer, frozen=True, kw_only=True):
    """The session, new or continued, and whom it should talk to."""

    session: Session
    conflicts: list[Conflict] = []
    resumed: bool = False
    #: Other live sessions in the same worktree of the same machine.
    neighbours: list[str] = []


class StartSession(Operation, frozen=True, kw_only=True):
    """Check in, or continue the live session of the same client session or id."""

    tag = "session.start"
    answer = Started
    acting: ClassVar[bool] = False

    id: str
    agent: str
    type: str = ""
    capabilities: tuple[str, ...] = ()
    area: str = ""
    files: tuple[str, ...] = ()
    task: str = ""
    life: Life = "lease"
    machine: str = ""
    process: Process | None = None
    client: str = ""
    client_session: str = ""
    worktree: str = ""
    branch: str = ""
    #: Silence in seconds after which a beating session is dead; 0: as the settings say.
    ttl: Seconds = 0
    #: Only look for conflicts.
    dry_run: bool = False
    #: What a conflict does; empty: as the settings say.
    mode: Literal["warn", "block", ""] = ""

    def apply(self, state: State, context: Context) -> Started:
        """Store the session. Raises `ScopeConflict` when conflicts block, and for wrong values."""
        from gitcoord.domain.conflicts import conflicts, declared

        before = self._continued(state)
        said = self._said() | {"files": declared(state, self.files)}
        if before is None:
            session = self._created(state, context, said)
        else:
            session = self._renewed(before, context, said)
        rivals = conflicts(state, session.area, session.files, session.id)
        news = not before or (before.area, before.files) != (session.area, session.files)
        mode = self.mode or state.settings.conflict_mode
        if not self.dry_run:
            if rivals and news and mode == "block":
                raise scope_conflict(rivals)
            if session != before:
                state.put(session)
        neighbours = [
            other.id
            for other in state.find(Session, f"tree:{session.worktree}")
            if other.id != session.id and other.machine == session.machine
        ]
        return Started(
            session=session, conflicts=rivals, resumed=bool(before), neighbours=neighbours
        )

    def alive(self, answer: Started, context: Context) -> str:
        """Return the session that checked in."""
        return answer.session.id

    def subject(self, answer: Started, agent: str) -> str:
        """Return the diary line."""
        word = "continues" if answer.resumed else "starts"
        where = f" in {answer.session.area}" if answer.session.area else ""
        return one_line(f"session: {answer.session.agent} {word} {answer.session.id}{where}")

    def _continued(self, state: State) -> Session | None:
        if self.client_session:
            for session in state.find(Session, _client_term(self.client, self.client_session)):
                return session
        found = state.get(Session, self.id)
        if found is not None and found.archived:
            raise IdTaken(
                f"session {self.id} has ended; a new one needs a new id",
                hint="Run `gitcoord session start` without an id.",
                id=self.id,
                status=found.status,
            )
        return found

    def _created(self, state: State, context: Context, said: dict[str, Any]) -> Session:
        if "/" in checked_id(self.id, "session"):
            raise InvalidId("the id of a session has no '/' (that is for sub-agents)", id=self.id)
        if self.ttl and not TTL_RANGE[0] <= self.ttl <= TTL_RANGE[1]:
            raise TtlOutOfRange(
                f"a session's TTL lies between {TTL_RANGE[0]:.0f} s and {TTL_RANGE[1]:.0f} s",
                ttl=self.ttl,
            )
        # As floats, so that equal sessions have equal bytes.
        ttl = float(self.ttl or state.settings.beat_ttl)
        return Session(
            id=self.id,
            agent=checked_name(self.agent, "agent"),
            started_at=context.now,
            seen_at=context.now,
            life=self.life,
            ttl=ttl,
            interval=float(min(state.settings.beat_interval, ttl / 4)),
            **said,
        )

    def _renewed(self, before: Session, context: Context, said: dict[str, Any]) -> Session:
        changes = {name: value for name, value in said.items() if value}
        if self.life != "lease":
            changes["life"] = self.life
        after = msgspec.structs.replace(before, **changes)
        stale = seconds_between(before.seen_at, context.now) > before.ttl / 8
        suspect = bool(before.suspect_since)
        if before.status == "active" and (stale or suspect or after != before):
            after = msgspec.structs.replace(after, seen_at=context.now, suspect_since="")
        return after

    def _said(self) -> dict[str, Any]:
        return {
            "type": self.type and checked_name(self.type, "agent type"),
            "capabilities": checked_names(self.capabilities, "capability"),
            "area": self.area and checked_name(self.area, "area"),
            "task": self.task,
            "machine": self.machine,
            "process": self.process,
            "client": self.client,
            "client_session": self.client_session,
            "worktree": self.worktree,
            "branch": self.branch,
        }


def scope_conflict(rivals: list[Conflict]) -> ScopeConflict:
    """Return the refusal of a scope that others have declared."""
    names = ", ".join(sorted({rival.agent for rival in rivals}))
    return ScopeConflict(
        f"{names} declared the same area or overlapping files",
        hint="Declare another scope, or pass --conflict-mode warn.",
        conflicts=[msgspec.to_builtins(rival) for rival in rivals],
    )


def _client_term(client: str, client_session: str) -> str:
    return f"client:{client}:{client_session}"
