"""Entries of the merge queue as tools and the routes of Agent Coordinator show them.

There a feature is what is queued, and its id names the entry; here an entry has an id of its own,
and both are understood. Not here: what is done with entries (`tools_merges`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.errors import GitcoordError, MergeNotFound

if TYPE_CHECKING:
    from gitcoord.domain.merges import Merge
    from gitcoord.domain.state import State

EntryId = Annotated[str, Meta(description="Id of an entry (q-...), or of its feature.")]


class MergeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A queue entry, in the fields of Agent Coordinator and those of ours."""

    merge_id: str
    feature_id: str
    title: str
    task_id: str
    branch_name: str
    target: str
    #: queued, pre_merge_check, ready, merging, landing, blocked, merged, ejected or removed.
    status: str
    #: Its place in the line of its target; 1 comes first, 0 is not in the line any more.
    position: int
    merge_priority: int
    method: str
    needs: list[str]
    head: str
    #: Why it is blocked, handed over, back in the queue, ejected or removed.
    reason: str
    #: What it failed, by the names of the checks.
    issues: dict[str, str]
    pr_url: str
    queued_by: str
    queued_at: str
    checked_at: str | UnsetType = UNSET
    #: Who checks or lands it, and until when it is nobody else's turn.
    runner: str | UnsetType = UNSET
    lease_until: str | UnsetType = UNSET
    #: The commit that the target became.
    result: str | UnsetType = UNSET


def entry_of(state: State, text: str) -> Merge:
    """Return the entry with that id, else the first open one that names that feature.

    Raises `MergeNotFound`.
    """
    from gitcoord.domain.features import named
    from gitcoord.domain.merge_order import ordered
    from gitcoord.domain.merges import Merge, merge_by

    try:
        return merge_by(state, text)
    except GitcoordError:
        feature = named(state.settings, text)
    for entry in ordered(state) if state.has(Merge.table, f"feature:{feature}") else ():
        if entry.feature == feature:
            return entry
    raise MergeNotFound(
        f"nothing in the merge queue is called {text[:80]!r}, or is for a feature of that id",
        id=text[:80],
    )


def positions(state: State) -> dict[str, int]:
    """Return the place of each open entry in the line of its target, from 1."""
    from gitcoord.domain.merge_order import ordered

    counts: dict[str, int] = {}
    found = {}
    for entry in ordered(state):
        counts[entry.target] = found[entry.id] = counts.get(entry.target, 0) + 1
    return found


def shown(state: State, entry: Merge, places: Mapping[str, int] | None = None) -> MergeShown:
    """Return an entry; `places` are the `positions`, where they are known."""
    from gitcoord.domain.features import Feature

    places = positions(state) if places is None else places
    feature = state.get(Feature, entry.feature) if entry.feature else None
    return MergeShown(
        merge_id=entry.id,
        feature_id=entry.feature,
        title=feature.title if feature else "",
        task_id=entry.task,
        branch_name=entry.branch,
        target=entry.target,
        status=entry.status,
        position=places.get(entry.id, 0),
        merge_priority=entry.priority,
        method=entry.method,
        needs=list(entry.needs),
        head=entry.head,
        reason=entry.reason,
        issues={one.name: one.text for one in entry.findings if not one.passed},
        pr_url=entry.pr_url,
        queued_by=entry.agent,
        queued_at=entry.queued_at,
        checked_at=entry.checked_at or UNSET,
        runner=entry.runner or UNSET,
        lease_until=entry.lease_until or UNSET,
        result=entry.result or UNSET,
    )


def all_shown(state: State, entries: Iterable[Merge]) -> list[MergeShown]:
    """Return entries, each with its place in the line."""
    places = positions(state)
    return [shown(state, entry, places) for entry in entries]
