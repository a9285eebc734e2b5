"""Tools for the merge queue: queue a branch, look at the line, check, land, and give up.

Landing works in the repository of the server, as the commands do. What is named is an entry of the
queue, or the feature that it completes, as in Agent Coordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.merges import Method
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.merges_shown import (
    EntryId,
    MergeShown,
    all_shown,
    entry_of,
    shown,
)
from gitcoord.entrypoints.mcp.shapes import Input, Output
from gitcoord.entrypoints.mcp.tools_features import FeatureConflict, conflicts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.domain.merge_endings import Landed


class EnqueueMerge(Input, frozen=True, kw_only=True):
    """What is queued; a branch that is queued already begins anew."""

    feature_id: Annotated[str, Meta(description="Feature that is completed when it lands.")] = ""
    branch_name: Annotated[str, Meta(description="Default: the feature's, the task's, HEAD's.")] = (
        ""
    )
    task_id: Annotated[str, Meta(description="Task that is completed when it lands.")] = ""
    target: Annotated[str, Meta(description="Branch that it becomes part of.")] = ""
    method: Method | None = None
    merge_priority: Annotated[int, Meta(ge=1, le=10, description="1 is first.")] | None = None
    needs: Annotated[
        list[str] | None, Meta(description="Entries or features that have to land before.")
    ] = None
    pr_url: str | None = None


class MergeEnqueued(Output, frozen=True, kw_only=True):
    """The entry, and whether it is new."""

    #: queued, requeued or unchanged.
    action: str | UnsetType = UNSET
    entry: MergeShown | UnsetType = UNSET


class GetMergeQueue(Input, frozen=True, kw_only=True):
    """Of which target; default all."""

    target: str = ""


class MergeQueue(Output, frozen=True, kw_only=True):
    """The open entries in their order."""

    entries: list[MergeShown] | UnsetType = UNSET


class GetNextMerge(Input, frozen=True, kw_only=True):
    """On which target; default as configured."""

    target: str = ""


class NextMerge(Output, frozen=True, kw_only=True):
    """The entry that would land first, and those that would land with it."""

    entry: MergeShown | UnsetType = UNSET
    together: list[MergeShown] | UnsetType = UNSET


class MergeNamed(Input, frozen=True, kw_only=True):
    """Which entry."""

    feature_id: EntryId


class MergeChecked(Output, frozen=True, kw_only=True):
    """What the checks have found."""

    passed: bool | UnsetType = UNSET
    #: By the name of the check.
    checks: dict[str, bool] | UnsetType = UNSET
    issues: list[str] | UnsetType = UNSET
    #: Features that come first and claim some of the same.
    conflicts: list[FeatureConflict] | UnsetType = UNSET
    entry: MergeShown | UnsetType = UNSET


class LandMerge(Input, frozen=True, kw_only=True):
    """What shall land; all that is ready, if nothing is named."""

    feature_ids: Annotated[list[EntryId], Meta(description="Default: all that are ready.")] = []
    target: Annotated[str, Meta(description="On this branch only.")] = ""


class MergeEnded(Output, frozen=True, kw_only=True):
    """What is merged, and what ended with it."""

    entries: list[MergeShown] | UnsetType = UNSET
    features: list[str] | UnsetType = UNSET
    tasks: list[str] | UnsetType = UNSET
    released: list[str] | UnsetType = UNSET
    #: Tasks that became ready.
    ready: list[str] | UnsetType = UNSET


class MergesLanded(MergeEnded, frozen=True, kw_only=True):
    """What landed, what ended with it, and what became of others on the way."""

    #: Blocked, ejected, handed over to a pull request, or back in the queue.
    others: list[MergeShown] | UnsetType = UNSET
    #: Ready entries that have to wait, and for what.
    waiting: dict[str, str] | UnsetType = UNSET


class RemoveMerge(Input, frozen=True, kw_only=True):
    """Which entry, and why."""

    feature_id: EntryId
    reason: str = ""


class EjectMerge(Input, frozen=True, kw_only=True):
    """Which entry, and what is wrong with it."""

    feature_id: EntryId
    reason: Annotated[str, Meta(min_length=1, description="Whoever queued it reads it.")]


class MergeFound(Output, frozen=True, kw_only=True):
    """The entry as it is now."""

    entry: MergeShown | UnsetType = UNSET


def enqueue_merge(call: Call, asked: EnqueueMerge) -> MergeEnqueued:
    """Queue a branch at the commit where it stands now."""
    from gitcoord.domain.merge_queueing import EnqueueMerge as Wish
    from gitcoord.entrypoints.cli.merge_text import site_of
    from gitcoord.landing.enqueue import enqueue
    from gitcoord.ledger.request import fresh_id

    wish = Wish(
        id=fresh_id("q-"),
        head="",
        branch=asked.branch_name,
        target=asked.target,
        feature=asked.feature_id or None,
        task=asked.task_id or None,
        method=asked.method,
        priority=asked.merge_priority,
        needs=None if asked.needs is None else tuple(asked.needs),
        pr_url=asked.pr_url,
    )
    answer = enqueue(site_of(call), wish)
    with call.state() as state:
        return MergeEnqueued(action=answer.action, entry=shown(state, answer.merge))


def get_merge_queue(call: Call, asked: GetMergeQueue) -> MergeQueue:
    """Show the line."""
    from gitcoord.domain.merge_order import ordered

    call.reading()
    with call.state() as state:
        found = [one for one in ordered(state) if asked.target in ("", one.target)]
        return MergeQueue(entries=all_shown(state, found))


def get_next_merge(call: Call, asked: GetNextMerge) -> NextMerge:
    """Show what would land now."""
    from gitcoord.domain.merge_order import batch
    from gitcoord.entrypoints.cli.merge_text import site_of
    from gitcoord.landing.enqueue import target_of

    call.reading()
    target = asked.target or target_of(site_of(call))
    with call.state() as state:
        found = all_shown(state, batch(state, target))
    if not found:
        call.note("No entry is ready; get_merge_queue has the reasons, run_pre_merge_checks looks.")
        return NextMerge()
    return NextMerge(entry=found[0], together=found[1:])


def run_pre_merge_checks(call: Call, asked: MergeNamed) -> MergeChecked:
    """Check one entry now, and say what stands in its way."""
    from gitcoord.domain.features import Feature
    from gitcoord.domain.merges import merge_by
    from gitcoord.domain.registering import report
    from gitcoord.entrypoints.cli.merge_landing import checked
    from gitcoord.entrypoints.cli.merge_text import site_of

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    checked(call, site_of(call), [id])
    with call.state() as state:
        found = merge_by(state, id)
        feature = state.get(Feature, found.feature, archived=False) if found.feature else None
        return MergeChecked(
            passed=found.status in ("ready", "merged"),
            checks={one.name: one.passed for one in found.findings},
            issues=[one.text or one.name for one in found.findings if not one.passed],
            conflicts=conflicts_of(report(state, feature)) if feature else [],
            entry=shown(state, found),
        )


def land_merge(call: Call, asked: LandMerge) -> MergesLanded:
    """Land what is ready, or what is named: target and ledger in one."""
    from gitcoord.entrypoints.cli.merge_landing import refusal
    from gitcoord.entrypoints.cli.merge_text import site_of
    from gitcoord.landing.line import land

    with call.state() as state:
        ids = [entry_of(state, text).id for text in asked.feature_ids]
    found = land(site_of(call), ids, asked.target)
    for left in found.left:
        call.note(f"{left.path} cannot follow: {left.text}")
    merged = {entry.id for entry in found.merged}
    if missed := [id for id in ids if id not in merged]:
        raise refusal(call, found, missed)
    others = (found.blocked, found.ejected, found.handed_over, found.back)
    with call.state() as state:
        return MergesLanded(
            **_ended([*found.settled, *found.landed]),
            entries=all_shown(state, found.merged),
            others=all_shown(state, [one for group in others for one in group.values()]),
            waiting=found.waiting,
        )


def mark_merged(call: Call, asked: MergeNamed) -> MergeEnded:
    """Note that somebody has merged it elsewhere, if git shows that."""
    from gitcoord.entrypoints.cli.merge_text import site_of
    from gitcoord.landing.seen import settle

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    found = settle(site_of(call), [id])
    with call.state() as state:
        return MergeEnded(**_ended(found), entries=all_shown(state, [entry_of(state, id)]))


def remove_from_merge_queue(call: Call, asked: RemoveMerge) -> MergeFound:
    """Give an entry up; branch, feature and task stay as they are."""
    from gitcoord.domain.merging import Ended
    from gitcoord.domain.merging import RemoveMerge as Wish

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    answer = call.do(Wish(id=id, reason=asked.reason), Ended)
    with call.state() as state:
        return MergeFound(entry=shown(state, answer.merge))


def eject_from_merge_queue(call: Call, asked: EjectMerge) -> MergeFound:
    """Take an entry out that cannot land, whoever queued it; it can be queued again."""
    from gitcoord.domain.merging import EjectMerge as Wish
    from gitcoord.domain.merging import Ended

    with call.state() as state:
        found = entry_of(state, asked.feature_id)
    answer = call.do(Wish(id=found.id, reason=asked.reason, head=found.head), Ended)
    with call.state() as state:
        return MergeFound(entry=shown(state, answer.merge))


def _ended(found: Iterable[Landed]) -> dict[str, Any]:
    """Return what ended with entries that are merged, of all batches together."""
    names = ("features", "tasks", "released", "ready")
    every = list(found)
    return {name: [text for one in every for text in getattr(one, name)] for name in names}
