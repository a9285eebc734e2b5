"""Tools for the merge queue: queue a branch, look at the line, check, land, and give up.

Landing works in the repository of the server, as the commands do. What is named is an entry of the
queue, or the feature that it completes, as in Agent Coordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    from gitcoord.landing.site import Site


class EnqueueMerge(Input, frozen=True, kw_only=True):
    """What is queued; a branch that is queued already begins anew."""

    feature_id: Annotated[str, Meta(description="Feature that is completed when it lands.")] = ""
    branch_name: Annotated[str, Meta(description="Default: the feature's, the task's, HEAD's.")] = ""
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


class MergeEnded(Output, frozen=True, kw_only=True):
    """What is merged, and what ended with it."""

    entries: list[MergeShown] | UnsetType = UNSET
    features: list[str] | UnsetType = UNSET
    tasks: list[str] | UnsetType = UNSET
    released: list[str] | UnsetType = UNSET
    #: Tasks that became ready.
    ready: list[str] | UnsetType = UNSET


class RemoveMerge(Input, frozen=True, kw_only=True):
    """Which entry, and why."""

    feature_id: EntryId
    reason: str = ""


class MergeFound(Output, frozen=True, kw_only=True):
    """The entry as it is now."""

    entry: MergeShown | UnsetType = UNSET


def enqueue_merge(call: Call, asked: EnqueueMerge) -> MergeEnqueued:
    """Queue a branch at the commit where it stands now."""
    from gitcoord.domain.merge_queueing import Enqueued
    from gitcoord.domain.merge_queueing import EnqueueMerge as Wish
    from gitcoord.entrypoints import landing_site
    from gitcoord.ledger.request import fresh_id

    with call.state() as state:
        named = landing_site.branch_of(state, asked.branch_name, asked.feature_id, asked.task_id)
    branch = named or call.checkout.branch()
    wish = Wish(
        id=fresh_id("q-"),
        head=landing_site.head_of(_site(call), branch),
        branch=branch,
        target=asked.target,
        feature=asked.feature_id or None,
        task=asked.task_id or None,
        method=asked.method,
        priority=asked.merge_priority,
        needs=None if asked.needs is None else tuple(asked.needs),
        pr_url=asked.pr_url,
    )
    answer = call.do(wish, Enqueued)
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

    call.reading()
    with call.state() as state:
        first, *others = all_shown(
            state, batch(state, asked.target or state.settings.target_branch)
        ) or [UNSET]
    if first is UNSET:
        call.note("No entry is ready: run_pre_merge_checks, or get_merge_queue for the reasons.")
        return NextMerge()
    return NextMerge(entry=first, together=others)


def run_pre_merge_checks(call: Call, asked: MergeNamed) -> MergeChecked:
    """Check one entry now, and say what stands in its way."""
    from gitcoord.domain.features import Feature
    from gitcoord.domain.merges import merge_by
    from gitcoord.domain.registering import report
    from gitcoord.landing.check import check
    from gitcoord.landing.site import opened

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    site = _site(call)
    opened(site)
    check(site, [id])
    with call.state() as state:
        found = merge_by(state, id)
        feature = state.get(Feature, found.feature) if found.feature else None
        open_one = feature is not None and not feature.archived
        conflicts = conflicts_of(report(state, feature)) if feature and open_one else []
        return MergeChecked(
            passed=found.status in ("ready", "merged"),
            checks={one.name: one.passed for one in found.findings},
            issues=[one.text or one.name for one in found.findings if not one.passed],
            conflicts=conflicts,
            entry=shown(state, found),
        )


def land_merge(call: Call, asked: LandMerge) -> MergeLanded:
    """Land what is next, or what is named: all of it, or nothing."""
    raise NotImplementedError


def mark_merged(call: Call, asked: MergeNamed) -> MergeEnded:
    """Note that somebody has merged it elsewhere, if git shows it."""
    from gitcoord.landing.seen import settle

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    found = settle(_site(call), [id])
    with call.state() as state:
        return MergeEnded(
            entries=all_shown(state, [entry_of(state, id)]),
            features=[name for one in found for name in one.features],
            tasks=[name for one in found for name in one.tasks],
            released=[name for one in found for name in one.released],
            ready=[name for one in found for name in one.ready],
        )


def remove_from_merge_queue(call: Call, asked: RemoveMerge) -> MergeFound:
    """Give an entry up; branch, feature and task stay as they are."""
    from gitcoord.domain.merging import Ended
    from gitcoord.domain.merging import RemoveMerge as Wish

    with call.state() as state:
        id = entry_of(state, asked.feature_id).id
    answer = call.do(Wish(id=id, reason=asked.reason), Ended)
    with call.state() as state:
        return MergeFound(entry=shown(state, answer.merge))


def _site(call: Call) -> Site:
    from gitcoord.entrypoints.landing_site import site_of

    return site_of(
        call.house, call.checkout, session=call.holder, agent=call.person, environ=call.environ
    )
