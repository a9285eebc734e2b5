"""Results of packages: what a worker hands in, held against the plan that it worked by.

Promises that a result of an older plan, older contracts or an earlier attempt changes nothing,
that files outside the package's scope complete nothing, and that a paused feature is finished by
nobody. Not here: whether the work is good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gitcoord.domain.escalations import AGAIN, Escalation, Raising, raise_one
from gitcoord.domain.names import one_line
from gitcoord.domain.obstacles import pause_of
from gitcoord.domain.operation import Context, Operation
from gitcoord.domain.plans import Plan, Revision, plan_of
from gitcoord.domain.side_by_side import Package, allowed
from gitcoord.domain.task_moves import Moved, MoveTask, RetryTask, Wish
from gitcoord.domain.tasks import task_of
from gitcoord.domain.unlanded import MarkDraft
from gitcoord.errors import (
    AttemptStale,
    FeaturePaused,
    InvalidValue,
    RevisionStale,
    ScopeViolation,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task

#: Error codes with which a package fails. `cancelled_by_orchestrator` cancels it instead.
CODES = (
    "SCOPE_VIOLATION", "VERIFICATION_FAILED", "LOCK_UNAVAILABLE", "TIMEOUT", "PAUSED",
    "cancelled_by_orchestrator",
)  # fmt: skip
CANCELLED = "cancelled_by_orchestrator"
#: Paths outside of the scope that a refusal shows.
_SHOWN = 20


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is judged of a result; all else that the worker says is kept as it is."""

    feature_id: str
    package_id: str
    attempt: Annotated[int, msgspec.Meta(ge=1)] | None = None
    plan_revision: Revision
    contracts_revision: Revision
    status: Literal["completed", "failed"]
    error_code: str = ""
    files_modified: tuple[str, ...] = ()


class Reported(Moved, frozen=True, kw_only=True):
    """The task after it, and the escalations that came with it."""

    escalations: list[Escalation] = []
    #: Whether it goes back to the queue for another try.
    retried: bool = False


class ReportResult(Operation, frozen=True, kw_only=True):
    """Hand in the result of a package, and with it end the attempt at its task."""

    tag = "task.report"
    answer = Reported

    id: str
    payload: Result
    #: The whole result as the worker has written it.
    result: str = ""
    error: str = ""
    escalations: tuple[Raising, ...] = ()
    release_locks: bool = True
    marks: tuple[MarkDraft, ...] = ()

    def apply(self, state: State, context: Context) -> Reported:
        """End the attempt as the result says, and raise its escalations.

        Raises `TaskNotFound`, `RevisionStale`, `AttemptStale`, `ScopeViolation` and
        `FeaturePaused` (for what is completed), `InvalidValue`, and what `MoveTask` raises.
        """
        task = task_of(state, self.id)
        plan = plan_of(state, task.id)
        package = plan.package_of(task.id) if plan else None
        if plan is None or package is None:
            raise InvalidValue(
                f"task {task.id} is no package of a plan that holds",
                hint=f"Run `gitcoord task complete {task.id}`.",
            )
        _check_place(plan, package, task, self.payload)
        _check_code(self.payload)
        if self.payload.status == "completed":
            self._check_complete(state, context, plan, package)
        answer = self._move().apply(state, context)
        raised = [
            raise_one(state, context, wish, feature=plan.feature, task=task.id)
            for wish in self.escalations
        ]
        after, retried = answer.task, False
        again = bool(raised) and all(one.action in AGAIN for one in raised)
        if again and after.status == "failed" and after.used() < after.limit(state.settings):
            reason = f"{raised[0].kind}: {raised[0].summary}"
            after = RetryTask(id=task.id, reason=reason).apply(state, context).task
            retried = True
        return Reported(
            task=after,
            released=answer.released,
            unlanded=answer.unlanded,
            ready=answer.ready,
            escalations=raised,
            retried=retried,
        )

    def subject(self, answer: Moved, agent: str) -> str:
        """Return the diary line."""
        said = self.payload.error_code or self.payload.status
        return one_line(f"task: {agent or 'somebody'} reports {said} of {self.payload.package_id}")

    def _check_complete(self, state: State, context: Context, plan: Plan, package: Package) -> None:
        outside = [
            path
            for path in self.payload.files_modified
            if not allowed(state.settings, package, path)
        ]
        if outside:
            more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
            raise ScopeViolation(
                f"package {package.id} may not change {', '.join(outside[:3])}{more}",
                hint="Take these changes back, or report it as failed with error_code "
                "SCOPE_VIOLATION and an escalation.",
                package=package.id,
                files=outside[:_SHOWN],
                write_allow=list(package.write),
                deny=list(package.deny),
            )
        pause = pause_of(state, context, plan.feature, but=context.session)
        if pause is not None:
            raise FeaturePaused(
                f"{pause.detail}; nothing of it is finished meanwhile",
                hint="Wait, or report it as failed with error_code PAUSED.",
                feature=plan.feature,
                by=list(pause.about),
                until=pause.until or None,
            )

    def _move(self) -> MoveTask:
        said = self.payload
        move: Wish = "complete"
        if said.status == "failed":
            move = "cancel" if said.error_code == CANCELLED else "fail"
        return MoveTask(
            id=self.id,
            move=move,
            result=self.result,
            error=self.error,
            error_code=said.error_code,
            files=said.files_modified,
            release_locks=self.release_locks,
            marks=self.marks,
        )


def _check_place(plan: Plan, package: Package, task: Task, said: Result) -> None:
    """Raise unless the result is one of this package, plan and attempt."""
    if said.package_id != package.id or said.feature_id != plan.feature:
        raise InvalidValue(
            f"task {task.id} is package {package.id} of {plan.feature}, "
            f"not {said.package_id} of {said.feature_id}"
        )
    old = plan.plan_revision, plan.contracts_revision
    given = said.plan_revision, said.contracts_revision
    if given[0] > old[0] or given[1] > old[1]:
        raise InvalidValue(
            f"feature {plan.feature} has plan {old[0]} with contracts {old[1]}; "
            f"there is no plan {given[0]} with contracts {given[1]}"
        )
    if given != old:
        raise RevisionStale(
            f"the result is of plan {given[0]} with contracts {given[1]}; feature {plan.feature} "
            f"has plan {old[0]} with contracts {old[1]}",
            hint="Work by the plan that holds: read the task again.",
            feature=plan.feature,
            plan_revision=old[0],
            contracts_revision=old[1],
        )
    now = len(task.attempts)
    if said.attempt is not None and said.attempt != now:
        raise AttemptStale(
            f"the result is of attempt {said.attempt}; task {task.id} is in attempt {now}",
            task=task.id,
            attempt=now,
        )


def _check_code(said: Result) -> None:
    if said.status == "completed" and said.error_code:
        raise InvalidValue("what is completed has no error_code")
    if said.status == "failed" and said.error_code not in CODES:
        raise InvalidValue(
            f"not an error_code of a package that has failed: {said.error_code[:64]!r}",
            hint=f"Known: {', '.join(CODES)}.",
        )
