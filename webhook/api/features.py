"""Features and the forecast, as questions. Answers are what the commands show with `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from gitcoord.domain.features import Feature, Report
from gitcoord.domain.forecast import Forecast, Pair
from webhook.api.pages import Asked, Paged, page

if TYPE_CHECKING:
    from webhook.api.asking import Asking


class FeaturesAsked(Paged, frozen=True, kw_only=True):
    """Which features: the open ones, or all."""

    all: Annotated[bool, Meta(description="Those that have ended, instead of the open.")] = False


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Open features by priority and age; those that have ended by their end."""

    features: list[Feature]
    next: str = ""


def features(asking: Asking, asked: FeaturesAsked) -> Features:
    """Return the features."""
    from gitcoord.domain.features import open_features

    with asking.state() as state:
        if asked.all:
            ended = state.scan(Feature, "end:", archived=True)
            found, more = page(ended, lambda one: f"{one.ended_at}\0{one.id}", asked)
        else:
            found, more = page(open_features(state), lambda one: one.order, asked)
    return Features(features=found, next=more)


class FeatureAsked(Asked, frozen=True, kw_only=True):
    """Which feature."""

    feature: str


class OneFeature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, how it stands to the others (null once it has ended), and its open tasks."""

    feature: Feature
    report: Report | None
    open_tasks: list[str]


def feature(asking: Asking, asked: FeatureAsked) -> OneFeature:
    """Return one feature. Raises `FeatureNotFound`."""
    from gitcoord.domain.features import feature_by
    from gitcoord.domain.registering import report
    from gitcoord.domain.tasks import Task

    with asking.state() as state:
        found = feature_by(state, asked.feature)
        return OneFeature(
            feature=found,
            report=None if found.archived else report(state, found),
            open_tasks=[task.id for task in state.find(Task, f"feature:{found.id}")],
        )


class ConflictsAsked(Asked, frozen=True, kw_only=True):
    """A feature that may be registered."""

    feature: str
    claim: Annotated[list[str], Meta(min_length=1, max_length=500)]


class Conflicts(msgspec.Struct, frozen=True, kw_only=True):
    """How it would stand to those that are open."""

    report: Report


def feature_conflicts(asking: Asking, asked: ConflictsAsked) -> Conflicts:
    """Return how a feature with these claims would stand to the others."""
    from gitcoord.domain.registering import candidate

    with asking.state() as state:
        found = candidate(state, asking.context(state), asked.feature, tuple(asked.claim))
        return Conflicts(report=found)


class FeatureMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """The open features, the pairs that overlap, and which ready tasks fit together."""

    features: list[Feature]
    pairs: list[Pair]
    forecast: Forecast


def feature_matrix(asking: Asking, asked: Asked) -> FeatureMatrix:
    """Return the matrix of the features, and the forecast for the acting session."""
    from gitcoord.domain.forecast import forecast, matrix
    from gitcoord.domain.sessions import Session, root

    holder = asking.caller.session
    with asking.state() as state:
        found = matrix(state)
        session = None if holder is None else state.get(Session, root(holder), archived=False)
        ahead = forecast(state, asking.context(state, holder), session)
    return FeatureMatrix(features=found.features, pairs=found.pairs, forecast=ahead)
