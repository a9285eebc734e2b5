"""Taking over what another ledger has exported, all or none.

Tasks, notes, handoffs, memories, changes, marks, violations, plans, escalations, features and
messages with their receipts travel. Who holds what does not: sessions with their working memory,
locks, queues and ports mean nothing here, and a task that was claimed there is open here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from gitcoord.domain.changes import Change
from gitcoord.domain.escalations import Escalation
from gitcoord.domain.features import Feature, checked_keys, named
from gitcoord.domain.graph import cycle
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.key_index import wanted
from gitcoord.domain.mailbox import Message
from gitcoord.domain.memories import Memory, checked
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.plans import Plan
from gitcoord.domain.record import Record
from gitcoord.domain.tasks import CLAIMED, Note, Task
from gitcoord.domain.time import is_time
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.violations import Violation
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    GitcoordError,
    IdTaken,
    InvalidFile,
    InvalidValue,
    LimitReached,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Tables that can be imported, and those of an export that stay behind.
KINDS: dict[str, type[Record]] = {
    kind.table: kind
    for kind in (
        Task, Note, Handoff, Memory, Change, Mark, Message, Violation, Plan, Escalation, Feature,
    )
}  # fmt: skip
LEFT_BEHIND = frozenset({"sessions", "working", "locks", "waiters", "notices", "ops", "ports"}) | {
    # What is permitted here is said here; a file gives no rights.
    "profiles", "assignments", "policies", "network", "accesses", "approvals",
    # An entry names a commit that may not be here, and checks that were made over there.
    "merges",
    "verify_policies", "verifications",
}  # fmt: skip

#: Most records in one call.
CALL_LIMIT = 20_000


class Imported(Answer, frozen=True, kw_only=True):
    """How many records of each table are new, were here already, or stayed behind."""

    added: dict[str, int] = {}
    present: dict[str, int] = {}
    left_behind: dict[str, int] = {}


class ImportRecords(Operation, frozen=True, kw_only=True):
    """Add exported records, each `{"table": ..., "record": {...}}`."""

    tag = "ledger.import"
    answer = Imported
    acting: ClassVar[bool] = False

    records: list[dict[str, Any]]

    def apply(self, state: State, context: Context) -> Imported:
        """Store all records that are not here.

        Raises `InvalidFile` (says which record and why), `IdTaken` when another record has the
        id, `DependencyNotFound`, `DependencyCycle` and `LimitReached`.
        """
        if len(self.records) > CALL_LIMIT:
            raise LimitReached(f"at most {CALL_LIMIT} records at once", count=len(self.records))
        answer = Imported()
        new: dict[tuple[str, str], Record] = {}
        for number, entry in enumerate(self.records, 1):
            table = str(entry.get("table", "")).removeprefix("archive/")
            if table in LEFT_BEHIND:
                _count(answer.left_behind, table)
                continue
            record = _read(state, table, entry.get("record"), number)
            if new.setdefault((table, record.name), record) != record:
                raise _taken(table, record.name)
        tasks = {name: task for (_, name), task in new.items() if isinstance(task, Task)}
        for place, record in new.items():
            found = _linked(state, record, tasks) if isinstance(record, Task) else record
            before = state.get(type(record), record.name)
            if before is None:
                state.put(found)
            elif _written(before) != _written(found):
                raise _taken(*place)
            _count(answer.added if before is None else answer.present, place[0])
        loop = cycle({name: task.depends_on for name, task in tasks.items()})
        if loop:
            raise DependencyCycle(f"dependencies form a cycle: {' -> '.join(loop)}", cycle=loop)
        return answer

    def subject(self, answer: Imported, agent: str) -> str:
        """Return the diary line."""
        what = ", ".join(f"{count} {table}" for table, count in answer.added.items())
        return one_line(f"ledger: {agent or 'somebody'} imports {what or 'nothing'}")


def _read(state: State, table: str, body: Any, number: int) -> Record:
    """Return the record, or raise `InvalidFile` with its number and what is wrong."""
    where = f"record {number} ({table or 'no table'})"
    kind = KINDS.get(table)
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise InvalidFile(f"{where}: not a table to import; known are {known}", record=number)
    try:
        record = msgspec.convert(body, kind)
        checked_id(record.name, kind.__name__.lower()) if kind not in (
            Mark,
            Plan,
            Feature,
        ) else None
        _check_times(record)
        if isinstance(record, Task):
            record = _opened(state, record)
        elif isinstance(record, Memory):
            record = checked(record)
        elif isinstance(record, Feature):
            record = _registered(state, record)
    except (msgspec.ValidationError, GitcoordError) as wrong:
        raise InvalidFile(f"{where}: {wrong}", record=number) from wrong
    return record


def _check_times(record: Record) -> None:
    for holder in (record, *getattr(record, "receipts", ())):
        for name in _TIMES:
            value = getattr(holder, name, "")
            if value and not is_time(value):
                raise InvalidValue(f"{name} is not a time: {value!r}")


_TIMES = (
    "at", "created_at", "completed_at", "deadline", "not_before", "delivered_at", "read_at",
    "acked_at", "used_at", "forgotten_at", "resolved_at", "updated_at", "paused_at", "ended_at",
)  # fmt: skip


def _opened(state: State, task: Task) -> Task:
    """Return the task with right keys, and pending if somebody held it over there."""
    keys = tuple(dict.fromkeys(wanted(state.settings, key).text for key in task.keys))
    if task.status not in CLAIMED:
        return msgspec.structs.replace(task, keys=keys)
    # Nobody knows here when it ended; its beginning is the same at every import.
    attempts = tuple(
        attempt
        if attempt.outcome
        else msgspec.structs.replace(attempt, outcome="released", ended_at=attempt.started_at)
        for attempt in task.attempts
    )
    return msgspec.structs.replace(
        task,
        keys=keys,
        status="pending",
        attempts=attempts,
        session="",
        agent="",
        claimed_at="",
        lease_until="",
        ttl=0.0,
        claimed_keys=(),
        worktree="",
        stale_since="",
        blocked_reason="",
    )


def _registered(state: State, feature: Feature) -> Feature:
    """Return the feature with right keys. Raises `InvalidValue` for an id that is not canonical."""
    if named(state.settings, feature.id) != feature.id:
        raise InvalidValue(f"not the id of a feature: {feature.id[:80]!r}")
    return msgspec.structs.replace(
        feature,
        claims=checked_keys(state.settings, feature.claims, "claims"),
        slots=checked_keys(state.settings, feature.slots, "slots"),
    )


def _linked(state: State, task: Task, others: dict[str, Task]) -> Task:
    """Return the task waiting for those of its dependencies that are not completed here."""
    if task.archived:
        return msgspec.structs.replace(task, waiting_for=())
    waiting = []
    for name in task.depends_on:
        needed = others.get(name) or state.get(Task, name)
        if needed is None:
            raise DependencyNotFound(f"task {task.id} depends on {name}, which is not here")
        if needed.status != "completed":
            waiting.append(name)
    return msgspec.structs.replace(task, waiting_for=tuple(waiting))


def _written(record: Record) -> Record:
    """Return the record without what is added to it later: by reading, by remembering again."""
    if isinstance(record, Message):
        return msgspec.structs.replace(record, receipts=(), closed=False)
    if isinstance(record, Memory):
        # The same memory may have gone on at both ledgers; what is here stays.
        return Memory(
            id=record.id,
            agent=record.agent,
            type=record.type,
            summary=record.summary,
            at=record.at,
        )
    return record


def _taken(table: str, name: str) -> IdTaken:
    return IdTaken(f"there is another record {name} in {table}", table=table, id=name)


def _count(counts: dict[str, int], table: str) -> None:
    counts[table] = counts.get(table, 0) + 1
