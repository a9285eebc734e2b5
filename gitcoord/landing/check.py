"""Checks of queue entries: a lease is taken, git is asked, and what it says is noted.

Promises that two who check at once do not do it twice, that entries whose content the target
has are settled, and that whatever needs a person's approval is asked for. Nothing of branches
or files changes. Not here: what the ledger itself adds to a check (`domain.merging`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from gitcoord.domain.approvals import granted, live
from gitcoord.domain.merge_endings import Landed
from gitcoord.domain.merge_landing import SettleMerges
from gitcoord.domain.merge_moves import MOVES
from gitcoord.domain.merge_rules import consent, failed, findings, subject
from gitcoord.domain.merges import Merge, leased, listed
from gitcoord.domain.merging import Checked, Checking, CheckMerges, RecordCheck
from gitcoord.errors import BranchMissing, InvalidTransition, LandingBusy, NotReady
from gitcoord.landing.executors import ask
from gitcoord.landing.facts import Facts, facts, nameable, no_target
from gitcoord.landing.site import Site, tip, tips
from gitcoord.storage.store import Oid

#: Entries that are checked under one lease, so that it is not over before they are.
_TOGETHER = 20


class Report(NamedTuple):
    """What came of checks."""

    #: The checked entries as they are now.
    checked: list[Merge]
    #: Entries whose content was seen in the target, and what ended with them.
    settled: list[Landed]


def check(site: Site, ids: Sequence[str]) -> Report:
    """Check these entries, whatever was known of them.

    Raises `MergeNotFound`, `InvalidTransition` and `LandingBusy` where none of them can be
    checked now; `GitTooOld` and what else keeps us from git or the host.
    """
    report = Report([], [])
    for some in _portions(ids):
        begun = site.do(CheckMerges(ids=some), Checking)
        _check(site, begun, report)
    _ask_for_consent(site, report.checked)
    return report


def check_due(site: Site, target: str, only: frozenset[str] = frozenset()) -> Report:
    """Check the entries for a target of which something new would be found; see `check`.

    Those that wait for their check, and blocked ones that have other obstacles by now; not what
    others check or end meanwhile, nor what is `elsewhere`. `only`: of these alone, all of them
    that can be checked.
    """
    with site.coordinator.ledger.state() as state:
        context = site.context(state)
        tolerance = state.settings.clock_tolerance
        known = [
            entry
            for entry in listed(state)
            if entry.target == target
            and (not only or entry.id in only)
            and (entry.status, "check") in MOVES
            and entry.status != "ready"
            and not leased(context, entry, tolerance)
        ]
    absent = elsewhere(site, known)
    known = [entry for entry in known if entry.id not in absent]
    blocked = [entry for entry in known if entry.status == "blocked"]
    due = {entry.id for entry in known if entry.status != "blocked"}
    if blocked:
        seen = _seen(site, blocked, _tip(site, target))
        due |= {entry.id for entry, found in seen if _news(site, entry, found)}
    wanted = [entry.id for entry in known if entry.id in due]
    return recheck(site, wanted) if wanted else Report([], [])


def elsewhere(site: Site, entries: Iterable[Merge]) -> set[str]:
    """Return the ids of those whose commit only another clone has: it cannot be judged here.

    Never any where this repository keeps the ledger. Raises what keeps us from the host.
    """
    if site.wire is None:
        return set()
    missing = [one for one in entries if site.checkout.resolve(one.head) is None]
    if missing:
        tips(site, (one.branch for one in missing))  # fetches what is at the host
    return {one.id for one in missing if site.checkout.resolve(one.head) is None}


def recheck(site: Site, ids: Sequence[str]) -> Report:
    """Check entries as `check` does, but none that others check just now, or have ended."""
    try:
        return check(site, ids)
    except (InvalidTransition, LandingBusy):
        return Report([], [])


def _check(site: Site, begun: Checking, report: Report) -> None:
    wishes = []
    for target in dict.fromkeys(entry.target for entry in begun.merges):
        against = _tip(site, target)
        entries = [entry for entry in begun.merges if entry.target == target]
        landed = []
        for entry, seen in _seen(site, entries, against):
            if seen.landed:
                landed.append(entry.id)
            else:
                wishes.append(_noted(entry, begun.run, against or "0" * len(entry.head), seen))
        if landed:
            report.settled.append(site.do(SettleMerges(ids=tuple(landed), result=against), Landed))
    for reply in site.each(wishes) if wishes else ():
        if isinstance(reply.error, NotReady):
            continue  # somebody has queued it anew meanwhile
        if reply.error is not None:
            raise reply.error
        report.checked.extend(one.merge for one in reply.answers if isinstance(one, Checked))


def _seen(site: Site, entries: Sequence[Merge], against: Oid) -> Iterator[tuple[Merge, Facts]]:
    """Yield each entry with what git says of it; `against`: the tip of its target, or ""."""
    known = tips(site, (entry.branch for entry in entries))
    for entry in entries:
        if against:
            yield entry, facts(site, entry, against, known[entry.branch])
        else:
            yield entry, no_target(entry)


def _tip(site: Site, target: str) -> Oid:
    """Return where the target stands, "" where there is none."""
    try:
        return tip(site, target)
    except BranchMissing:
        return ""


def _noted(entry: Merge, run: str, against: Oid, seen: Facts) -> RecordCheck:
    paths, others = nameable(seen.paths)
    return RecordCheck(
        id=entry.id,
        run=run,
        against=against,
        tree=seen.tree,
        findings=seen.findings,
        paths=paths,
        wide=others,
        lines=seen.lines,
    )


def _news(site: Site, entry: Merge, seen: Facts) -> bool:
    """Say whether a check of a blocked entry would find something else than the last one."""
    if seen.landed:
        return True
    with site.coordinator.ledger.state() as state:
        found = (*seen.findings, *findings(state, site.context(state), entry))
    rest = tuple(one for one in entry.findings if one.name == "verification")
    return failed((*found, *rest)) != entry.reason


def _ask_for_consent(site: Site, entries: Iterable[Merge]) -> None:
    """Ask a person where an entry needs one and nobody has asked yet."""
    for entry in entries:
        with site.coordinator.ledger.state() as state:
            context = site.context(state)
            why = consent(state, context, entry)
            about = subject(entry)
            asked = granted(state, context, about) or next(iter(live(state, context, about)), None)
        if why and asked is None:
            ask(
                site.coordinator,
                about,
                title="",
                why=why,
                session=site.session,
                # A person who lands what an agent has queued may well be the one who decides.
                agent=site.agent if site.session else entry.agent or site.agent,
            )


def _portions(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(dict.fromkeys(ids))
    while some := tuple(islice(rest, _TOGETHER)):
        yield some
