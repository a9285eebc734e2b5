"""Ending what has ended by itself: dead sessions, and leases, deadlines and waits that are over.

A sweep ends one session, and only if its sign of life is still the one that the
judge saw; it never rides on another operation. Where that cannot be verified in the
same swap, a suspicion is agreed first, which any act of the session ends. A lapse
ends what has a time on it and touches no session.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import msgspec

from gitcoord.domain.departure import finish
from gitcoord.domain.locks import Lock, free
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Answer, Beat, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session, living
from gitcoord.domain.time import Time, plus
from gitcoord.domain.waiting import Waiter, leave
from gitcoord.errors import SessionAlive

if TYPE_CHECKING:
    from gitcoord.domain.state import State

R = TypeVar("R", bound=Record)

#: Most locks, claims and deadlines, each, that one operation ends.
LAPSE_LIMIT = 200


class Swept(Answer, frozen=True, kw_only=True):
    """The session that is no more and what became free."""

    session: str
    agent: str
    freed: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


class Suspected(Answer, frozen=True, kw_only=True):
    """The session that shows no life, and since when that is agreed."""

    session: str
    agent: str
    suspect_since: Time


class SuspectSession(Operation, frozen=True, kw_only=True):
    """Agree that a session shows no life, as the first of two steps towards its end."""

    tag = "session.suspect"
    answer = Suspected
    acting: ClassVar[bool] = False

    id: str
    #: The count of beats and the `seen_at` that did not change while the judge watched.
    beat: int
    seen_at: Time

    def apply(self, state: State, context: Context) -> Suspected:
        """Mark it as suspect; one that is stays as it is.

        Raises `SessionAlive`, `SessionNotFound` and `SessionEnded`, as a sweep does.
        """
        session = living(state, self.id, context)
        _refuse(session, "suspected", _objection(session, context, self.beat, self.seen_at))
        if not session.suspect_since:
            session = msgspec.structs.replace(session, suspect_since=context.now)
            state.put(session)
        return Suspected(
            session=session.id, agent=session.agent, suspect_since=session.suspect_since
        )

    def subject(self, answer: Suspected, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"session: {answer.session} of {answer.agent} shows no life")


class SweepSession(Operation, frozen=True, kw_only=True):
    """End a session that a judge has found dead."""

    tag = "session.sweep"
    answer = Swept
    acting: ClassVar[bool] = False

    id: str
    #: The count of beats and the `seen_at` that did not change while the judge watched.
    beat: int
    seen_at: Time
    why: Literal["silent", "process_gone"] = "silent"
    #: The session's `suspect_since` on which this rests; empty: the swap verifies its presence.
    suspected: Time = ""

    def apply(self, state: State, context: Context) -> Swept:
        """End it as timed out.

        Raises `SessionAlive` when there was a later sign of life or when silence does not end
        such a session, `SessionNotFound`, and `SessionEnded`.
        """
        session = living(state, self.id, context)
        _refuse(session, "swept", self._objection(session, context))
        lost = finish(state, context, session, "timed_out", "timed_out", summary=_REASONS[self.why])
        return Swept(session=session.id, agent=session.agent, freed=lost.keys, tasks=lost.tasks)

    def _objection(self, session: Session, context: Context) -> str:
        if self.why == "process_gone" and session.life != "process":
            return "its life does not hang on a process"
        if self.suspected and session.suspect_since != self.suspected:
            return "it is no longer suspected"
        return _objection(session, context, self.beat, self.seen_at)

    def subject(self, answer: Swept, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"session: {answer.session} of {answer.agent} timed out")


def _objection(session: Session, context: Context, beat: int, seen_at: Time) -> str:
    """Return why the session is not dead by these signs of life, or nothing."""
    if session.status == "paused":
        return "it is paused"
    if session.life == "lease":
        return "it lives by its leases alone"
    if context.presence.get(session.id, Beat(0)).count != beat:
        return "it has beaten since"
    return "" if session.seen_at == seen_at else "it has acted since"


def _refuse(session: Session, what: str, reason: str) -> None:
    if reason:
        raise SessionAlive(
            f"session {session.id} of {session.agent} is not {what}: {reason}",
            session=session.id,
            seen_at=session.seen_at,
        )


_REASONS = {
    "silent": "no sign of life during its whole time to live",
    "process_gone": "its process is gone",
}


class Lapsed(Answer, frozen=True, kw_only=True):
    """What came to its end: keys, ids of tasks and approvals, holders that no longer wait."""

    keys: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    waiters: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()


class LapseLeases(Operation, frozen=True, kw_only=True):
    """End locks, claims, deadlines, waits and requests whose time is over, at most 200 of each."""

    tag = "lease.lapse"
    answer = Lapsed
    acting: ClassVar[bool] = False

    def apply(self, state: State, context: Context) -> Lapsed:
        """End what is over, tell its holders, and grant what became free. Never refuses."""
        from gitcoord.domain.claims import lapse

        if not context.clock_trusted:
            return Lapsed()
        end = _end(state, context.now)
        tasks = lapse(state, context, LAPSE_LIMIT)
        approvals = _unapproved(state, context)
        locks = list(islice(_until(state, Lock, "end:", end), LAPSE_LIMIT))
        waiters = [each for each in state.scan(Waiter, "turn:") if each.lease_until <= end]
        _tell(state, context, locks)
        leave(state, context, waiters)
        free(state, context, locks)
        return Lapsed(
            keys=tuple(sorted(lock.key for lock in locks)),
            tasks=tuple(sorted(task.id for task in tasks)),
            waiters=tuple(sorted(waiter.session for waiter in waiters)),
            approvals=approvals,
        )

    def subject(self, answer: Lapsed, agent: str) -> str:
        """Return the diary line."""
        what = ", ".join(
            [*answer.keys[:2], *answer.tasks[:2], *answer.waiters[:2], *answer.approvals[:2]]
        )
        return one_line(f"lease: {what or 'nothing'} lapsed")


def due(state: State, now: Time) -> bool:
    """Say whether `LapseLeases` at `now` would end anything."""
    from gitcoord.domain.tasks import Task

    end = _end(state, now)
    return (
        next(_until(state, Lock, "end:", end), None) is not None
        or next(_until(state, Task, "lease:", end), None) is not None
        or next(_until(state, Task, "deadline:", now), None) is not None
        or any(waiter.lease_until <= end for waiter in state.scan(Waiter, "turn:"))
        or _approvals_due(state, now)
    )


def _approvals_due(state: State, now: Time) -> bool:
    if not state.holds("approvals"):
        return False
    from gitcoord.domain.approvals import Approval

    return next(_until(state, Approval, "end:", now), None) is not None


def _unapproved(state: State, context: Context) -> tuple[str, ...]:
    if not state.holds("approvals"):
        return ()
    from gitcoord.domain import approving

    return tuple(sorted(one.id for one in approving.lapse(state, context)))


def _tell(state: State, context: Context, locks: list[Lock]) -> None:
    """Tell every holder which of its locks are over."""
    lost: dict[str, list[str]] = {}
    for lock in locks:
        lost.setdefault(lock.session, []).append(lock.key)
    for holder, keys in sorted(lost.items()):
        text = f"Your time for {', '.join(sorted(keys))} was over."
        tell(state, context, holder, "lapsed", text, sorted(keys))


def _end(state: State, now: Time) -> Time:
    """Return the latest end that counts as ended at `now`."""
    return plus(now, -state.settings.clock_tolerance)


def _until(state: State, kind: type[R], prefix: str, end: Time) -> Iterator[R]:
    """Yield the records whose term with this prefix is not after `end`, oldest first."""
    last = prefix + end
    for record in state.scan(kind, prefix):
        if min(term for term in record.terms() if term.startswith(prefix)) > last:
            return
        yield record
