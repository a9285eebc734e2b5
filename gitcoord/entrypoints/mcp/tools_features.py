"""Tools for features: register, end, look at one or all, and see which overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.feasibility import Feasibility
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Key, Output
from gitcoord.entrypoints.mcp.tools_guardrails import refuse_dangerous

if TYPE_CHECKING:
    from gitcoord.domain.features import Feature, Report

FeatureId = Annotated[str, Meta(description="As tasks name it.")]


class RegisterFeature(Input, frozen=True, kw_only=True):
    """The feature; claims replace those of before."""

    feature_id: FeatureId
    resource_claims: Annotated[list[Key], Meta(description="What it will touch.")] = []
    slots: Annotated[list[Key], Meta(description="Of which nobody else may want a part.")] = []
    title: str | None = None
    branch_name: str | None = None
    merge_priority: Annotated[int, Meta(ge=1, le=10, description="1 is merged first.")] = 5
    metadata: dict[str, Any] = {}


class FeatureConflict(msgspec.Struct, frozen=True, kw_only=True):
    """Another feature that claims some of the same."""

    feature_id: str
    registered_by: str
    branch_name: str
    feasibility: Feasibility
    overlapping_keys: list[str]
    slots: list[str]


class FeatureRegistered(Output, frozen=True, kw_only=True):
    """What was done, and how it stands to the others."""

    feature_id: str | UnsetType = UNSET
    #: registered or updated.
    action: str | UnsetType = UNSET
    feasibility: Feasibility | UnsetType = UNSET
    conflicts: list[FeatureConflict] | UnsetType = UNSET


class FeatureShown(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, in the fields of Agent Coordinator."""

    feature_id: str
    title: str
    status: str
    registered_by: str
    resource_claims: list[str]
    slots: list[str]
    branch_name: str
    merge_priority: int
    metadata: dict[str, Any]
    registered_at: str
    updated_at: str
    pause_reason: str


class DeregisterFeature(Input, frozen=True, kw_only=True):
    """How it ends."""

    feature_id: FeatureId
    status: Annotated[str, Meta(description="completed or cancelled.")] = "completed"
    reason: str = ""


class FeatureEnded(Output, frozen=True, kw_only=True):
    """How it ended, and its tasks that are still open."""

    feature_id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    open_tasks: list[str] | UnsetType = UNSET


class GetFeature(Input, frozen=True, kw_only=True):
    """Which feature."""

    feature_id: FeatureId


class FeatureFound(Output, frozen=True, kw_only=True):
    """The feature."""

    feature: FeatureShown | UnsetType = UNSET


class ListActiveFeatures(Input, frozen=True, kw_only=True):
    """Nothing is asked."""


class FeaturesFound(Output, frozen=True, kw_only=True):
    """The features that are active or paused: by priority, then age."""

    features: list[FeatureShown] | UnsetType = UNSET


class AnalyzeFeatureConflicts(Input, frozen=True, kw_only=True):
    """A feature that is, or may be, registered."""

    candidate_feature_id: FeatureId
    candidate_claims: Annotated[list[Key], Meta(description="Default: as registered.")] = []


class FeatureConflicts(Output, frozen=True, kw_only=True):
    """Whether it can be worked on beside the others, and where they overlap."""

    candidate_feature_id: str | UnsetType = UNSET
    feasibility: Feasibility | UnsetType = UNSET
    total_candidate_claims: int | UnsetType = UNSET
    total_conflicting_claims: int | UnsetType = UNSET
    conflicts: list[FeatureConflict] | UnsetType = UNSET


def register_feature(call: Call, asked: RegisterFeature) -> FeatureRegistered:
    """Register a feature, or update one's own."""
    from gitcoord.domain import registering

    refuse_dangerous(call, [asked.title or "", asked.metadata], "register_feature")
    wish = registering.RegisterFeature(
        id=asked.feature_id,
        claims=call.keys(asked.resource_claims),
        slots=call.keys(asked.slots),
        title=asked.title,
        branch=asked.branch_name,
        priority=asked.merge_priority,
        metadata=asked.metadata,
    )
    answer = call.do(wish, registering.Registered)
    return FeatureRegistered(
        feature_id=answer.feature.id,
        action=answer.action,
        feasibility=answer.report.feasibility,
        conflicts=conflicts_of(answer.report),
    )


def deregister_feature(call: Call, asked: DeregisterFeature) -> FeatureEnded:
    """End a feature."""
    from gitcoord.domain import registering

    wish = registering.DeregisterFeature(
        id=asked.feature_id, status=asked.status, reason=asked.reason
    )
    answer = call.do(wish, registering.Deregistered)
    return FeatureEnded(
        feature_id=answer.feature.id, status=answer.feature.status, open_tasks=answer.open_tasks
    )


def get_feature(call: Call, asked: GetFeature) -> FeatureFound:
    """Show a feature, also one that has ended."""
    from gitcoord.domain.features import feature_by

    call.reading()
    with call.state() as state:
        return FeatureFound(feature=shown(feature_by(state, asked.feature_id)))


def list_active_features(call: Call, asked: ListActiveFeatures) -> FeaturesFound:
    """List the features that have not ended."""
    from gitcoord.domain.features import open_features

    call.reading()
    with call.state() as state:
        return FeaturesFound(features=[shown(one) for one in open_features(state)])


def analyze_feature_conflicts(call: Call, asked: AnalyzeFeatureConflicts) -> FeatureConflicts:
    """Say how a feature stands, or would stand, to the others; nothing is stored."""
    from gitcoord.domain.features import feature_by
    from gitcoord.domain.registering import candidate, report

    call.reading()
    claims = call.keys(asked.candidate_claims)
    with call.state() as state:
        if claims:
            found = candidate(state, call.context(state), asked.candidate_feature_id, claims)
        else:
            found = report(state, feature_by(state, asked.candidate_feature_id))
    return FeatureConflicts(
        candidate_feature_id=found.feature,
        feasibility=found.feasibility,
        total_candidate_claims=found.claims,
        total_conflicting_claims=found.overlapping,
        conflicts=conflicts_of(found),
    )


def shown(found: Feature) -> FeatureShown:
    """Return a feature as tools and the routes of Agent Coordinator show it."""
    return FeatureShown(
        feature_id=found.id,
        title=found.title,
        status=found.status,
        registered_by=found.agent,
        resource_claims=list(found.claims),
        slots=list(found.slots),
        branch_name=found.branch,
        merge_priority=found.priority,
        metadata=found.metadata,
        registered_at=found.created_at,
        updated_at=found.updated_at,
        pause_reason=found.pause_reason,
    )


def conflicts_of(found: Report) -> list[FeatureConflict]:
    """Return the conflicts of a report in the same fields."""
    return [
        FeatureConflict(
            feature_id=one.feature,
            registered_by=one.agent,
            branch_name=one.branch,
            feasibility=one.feasibility,
            overlapping_keys=list(one.overlapping_keys),
            slots=list(one.slots),
        )
        for one in found.conflicts
    ]
