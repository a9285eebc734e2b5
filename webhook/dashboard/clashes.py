"""Which live sessions have declared to work on the same: pairs, each once.

To hold every session against every other one is dear; what was found stays known until one of
the two says something else. Not here: when scopes overlap, which is `gitcoord.domain.conflicts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from gitcoord.domain.conflicts import conflicts
from gitcoord.domain.sessions import Conflict, Session

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from webhook.dashboard.past import Sight
    from webhook.projects import Project

Scope = tuple[str, tuple[str, ...]]


class Clash(NamedTuple):
    """Two live sessions that have declared to work on the same."""

    one: Session
    other: Session
    areas: tuple[str, ...]
    files: tuple[str, ...]


class _Known(NamedTuple):
    settings: Settings
    scopes: Mapping[str, Scope]
    #: The lower and the higher id of a pair -> what they have in common, as the lower one sees it.
    pairs: Mapping[tuple[str, str], Conflict]


_KNOWN: WeakKeyDictionary[Project, _Known] = WeakKeyDictionary()


def clashes(project: Project, seen: Sight) -> list[Clash]:
    """Return the pairs, by the ids of their sessions."""
    before = _KNOWN.get(project)
    if before is None or seen.point is not None or before.settings != seen.state.settings:
        before = _Known(seen.state.settings, {}, {})
    here = {one.id: one for one in seen.state.find(Session, "live")}
    scopes = {id: (one.area, one.files) for id, one in here.items()}
    changed = {id for id, scope in scopes.items() if before.scopes.get(id) != scope}
    pairs = {
        pair: found
        for pair, found in before.pairs.items()
        if all(id in here and id not in changed for id in pair)
    }
    for id in sorted(changed):
        area, files = scopes[id]
        if not (area or files):
            continue
        for found in conflicts(seen.state, area, files, id):
            if id < found.session:
                pairs[id, found.session] = found
            elif found.session not in changed:
                # The other one has not changed; it is asked how it sees this one.
                theirs = conflicts(seen.state, *scopes[found.session], found.session)
                pairs[found.session, id] = next(one for one in theirs if one.session == id)
    if seen.point is None:
        _KNOWN[project] = _Known(seen.state.settings, scopes, pairs)
    return [
        Clash(here[one], here[other], found.overlapping_areas, found.overlapping_files)
        for (one, other), found in sorted(pairs.items())
    ]
