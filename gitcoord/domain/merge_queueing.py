"""Queueing: a branch gets an entry for its target, or the one that it has begins anew.

An entry is queued by whoever asks first, and again by the same agent or a person. Whoever names a
feature or a task with it must be allowed to complete it, as landing does. Not here: checks
(`merging`) and landing (`merge_landing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain import features
from gitcoord.domain.features import Feature, checked_branch, named, open_feature
from gitcoord.domain.graph import cycle
from gitcoord.domain.merge_moves import check_turn, step
from gitcoord.domain.merge_order import edges
from gitcoord.domain.merges import (
    NEEDS_LIMIT,
    OPEN_LIMIT,
    Merge,
    Method,
    check_owner,
    listed,
    of_branch,
)
from gitcoord.domain.names import one_line
from gitcoord.domain.oids import checked_oid
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.tasks import CLAIMED, Task, check_claimant, priority_of, task_of
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    IdTaken,
    InvalidValue,
    LimitReached,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Longest id of an entry, in characters.
ID_LIMIT = 128


class Enqueued(Answer, frozen=True, kw_only=True):
    """The entry as it is kept, and whether it is new, begins anew, or was queued so already."""

    merge: Merge
    action: Literal["queued", "requeued", "unchanged"]


class EnqueueMerge(Operation, frozen=True, kw_only=True):
    """Queue a branch for its target; a branch that is queued for it, or was ejected, begins anew.

    What is None stays as it was, and else follows from the feature, the task or the settings.
    """

    tag = "merge.enqueue"
    answer = Enqueued
    sessionless: ClassVar[bool] = True

    #: For a new entry; one that begins anew keeps its own.
    id: str
    #: The whole object id at which the branch stands.
    head: str
    #: Empty: that of the feature or the task.
    branch: str = ""
    #: Empty: that of the settings.
    target: str = ""
    feature: str | None = None
    task: str | None = None
    method: Method | None = None
    priority: int | str | None = None
    needs: tuple[str, ...] | None = None
    pr_url: str | None = None

    def apply(self, state: State, context: Context) -> Enqueued:
        """Store the entry.

        Raises `NoActiveFeature`, `FeatureTaken`, `TaskNotFound`, `NotAssigned`, `MergeTaken`,
        `LandingBusy` while it lands, `DependencyNotFound`, `DependencyCycle`, `IdTaken`,
        `InvalidValue`, `InvalidId`, `InvalidKey` and `LimitReached`.
        """
        checked_id(self.id, "merge")
        checked_oid(self.head, "commit")
        feature = open_feature(state, self.feature) if self.feature else None
        task = task_of(state, self.task) if self.task else None
        branch, into = self._branches(state, feature, task)
        before = of_branch(state, branch, into)
        if before is None:
            base = self._new(state, context, branch, into, feature, task)
        else:
            check_owner(before, context)
            check_turn(state, context, before, "requeue")
            base = before
        after = self._said(state, base, feature, task)
        _check_subjects(state, context, after)
        if before is not None and before.status == "queued" and after == before:
            return Enqueued(merge=before, action="unchanged")
        others = [one for one in listed(state) if one.id != after.id]
        if len(others) >= OPEN_LIMIT:
            raise LimitReached(f"{len(others)} entries are open, at most {OPEN_LIMIT}")
        loop = cycle(edges([*others, after]))
        if loop:
            raise DependencyCycle(f"entries need each other: {' -> '.join(loop)}", cycle=loop)
        if before is None:
            state.put(after)
            return Enqueued(merge=after, action="queued")
        asks = {"agent": context.agent, "session": context.session} if context.session else {}
        return Enqueued(
            merge=step(state, context, after, "requeue", **_ANEW, **asks, queued_at=context.now),
            action="requeued",
        )

    def subject(self, answer: Enqueued, agent: str) -> str:
        """Return the diary line."""
        found = answer.merge
        return one_line(
            f"merge: {agent or 'somebody'} queues {found.branch} for {found.target} as {found.id}"
        )

    def _branches(
        self, state: State, feature: Feature | None, task: Task | None
    ) -> tuple[str, str]:
        known = (self.branch, feature.branch if feature else "", task.branch if task else "")
        branch = checked_branch(next(filter(None, known), ""))
        into = checked_branch(self.target or state.settings.target_branch)
        if not branch:
            raise InvalidValue("which branch? Neither the feature nor the task names one")
        if not into:
            raise InvalidValue("for which branch? The settings name no target_branch")
        if branch == into:
            raise InvalidValue(f"{branch} cannot be queued for itself", branch=branch)
        return branch, into

    def _new(
        self,
        state: State,
        context: Context,
        branch: str,
        into: str,
        feature: Feature | None,
        task: Task | None,
    ) -> Merge:
        if state.get(Merge, self.id) is not None:
            raise IdTaken(f"there is another entry {self.id}", id=self.id)
        source = feature or task
        return Merge(
            id=self.id,
            branch=branch,
            head=self.head,
            target=into,
            method=state.settings.merge_method,
            priority=source.priority if source else 5,
            agent=context.agent,
            session=context.session or "",
            queued_at=context.now,
            updated_at=context.now,
        )

    def _said(self, state: State, base: Merge, feature: Feature | None, task: Task | None) -> Merge:
        """Return the entry with what is asked for."""
        asked: dict[str, Any] = {"head": self.head}
        if self.feature is not None:
            asked["feature"] = feature.id if feature else ""
        if self.task is not None:
            asked["task"] = task.id if task else ""
        if self.method is not None:
            asked["method"] = self.method
        if self.priority is not None:
            asked["priority"] = priority_of(self.priority)
        if self.needs is not None:
            asked["needs"] = _needed(state, self.needs)
        if self.pr_url is not None:
            asked["pr_url"] = one_line(self.pr_url)
        return msgspec.structs.replace(base, **asked)


#: What an entry that begins anew does not keep: what checks and landings have found.
_ANEW: dict[str, Any] = {
    "paths": (),
    "wide": False,
    "lines": 0,
    "findings": (),
    "checked_at": "",
    "checked_target": "",
    "checked_tree": "",
    "attempts": 0,
    "ended_at": "",
    "ended_by": "",
}


def _needed(state: State, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of needed entries and features, each once; empty texts name nothing.

    Raises `DependencyNotFound` for what is not there or will not land, and `LimitReached`.
    """
    if len(texts) > NEEDS_LIMIT:
        raise LimitReached(f"an entry needs at most {NEEDS_LIMIT} others", count=len(texts))
    return tuple(dict.fromkeys(_need(state, text) for text in texts if text))


def _need(state: State, text: str) -> str:
    found = state.get(Merge, text) if len(text) <= ID_LIMIT else None
    name = text if found is not None else named(state.settings, text)
    known = found or state.get(Feature, name)
    if known is None:
        raise DependencyNotFound(
            f"there is no entry and no feature {name}",
            hint="Run `gitcoord merge list` or `gitcoord feature list`.",
            needs=name,
        )
    if known.status in ("removed", "cancelled"):
        raise DependencyNotFound(f"{name} was {known.status} and will not land", needs=name)
    return name


def _check_subjects(state: State, context: Context, entry: Merge) -> None:
    """Raise unless whoever acts may complete the entry's feature and task."""
    if entry.feature:
        features.check_owner(open_feature(state, entry.feature), context)
    if not entry.task:
        return
    task = task_of(state, entry.task)
    if task.status == "cancelled":
        raise InvalidValue(f"task {task.id} was cancelled", task=task.id)
    others = context.session is not None and context.agent != task.agent
    if others and task.status in CLAIMED:
        check_claimant(task, context)
