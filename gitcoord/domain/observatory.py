"""How a session fares: its status, what it has used, and why it is stuck where it is.

A pure look at records: nothing is stored, so that a status is never older than what it rests
on, and whoever reads a ledger, also at a time in the past, sees the same. Not here: what is
done about it (`restraint`), and whether a session lives (`life`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.life import status_of
from gitcoord.domain.time import EPOCH, Time, seconds_between

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.signals import Signals
    from gitcoord.domain.state import State

Status = Literal["active", "idle", "stuck", "paused", "killed", "timed_out", "ended"]
#: Why a session is stuck (the first three), paused, or killed.
Cause = Literal["", "same_error", "retry_loop", "no_progress", "limit", "approval", "person"]

#: Calls of tools without progress that make a session stuck when they have gone on for long
#: (setting `stuck_after`): few calls in a long time are one long call, or reading.
QUIET_CALLS = 20
#: Seconds after which a conversation counts as gone when others of its session go on.
GONE = 900.0


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session at a time; None is what is not known."""

    session: str
    agent: str
    status: Status
    cause: Cause = ""
    #: The same in words; empty where there is nothing to say.
    why: str = ""
    #: Its tasks, else what it has declared to work on.
    task: str = ""
    #: Seconds from check-in to its end, or to now.
    duration: float
    tokens: int | None = None
    cost_usd: float | None = None
    requests: int | None = None
    errors: int | None = None
    #: Requests a minute, when it last reported.
    rate: int | None = None


def observed(state: State, session: Session, now: Time, beaten_at: Time = "") -> Observed:
    """Return how the session fares at `now`.

    `beaten_at` is the time of its last beat where one is known, as in `life.status_of`.
    """
    from gitcoord.domain.tasks import held_by

    status, cause, why = _status(state, session, now, beaten_at)
    usage, own = session.usage, session.signals.get("")
    tasks = [task.id for task in held_by(state, session.id)]
    return Observed(
        session=session.id,
        agent=session.agent,
        status=status,
        cause=cause,
        why=why,
        task=", ".join(tasks) or session.task,
        duration=max(0.0, seconds_between(session.started_at, session.ended_at or now)),
        tokens=usage.tokens if usage else None,
        cost_usd=usage.cost_usd if usage else None,
        requests=usage.requests if usage else None,
        errors=usage.errors if usage else None,
        rate=own.rate if own else None,
    )


def _status(
    state: State, session: Session, now: Time, beaten_at: Time
) -> tuple[Status, Cause, str]:
    if session.status == "killed":
        return "killed", "person", session.summary
    status = status_of(session, now, beaten_at)
    if status == "paused":
        return status, session.paused_for or "person", session.pause_reason
    if status == "active":
        for cause, why in stuck(state, session):
            return "stuck", cause, why
    return status, "", ""


def stuck(state: State, session: Session) -> Iterator[tuple[Cause, str]]:
    """Yield every reason for which the session's conversations are stuck, by their reports alone.

    That is whether or not it is active now. The latest conversation comes first.
    """
    return stuck_by(state.settings, session, lambda told: progress(state, session, told))


def stuck_by(
    settings: Settings, session: Session, progress: Callable[[Signals], Time]
) -> Iterator[tuple[Cause, str]]:
    """Yield the same; `progress` says when a conversation was last seen to get on."""
    parts = sorted(session.signals.items(), key=lambda part: part[1].at, reverse=True)
    for name, told in parts:
        if seconds_between(told.at, parts[0][1].at) > GONE:
            return
        who = f" (sub-agent {name})" if name else ""
        if 0 < settings.stuck_errors <= told.errors_in_row:
            text = f": {told.error_text}" if told.error_text else ""
            yield "same_error", f"the same error {told.errors_in_row} times in a row{who}{text}"
        if 0 < settings.stuck_repeats <= told.repeats:
            call = f" of {told.call}" if told.call else ""
            why = f"the same call{call} {told.repeats} times, and nothing changed{who}"
            yield "retry_loop", why
        if settings.stuck_after and told.quiet_calls >= QUIET_CALLS:
            quiet = seconds_between(progress(told), told.at)
            if quiet >= settings.stuck_after:
                time = f"{quiet / 60:.0f} minutes and {told.quiet_calls} calls{who}"
                yield "no_progress", f"no change, commit or task in {time}"


def progress(state: State, session: Session, told: Signals) -> Time:
    """Return when the session was last seen to get on, by its report or by the ledger."""
    from gitcoord.domain.changes import recent
    from gitcoord.domain.tasks import Note, held_by

    times = [session.started_at, told.progress_at or EPOCH]
    times += [change.at for change in recent(state, session=session.id, limit=1)]
    for task in held_by(state, session.id):
        # Every move leaves a note, the claim too.
        times += [note.at for note in state.scan(Note, f"task:{task.id}:")][-1:]
    return max(times)
