"""Moves of tasks: one table of what is legal, and what each move does.

Promises that a claim and its locks end together, that final statuses are final
and that every move leaves a note. Not here: who gets which task (`claims`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain.claims import extended, lost_keys, returned
from gitcoord.domain.key_index import wanted
from gitcoord.domain.locks import Lock, end_task
from gitcoord.domain.names import one_line
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.tasks import (
    CLAIMED,
    Attempt,
    Outcome,
    Status,
    Task,
    check_claimant,
    is_claimant,
    task_of,
    write_note,
)
from gitcoord.domain.unlanded import Mark, MarkDraft, mark
from gitcoord.errors import AttemptsExhausted, InvalidTransition, NotAssigned, ReasonRequired

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What a claimant or an orchestrator asks for.
Wish = Literal["start", "block", "complete", "fail", "cancel", "release"]
#: All moves; `lapse` and `expire` are made by the ledger: the claim's lease has ended, or
#: the deadline has passed or no attempt is left. `settle` says that the work is there, whoever
#: did it (`task_settling`).
Move = Literal[
    "claim", "start", "block", "complete", "fail", "cancel", "release", "retry", "lapse", "expire",
    "settle",
]  # fmt: skip

#: Every legal move and the status that it leads to. A status that leads nowhere is final.
MOVES: dict[tuple[Status, Move], Status] = {
    ("pending", "claim"): "assigned",
    ("pending", "cancel"): "cancelled",
    ("pending", "expire"): "failed",
    ("pending", "settle"): "completed",
    ("assigned", "start"): "in_progress",
    ("assigned", "block"): "blocked",
    ("assigned", "complete"): "completed",
    ("assigned", "fail"): "failed",
    ("assigned", "cancel"): "cancelled",
    ("assigned", "release"): "pending",
    ("assigned", "lapse"): "pending",
    ("assigned", "expire"): "failed",
    ("assigned", "settle"): "completed",
    ("in_progress", "block"): "blocked",
    ("in_progress", "complete"): "completed",
    ("in_progress", "fail"): "failed",
    ("in_progress", "cancel"): "cancelled",
    ("in_progress", "release"): "pending",
    ("in_progress", "lapse"): "pending",
    ("in_progress", "expire"): "failed",
    ("in_progress", "settle"): "completed",
    ("blocked", "start"): "in_progress",
    ("blocked", "cancel"): "cancelled",
    ("blocked", "release"): "pending",
    ("blocked", "lapse"): "pending",
    ("blocked", "expire"): "failed",
    ("blocked", "settle"): "completed",
    ("failed", "retry"): "pending",
    ("failed", "cancel"): "cancelled",
    ("failed", "settle"): "completed",
}

_OUTCOMES: dict[Wish, Outcome] = {
    "complete": "completed",
    "fail": "failed",
    "cancel": "cancelled",
    "release": "released",
}

#: The error code of what somebody else than the claimant cancels.
ORCHESTRATOR = "cancelled_by_orchestrator"


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to."""

    outcome: Outcome
    result: str = ""
    error: str = ""
    error_code: str = ""
    files: tuple[str, ...] = ()


def target(task: Task, move: Move) -> Status:
    """Return the status to which the move leads. Raises `InvalidTransition`."""
    to = MOVES.get((task.status, move))
    if to is None:
        allowed = [name for status, name in MOVES if status == task.status]
        raise InvalidTransition(
            f"task {task.id} is {task.status}; {move} is not possible",
            hint=f"Possible: {', '.join(allowed)}." if allowed else "This status is final.",
            task=task.id,
            status=task.status,
            move=move,
            allowed=allowed,
        )
    return to


def step(
    state: State,
    context: Context,
    task: Task,
    move: Move,
    reason: str = "",
    ending: Ending | None = None,
    **fields: Any,
) -> Task:
    """Make a move: store the task in its new status with a note, and return it.

    `ending` closes the attempt that is open, if one is, and becomes the task's own
    result. Other fields are set as given. Locks are not touched.
    """
    to = target(task, move)
    if ending is not None:
        fields["attempts"] = _closed(task, context, ending)
        fields["result"] = ending.result or task.result
        fields |= {"error": ending.error, "error_code": ending.error_code}
        fields["files_changed"] = ending.files or task.files_changed
    if to not in CLAIMED:
        fields |= {"lease_until": "", "ttl": 0, "claimed_keys": (), "stale_since": ""}
    if to == "pending":
        fields |= dict.fromkeys(_OF_A_CLAIM, "") | {"files_changed": ()}
    after = msgspec.structs.replace(task, **({"blocked_reason": ""} | fields), status=to)
    state.put(after)
    because = f": {reason}" if reason else ""
    write_note(state, context, task.id, f"{task.status} -> {to}{because}")
    return after


#: What a task that is pending again does not show; its attempts and notes do.
_OF_A_CLAIM = ("session", "agent", "claimed_at", "result", "error", "error_code")


def _closed(task: Task, context: Context, ending: Ending) -> tuple[Attempt, ...]:
    if not task.attempts or task.attempts[-1].ended_at:
        return task.attempts
    values = {name: getattr(ending, name) for name in ending.__struct_fields__}
    last = msgspec.structs.replace(task.attempts[-1], ended_at=context.now, **values)
    return (*task.attempts[:-1], last)


class Moved(Answer, frozen=True, kw_only=True):
    """The task after the move, the keys that are free again, and tasks that became ready."""

    task: Task
    released: list[str] = []
    unlanded: list[Mark] = []
    ready: list[str] = []


class MoveTask(Operation, frozen=True, kw_only=True):
    """Start, block, complete, fail, cancel or release a task."""

    tag = "task.move"
    answer = Moved
    sessionless: ClassVar[bool] = True

    id: str
    move: Wish
    reason: str = ""
    result: str = ""
    error: str = ""
    error_code: str = ""
    files: tuple[str, ...] = ()
    #: False: the session keeps the keys of the claim until their own ends.
    release_locks: bool = True
    #: What the door saw of unlanded changes under keys that this may release.
    marks: tuple[MarkDraft, ...] = ()

    def apply(self, state: State, context: Context) -> Moved:
        """Make the move.

        Raises `TaskNotFound`, `InvalidTransition`, `NotAssigned` (anybody may cancel, and
        release what a dead session has left) and `ReasonRequired` (to block).
        """
        task = task_of(state, self.id)
        to = target(task, self.move)
        self._check(state, context, task)
        if self.move == "release" and task.stale_since:
            return Moved(task=returned(state, context, task, "timed_out", self.reason))
        if to in CLAIMED:
            task = extended(state, context, task)
            reason = self.reason if to == "blocked" else ""
            after = step(state, context, task, self.move, self.reason, blocked_reason=reason)
            return Moved(task=after)
        if to == "cancelled":
            _tell_claimant(state, context, task, self.reason)
        ending = self._ending(task, context)
        done = {"completed_at": context.now} if to == "completed" else {}
        after = step(state, context, task, self.move, self.reason or self.error, ending, **done)
        freed = end_task(state, context, task.id) if self.release_locks else _kept(state, task)
        return Moved(
            task=after,
            released=[lock.key for lock in freed],
            unlanded=self._marked(state, context, task, freed),
            ready=serve(state, task.id) if to == "completed" else [],
        )

    def subject(self, answer: Moved, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"task: {agent or 'somebody'} {self.move}s {self.id} {answer.task.title}")

    def _check(self, state: State, context: Context, task: Task) -> None:
        if self.move == "cancel" or (self.move == "release" and task.stale_since):
            return
        check_claimant(task, context)
        if self.move == "block" and not self.reason.strip():
            raise ReasonRequired(f"say what blocks task {task.id}", hint="Pass --reason.")
        lost = lost_keys(state, context, task) if self.move in ("start", "complete") else []
        if lost:
            raise NotAssigned(
                f"the claim of {task.id} ended at {task.lease_until}; {lost[0]} is no longer yours",
                hint=f"Run `gitcoord task claim {task.id}` to take it and its keys again.",
                task=task.id,
                lease_until=task.lease_until,
                lost=lost,
            )

    def _ending(self, task: Task, context: Context) -> Ending:
        code = self.error_code
        if self.move == "cancel" and not is_claimant(task, context):
            code = code or ORCHESTRATOR
        return Ending(
            outcome=_OUTCOMES[self.move],
            result=self.result,
            error=self.error or (self.reason if self.move in ("fail", "cancel") else ""),
            error_code=code,
            files=tuple(dict.fromkeys(self.files)),
        )

    def _marked(self, state: State, context: Context, task: Task, freed: list[Lock]) -> list[Mark]:
        keys = {lock.key for lock in freed}
        drafts = [x for x in self.marks if wanted(state.settings, x.key).text in keys]
        return mark(state, context, task.session, task.agent, drafts)


class Retried(Answer, frozen=True, kw_only=True):
    """The task, pending again."""

    task: Task


class RetryTask(Operation, frozen=True, kw_only=True):
    """Open a failed task again; anybody who is checked in may."""

    tag = "task.retry"
    answer = Retried
    sessionless: ClassVar[bool] = True

    id: str
    reason: str = ""
    #: Its new deadline; empty: the old one, unless that has passed.
    deadline: str = ""
    #: Its new limit of attempts; 0: as before.
    max_attempts: int = 0

    def apply(self, state: State, context: Context) -> Retried:
        """Make the task pending.

        Raises `TaskNotFound`, `InvalidTransition`, `AttemptsExhausted` and `InvalidValue`.
        """
        from gitcoord.domain.new_tasks import checked_deadline, checked_limit

        task = task_of(state, self.id)
        target(task, "retry")
        kept = task.deadline if task.deadline > context.now else ""
        limit = checked_limit(self.max_attempts) or task.max_attempts
        task = msgspec.structs.replace(task, max_attempts=limit)
        if task.used() >= task.limit(state.settings):
            raise exhausted(task, state)
        deadline = checked_deadline(self.deadline, context.now) or kept
        return Retried(task=step(state, context, task, "retry", self.reason, deadline=deadline))

    def subject(self, answer: Retried, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"task: {agent or 'somebody'} retries {self.id} {answer.task.title}")


def exhausted(task: Task, state: State) -> AttemptsExhausted:
    """Return the refusal of a task that has used its attempts."""
    used, limit = task.used(), task.limit(state.settings)
    more = f"gitcoord task retry {task.id} --max-attempts {used + 1}"
    if task.status != "failed":
        more = f"gitcoord config --shared max_attempts {used + 1}"
    return AttemptsExhausted(
        f"task {task.id} has used {used} of {limit} attempts",
        hint=f"Run `{more}`, or `gitcoord task cancel {task.id}`.",
        task=task.id,
        used=used,
        limit=limit,
    )


def _tell_claimant(state: State, context: Context, task: Task, reason: str) -> None:
    if task.status in CLAIMED and not is_claimant(task, context):
        because = f": {reason}" if reason else ""
        text = f"{context.agent or 'somebody'} cancelled your task {task.id}{because}"
        tell(state, context, task.session, "task_cancelled", text, task.claimed_keys)


def _kept(state: State, task: Task) -> list[Lock]:
    for lock in state.find(Lock, f"task:{task.id}"):
        others = tuple(name for name in lock.also_for if name != task.id)
        owner = "" if lock.task == task.id else lock.task
        state.put(msgspec.structs.replace(lock, task=owner, also_for=others))
    return []


def serve(state: State, completed: str) -> list[str]:
    """Tell the tasks that need a completed one, and return those that became ready."""
    ready = []
    for task in state.find(Task, f"needs:{completed}"):
        waiting_for = tuple(name for name in task.waiting_for if name != completed)
        state.put(msgspec.structs.replace(task, waiting_for=waiting_for))
        if not waiting_for and task.status == "pending":
            ready.append(task.id)
    return ready
