"""What is done with features: register, update, pause, resume, end; and how one stands to others.

A feature is registered by whoever asks first and updated by the same agent, or by a person. An
overlap refuses nothing: the answer names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain.feasibility import rated, relations, worst
from gitcoord.domain.features import (
    ENDED,
    Conflict,
    Ended,
    Feature,
    Report,
    check_owner,
    checked_branch,
    checked_keys,
    claims_by,
    meeting,
    merged,
    named,
    open_feature,
)
from gitcoord.domain.names import one_line
from gitcoord.domain.new_tasks import checked_title
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.tasks import Task, priority_of
from gitcoord.errors import FeatureClosed, InvalidStatus

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Open tasks of an ended feature that an answer names.
NAMED = 50


class Registered(Answer, frozen=True, kw_only=True):
    """The feature as it is kept, and how it stands to the others."""

    feature: Feature
    action: Literal["registered", "updated"]
    report: Report


class RegisterFeature(Operation, frozen=True, kw_only=True):
    """Register a feature; the same id again by the same agent updates it."""

    tag = "feature.register"
    answer = Registered
    sessionless: ClassVar[bool] = True

    id: str
    #: What was claimed before is replaced.
    claims: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    #: None: as it is.
    title: str | None = None
    branch: str | None = None
    priority: int | str = 5
    #: Added to what there is; null takes one away.
    metadata: dict[str, Any] = {}

    def apply(self, state: State, context: Context) -> Registered:
        """Store it.

        Raises `FeatureClosed` for an id that was completed or cancelled, `FeatureTaken`,
        `InvalidKey`, `UnknownNamespace`, `InvalidValue` and `LimitReached`.
        """
        name = named(state.settings, self.id)
        before = state.get(Feature, name)
        if before is not None and before.archived:
            raise FeatureClosed(
                f"feature {name} was {before.status} by {before.ended_by} at {before.ended_at}",
                hint="Register it under another id.",
                feature=name,
                status=before.status,
            )
        if before is not None:
            check_owner(before, context)
        base = before or Feature(
            id=name,
            agent=context.agent,
            session=context.session or "",
            created_at=context.now,
            updated_at=context.now,
        )
        after = msgspec.structs.replace(
            base,
            title=base.title if self.title is None else self.title and checked_title(self.title),
            branch=base.branch if self.branch is None else checked_branch(self.branch),
            claims=checked_keys(state.settings, self.claims, "claims"),
            slots=checked_keys(state.settings, self.slots, "slots"),
            priority=priority_of(self.priority),
            metadata=merged(base.metadata, self.metadata),
        )
        if after != before:
            after = msgspec.structs.replace(after, updated_at=context.now)
            state.put(after)
        action: Literal["registered", "updated"] = "registered" if before is None else "updated"
        return Registered(feature=after, action=action, report=report(state, after))

    def subject(self, answer: Registered, agent: str) -> str:
        """Return the diary line."""
        verb = "registers" if answer.action == "registered" else "updates"
        rest = f" {answer.feature.title}" if answer.feature.title else ""
        return one_line(f"feature: {agent or 'somebody'} {verb} {answer.feature.id}{rest}")


class Changed(Answer, frozen=True, kw_only=True):
    """The feature as it is afterwards."""

    feature: Feature


class PauseFeature(Operation, frozen=True, kw_only=True):
    """Let nothing of the feature be claimed until it is resumed; anybody may stop the line."""

    tag = "feature.pause"
    answer = Changed
    sessionless: ClassVar[bool] = True

    id: str
    reason: str = ""

    def apply(self, state: State, context: Context) -> Changed:
        """Pause; pausing what is paused changes nothing. Raises `NoActiveFeature`."""
        found = open_feature(state, self.id)
        if found.status == "active":
            found = msgspec.structs.replace(
                found,
                status="paused",
                paused_at=context.now,
                paused_by=context.agent,
                paused_session=context.session or "",
                pause_reason=one_line(self.reason),
            )
            state.put(found)
        return Changed(feature=found)

    def subject(self, answer: Changed, agent: str) -> str:
        """Return the diary line."""
        return _line(agent, "pauses", answer.feature, self.reason)


class ResumeFeature(Operation, frozen=True, kw_only=True):
    """Let a paused feature go on; locks and escalations that pause it stay as they are."""

    tag = "feature.resume"
    answer = Changed
    sessionless: ClassVar[bool] = True

    id: str

    def apply(self, state: State, context: Context) -> Changed:
        """Resume; resuming what is not paused changes nothing. Raises `NoActiveFeature`."""
        found = open_feature(state, self.id)
        if found.status == "paused":
            found = msgspec.structs.replace(
                found,
                status="active",
                paused_at="",
                paused_by="",
                paused_session="",
                pause_reason="",
            )
            state.put(found)
        return Changed(feature=found)

    def subject(self, answer: Changed, agent: str) -> str:
        """Return the diary line."""
        return _line(agent, "resumes", answer.feature)


class Deregistered(Answer, frozen=True, kw_only=True):
    """The feature as it ended, and its tasks that are still open."""

    feature: Feature
    open_tasks: list[str] = []


class DeregisterFeature(Operation, frozen=True, kw_only=True):
    """End a feature as completed or cancelled: it claims nothing any more."""

    tag = "feature.deregister"
    answer = Deregistered
    sessionless: ClassVar[bool] = True

    id: str
    status: str = "completed"
    reason: str = ""

    def apply(self, state: State, context: Context) -> Deregistered:
        """End it. Raises `InvalidStatus`, `NoActiveFeature` and `FeatureTaken`."""
        status = next((one for one in ENDED if one == self.status), None)
        if status is None:
            raise InvalidStatus(
                f"a feature ends as {' or '.join(ENDED)}, not as {self.status[:40]!r}",
                status=self.status[:40],
            )
        found = open_feature(state, self.id)
        check_owner(found, context)
        after = ended(state, context, found, status, self.reason)
        tasks = state.find(Task, f"feature:{after.id}")
        return Deregistered(feature=after, open_tasks=[task.id for task in tasks][:NAMED])

    def subject(self, answer: Deregistered, agent: str) -> str:
        """Return the diary line."""
        verb = "completes" if answer.feature.status == "completed" else "cancels"
        return _line(agent, verb, answer.feature, self.reason)


def ended(
    state: State, context: Context, feature: Feature, status: Ended, reason: str = ""
) -> Feature:
    """End an open feature and return it; whoever lands its work calls this, too."""
    after = msgspec.structs.replace(
        feature,
        status=status,
        ended_at=context.now,
        ended_by=context.agent,
        end_reason=one_line(reason),
        paused_at="",
        paused_by="",
        paused_session="",
        pause_reason="",
    )
    state.put(after)
    return after


def report(state: State, feature: Feature) -> Report:
    """Return how a feature, stored or not, stands to the others that are open.

    SEQUENTIAL if it is that to one of them, or if those of its claims that overlap any of them
    are more than the settings' share.
    """
    settings = state.settings
    mine = claims_by(settings, feature)
    others = meeting(state, mine.keys, but=feature.id)
    found: list[Conflict] = []
    hit: set[str] = set()
    for other in others:
        pair = relations(settings, (mine, claims_by(settings, other)))
        relation = pair.get((feature.id, other.id))
        if relation is None:
            continue
        hit.update(relation.overlapping_keys)
        found.append(
            Conflict(
                feature=other.id,
                title=other.title,
                branch=other.branch,
                agent=other.agent,
                status=other.status,
                priority=other.priority,
                feasibility=relation.feasibility,
                overlapping_keys=relation.overlapping_keys,
                their_keys=relation.their_keys,
                slots=relation.slots,
            )
        )
    together = rated(len(hit), len(mine.keys), settings.sequential_share)
    return Report(
        feature=feature.id,
        feasibility=worst((together, *(one.feasibility for one in found))),
        claims=len(mine.keys),
        overlapping=len(hit),
        conflicts=found,
    )


def candidate(state: State, context: Context, id: str, claims: tuple[str, ...]) -> Report:
    """Return how a feature with these claims would stand to the others; nothing is stored.

    Raises `InvalidKey`, `UnknownNamespace`, `InvalidValue` and `LimitReached`.
    """
    found = Feature(
        id=named(state.settings, id),
        claims=checked_keys(state.settings, claims, "claims"),
        created_at=context.now,
        updated_at=context.now,
    )
    return report(state, found)


def _line(agent: str, verb: str, feature: Feature, reason: str = "") -> str:
    why = f": {reason}" if reason else ""
    return one_line(f"feature: {agent or 'somebody'} {verb} {feature.id}{why}")
