"""Handoffs: what one session leaves for the next, in its words and as facts.

The words are the agent's; the facts are what its door saw in the worktree and the
ledger at that moment. A handoff never changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.record import Record
from gitcoord.domain.time import Time
from gitcoord.errors import IdTaken, InvalidValue, SummaryRequired, TaskNotFound

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Digits counted down, so that the newest time is the first in order.
_DOWN = str.maketrans("0123456789", "9876543210")


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could be seen when the handoff was written."""

    branch: str = ""
    head: str = ""
    #: Paths with changes that are in no commit.
    dirty: tuple[str, ...] = ()
    open_tasks: tuple[str, ...] = ()
    held_keys: tuple[str, ...] = ()
    unlanded_keys: tuple[str, ...] = ()


class Handoff(Record, frozen=True, kw_only=True):
    """A note from one session to whoever goes on."""

    table = "handoffs"

    id: str
    agent: str
    session: str
    summary: str
    completed: tuple[str, ...] = ()
    in_progress: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    relevant_files: tuple[str, ...] = ()
    task: str = ""
    at: Time
    facts: Facts | None = None

    @property
    def name(self) -> str:
        """The handoff's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return terms in which the newest handoff comes first: of all, an agent, a task."""
        when = self.at.translate(_DOWN)
        yield f"all:{when}"
        yield f"by:{self.agent}:{when}"
        if self.task:
            yield f"task:{self.task}:{when}"


class Written(Answer, frozen=True, kw_only=True):
    """The handoff as it is kept."""

    handoff: Handoff


class WriteHandoff(Operation, frozen=True, kw_only=True):
    """Leave a handoff."""

    tag = "handoff.write"
    answer = Written
    commutes: ClassVar[bool] = True

    id: str
    summary: str
    completed: tuple[str, ...] = ()
    in_progress: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    relevant_files: tuple[str, ...] = ()
    task: str = ""
    facts: Facts | None = None

    def apply(self, state: State, context: Context) -> Written:
        """Store the handoff. Raises `SummaryRequired`, `IdTaken` and `TaskNotFound`."""
        from gitcoord.domain.sessions import acting
        from gitcoord.domain.tasks import Task

        session = acting(state, context)
        if not self.summary.strip():
            raise SummaryRequired
        if state.get(Handoff, checked_id(self.id, "handoff")) is not None:
            raise IdTaken(f"there is a handoff {self.id} already", id=self.id)
        if self.task and state.get(Task, self.task) is None:
            raise TaskNotFound(f"there is no task {self.task!r}", task=self.task)
        handoff = Handoff(
            id=self.id,
            agent=session.agent,
            session=context.session or session.id,
            summary=self.summary,
            completed=self.completed,
            in_progress=self.in_progress,
            decisions=self.decisions,
            next_steps=self.next_steps,
            relevant_files=self.relevant_files,
            task=self.task,
            at=context.now,
            facts=self.facts,
        )
        state.put(handoff)
        return Written(handoff=handoff)

    def subject(self, answer: Written, agent: str) -> str:
        """Return the diary line."""
        who = agent or answer.handoff.agent
        return one_line(f"handoff: {who} leaves {answer.handoff.summary}")


def newest(
    state: State, *, agent: str | None = None, task: str | None = None, limit: int = 1
) -> list[Handoff]:
    """Return handoffs, the newest first: of one agent, one task, both, or everybody.

    Raises `InvalidValue` for a negative limit.
    """
    if limit < 0:
        raise InvalidValue("the limit is not negative", limit=limit)
    if task is not None:
        found = state.scan(Handoff, f"task:{task}:")
    elif agent is not None:
        found = state.scan(Handoff, f"by:{agent}:")
    else:
        found = state.scan(Handoff, "all:")
    # An agent's name may hold a colon, so that the prefix alone could name another agent too.
    mine = (h for h in found if agent in (None, h.agent) and task in (None, h.task))
    return list(islice(mine, limit))
