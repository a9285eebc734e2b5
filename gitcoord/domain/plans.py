"""Plans: the packages of a feature as tasks, under a revision that only grows.

Promises that a feature has one plan, that a plan with packages that would collide is refused as a
whole, and that a new revision ends what is open of the one before. Not here: the file (`packages`)
and what workers answer (`results`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gitcoord.domain.file_problems import Problem, refuse
from gitcoord.domain.graph import cycle
from gitcoord.domain.names import one_line
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.packages import PACKAGES_LIMIT
from gitcoord.domain.record import Record
from gitcoord.domain.side_by_side import Package, clashes
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task, feature_of
from gitcoord.domain.time import Time
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    IdTaken,
    InvalidValue,
    LimitReached,
    RevisionStale,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Revision = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
#: Statuses of tasks that a new revision leaves as they are.
_CLOSED = ("completed", "cancelled")


class Plan(Record, frozen=True, kw_only=True):
    """The plan of a feature that holds now."""

    table = "plans"

    feature: str
    title: str = ""
    plan_revision: Revision
    contracts_revision: Revision
    packages: tuple[Package, ...]
    at: Time
    by: str = ""

    @property
    def name(self) -> str:
        """The feature."""
        return self.feature

    def terms(self) -> Iterable[str]:
        """Return its tasks, so that a task finds its plan."""
        yield from (f"task:{one.task}" for one in self.packages)

    def package_of(self, task: str) -> Package | None:
        """Return the package that this task is for, or None."""
        return next((one for one in self.packages if one.task == task), None)


def plan_of(state: State, task: str) -> Plan | None:
    """Return the plan in which this task has a package, or None for any other task."""
    return next(iter(state.find(Plan, f"task:{task}")), None)


class Planned(Answer, frozen=True, kw_only=True):
    """The plan, its tasks, and the tasks of the revision before that ended with it."""

    plan: Plan
    tasks: list[Task] = []
    superseded: list[str] = []
    #: Escalations that asked for this revision.
    resolved: list[str] = []


class AddPlan(Operation, frozen=True, kw_only=True):
    """Make a plan that of its feature, and add a task for each package; all or none.

    The tasks' `ref` are the packages' names; what they depend on and lock is the packages'.
    """

    tag = "plan.add"
    answer = Planned
    sessionless: ClassVar[bool] = True

    feature: str
    title: str = ""
    plan_revision: Revision
    contracts_revision: Revision
    packages: tuple[Package, ...]
    tasks: tuple[NewTask, ...]

    def apply(self, state: State, context: Context) -> Planned:
        """Store the plan and the tasks, and cancel what is open of the revision before.

        Raises `RevisionStale` for a plan that is not newer, `InvalidFile` with `clashes` for
        packages that could run side by side and overlap, `DependencyCycle`,
        `DependencyNotFound`, `IdTaken`, `LimitReached`, and what `AddTasks` raises.
        """
        feature = feature_of(state.settings, self.feature)
        if not feature:
            raise InvalidValue("a plan is for a feature")
        _check_names(self)
        before = state.get(Plan, feature)
        if before is not None:
            _check_newer(before, self)
        _refuse_clashes(state, self.packages)
        superseded = _superseded(state, context, before, self) if before else []
        tasks = tuple(
            msgspec.structs.replace(
                new, feature=feature, depends_on=package.depends_on, keys=package.locks
            )
            for new, package in zip(self.tasks, self.packages, strict=True)
        )
        added = AddTasks(tasks=tasks).apply(state, context)
        plan = Plan(
            feature=feature,
            title=self.title,
            plan_revision=self.plan_revision,
            contracts_revision=self.contracts_revision,
            packages=_bound(self.packages, added),
            at=context.now,
            by=context.agent,
        )
        state.put(plan)
        return Planned(
            plan=plan,
            tasks=added.tasks,
            superseded=superseded,
            resolved=_resolved(state, context, before, plan),
        )

    def subject(self, answer: Planned, agent: str) -> str:
        """Return the diary line."""
        plan = answer.plan
        return one_line(
            f"plan: {agent or 'somebody'} makes {plan.plan_revision}.{plan.contracts_revision} of "
            f"{plan.feature} with {len(plan.packages)} packages"
        )


def _check_names(new: AddPlan) -> None:
    names = [one.id for one in new.packages]
    if len(names) > PACKAGES_LIMIT:
        raise LimitReached(f"a plan has at most {PACKAGES_LIMIT} packages", count=len(names))
    if not names or names != [one.ref for one in new.tasks]:
        raise InvalidValue("a plan has one task for each package, in the same order")
    known: set[str] = set()
    for name in names:
        if name in known:
            raise IdTaken(f"two packages are called {name}", id=name)
        known.add(name)
    for package in new.packages:
        for name in package.depends_on:
            if name not in known:
                raise DependencyNotFound(f"{package.id} depends on {name}, which is not in it")
    loop = cycle({one.id: one.depends_on for one in new.packages})
    if loop:
        raise DependencyCycle(f"the packages form a cycle: {' -> '.join(loop)}", cycle=loop)


def _check_newer(before: Plan, new: AddPlan) -> None:
    old = before.plan_revision, before.contracts_revision
    asked = new.plan_revision, new.contracts_revision
    if asked != old and asked[0] >= old[0] and asked[1] >= old[1]:
        return
    raise RevisionStale(
        f"feature {before.feature} has plan {old[0]} with contracts {old[1]}; "
        f"plan {asked[0]} with contracts {asked[1]} is not newer",
        hint="Raise feature.plan_revision or contracts.revision in the file.",
        feature=before.feature,
        plan_revision=old[0],
        contracts_revision=old[1],
    )


def _refuse_clashes(state: State, packages: tuple[Package, ...]) -> None:
    found = clashes(state.settings, packages)
    places = {one.id: f"packages[{place}]" for place, one in enumerate(packages)}
    refuse(
        [
            Problem(
                place=places[one.packages[1]],
                reason=one.told(),
                hint="Let one depend on the other, or take the overlap out of one of them.",
            )
            for one in found
        ],
        clashes=msgspec.to_builtins(found),
    )


def _superseded(state: State, context: Context, before: Plan, new: AddPlan) -> list[str]:
    gone = []
    reason = (
        f"superseded by plan {new.plan_revision} with contracts {new.contracts_revision} "
        f"of {before.feature}"
    )
    for package in before.packages:
        task = state.get(Task, package.task)
        if task is not None and task.status not in _CLOSED:
            MoveTask(id=task.id, move="cancel", reason=reason).apply(state, context)
            gone.append(task.id)
    return gone


def _bound(packages: tuple[Package, ...], added: Added) -> tuple[Package, ...]:
    return tuple(
        msgspec.structs.replace(one, task=task.id)
        for one, task in zip(packages, added.tasks, strict=True)
    )


def _resolved(state: State, context: Context, before: Plan | None, plan: Plan) -> list[str]:
    """Close the escalations that waited for a new plan or new contracts; return their ids."""
    if before is None or not state.has("escalations", f"open:{plan.feature}"):
        return []
    from gitcoord.domain.escalations import revised

    return revised(
        state,
        context,
        plan.feature,
        plan=plan.plan_revision > before.plan_revision,
        contracts=plan.contracts_revision > before.contracts_revision,
    )
