"""What became of landings that were broken off: each is brought to an end by what git shows.

The target decides: where it has the result the entries are merged, else they go back into the
queue once the lease is over. Also sees what others have merged by hand or by pull request.
Not here: worktrees, which `site.opened` brings along.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merge_landing import SettleMerges
from gitcoord.domain.merge_setbacks import Moved, TakeBack
from gitcoord.domain.merges import Merge, leased, listed
from gitcoord.errors import BranchMissing, InvalidTransition, LandingBusy
from gitcoord.landing.facts import has
from gitcoord.landing.site import Site, tip
from gitcoord.storage.landing import is_ancestor
from gitcoord.storage.store import Oid

#: Statuses in which nobody checks an entry, so that what others have merged is seen here.
_HANDED = ("landing",)


class Recovered(NamedTuple):
    """What was found of earlier landings."""

    settled: list[Landed]
    #: Entries that are back in the queue, or were ejected at the limit of attempts.
    back: list[Merge]


def recover(site: Site) -> Recovered:
    """Bring broken-off landings to their end, and settle what pull requests have merged.

    Raises what keeps us from git, the ledger or the host.
    """
    with site.coordinator.ledger.state() as state:
        context = site.context(state)
        tolerance = state.settings.clock_tolerance
        entries = [one for one in listed(state) if one.status in ("merging", *_HANDED)]
        over = {one.id for one in entries if not leased(context, one, tolerance)}
    found = Recovered([], [])
    for target in dict.fromkeys(entry.target for entry in entries):
        own = [entry for entry in entries if entry.target == target]
        try:
            now = tip(site, target)
        except BranchMissing:
            now = ""  # Nothing is in a branch that is gone.
        merged = [entry.id for entry in own if now and _merged(site, entry, now)]
        if merged:
            found.settled.append(site.do(SettleMerges(ids=tuple(merged), result=now), Landed))
        lost = [
            entry.id
            for entry in own
            if entry.status == "merging" and entry.id in over and entry.id not in merged
        ]
        if lost:
            wish = TakeBack(ids=tuple(lost), reason="its landing was broken off")
            # Somebody else may have brought it to an end meanwhile.
            with suppress(InvalidTransition, LandingBusy):
                found.back.extend(site.do(wish, Moved).merges)
    return found


def _merged(site: Site, entry: Merge, now: Oid) -> bool:
    """Say whether the target has what the entry brings."""
    if entry.status == "merging":
        known = site.checkout.resolve(entry.result) is not None
        return known and is_ancestor(site.checkout, entry.result, now)
    return has(site, entry, now)
