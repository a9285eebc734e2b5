"""Signs of life that change nothing else, and the pause that needs none.

A paused session keeps what it holds for as long as its leases last, cannot act,
and is not swept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.restraint import lifted, stopped
from gitcoord.domain.sessions import Session, living, present, root, touch
from gitcoord.domain.time import Time, plus
from gitcoord.errors import SessionRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Beaten(Answer, frozen=True, kw_only=True):
    """That the session lives, and until when it may be silent."""

    session: str
    status: str
    interval: float
    #: Empty for sessions that silence does not end.
    expires_at: Time = ""


class Heartbeat(Operation, frozen=True, kw_only=True):
    """Show that the session lives. What it claims is extended like by any other operation."""

    tag = "session.heartbeat"
    answer = Beaten
    acting: ClassVar[bool] = False

    #: That its agent has nothing to do and waits for its person, which is written.
    idle: bool = False

    def apply(self, state: State, context: Context) -> Beaten:
        """Write at most extended leases and the end of a suspicion; a paused session's not.

        Raises `SessionRequired`, `SessionNotFound` and `SessionEnded`: a late heartbeat does
        not revive.
        """
        session = present(state, context)
        touch(state, context, session, refresh=False)
        if self.idle and session.status == "active" and not session.idle_since:
            now = state.get(Session, session.id, archived=False) or session
            state.put(msgspec.structs.replace(now, idle_since=context.now))
        ends = session.life == "beat" and session.status == "active"
        return Beaten(
            session=session.id,
            status=session.status,
            interval=session.interval,
            expires_at=plus(context.now, session.ttl) if ends else "",
        )

    def alive(self, answer: Beaten, context: Context) -> str:
        """Return the session that beats."""
        return answer.session

    def subject(self, answer: Beaten, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"session: {agent or 'somebody'} {'rests' if self.idle else 'beats'}")


class Paused(Answer, frozen=True, kw_only=True):
    """The session as it is after the pause or the resumption."""

    session: Session


class PauseSession(Operation, frozen=True, kw_only=True):
    """Stop a session's timeout until it is resumed. Pausing what is paused changes nothing."""

    tag = "session.pause"
    answer = Paused
    acting: ClassVar[bool] = False

    #: Empty: the acting session.
    id: str = ""
    #: For its agent to read.
    reason: str = ""

    def apply(self, state: State, context: Context) -> Paused:
        """Pause. Raises `SessionRequired`, `SessionNotFound` and `SessionEnded`."""
        session = living(state, _named(self.id, context), context)
        if session.status == "active":
            session = msgspec.structs.replace(
                session,
                status="paused",
                paused_at=context.now,
                pause_reason=one_line(self.reason),
                suspect_since="",
            )
            state.put(session)
        return Paused(session=session)

    def subject(self, answer: Paused, agent: str) -> str:
        """Return the diary line."""
        return _line(agent, "pauses", answer.session)


class ResumeSession(Operation, frozen=True, kw_only=True):
    """Let a paused session act again and its timeout begin anew."""

    tag = "session.resume"
    answer = Paused
    acting: ClassVar[bool] = False

    #: Empty: the acting session.
    id: str = ""

    def apply(self, state: State, context: Context) -> Paused:
        """Resume, and forget why it was paused.

        A session does not lift the pause of a cap itself. Raises `SessionPaused` where it tries,
        `SessionRequired`, `SessionNotFound` and `SessionEnded`.
        """
        session = living(state, _named(self.id, context), context)
        if session.status == "paused":
            if session.paused_for and root(context.session or "") == session.id:
                raise stopped(session)
            session = msgspec.structs.replace(
                session,
                status="active",
                paused_at="",
                pause_reason="",
                paused_for="",
                restraint=lifted(session, context.now),
                seen_at=context.now,
            )
            state.put(session)
        return Paused(session=session)

    def subject(self, answer: Paused, agent: str) -> str:
        """Return the diary line."""
        return _line(agent, "resumes", answer.session)


def _named(name: str, context: Context) -> str:
    if not name and not context.session:
        raise SessionRequired
    return name or root(context.session or "")


def _line(agent: str, verb: str, session: Session) -> str:
    return one_line(f"session: {agent or 'somebody'} {verb} {session.id} of {session.agent}")
