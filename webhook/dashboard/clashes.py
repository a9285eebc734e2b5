"""Which live sessions have declared to work on the same: pairs, each once.

Not here: when scopes overlap, which is `gitcoord.domain.conflicts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.conflicts import pairs
from gitcoord.domain.sessions import Session

if TYPE_CHECKING:
    from webhook.dashboard.past import Sight


class Clash(NamedTuple):
    """Two live sessions that have declared to work on the same."""

    one: Session
    other: Session
    areas: tuple[str, ...]
    files: tuple[str, ...]


def clashes(seen: Sight) -> list[Clash]:
    """Return the pairs, by the ids of their sessions."""
    here = {one.id: one for one in seen.state.find(Session, "live")}
    return [
        Clash(here[one], here[other], found.overlapping_areas, found.overlapping_files)
        for (one, other), found in pairs(here.values(), seen.state.settings).items()
    ]
