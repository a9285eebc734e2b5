"""Escalations: what a worker cannot decide itself, what is to be done about it, and until when.

Promises that one which pauses its feature does so until it is resolved, whatever becomes of who
raised it: claims ask this record, not a lease. Each has a task in the queue, the most urgent.
Not here: deciding it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import msgspec

from gitcoord.domain.names import one_line
from gitcoord.domain.new_tasks import AddTasks, NewTask, checked_title
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.record import Record
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task, feature_of, task_of
from gitcoord.domain.time import Time
from gitcoord.errors import (
    EscalationNotFound,
    IdTaken,
    InvalidValue,
    OwnApproval,
    ReasonRequired,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Severity = Literal["NON_BLOCKING", "LOW", "MEDIUM", "HIGH", "BLOCKING"]
#: What is done: new contracts or a new plan (an `AddPlan` resolves it), another try, the end of
#: the task, a person's decision, or a test put aside and another try.
Action = Literal["revise_contracts", "replan", "retry", "fail", "ask_person", "quarantine"]


class Way(NamedTuple):
    """What is done about escalations of one kind."""

    action: Action
    #: Whether nothing of the feature is claimed meanwhile, whatever the severity.
    pauses: bool = False


#: Kinds of escalations; any other is a person's business.
KINDS: dict[str, Way] = {
    "CONTRACT_REVISION_REQUIRED": Way("revise_contracts", pauses=True),
    "PLAN_REVISION_REQUIRED": Way("replan", pauses=True),
    "RESOURCE_CONFLICT": Way("retry"),
    "ENV_RESOURCE_CONFLICT": Way("retry"),
    "VERIFICATION_INFEASIBLE": Way("fail"),
    "SCOPE_VIOLATION": Way("fail"),
    "SECURITY_ESCALATION": Way("ask_person"),
    "FLAKY_TEST_QUARANTINE_REQUEST": Way("quarantine"),
}
OTHERWISE = Way("ask_person")
#: Actions after which a task that has failed is tried again.
AGAIN = ("retry", "quarantine")


class Escalation(Record, frozen=True, kw_only=True):
    """One escalation, from when it is raised until it is resolved."""

    table = "escalations"

    id: str
    kind: str
    severity: Severity
    action: Action
    summary: str
    details: str = ""
    feature: str = ""
    #: The task of which it was raised, and the one in the queue by which it is dealt with.
    task: str = ""
    queued: str = ""
    #: Whether it stops claims of the feature's tasks.
    pauses: bool = False
    agent: str = ""
    session: str = ""
    at: Time
    status: Literal["open", "resolved"] = "open"
    resolution: str = ""
    resolved_by: str = ""
    resolved_at: Time = ""

    @property
    def name(self) -> str:
        """The escalation's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether it is resolved."""
        return self.status == "resolved"

    def terms(self) -> Iterable[str]:
        """Return its age, its feature while it is open, and the pause that it stands for."""
        yield f"at:{self.at}:{self.id}"
        if self.status == "open":
            yield f"open:{self.feature}"
            if self.pauses:
                yield f"pause:{self.feature}"
        yield f"queued:{self.queued}"


class Raising(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is raised. `id` and `queued` are made by whoever asks."""

    id: str
    queued: str
    kind: str
    severity: Severity = "MEDIUM"
    summary: str
    details: str = ""


class Raised(Answer, frozen=True, kw_only=True):
    """The escalation as it is kept."""

    escalation: Escalation


class RaiseEscalation(Operation, frozen=True, kw_only=True):
    """Raise an escalation, of a feature, a task, or both."""

    tag = "escalation.raise"
    answer = Raised

    escalation: Raising
    feature: str = ""
    task: str = ""

    def apply(self, state: State, context: Context) -> Raised:
        """Store it, put its task in the queue, and pause the feature if it has to be.

        Raises `IdTaken`, `TaskNotFound`, and `InvalidValue` for one that pauses no feature.
        """
        feature = feature_of(state.settings, self.feature)
        if self.task:
            feature = feature or task_of(state, self.task).feature
        return Raised(
            escalation=raise_one(state, context, self.escalation, feature=feature, task=self.task)
        )

    def subject(self, answer: Raised, agent: str) -> str:
        """Return the diary line."""
        found = answer.escalation
        pause = f", {found.feature} is paused" if found.pauses else ""
        return one_line(f"escalation: {agent or 'somebody'} raises {found.kind}{pause}")


def raise_one(
    state: State, context: Context, wish: Raising, *, feature: str, task: str
) -> Escalation:
    """Store an escalation with its task in the queue and return it. Raises as the operation."""
    if state.get(Escalation, checked_id(wish.id, "escalation")) is not None:
        raise IdTaken(f"there is an escalation {wish.id} already", id=wish.id)
    kind = wish.kind.strip().upper()
    if not kind or not kind.replace("_", "").isalnum() or len(kind) > 64:
        raise InvalidValue(f"not a kind of escalation: {wish.kind[:64]!r}", hint=_known())
    summary = checked_title(wish.summary)
    way = KINDS.get(kind, OTHERWISE)
    pauses = way.pauses or wish.severity == "BLOCKING"
    if pauses and not feature:
        raise InvalidValue(
            f"{kind} pauses a feature, and none is named",
            hint="Name the feature, or a task that has one.",
        )
    found = Escalation(
        id=wish.id,
        kind=kind,
        severity=wish.severity,
        action=way.action,
        summary=summary,
        details=wish.details,
        feature=feature,
        task=task,
        queued=wish.queued,
        pauses=pauses,
        agent=context.agent,
        session=context.session or "",
        at=context.now,
    )
    # The task has no feature: the pause must not stop who ends it.
    about = "\n".join(f"{x}: {y}" for x, y in (("feature", feature), ("task", task)) if y)
    new = NewTask(
        id=wish.queued,
        title=one_line(f"{kind}: {summary}"),
        description="\n\n".join(filter(None, (f"action: {way.action}\n{about}", wish.details))),
        type="escalation",
        priority=1,
    )
    AddTasks(tasks=(new,)).apply(state, context)
    state.put(found)
    return found


class Resolved(Answer, frozen=True, kw_only=True):
    """The escalation, resolved."""

    escalation: Escalation


class ResolveEscalation(Operation, frozen=True, kw_only=True):
    """Say how an escalation was decided; its pause ends, and so does its task."""

    tag = "escalation.resolve"
    answer = Resolved
    sessionless: ClassVar[bool] = True

    id: str
    resolution: str

    def apply(self, state: State, context: Context) -> Resolved:
        """Close it; twice changes nothing.

        Raises `EscalationNotFound`, `ReasonRequired`, and `OwnApproval` where what asks for a
        person is resolved by the agent that has raised it.
        """
        found = state.get(Escalation, checked_id(self.id, "escalation"))
        if found is None:
            raise EscalationNotFound(
                f"there is no escalation {self.id}", hint="Run `gitcoord escalation list`."
            )
        if not self.resolution.strip():
            raise ReasonRequired(f"say how {found.id} was decided", hint="Give a text.")
        if found.status == "resolved":
            return Resolved(escalation=found)
        if found.action == "ask_person" and context.session and context.agent == found.agent:
            raise OwnApproval(f"{found.agent} has raised {found.id}", id=found.id)
        return Resolved(escalation=_close(state, context, found, self.resolution))

    def subject(self, answer: Resolved, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"escalation: {agent or 'somebody'} resolves {self.id}: {self.resolution}")


def pausing(state: State, feature: str) -> Escalation | None:
    """Return an open escalation that pauses the feature, or None."""
    return next(iter(state.find(Escalation, f"pause:{feature}")), None)


def listed(state: State, *, closed: bool = False) -> list[Escalation]:
    """Return the open escalations, the oldest first; with `closed` those that are resolved, too."""
    found = list(state.scan(Escalation, "at:"))
    if closed:
        found += state.scan(Escalation, "at:", archived=True)
    return sorted(found, key=lambda one: (one.at, one.id))


def revised(
    state: State, context: Context, feature: str, *, plan: bool, contracts: bool
) -> list[str]:
    """Close the feature's escalations that asked for what there is now; return their ids."""
    done = {"replan": plan, "revise_contracts": contracts}
    closed = []
    for found in state.find(Escalation, f"open:{feature}"):
        if done.get(found.action):
            what = "plan" if found.action == "replan" else "contracts"
            _close(state, context, found, f"there is a new revision of the {what}")
            closed.append(found.id)
    return closed


def _close(state: State, context: Context, found: Escalation, resolution: str) -> Escalation:
    after = msgspec.structs.replace(
        found,
        status="resolved",
        resolution=resolution,
        resolved_by=context.agent,
        resolved_at=context.now,
    )
    state.put(after)
    task = state.get(Task, found.queued)
    if task is not None and task.status not in ("completed", "cancelled"):
        MoveTask(
            id=task.id, move="cancel", reason=f"resolved: {one_line(resolution)}",
            error_code="resolved",
        ).apply(state, context)  # fmt: skip
    return after


def _known() -> str:
    return f"Known: {', '.join(KINDS)}."
