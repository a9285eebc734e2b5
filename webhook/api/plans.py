"""Plans of features and escalations, as questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.escalations import Escalation
from gitcoord.domain.plans import Plan
from webhook.api.pages import Asked

if TYPE_CHECKING:
    from webhook.api.asking import Asking


class PlansAsked(Asked, frozen=True, kw_only=True):
    """Which plans: of a feature, or all."""

    feature: str = ""


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """Plans by feature."""

    plans: list[Plan]


def plans(asking: Asking, asked: PlansAsked) -> Plans:
    """Return the plans that hold."""
    with asking.state() as state:
        found = [one for one in state.all(Plan) if asked.feature in ("", one.feature)]
    return Plans(plans=found)


class EscalationsAsked(Asked, frozen=True, kw_only=True):
    """Which escalations: the open ones, or all."""

    all: bool = False


class Escalations(msgspec.Struct, frozen=True, kw_only=True):
    """Escalations, the oldest first."""

    escalations: list[Escalation]


def escalations(asking: Asking, asked: EscalationsAsked) -> Escalations:
    """Return escalations."""
    from gitcoord.domain.escalations import listed

    with asking.state() as state:
        return Escalations(escalations=listed(state, closed=asked.all))
