"""What is told of features: registered, changed, paused, resumed, ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.features import Feature

#: Fields whose changes have no event of their own.
_OTHERS = ("title", "branch", "claims", "slots", "priority", "metadata")


def features(scene: Scene) -> Iterator[Event]:
    """Yield what happened to features; those that are forgotten are not told.

    One that is registered and moves on in one transaction is told as both.
    """
    for before, after in scene.pairs(Feature):
        if after is None:
            continue
        changed = [x for x in _OTHERS if before is not None and _differ(before, after, x)]
        if before is None:
            yield _told("feature.registered", after, **plain(after, *_OTHERS, "created_at"))
        elif changed:
            yield _told("feature.changed", after, changed=plain(after, *changed))
        status = "active" if before is None else before.status
        if status != after.status:
            yield _moved(after)


def _differ(before: Feature, after: Feature, field: str) -> bool:
    return bool(getattr(before, field) != getattr(after, field))


def _moved(feature: Feature) -> Event:
    if feature.status == "active":
        return _told("feature.resumed", feature)
    if feature.status == "paused":
        by = {"by": feature.paused_by, "reason": feature.pause_reason}
        return _told("feature.paused", feature, feature.paused_session, **by)
    by = {"by": feature.ended_by, "reason": feature.end_reason}
    return _told(f"feature.{feature.status}", feature, **by)


def _told(kind: str, feature: Feature, *others: str, **data: Any) -> Event:
    found = plain(
        feature, "title", "status", feature_id="id", session_id="session", agent_name="agent"
    )
    return Event(kind, found | data, sessions_of(feature.session, *others))
