"""Tools about who takes part: check in, beat, who is here, who is dead, check out, the context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.sessions import Conflict
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Limit, Output
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time
    from gitcoord.storage.cache import Snapshot

#: Statuses of sessions that have left.
GONE = frozenset({"ended", "timed_out", "killed"})
STATUSES = ("active", "idle", "stuck", "paused", "timed_out", "killed", "ended")
OUTCOMES = ("completed", "partial", "failure", "blocked")


class RegisterSession(Input, frozen=True, kw_only=True):
    """What others should know about this session."""

    capabilities: Annotated[list[str], Meta(description="What you can do, for tasks.")] = []
    current_task: Annotated[str, Meta(description="What you work on.")] = ""
    area: Annotated[str, Meta(description="Your work area.")] = ""
    files: Annotated[list[Key], Meta(description="What you are going to change.")] = []
    agent_name: Annotated[str, Meta(description="Name of a new session.")] = ""


class Registered(Output, frozen=True, kw_only=True):
    """The session, new or continued, and whose work it may touch."""

    session_id: str | UnsetType = UNSET
    agent_name: str | UnsetType = UNSET
    #: Whether it was checked in before, by a hook or a typed command of the same client.
    resumed: bool | UnsetType = UNSET
    conflicts: list[Conflict] | UnsetType = UNSET
    #: Other live sessions in the same worktree.
    neighbours: list[str] | UnsetType = UNSET


def register_session(call: Call, asked: RegisterSession) -> Registered:
    """Check in, or add to what the session has said before."""
    said: dict[str, Any] = {
        "capabilities": tuple(asked.capabilities),
        "task": asked.current_task,
        "area": asked.area,
        "files": call.keys(asked.files),
        "name": asked.agent_name or None,
    }
    started = call.seat.check_in(call, **said)
    assert started is not None
    return Registered(
        session_id=call.holder,
        agent_name=started.session.agent,
        resumed=started.resumed,
        conflicts=started.conflicts,
        neighbours=started.neighbours,
    )


class Nothing(Input, frozen=True, kw_only=True):
    """No arguments."""


class Beaten(Output, frozen=True, kw_only=True):
    """That the session lives, and until when it may be silent."""

    session_id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    #: Left out where silence does not end the session.
    expires_at: str | UnsetType = UNSET


def heartbeat(call: Call, asked: Nothing) -> Beaten:
    """Show life; this server does it by itself while it is connected."""
    from gitcoord.domain.pausing import Beaten as Alive
    from gitcoord.domain.pausing import Heartbeat

    answer = call.do(Heartbeat(), Alive, acts=True)
    return Beaten(
        session_id=call.holder, status=answer.status, expires_at=answer.expires_at or UNSET
    )


class DiscoverAgents(Input, frozen=True, kw_only=True):
    """Which agents."""

    capability: str = ""
    status: Annotated[
        str,
        Meta(
            description="active, idle, stuck, paused, timed_out, killed or ended; "
            "left out: all live ones."
        ),
    ] = ""
    limit: Limit = 50


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One session."""

    agent_id: str
    agent_type: str
    session_id: str
    capabilities: list[str]
    status: str
    current_task: str
    last_heartbeat: str
    started_at: str
    #: Why it is stuck or paused.
    why: str | UnsetType = UNSET
    #: What it has used of its model so far; left out where it is not known.
    total_tokens: int | UnsetType = UNSET
    cost_usd: float | UnsetType = UNSET
    area: str | UnsetType = UNSET
    files: list[str] | UnsetType = UNSET
    #: How many locks it holds, and its tasks.
    locks: int = 0
    tasks: list[str] = []
    mine: bool = False


class Agents(Output, frozen=True, kw_only=True):
    """The sessions, the latest sign of life first."""

    agents: list[Agent] | UnsetType = UNSET


def discover_agents(call: Call, asked: DiscoverAgents) -> Agents:
    """Say who takes part, and what everybody works on."""
    wanted = originals.ours("session status", asked.status)
    if wanted and wanted not in STATUSES:
        known = ", ".join(STATUSES)
        raise InvalidValue(f"there is no status {asked.status[:40]!r}", hint=f"Known: {known}.")
    call.reading()
    with call.snapshot() as snapshot:
        state = call.house.ledger.state_of(snapshot)
        rows = _rows(call, snapshot, state, gone=wanted in GONE, limit=asked.limit)
    # The originals have one word for everybody who is gone.
    allowed = GONE if asked.status == "disconnected" else {wanted}
    found = [
        _agent(row, call.anybody())
        for row in rows
        if (not wanted or row["status"] in allowed)
        and (not asked.capability or asked.capability in row["capabilities"])
    ]
    found.sort(key=lambda one: one.last_heartbeat, reverse=True)
    return Agents(agents=found[: asked.limit])


class CleanupDeadAgents(Input, frozen=True, kw_only=True):
    """From when on silence is worth a word."""

    stale_threshold_minutes: Annotated[
        float, Meta(ge=0, description="Name live sessions that are silent for longer.")
    ] = 15


class Cleaned(Output, frozen=True, kw_only=True):
    """Who was swept, and who is silent but not known to be dead."""

    agents_cleaned: int | UnsetType = UNSET
    locks_released: int | UnsetType = UNSET
    cleaned: list[Agent] | UnsetType = UNSET
    stale: list[Agent] | UnsetType = UNSET


def cleanup_dead_agents(call: Call, asked: CleanupDeadAgents) -> Cleaned:
    """Sweep the sessions that are dead by their own rules, and name those that are silent."""
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.time import plus
    from gitcoord.entrypoints.cli.roster import documents

    swept = call.house.judge().look().swept
    with call.snapshot() as snapshot:
        state = call.house.ledger.state_of(snapshot)
        now = call.now(state)
        ended = [one for name in swept if (one := state.get(Session, name)) is not None]
        cleaned = documents(call.beats(), snapshot, state, ended, now)
        rows = _rows(call, snapshot, state, gone=False, limit=0)
    old = plus(now, -asked.stale_threshold_minutes * originals.MINUTE)
    return Cleaned(
        agents_cleaned=len(swept),
        locks_released=sum(len(one.lost_keys) for one in ended),
        cleaned=[_agent(row, None) for row in cleaned],
        stale=[_agent(row, call.anybody()) for row in rows if row["seen_at"] < old],
    )


class EndSession(Input, frozen=True, kw_only=True):
    """How the work ended."""

    outcome: Annotated[str, Meta(description="completed, partial, failure or blocked.")] = (
        "completed"
    )
    summary: Annotated[str, Meta(description="What was done.")] = ""
    files: Annotated[list[str], Meta(description="What was changed.")] = []


class Left(Output, frozen=True, kw_only=True):
    """What the session gave back."""

    session_id: str | UnsetType = UNSET
    released: list[str] | UnsetType = UNSET
    tasks: list[str] | UnsetType = UNSET
    #: Names of the marks of work that has not landed.
    unlanded: list[str] | UnsetType = UNSET


def end_session(call: Call, asked: EndSession) -> Left:
    """Check out and give back all locks and tasks. A later call checks in anew."""
    from gitcoord.domain.departure import Ended
    from gitcoord.domain.departure import EndSession as End
    from gitcoord.entrypoints.cli.facts import marks

    outcome = originals.ours("outcome", asked.outcome)
    if outcome not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        raise InvalidValue(f"there is no outcome {asked.outcome[:40]!r}", hint=f"Known: {known}.")
    wish = End(
        outcome=outcome,  # type: ignore[arg-type]
        summary=asked.summary,
        files_touched=tuple(map(call.inside, asked.files)),
        marks=marks(call, (), everything=True),
    )
    answer = call.do(wish, Ended, acts=True)
    call.seat.left()
    return Left(
        session_id=answer.session,
        released=list(answer.released),
        tasks=list(answer.tasks),
        unlanded=list(answer.unlanded),
    )


class SessionContext(Input, frozen=True, kw_only=True):
    """How much to say."""

    budget: (
        Annotated[int, Meta(ge=200, le=100_000, description="Characters; default as configured.")]
        | UnsetType
    ) = UNSET


class Told(Output, frozen=True, kw_only=True):
    """What an agent needs to know now, the most important first."""

    text: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    agent_name: str | UnsetType = UNSET
    #: Sections that did not fit.
    omitted: list[str] | UnsetType = UNSET


def session_context(call: Call, asked: SessionContext) -> Told:
    """Tell the session who it is, what it holds, who is near and what was left for it."""
    from gitcoord.entrypoints.cli.context import told

    call.reading()
    budget = call.settings.context_budget if asked.budget is UNSET else asked.budget
    session, text, omitted = told(call, budget)
    return Told(
        text=text,
        session_id=session.id if session is not None else UNSET,
        agent_name=session.agent if session is not None else UNSET,
        omitted=omitted or UNSET,
    )


def _rows(
    call: Call, snapshot: Snapshot, state: State, *, gone: bool, limit: int
) -> list[dict[str, Any]]:
    """Return the live sessions, or the newest of those that have left, as they are shown."""
    from gitcoord.entrypoints.cli.roster import documents, live
    from gitcoord.entrypoints.cli.roster import gone as left

    sessions = left(snapshot, state, limit) if gone else live(state)
    return documents(call.beats(), snapshot, state, sessions, call.now(state))


def _agent(row: dict[str, Any], mine: str | None) -> Agent:
    from gitcoord.entrypoints.cli.roster import tokens_of

    seen: Time = row["ended_at"] or row["seen_at"]
    usage = row["usage"]
    return Agent(
        agent_id=row["agent"],
        agent_type=row["type"],
        session_id=row["id"],
        capabilities=list(row["capabilities"]),
        status=row["status"],
        current_task=row["task"],
        last_heartbeat=seen,
        started_at=row["started_at"],
        why=(row["why"] if not row["ended_at"] else "") or UNSET,
        total_tokens=UNSET if usage is None else tokens_of(usage),
        cost_usd=UNSET if usage is None or usage["cost_usd"] is None else usage["cost_usd"],
        area=row["area"] or UNSET,
        files=row["files"] or UNSET,
        locks=row["locks"],
        tasks=row["tasks"],
        mine=mine is not None and mine.partition("/")[0] == row["id"],
    )
