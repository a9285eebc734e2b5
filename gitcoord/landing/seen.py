"""What others have merged: an entry whose content its target has is merged, whoever did it.

Promises that nothing is noted without git showing it. Not here: landings of our own (`line`), and
those that were broken off (`recover`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merge_landing import SettleMerges
from gitcoord.domain.merges import merge_by
from gitcoord.errors import NotReady
from gitcoord.landing.facts import facts
from gitcoord.landing.site import Tips, opened, tip

if TYPE_CHECKING:
    from gitcoord.domain.merges import Merge
    from gitcoord.landing.site import Site


def settle(site: Site, ids: Sequence[str]) -> list[Landed]:
    """Note that these entries are merged, and return what ended with them, by target.

    Entries that are merged already are passed over. Raises `MergeNotFound`, `NotReady` where git
    does not see an entry's changes in its target (then nothing is noted), `BranchMissing`, and
    what keeps us from git or the host.
    """
    opened(site)
    with site.coordinator.ledger.state() as state:
        entries = [merge_by(state, id) for id in dict.fromkeys(ids)]
    entries = [entry for entry in entries if entry.status != "merged"]
    targets = {name: tip(site, name) for name in dict.fromkeys(one.target for one in entries)}
    for entry in entries:
        if not _has(site, entry, targets[entry.target]):
            raise NotReady(
                f"{entry.target} does not have the changes of {entry.id} ({entry.branch})",
                hint=f"Merge it first, or run `gitcoord merge land {entry.id}`.",
                merge=entry.id,
                status=entry.status,
            )
    return [
        site.do(
            SettleMerges(ids=tuple(one.id for one in entries if one.target == name), result=now),
            Landed,
        )
        for name, now in targets.items()
    ]


def _has(site: Site, entry: Merge, target: str) -> bool:
    known = site.checkout.resolve(entry.head) is not None
    return known and facts(site, entry, target, Tips(here=entry.head)).landed
