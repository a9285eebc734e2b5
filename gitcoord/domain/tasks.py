"""Tasks: what is to be done, in which order, and what became of every attempt.

Promises that a ready task, a claim and what is due are found by an index term.
Not here: how tasks come to be (`new_tasks`), their legal moves (`task_moves`)
and who gets which (`claims`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.sessions import root
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue, NotAssigned, TaskNotFound

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

Status = Literal[
    "pending", "assigned", "in_progress", "blocked", "completed", "failed", "cancelled"
]
Outcome = Literal[
    "", "completed", "failed", "released", "timed_out", "deadline_exceeded", "cancelled"
]

#: Statuses in which somebody holds the task, and those in which its deadline counts.
CLAIMED = frozenset({"assigned", "in_progress", "blocked"})
OPEN = CLAIMED | {"pending"}
#: Outcomes of attempts that count towards the limit of attempts.
COUNTED = frozenset({"failed", "timed_out", "deadline_exceeded"})
#: Words for priorities; 1 is the most urgent of 1 to 10.
PRIORITIES = {"critical": 1, "high": 3, "medium": 5, "low": 8}


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try at a task, from its claim to the end of that claim."""

    n: int
    session: str
    agent: str = ""
    started_at: Time
    ended_at: Time = ""
    outcome: Outcome = ""
    result: str = ""
    error: str = ""
    error_code: str = ""
    files: tuple[str, ...] = ()


class Task(Record, frozen=True, kw_only=True):
    """One piece of work. Priority 1 is the most urgent."""

    table = "tasks"

    id: str
    title: str
    description: str = ""
    type: str = "task"
    status: Status = "pending"
    priority: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5
    depends_on: tuple[str, ...] = ()
    #: Those of `depends_on` that are not completed.
    waiting_for: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    #: Capabilities that whoever claims it must have declared.
    requires: tuple[str, ...] = ()
    #: Trust level that whoever claims it must have.
    min_trust: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    feature: str = ""
    deadline: Time = ""
    not_before: Time = ""
    parent: str = ""
    #: Length of the longest path of dependencies within its parent.
    wave: int = 0
    created_at: Time
    created_by: str = ""
    #: Place in the call that added it; orders tasks of one time.
    place: int = 0
    #: Who holds it, or who had it when it was closed.
    session: str = ""
    agent: str = ""
    claimed_at: Time = ""
    lease_until: Time = ""
    ttl: Seconds = 0
    #: Canonical keys that were taken with the claim.
    claimed_keys: tuple[str, ...] = ()
    blocked_reason: str = ""
    result: str = ""
    error: str = ""
    error_code: str = ""
    files_changed: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    #: Limit of counted attempts; 0: as the settings say.
    max_attempts: int = 0
    #: Since when its claimant is known to be dead, where dead sessions keep their tasks.
    stale_since: Time = ""
    worktree: str = ""
    branch: str = ""
    completed_at: Time = ""

    @property
    def name(self) -> str:
        """The task's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether it is in a final status. A failed task is not: others may wait for it."""
        return self.status in ("completed", "cancelled")

    @property
    def order(self) -> str:
        """Text by which tasks sort: most urgent first, then oldest, then as they were added."""
        return f"{self.priority:02d}:{self.created_at}:{self.place:05d}:{self.id}"

    def terms(self) -> Iterable[str]:
        """Return what it is found by: status, readiness, relatives, claimant, ends."""
        yield f"status:{self.status}:{self.order}"
        if self.status == "pending" and self.waiting_for:
            yield f"later:{self.order}"
        elif self.status == "pending":
            # With what it requires: who has not that need not load it.
            needs = "".join(f"{_NEEDS}{name}" for name in self.requires)
            yield f"ready:{self.order}{needs}"
            yield f"{ready_as('type', self.type)}{self.order}{needs}"
            if self.feature:
                yield f"{ready_as('feature', self.feature)}{self.order}{needs}"
        if self.status in CLAIMED:
            yield f"by:{root(self.session)}"
            if self.lease_until:
                yield f"lease:{self.lease_until}"
        if self.deadline and self.status in OPEN:
            yield f"deadline:{self.deadline}"
        yield from (f"needs:{name}" for name in self.waiting_for)
        yield from (f"on:{name}" for name in self.depends_on)
        if self.feature:
            yield f"feature:{self.feature}"
        if self.parent:
            yield f"parent:{self.parent}"

    def used(self) -> int:
        """Return how many of its attempts count towards the limit."""
        return sum(attempt.outcome in COUNTED for attempt in self.attempts)

    def limit(self, settings: Settings) -> int:
        """Return how many attempts may count before it can no longer be claimed."""
        return self.max_attempts or settings.max_attempts


class Note(Record, frozen=True, kw_only=True):
    """A remark on a task; kind "system" is written by its moves."""

    table = "notes"

    id: str
    task: str
    text: str
    kind: str = "progress"
    at: Time
    agent: str = ""
    session: str = ""

    @property
    def name(self) -> str:
        """The note's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return its task with its time, so that a task's notes are found in order."""
        yield f"task:{self.task}:{self.at}"


#: Before each capability at the end of a term; no name has it, as it cannot be printed.
_NEEDS = "\x1f"


def ready_as(what: Literal["type", "feature"], value: str) -> str:
    """Return the prefix of the terms of ready tasks of that type or feature."""
    return f"ready-{what}:{value}\t"


def needs_of(term: str) -> list[str]:
    """Return the capabilities that a ready task requires, from any of its terms as that."""
    return term.split(_NEEDS)[1:]


def feature_of(settings: Settings, text: str) -> str:
    """Return the feature as its pause lock names it, or "". Raises `InvalidKey`."""
    return wanted(settings, f"feature:{text}").literal if text else ""


def task_of(state: State, name: str) -> Task:
    """Return the task of that id, open or closed. Raises `InvalidId` and `TaskNotFound`."""
    task = state.get(Task, checked_id(name, "task"))
    if task is None:
        raise TaskNotFound(f"there is no task {name}", hint="Run `gitcoord task list`.", task=name)
    return task


def held_by(state: State, session: str) -> list[Task]:
    """Return the tasks that a session and its sub-agents hold, ordered by id."""
    return state.find(Task, f"by:{root(session)}")


def is_claimant(task: Task, context: Context) -> bool:
    """Say whether the acting session holds the task.

    A session also acts for its own sub-agents, but not the other way round.
    """
    return task.status in CLAIMED and context.session in (task.session, root(task.session))


def check_claimant(task: Task, context: Context) -> None:
    """Raise `NotAssigned` if the acting session does not hold the task."""
    if is_claimant(task, context):
        return
    holder = f"{task.agent} holds it" if task.status in CLAIMED else "nobody holds it"
    raise NotAssigned(
        f"task {task.id} is {task.status} and not yours: {holder}",
        hint=f"Run `gitcoord task show {task.id}`.",
        task=task.id,
        status=task.status,
        session=task.session,
        agent=task.agent,
    )


def priority_of(value: str | int) -> int:
    """Return the priority, 1 (most urgent) to 10, of a number, its text or a word.

    Raises `InvalidValue`.
    """
    text = str(value).strip().lower()
    number = PRIORITIES.get(text) or (int(text) if text in _NUMBERS else 0)
    if not number or isinstance(value, bool):
        raise InvalidValue(
            f"not a priority: {value!r}",
            hint=f"Give 1 (most urgent) to 10, or one of {', '.join(PRIORITIES)}.",
        )
    return number


_NUMBERS = frozenset(str(n) for n in range(1, 11))


def write_note(state: State, context: Context, task: str, text: str, kind: str = "system") -> Note:
    """Store a note on the task and return it; several in one operation get their own ids."""
    name, n = f"{task}.{context.op_id}", 1
    while state.get(Note, name if n == 1 else f"{name}.{n}") is not None:
        n += 1
    note = Note(
        id=name if n == 1 else f"{name}.{n}",
        task=task,
        text=text,
        kind=kind,
        at=context.now,
        agent=context.agent,
        session=context.session or "",
    )
    state.put(note)
    return note


def notes_of(state: State, task: str) -> list[Note]:
    """Return the notes on a task, oldest first."""
    # An id may hold a colon, so that notes on "a:b" stand among those on "a".
    return [note for note in state.scan(Note, f"task:{task}:") if note.task == task]


class Noted(Answer, frozen=True, kw_only=True):
    """The note as it is stored."""

    note: Note


class NoteTask(Operation, frozen=True, kw_only=True):
    """Write a note on a task; anybody who is checked in may, at any status."""

    tag = "task.note"
    answer = Noted
    commutes: ClassVar[bool] = True
    sessionless: ClassVar[bool] = True

    id: str
    text: str
    kind: str = "progress"

    def apply(self, state: State, context: Context) -> Noted:
        """Store the note. Raises `TaskNotFound` and `InvalidValue`."""
        task = task_of(state, self.id)
        if not self.text.strip():
            raise InvalidValue("a note needs a text", task=task.id)
        if checked_name(self.kind, "kind of note") == "system":
            raise InvalidValue("notes of kind 'system' are written by moves", task=task.id)
        return Noted(note=write_note(state, context, task.id, self.text, self.kind))

    def subject(self, answer: Noted, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"task: {agent or 'somebody'} notes on {self.id}: {self.text}")


class WorktreeRecorded(Answer, frozen=True, kw_only=True):
    """The task with its worktree."""

    task: Task


class RecordWorktree(Operation, frozen=True, kw_only=True):
    """Note in which worktree and on which branch the claimant works; empty: in none."""

    tag = "task.worktree"
    answer = WorktreeRecorded

    id: str
    worktree: str = ""
    branch: str = ""

    def apply(self, state: State, context: Context) -> WorktreeRecorded:
        """Store both on the task. Raises `TaskNotFound` and `NotAssigned`."""
        task = task_of(state, self.id)
        check_claimant(task, context)
        after = msgspec.structs.replace(task, worktree=self.worktree, branch=self.branch)
        if after != task:
            state.put(after)
        return WorktreeRecorded(task=after)

    def subject(self, answer: WorktreeRecorded, agent: str) -> str:
        """Return the diary line."""
        where = f"in {self.worktree}" if self.worktree else "in no worktree"
        return one_line(f"task: {agent or 'somebody'} works on {self.id} {where}")
