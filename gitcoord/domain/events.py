"""What happened between two states: the records that differ, told as an ordered list of events.

One table says which kind of record is told by which function. The same two states give the
same events in the same order. Several steps within one transaction are told by what they came
to. Not here: reading the states, and numbering (`ledger/feed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from gitcoord.domain.event import RANK, Event, Scene
from gitcoord.domain.events_of_approvals import approvals
from gitcoord.domain.events_of_features import features
from gitcoord.domain.events_of_locks import locks, marks, waiters
from gitcoord.domain.events_of_merges import merges
from gitcoord.domain.events_of_plans import escalations, plans
from gitcoord.domain.events_of_sessions import judged_anew, sessions
from gitcoord.domain.events_of_tasks import notes, tasks
from gitcoord.domain.events_of_verifications import policies, verifications
from gitcoord.domain.events_of_words import changes, handoffs, messages, notices, violations
from gitcoord.domain.record import shown

#: Table -> who tells its differences. A table that is not here is nobody's news.
TELLERS: dict[str, Callable[[Scene], Iterator[Event]]] = {
    "sessions": sessions,
    "locks": locks,
    "waiters": waiters,
    "unlanded": marks,
    "tasks": tasks,
    "notes": notes,
    "handoffs": handoffs,
    "changes": changes,
    "violations": violations,
    "messages": messages,
    "notices": notices,
    "features": features,
    "plans": plans,
    "escalations": escalations,
    "approvals": approvals,
    "merges": merges,
    "verifications": verifications,
    "verify_policies": policies,
}

#: Tables from which only a compaction takes records away.
_KEPT = frozenset(
    {
        "sessions",
        "tasks",
        "notes",
        "handoffs",
        "features",
        "plans",
        "escalations",
        "approvals",
        "merges",
    }
)


def events(scene: Scene) -> list[Event]:
    """Return what happened, in the order of `TYPES` and then of the records' names."""
    found = [*_ledger(scene), *_settings(scene)]
    tables = {each.table for each in scene.differences}
    for table, teller in TELLERS.items():
        if table in tables:
            found += teller(scene)
    found += judged_anew(scene)
    found += _compacted(scene)
    return sorted(found, key=lambda event: RANK[event.type])


def _ledger(scene: Scene) -> Iterator[Event]:
    before, now = scene.meta_before, scene.meta
    if before is None and now.seq == 1:
        yield Event("ledger.began", {"epoch": now.epoch})
    elif before is None or before.epoch != now.epoch:
        old = None if before is None else before.epoch
        yield Event("ledger.restored", {"epoch": now.epoch, "epoch_before": old})


def _settings(scene: Scene) -> Iterator[Event]:
    if scene.meta_before is None:
        return
    before, after = scene.settings_before, scene.settings
    changed = {
        name: {"before": shown(getattr(before, name)), "after": shown(getattr(after, name))}
        for name in after.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    }
    if changed:
        yield Event("settings.changed", {"changed": changed})


def _compacted(scene: Scene) -> Iterator[Event]:
    gone = Counter(each.table for each in scene.differences if each.after is None)
    if _KEPT & gone.keys():
        removed = {
            table: gone[table] for table in sorted(gone) if table not in ("locks", "waiters")
        }
        yield Event("ledger.compacted", {"removed": removed})
