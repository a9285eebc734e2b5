"""What is held: all locks, who waits, what has not landed; and one file with its past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gitcoord.domain.changes import recent
from gitcoord.domain.key_index import near, stored, wanted
from gitcoord.domain.keys import escape
from gitcoord.domain.locks import Lock
from gitcoord.domain.overlap import overlap
from gitcoord.domain.unlanded import Mark
from gitcoord.errors import InvalidValue
from webhook.dashboard.overview import held, waiting
from webhook.dashboard.past import sight
from webhook.dashboard.trail import trail

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Rows of a list.
ROWS = 200
#: Changes that are shown beside.
PAST = 50


def locks(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of locks shows, now or at a point in the past."""
    with sight(asking, given.get("at", "")) as seen:
        found = sorted(held(seen), key=lambda one: (one.key, one.session))
        marks = sorted(seen.state.all(Mark), key=lambda mark: mark.at, reverse=True)
        return {
            "locks": found[:ROWS],
            "locks_count": len(found),
            "waiters": waiting(seen),
            "marks": marks[:ROWS],
            "marks_count": len(marks),
            "changes": recent(seen.state, limit=PAST),
            "now": seen.now,
            "point": seen.point,
            "live": seen.point is None,
        }


def file(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page of one file or key shows. Raises `InvalidValue`, `InvalidKey`.

    `key` is a key or a pattern; `path` the name of a file, whatever characters it has.
    """
    path = given.get("path", "").strip()
    text = escape(path) if path else given.get("key", "").strip()
    if not text:
        raise InvalidValue("no file was named", hint="Type a path, a pattern, or a key.")
    whole = given.get("all") == "1"
    with sight(asking) as seen:
        key = wanted(seen.state.settings, text)
        covering = [
            one
            for one in near(seen.state, Lock, key)
            if one.expires_at > seen.now and overlap(key, stored(one.key))
        ]
        covering.sort(key=lambda one: (one.key, one.session))
        marks = [m for m in near(seen.state, Mark, key) if overlap(key, stored(m.key))]
        past = trail(asking, seen, text, whole=whole)
        changes = recent(seen.state, path=path or text, limit=PAST)
        events = [("lock", one.time, one) for one in past] + [
            ("change", one.at, one) for one in changes
        ]
        return {
            "text": path or text,
            "query": given,
            "covering": covering[:ROWS],
            "covering_count": len(covering),
            "marks": marks[:ROWS],
            "marks_count": len(marks),
            "waiters": [
                one for one in waiting(seen) if any(overlap(key, stored(k)) for k in one.keys)
            ],
            "events": sorted(events, key=lambda one: one[1], reverse=True),
            "whole": whole,
            "now": seen.now,
            "live": True,
        }
