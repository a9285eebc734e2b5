"""How a session leaves: by itself, or ended by others; what it held goes with it.

Promises that nothing is held in the name of a session that has ended: its locks
are free, its tasks are open to others and its places in queues are gone, all in
the transaction that ends it. Not here: whether it is dead (`life`, `sweep`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import msgspec

from gitcoord.domain.key_index import stored
from gitcoord.domain.locks import free, holdings, rivals
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.sessions import Session, living, present, root
from gitcoord.domain.unlanded import MarkDraft, mark
from gitcoord.errors import ReasonRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Outcome = Literal["completed", "partial", "failure", "blocked", "superseded"]


class Lost(NamedTuple):
    """What a holder held when it left: keys and ids of tasks, both ordered."""

    keys: tuple[str, ...]
    tasks: tuple[str, ...]


def finish(
    state: State,
    context: Context,
    session: Session,
    status: Literal["ended", "timed_out", "killed"],
    outcome: str,
    *,
    summary: str = "",
    files_touched: Iterable[str] = (),
) -> Lost:
    """End the session and give back all that it and its sub-agents hold.

    A session that others end keeps the list of what it lost, so that it can be told.
    """
    from gitcoord.domain.tasks import held_by

    lost = Lost(
        keys=tuple(sorted({lock.key for lock in holdings(state, session.id)})),
        tasks=tuple(task.id for task in held_by(state, session.id)),
    )
    forced = status != "ended"
    # First the end, then the gifts: what becomes free must not go to its own waiters.
    state.put(
        msgspec.structs.replace(
            session,
            status=status,
            outcome=outcome,
            summary=summary,
            files_touched=tuple(dict.fromkeys(files_touched)),
            ended_at=context.now,
            suspect_since="",
            lost_keys=lost.keys if forced else (),
            lost_tasks=lost.tasks if forced else (),
        )
    )
    how = {"ended": "ended", "timed_out": "timed out", "killed": "was ended by others"}[status]
    if state.has("working", f"of:{session.id}"):
        from gitcoord.domain.working_memory import drop

        drop(state, session.id)
    if state.has("messages", f"open:{session.id}"):
        from gitcoord.domain.mailbox import tell_senders

        tell_senders(state, context, session)
    _give_back(
        state,
        context,
        session.id,
        "timed_out" if status == "timed_out" else "released",
        f"Session {session.id} of {session.agent} {how}" + (f": {summary}" if summary else "."),
    )
    return lost


def _give_back(
    state: State,
    context: Context,
    holder: str,
    why: Literal["released", "timed_out"],
    note: str,
) -> None:
    """Free tasks, locks and places in queues of a holder; of a session with its sub-agents'."""
    from gitcoord.domain.claims import give_back
    from gitcoord.domain.tasks import held_by
    from gitcoord.domain.waiting import Waiter, leave

    whole = holder == root(holder)
    waiters = state.find(Waiter, f"by:{root(holder)}")
    leave(state, context, [each for each in waiters if whole or each.session == holder])
    for task in held_by(state, holder):
        if whole or task.session == holder:
            give_back(state, context, task, why, note)
    free(state, context, holdings(state, holder))


def whereabouts(state: State, context: Context, session: Session) -> list[dict[str, Any]]:
    """Return for every key that was taken from an ended session who holds it at this moment.

    `held_by` is None where the key is free.
    """
    found = []
    for text in session.lost_keys:
        holders = rivals(state, context, stored(text), "exclusive", session.id)
        held = [
            {"agent": lock.agent, "session": lock.session, "expires_at": lock.expires_at}
            for lock in holders
        ]
        found.append({"key": text, "held_by": held[0] if held else None})
    return found


class Ended(Answer, frozen=True, kw_only=True):
    """Who left and what it gave back."""

    #: The session, or the sub-agent as "<session>/<agent>".
    session: str
    agent: str
    outcome: str = ""
    released: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    #: Names of the unlanded marks that stay.
    unlanded: tuple[str, ...] = ()


class EndSession(Operation, frozen=True, kw_only=True):
    """Leave, and give back everything. A sub-agent leaves alone; a paused session may leave."""

    tag = "session.end"
    answer = Ended
    acting: ClassVar[bool] = False

    outcome: Outcome = "completed"
    summary: str = ""
    files_touched: tuple[str, ...] = ()
    #: Changes that are not in the target branch, as the door sees them.
    marks: tuple[MarkDraft, ...] = ()

    def apply(self, state: State, context: Context) -> Ended:
        """End the acting session. Raises `SessionRequired`, `SessionNotFound`, `SessionEnded`."""
        session = present(state, context)
        holder = context.session or session.id
        marks = mark(state, context, holder, session.agent, self.marks)
        if holder == session.id:
            lost = finish(
                state,
                context,
                session,
                "ended",
                self.outcome,
                summary=self.summary,
                files_touched=self.files_touched,
            )
        else:
            lost = self._end_sub_agent(state, context, holder)
        return Ended(
            session=holder,
            agent=session.agent,
            outcome=self.outcome,
            released=lost.keys,
            tasks=lost.tasks,
            unlanded=tuple(sorted(found.name for found in marks)),
        )

    def _end_sub_agent(self, state: State, context: Context, holder: str) -> Lost:
        from gitcoord.domain.tasks import held_by

        lost = Lost(
            keys=tuple(sorted({lock.key for lock in holdings(state, holder)})),
            tasks=tuple(task.id for task in held_by(state, holder) if task.session == holder),
        )
        _give_back(state, context, holder, "released", f"Sub-agent {holder} ended.")
        return lost

    def subject(self, answer: Ended, agent: str) -> str:
        """Return the diary line."""
        what = f"{answer.session} {self.outcome} {self.summary}"
        return one_line(f"session: {answer.agent} ends {what}")


class KillSession(Operation, frozen=True, kw_only=True):
    """End somebody's session, for a reason that its owner will read."""

    tag = "session.kill"
    answer = Ended
    acting: ClassVar[bool] = False

    id: str
    reason: str

    def apply(self, state: State, context: Context) -> Ended:
        """End the session. Raises `ReasonRequired`, `SessionNotFound` and `SessionEnded`."""
        if not self.reason.strip():
            raise ReasonRequired("ending somebody's session needs a reason that its owner can read")
        session = living(state, self.id, context)
        lost = finish(state, context, session, "killed", "killed", summary=self.reason)
        return Ended(
            session=session.id,
            agent=session.agent,
            outcome="killed",
            released=lost.keys,
            tasks=lost.tasks,
        )

    def subject(self, answer: Ended, agent: str) -> str:
        """Return the diary line."""
        who = agent or "somebody"
        return one_line(f"session: {who} kills {answer.session} of {answer.agent}: {self.reason}")
