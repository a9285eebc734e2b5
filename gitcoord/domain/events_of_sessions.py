"""What is told of sessions: check-in, scope, pause, suspicion, usage, end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.domain.conflicts import among
from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.observatory import Cause, stuck_by
from gitcoord.domain.record import shown
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import Settings
from gitcoord.domain.time import EPOCH

#: A time of the session -> what is told when it comes to stand there, and when it goes.
#: Whatever else begins and ends by a time in the record is one more line, and two types.
SPANS: dict[str, tuple[str, str]] = {
    "suspect_since": ("session.suspected", "session.cleared"),
    "paused_at": ("session.paused", "session.resumed"),
}
#: Changes of these are told as `agent.status`.
_SCOPE = ("area", "files", "task", "status", "idle_since", "branch", "worktree")
_FORCED = {"timed_out": "session.timed_out", "killed": "session.killed"}


def sessions(scene: Scene) -> Iterator[Event]:
    """Yield what happened to sessions; those that are forgotten are not told."""
    for before, after in scene.pairs(Session):
        if after is None:
            continue
        rivals = _rivals(scene, before, after)
        if before is None:
            yield _told("agent.checkin", after, **plain(after, *_CHECKED_IN))
        elif not after.archived and _differ(before, after, *_SCOPE):
            yield _told("agent.status", after, **_standing(after), conflicts=rivals)
        if rivals:
            names = [rival["session_id"] for rival in rivals]
            yield _told("agent.conflict", after, *names, conflicts=rivals)
        yield from _spans(before, after)
        yield from _stuck(scene, before, after)
        if after.usage is not None and (before is None or before.usage != after.usage):
            yield _told("session.usage", after, usage=shown(after.usage))
        if after.archived and (before is None or not before.archived):
            yield from _ended(after)


_CHECKED_IN = ("area", "files", "task", "type", "client", "machine", "worktree", "branch", "life")


def _standing(session: Session) -> dict[str, Any]:
    status = "idle" if session.idle_since and session.status == "active" else session.status
    return plain(session, "area", "files", "task", "branch", "worktree") | {"status": status}


def _spans(before: Session | None, after: Session) -> Iterator[Event]:
    if after.archived:
        return
    for field, (begun, over) in SPANS.items():
        was, now = getattr(before, field, ""), getattr(after, field)
        if bool(was) != bool(now):
            yield _told(begun if now else over, after, since=now or was, **_why(field, after, now))


def _why(field: str, session: Session, now: str) -> dict[str, Any]:
    """Return why a session is paused, so that whoever is to approve hears the question."""
    if field != "paused_at" or not now:
        return {}
    return plain(session, "paused_for", reason="pause_reason")


def judged_anew(scene: Scene) -> Iterator[Event]:
    """Yield which sessions other thresholds make stuck, or stuck no more."""
    if all(getattr(scene.settings_before, x) == getattr(scene.settings, x) for x in _THRESHOLDS):
        return
    told = {after.id for _, after in scene.pairs(Session) if after is not None}
    for session in scene.live():
        if session.id not in told:
            yield from _stuck(scene, session, session)


_THRESHOLDS = ("stuck_errors", "stuck_repeats", "stuck_after")


def _stuck(scene: Scene, before: Session | None, after: Session) -> Iterator[Event]:
    """Yield whether it has come to be stuck, or is no more, by what it has reported itself."""
    if after.archived or not (after.signals or (before is not None and before.signals)):
        return
    was = None if before is None else _reasons(scene.settings_before, before)
    now = _reasons(scene.settings, after)
    if now and not was:
        cause, why = now[0]
        yield _told("session.stuck", after, cause=cause, why=why)
    elif was and not now:
        yield _told("session.unstuck", after)


def _reasons(settings: Settings, session: Session) -> list[tuple[Cause, str]]:
    begun = session.started_at
    return list(stuck_by(settings, session, lambda told: max(begun, told.progress_at or EPOCH)))


def _ended(session: Session) -> Iterator[Event]:
    if forced := _FORCED.get(session.status):
        lost = plain(session, "lost_keys", "lost_tasks", reason="summary")
        yield _told(forced, session, **lost)
    yield _told(
        "agent.checkout",
        session,
        **plain(session, "status", "files_touched", outcome_status="outcome"),
        work_summary=session.summary,
    )


def _rivals(scene: Scene, before: Session | None, after: Session) -> list[dict[str, Any]]:
    if after.archived or not (after.area or after.files):
        return []
    if before is not None and not _differ(before, after, "area", "files"):
        return []
    found = among(scene.live(), scene.settings, after.area, after.files, after.id)
    return [
        plain(
            rival,
            "overlapping_areas",
            "overlapping_files",
            session_id="session",
            agent_name="agent",
        )
        for rival in found
    ]


def _differ(before: Session, after: Session, *fields: str) -> bool:
    return any(getattr(before, field) != getattr(after, field) for field in fields)


def _told(kind: str, session: Session, *others: str, **data: Any) -> Event:
    who = plain(session, session_id="id", agent_name="agent")
    return Event(kind, who | data, sessions_of(session.id, *others))
