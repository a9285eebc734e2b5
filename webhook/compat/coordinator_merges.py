"""Agent Coordinator: the merge queue, with the routes of its later versions.

There a feature is what is queued; here its id, or that of an entry, names the entry. Whoever says
no name speaks as the agent that registered the feature or queued the entry, if that is theirs.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, to_builtins

from gitcoord.domain.features import Feature
from gitcoord.domain.merge_order import batch, ordered
from gitcoord.domain.merge_queueing import Enqueued, EnqueueMerge
from gitcoord.domain.merges import Merge, Method
from gitcoord.domain.merging import Ended, RemoveMerge
from gitcoord.domain.registering import report
from gitcoord.entrypoints.mcp.merges_shown import all_shown, entry_of, shown
from gitcoord.entrypoints.mcp.tools_features import conflicts_of
from gitcoord.ledger.request import fresh_id
from webhook import landing
from webhook.compat.coordinator_agents import Identity, speaking
from webhook.compat.coordinator_features import speaking_for
from webhook.compat.line import Ask


class Queueing(Identity, frozen=True, kw_only=True):
    """A feature whose branch is queued; all but `feature_id` and `pr_url` is ours."""

    feature_id: str
    pr_url: str | None = None
    branch_name: str = ""
    target: str = ""
    method: Method | None = None
    merge_priority: Annotated[int, Meta(ge=1, le=10)] | None = None
    needs: list[str] | None = None


def enqueue(ask: Ask) -> dict[str, Any]:
    """Queue the branch of a feature."""
    from gitcoord.landing.enqueue import completed

    body: Queueing = ask.body
    session = speaking_for(ask, body, body.feature_id)
    wish = EnqueueMerge(
        id=fresh_id("q-"),
        head="",
        feature=body.feature_id,
        branch=body.branch_name,
        target=body.target,
        method=body.method,
        priority=body.merge_priority,
        needs=None if body.needs is None else tuple(body.needs),
        pr_url=body.pr_url,
    )
    answer = ask.do(completed(landing.site(ask.asking, session), wish), Enqueued, session)
    return {"success": True, "action": answer.action} | _entry(ask, answer.merge)


def queue(ask: Ask) -> dict[str, Any]:
    """List the open entries in their order."""
    with ask.asking.state() as state:
        return {"entries": all_shown(state, ordered(state))}


def following(ask: Ask) -> dict[str, Any]:
    """Show what would land first; null while nothing is ready."""
    target = ask.query.get("target") or landing.target(ask.asking)
    with ask.asking.state() as state:
        first = all_shown(state, batch(state, target, 1))
        return {"entry": first[0] if first else None}


def check(ask: Ask) -> dict[str, Any]:
    """Check an entry now."""
    from gitcoord.entrypoints.cli.merge_landing import checked

    entry = _named(ask)
    session = speaking(ask, Identity(), entry.agent)
    checked(ask.asking, landing.site(ask.asking, session), [entry.id])
    with ask.asking.state() as state:
        found = entry_of(state, entry.id)
        feature = state.get(Feature, found.feature, archived=False) if found.feature else None
        conflicts = conflicts_of(report(state, feature)) if feature else []
    return {
        "success": True,
        "passed": found.status in ("ready", "merged"),
        "checks": {one.name: one.passed for one in found.findings},
        "issues": [one.text or one.name for one in found.findings if not one.passed],
        "conflicts": conflicts,
    } | _entry(ask, found)


def merged(ask: Ask) -> dict[str, Any]:
    """Note that an entry was merged, if git shows it."""
    from gitcoord.landing.seen import settle

    entry = _named(ask)
    session = speaking(ask, Identity(), entry.agent)
    settle(landing.site(ask.asking, session), [entry.id])
    with ask.asking.state() as state:
        found = entry_of(state, entry.id)
    return {"success": True} | _entry(ask, found)


def remove(ask: Ask) -> dict[str, Any]:
    """Give an entry up; its feature stays."""
    entry = _named(ask)
    session = speaking(ask, Identity(), entry.agent)
    answer = ask.do(RemoveMerge(id=entry.id), Ended, session)
    return {"success": True} | _entry(ask, answer.merge)


def _named(ask: Ask) -> Merge:
    with ask.asking.state() as state:
        return entry_of(state, ask.path["id"])


def _entry(ask: Ask, found: Merge) -> dict[str, Any]:
    with ask.asking.state() as state:
        fields: dict[str, Any] = to_builtins(shown(state, found))
    # The names of its checks, where they are asked for, are told as the original does.
    del fields["issues"]
    return fields
