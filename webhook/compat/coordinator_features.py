"""Agent Coordinator: the registry of features, with the routes of its later versions."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from gitcoord.domain import registering
from gitcoord.domain.features import feature_by, open_features
from gitcoord.entrypoints.mcp.tools_features import conflicts_of, shown
from gitcoord.errors import FeatureNotFound
from webhook.compat.coordinator_agents import Identity, acting, speaking
from webhook.compat.line import Ask


class Registering(Identity, frozen=True, kw_only=True):
    """A feature; `slots` are ours."""

    feature_id: str
    resource_claims: list[str] = []
    slots: list[str] = []
    title: str | None = None
    branch_name: str | None = None
    merge_priority: Annotated[int, Meta(ge=1, le=10)] = 5
    metadata: dict[str, Any] = {}


def register(ask: Ask) -> dict[str, Any]:
    """Register a feature, or update it."""
    body: Registering = ask.body
    wish = registering.RegisterFeature(
        id=body.feature_id,
        claims=tuple(map(ask.lock_key, body.resource_claims)),
        slots=tuple(map(ask.lock_key, body.slots)),
        title=body.title,
        branch=body.branch_name,
        priority=body.merge_priority,
        metadata=body.metadata,
    )
    answer = ask.do(wish, registering.Registered, acting(ask, body))
    return {
        "success": True,
        "feature_id": answer.feature.id,
        "action": answer.action,
        "feasibility": answer.report.feasibility,
        "conflicts": conflicts_of(answer.report),
    }


def speaking_for(ask: Ask, said: Identity, feature: str) -> str:
    """Return who acts: the agent that registered the feature, for who says no name, if that is his.

    Raises `Problem` 403.
    """
    with ask.asking.state() as state:
        try:
            agent = feature_by(state, feature).agent
        except FeatureNotFound:
            # The rule says it in its own words.
            agent = ""
    return speaking(ask, said, agent)


class Ending(Identity, frozen=True, kw_only=True):
    """How a feature ends; who acts may be left out."""

    feature_id: str
    status: str = "completed"


def deregister(ask: Ask) -> dict[str, Any]:
    """End a feature; who says no name speaks as the agent that registered it, if that is his."""
    body: Ending = ask.body
    wish = registering.DeregisterFeature(id=body.feature_id, status=body.status)
    answer = ask.do(wish, registering.Deregistered, speaking_for(ask, body, body.feature_id))
    return {
        "success": True,
        "feature_id": answer.feature.id,
        "status": answer.feature.status,
        "open_tasks": answer.open_tasks,
    }


def active(ask: Ask) -> dict[str, Any]:
    """List the features that have not ended."""
    with ask.asking.state() as state:
        return {"features": [shown(one) for one in open_features(state)]}


def get(ask: Ask) -> Any:
    """Show a feature."""
    with ask.asking.state() as state:
        return to_builtins(shown(feature_by(state, ask.path["id"])))


class Comparing(Struct, frozen=True, kw_only=True):
    """A feature that may be registered."""

    candidate_feature_id: str
    candidate_claims: list[str] = []


def conflicts(ask: Ask) -> dict[str, Any]:
    """Say how a feature would stand to the others."""
    body: Comparing = ask.body
    claims = tuple(map(ask.lock_key, body.candidate_claims))
    with ask.asking.state() as state:
        context = ask.asking.context(state)
        found = registering.candidate(state, context, body.candidate_feature_id, claims)
    return {
        "candidate_feature_id": found.feature,
        "feasibility": found.feasibility,
        "total_candidate_claims": found.claims,
        "total_conflicting_claims": found.overlapping,
        "conflicts": conflicts_of(found),
    }
