"""Forgetting what is closed and old, so that a ledger of years stays as quick as a new one.

What goes is still in the chain of commits; it is only no longer in the tree.
Nothing that is open, held or waited for is ever forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, ClassVar

from gitcoord.domain.approvals import Approval
from gitcoord.domain.changes import Change
from gitcoord.domain.escalations import Escalation
from gitcoord.domain.features import Feature
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.mailbox import past
from gitcoord.domain.memories import Memory
from gitcoord.domain.merges import Merge
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import KEPT, Notice
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.ops import Op
from gitcoord.domain.plans import Plan
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task, notes_of
from gitcoord.domain.time import Time, plus
from gitcoord.domain.violations import Violation
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

DAY = 86_400.0


class Compacted(Answer, frozen=True, kw_only=True):
    """How many records of each table were forgotten."""

    removed: dict[str, int] = {}
    #: Whether the limit of the call was reached and more is left to forget.
    more: bool = False


class Compact(Operation, frozen=True, kw_only=True):
    """Forget closed records that are older than asked; times to keep are in seconds."""

    tag = "ledger.compact"
    answer = Compacted
    acting: ClassVar[bool] = False

    sessions: Seconds = 30 * DAY
    tasks: Seconds = 90 * DAY
    changes: Seconds = 30 * DAY
    handoffs: Seconds = 90 * DAY
    #: Messages of which nothing more is expected; open ones go after their life.
    messages: Seconds = 30 * DAY
    violations: Seconds = 30 * DAY
    #: How many handoffs, the newest, are kept whatever their age.
    handoffs_kept: int = 200
    #: Memories that have neither come nor helped for so long, and those that are forgotten.
    memories: Seconds = 180 * DAY
    #: How many memories, the newest, are kept whatever their age.
    memories_kept: int = 1000
    #: Most records that one call forgets.
    limit: int = 5000

    def apply(self, state: State, context: Context) -> Compacted:
        """Forget, and say how much. Raises `InvalidValue` for a negative number.

        Remembered answers of operations go after `ops_kept`, notices after a week, messages
        after `messages_kept` at the latest.
        """
        if min(self.handoffs_kept, self.memories_kept, self.limit) < 0:
            raise InvalidValue("what is kept or forgotten is not counted below 0")

        def ago(seconds: float) -> Time:
            return plus(context.now, -seconds)

        life = ago(state.settings.messages_kept)
        old = chain(
            _sessions(state, ago(self.sessions)),
            _tasks(state, ago(self.tasks)),
            _until(state.scan(Change, "at:"), ago(self.changes)),
            _handoffs(state, self.handoffs_kept, ago(self.handoffs)),
            _memories(state, self.memories_kept, ago(self.memories)),
            past(state, life, max(life, ago(self.messages))),
            _until(state.scan(Violation, "at:"), ago(self.violations)),
            _until(state.scan(Escalation, "at:", archived=True), ago(self.tasks)),
            _features(state, ago(self.tasks)),
            _until(state.scan(Approval, "at:", archived=True), ago(self.tasks)),
            _merges(state, ago(self.tasks)),
            _until(state.scan(Notice, "at:"), ago(KEPT)),
            _until(state.scan(Op, "at:"), ago(state.settings.ops_kept)),
        )
        found = list(islice(old, self.limit))
        for record in found:
            state.remove(record)
        for plan in _plans_without_tasks(state, found):
            state.remove(plan)
        counts = Counter(record.table for record in found)
        return Compacted(removed=dict(counts), more=next(old, None) is not None)

    def subject(self, answer: Compacted, agent: str) -> str:
        """Return the diary line."""
        counts = ", ".join(f"{count} {table}" for table, count in answer.removed.items())
        return one_line(f"ledger: compacted, {counts or 'nothing'} forgotten")


def _until(
    records: Iterable[Approval | Change | Escalation | Notice | Op | Violation], before: Time
) -> Iterator[Record]:
    """Yield the records from before that time; they come oldest first."""
    for record in records:
        if record.at >= before:
            return
        yield record


def _sessions(state: State, before: Time) -> Iterator[Session]:
    for session in state.scan(Session, "end:", archived=True):
        if session.ended_at >= before:
            return
        yield session


def _features(state: State, before: Time) -> Iterator[Feature]:
    for feature in state.scan(Feature, "end:", archived=True):
        if feature.ended_at >= before:
            return
        if not state.has(Merge.table, f"need:{feature.id}"):
            yield feature


def _merges(state: State, before: Time) -> Iterator[Merge]:
    """Yield entries that have ended and that no open one needs."""
    for entry in state.scan(Merge, "end:", archived=True):
        if entry.ended_at >= before:
            return
        if not state.has(Merge.table, f"need:{entry.id}"):
            yield entry


def _handoffs(state: State, kept: int, before: Time) -> Iterator[Handoff]:
    newest_first = islice(state.scan(Handoff, "all:"), kept, None)
    return (handoff for handoff in newest_first if handoff.at < before)


def _memories(state: State, kept: int, before: Time) -> Iterator[Memory]:
    for memory in state.scan(Memory, "forgotten:", archived=True):
        if memory.forgotten_at >= before:
            break
        yield memory
    for memory in islice(state.scan(Memory, "all:"), kept, None):
        if max(memory.at, memory.used_at) < before:
            yield memory


def _tasks(state: State, before: Time) -> Iterator[Record]:
    """Yield closed tasks that no open task depends on or belongs to, each after its notes."""
    for task in state.all(Task, archived=True):
        if _closed_at(state, task) >= before:
            continue
        if not state.find(Task, f"on:{task.id}") and not state.find(Task, f"parent:{task.id}"):
            yield from notes_of(state, task.id)
            yield task


def _plans_without_tasks(state: State, gone: list[Record]) -> list[Plan]:
    """Return the plans whose last task has just been forgotten."""
    tasks = [record.name for record in gone if isinstance(record, Task)]
    plans = {plan.name: plan for name in tasks for plan in state.find(Plan, f"task:{name}")}
    return [
        plan
        for plan in plans.values()
        if all(state.get(Task, one.task) is None for one in plan.packages)
    ]


def _closed_at(state: State, task: Task) -> Time:
    return max(
        task.created_at,
        task.completed_at,
        *(attempt.ended_at for attempt in task.attempts),
        *(note.at for note in notes_of(state, task.id)),
    )
