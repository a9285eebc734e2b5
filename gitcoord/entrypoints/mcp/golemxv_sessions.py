"""GolemXV's tools about who takes part: check in, beat, declare, look round, check out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints import golemxv, originals
from gitcoord.entrypoints.mcp import tools_sessions
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Limit, Output
from gitcoord.errors import SessionNotFound

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Conflict

Token = Annotated[str, Meta(description="As checkin gave it; left out: yours.")]


class Acting(Input, frozen=True, kw_only=True):
    """Whose session it is. The connection knows that already."""

    session_token: Token = ""


class Said(Output, frozen=True, kw_only=True):
    """What the ledger says."""

    data: dict[str, Any] | UnsetType = UNSET
    has_conflicts: bool | UnsetType = UNSET
    conflicts: list[dict[str, Any]] | UnsetType = UNSET


class Listed(Output, frozen=True, kw_only=True):
    """A list, and how many it has."""

    data: list[dict[str, Any]] | UnsetType = UNSET
    count: int | UnsetType = UNSET


def listed(rows: list[dict[str, Any]]) -> Listed:
    """Return rows as a list that says how long it is."""
    return Listed(data=rows, count=len(rows))


def proved(call: Call, asked: Acting) -> str:
    """Return the caller's session. Raises `SessionNotFound` for a token of another."""
    if asked.session_token and asked.session_token != call.holder:
        raise SessionNotFound(
            "no active session of this connection has this token",
            hint="Leave session_token out, or call checkin.",
        )
    return call.holder


class CheckIn(Input, frozen=True, kw_only=True):
    """Who comes, and what it is going to work on."""

    project_slug: Annotated[str, Meta(description="This server has one project.")] = ""
    agent_name: Annotated[str, Meta(max_length=100)] = ""
    declared_area: Annotated[str, Meta(max_length=100)] = ""
    declared_files: list[Key] = []


def checkin(call: Call, asked: CheckIn) -> Said:
    """Begin a session, or go on with that of the client; says who declared the same."""
    name = project_name(call)
    if asked.project_slug not in ("", name):
        call.note(f"This server has one project, {name}; there is no {asked.project_slug[:100]}.")
    started = call.seat.check_in(
        call,
        name=asked.agent_name or None,
        area=asked.declared_area,
        files=call.keys(asked.declared_files),
    )
    assert started is not None
    session = started.session
    data = {
        "session_id": session.id,
        "session_token": call.holder,
        "agent_name": session.agent,
        "project_slug": name,
        "heartbeat_interval_seconds": max(1, round(session.interval)),
        "heartbeat_ttl_seconds": round(session.ttl),
    }
    return _with(data, started.conflicts)


def heartbeat(call: Call, asked: Acting) -> Said:
    """Show life."""
    session = proved(call, asked)
    tools_sessions.heartbeat(call, tools_sessions.Nothing())
    with call.state() as state:
        return Said(data={"session_id": session, "last_heartbeat_at": call.now(state)})


class Nothing(Input, frozen=True, kw_only=True):
    """No arguments."""


def presence(call: Call, asked: Nothing) -> Listed:
    """List the sessions that have not ended."""
    from gitcoord.entrypoints.cli.roster import documents, live

    call.reading()
    with call.snapshot() as snapshot:
        state = call.house.ledger.state_of(snapshot)
        rows = documents(call.beats(), snapshot, state, live(state), call.now(state))
    return listed([golemxv.presence(row) for row in rows])


class Scope(Input, frozen=True, kw_only=True):
    """A scope that nobody declares."""

    declared_area: str = ""
    declared_files: list[Key] = []


def conflict_check(call: Call, asked: Scope) -> Said:
    """Say who has declared the same, without declaring anything."""
    from gitcoord.domain.conflicts import conflicts, declared
    from gitcoord.domain.sessions import root

    call.reading()
    keys = call.keys(asked.declared_files)
    with call.state() as state:
        found = conflicts(
            state, asked.declared_area, declared(state, keys), root(call.seat.holder or "")
        )
    return Said(has_conflicts=bool(found), conflicts=golemxv.conflicts(found))


class Declare(Acting, frozen=True, kw_only=True):
    """A new scope; what is left out stays."""

    declared_area: str | UnsetType = UNSET
    declared_files: list[Key] | UnsetType = UNSET


def scope_update(call: Call, asked: Declare) -> Said:
    """Change the scope; says who declared the same."""
    from gitcoord.domain.conflicts import ChangeScope, Scoped

    session = proved(call, asked)
    area = None if asked.declared_area is UNSET else asked.declared_area
    files = None if asked.declared_files is UNSET else call.keys(asked.declared_files)
    found = call.do(ChangeScope(area=area, files=files), Scoped)
    data = {
        "session_id": session,
        "declared_area": found.session.area or None,
        "declared_files": list(found.session.files) or None,
    }
    return _with(data, found.conflicts)


class CheckOut(Acting, frozen=True, kw_only=True):
    """How the work ended."""

    outcome: Literal["success", "failure", "partial", "completed"] = "success"
    work_summary: Annotated[str, Meta(max_length=10_000)] = ""
    files_touched: list[str] = []


def checkout(call: Call, asked: CheckOut) -> Said:
    """End the session and give back what it holds."""
    proved(call, asked)
    wish = tools_sessions.EndSession(
        outcome=asked.outcome, summary=asked.work_summary, files=asked.files_touched
    )
    left = tools_sessions.end_session(call, wish)
    data = {
        "session_id": left.session_id,
        "status": originals.original("session status", "ended"),
        "outcome": originals.original("outcome", originals.ours("outcome", asked.outcome)),
        "released": left.released,
        "tasks": left.tasks,
    }
    return Said(data=data)


class Which(Input, frozen=True, kw_only=True):
    """Which sessions."""

    status: Literal["", "active", "checked_out", "timed_out"] = ""
    limit: Limit = 50


def sessions(call: Call, asked: Which) -> Listed:
    """List sessions, also those that have left."""
    words = [asked.status] if asked.status else ["", "disconnected"]
    rows = []
    for word in words:
        wish = tools_sessions.DiscoverAgents(status=word, limit=asked.limit)
        found = tools_sessions.discover_agents(call, wish).agents
        rows += [] if found is UNSET else [_session(one) for one in found]
    return listed(rows[: asked.limit])


def project_info(call: Call, asked: Nothing) -> Said:
    """Say what the project agrees on, and how much goes on in it."""
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.tasks import Task

    call.reading()
    with call.state() as state:
        data = golemxv.project(state.settings, project_name(call)) | {
            "active_sessions": state.count(Session, "live"),
            "pending_tasks": state.count(Task, "status:pending:"),
        }
    return Said(data=data)


def project_name(call: Call) -> str:
    """Return the name of the one project that there is: that of the repository's folder."""
    import os

    here = call.house.repository
    folder = here.worktree if here.git_dir == here.common_dir else None
    place = (folder or here.common_dir).rstrip(os.sep)
    name = os.path.basename(place)
    return os.path.basename(os.path.dirname(place)) if name == ".git" else name.removesuffix(".git")


def _with(data: dict[str, Any], found: list[Conflict]) -> Said:
    return Said(data=data, has_conflicts=bool(found), conflicts=golemxv.conflicts(found))


def _session(one: tools_sessions.Agent) -> dict[str, Any]:
    return {
        "id": one.session_id,
        "agent_name": one.agent_id,
        "status": originals.original("session status", one.status)
        if one.status == "ended"
        else one.status,
        "declared_area": None if one.area is UNSET else one.area,
        "declared_files": None if one.files is UNSET else one.files,
        "last_heartbeat_at": one.last_heartbeat,
        "started_at": one.started_at,
    }
