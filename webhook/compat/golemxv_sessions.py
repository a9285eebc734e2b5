"""GolemXV: sessions, from check-in to check-out, and what they declare."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

import msgspec

from gitcoord.domain.conflicts import ChangeScope, Scoped
from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Conflict, Session, Started, StartSession
from gitcoord.domain.time import from_epoch
from gitcoord.entrypoints import golemxv as words
from gitcoord.entrypoints import originals
from gitcoord.errors import ScopeConflict
from gitcoord.ledger.request import fresh_id
from webhook.api import checkin
from webhook.compat.line import Ask, Misfit
from webhook.problems import Problem

CLIENT = "golemxv"
OUTCOMES = ("completed", "partial", "failure")
#: Longest summary of a check-out, in characters.
SUMMARY = 10_000


class Meta(msgspec.Struct, frozen=True):
    """An answer with something beside it."""

    data: Any
    meta: dict[str, Any]


class Blocked(Problem):
    """A scope that others have declared, where conflicts block."""

    def __init__(self, detail: str, meta: dict[str, Any]) -> None:
        super().__init__(409, "CONFLICT", detail)
        self.meta = meta


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A body that says whose session it is."""

    session_token: str = ""


def session_of(ask: Ask, token: str) -> str:
    """Return the live session of a token. Raises `Problem`: MISSING_TOKEN, SESSION_NOT_FOUND."""
    if not token:
        raise Problem(400, "MISSING_TOKEN", "session_token is required")
    found = ask.service.tokens.session(ask.caller.project, token, living=True)
    if found is None:
        raise Problem(404, "SESSION_NOT_FOUND", "no active session with this token")
    return found


def now(ask: Ask) -> str:
    """Return the time by the service's clock."""
    return from_epoch(ask.asking.house.ledger.clock.wall())


def acting(ask: Ask) -> str:
    """Return the session whose token the body holds. Raises like `session_of`."""
    return session_of(ask, ask.body.session_token)


class CheckingIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes, and what it is going to work on."""

    agent_name: str = ""
    declared_area: str = ""
    declared_files: list[str] = []
    #: 0: as the project says.
    heartbeat_ttl_seconds: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


def check_in(ask: Ask) -> Meta:
    """Begin a session; where conflicts block it is closed at once, which the ledger shows."""
    body: CheckingIn = ask.body
    said = {
        "agent": body.agent_name,
        "area": body.declared_area,
        "files": body.declared_files,
        "ttl": body.heartbeat_ttl_seconds,
        "life": "beat",
        "client": CLIENT,
        "client_session": fresh_id("c-"),
    }
    wish = msgspec.convert(checkin.prepared(ask.asking, said, None), StartSession)
    token = ask.service.tokens.token(ask.caller.project.name, wish.id)
    try:
        started = ask.do(wish, Started)
    except ScopeConflict:
        _blocked(ask, wish, token)
    session = started.session
    data = {
        "session_id": session.id,
        "session_token": token,
        "agent_name": session.agent,
        "heartbeat_interval_seconds": max(1, round(session.interval)),
        "heartbeat_ttl_seconds": round(session.ttl),
    }
    return Meta(data, _conflicts(started.conflicts))


def _blocked(ask: Ask, wish: StartSession, token: str) -> NoReturn:
    started = ask.do(msgspec.structs.replace(wish, mode="warn"), Started)
    ask.do(EndSession(outcome="blocked"), Ended, wish.id)
    about = {"session_id": wish.id, "session_token": token, "agent_name": wish.agent}
    raise Blocked("Scope conflict detected", about | _conflicts(started.conflicts))


def heartbeat(ask: Ask) -> dict[str, Any]:
    """Show that the session lives."""
    session = acting(ask)
    ask.do(Heartbeat(), Beaten, session)
    return {"session_id": session, "last_heartbeat_at": now(ask)}


def presence(ask: Ask) -> list[dict[str, Any]]:
    """List the sessions that have not ended."""
    from gitcoord.entrypoints.cli import roster

    return [words.presence(row) for row in ask.people(lambda _, state: roster.live(state))]


class Declaring(Token, frozen=True, kw_only=True):
    """A new scope; what is left out stays."""

    declared_area: str | None = None
    declared_files: list[str] | None = None


def declare(ask: Ask) -> Meta:
    """Change the scope."""
    body: Declaring = ask.body
    session = acting(ask)
    files = None if body.declared_files is None else tuple(body.declared_files)
    try:
        found = ask.do(ChangeScope(area=body.declared_area, files=files), Scoped, session)
    except ScopeConflict as refusal:
        rivals = msgspec.convert(refusal.details["conflicts"], list[Conflict])
        raise Blocked(refusal.message, {"session_id": session} | _conflicts(rivals)) from refusal
    data = {
        "session_id": session,
        "declared_area": found.session.area or None,
        "declared_files": list(found.session.files) or None,
    }
    return Meta(data, _conflicts(found.conflicts))


class CheckingOut(Token, frozen=True, kw_only=True):
    """How the work ended."""

    outcome_status: str = "completed"
    work_summary: str = ""
    files_touched: list[str] = []


def check_out(ask: Ask) -> dict[str, Any]:
    """End the session and give back what it holds."""
    body: CheckingOut = ask.body
    session = acting(ask)
    outcome = originals.ours("outcome", body.outcome_status)
    if outcome not in OUTCOMES:
        raise Misfit("outcome_status", f"one of {', '.join(OUTCOMES)}")
    if len(body.work_summary) > SUMMARY:
        raise Misfit("work_summary", f"at most {SUMMARY} characters")
    wish = EndSession(
        outcome=outcome,  # type: ignore[arg-type]
        summary=body.work_summary,
        files_touched=tuple(body.files_touched),
    )
    ask.do(wish, Ended, session)
    status = originals.original("session status", "ended")
    return {"session_id": session, "status": status, "outcome_status": outcome}


def init(ask: Ask) -> str:
    """Return what GOLEM.yaml would say about this project."""
    import yaml

    with ask.asking.state() as state:
        settings = state.settings
    document = words.project(settings, ask.caller.project.name)
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def realtime(ask: Ask) -> Any:
    """Say that there is no Centrifugo, and what there is instead."""
    raise Problem(
        503,
        "NOT_CONFIGURED",
        "There is no Centrifugo: events are a stream of server-sent events at /api/v1/events.",
    )


def own_sessions(ask: Ask, live: list[Session]) -> set[str]:
    """Return the live sessions that this key has checked in here."""
    own = f"{ask.key}:"
    return {x.id for x in live if x.client == CLIENT and x.client_session.startswith(own)}


def _conflicts(found: list[Conflict]) -> dict[str, Any]:
    if not found:
        return {}
    return {"has_conflicts": True, "conflicts": words.conflicts(found)}
