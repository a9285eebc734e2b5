"""Where a pull request stands in the merge queue, and what the ledger has against it now.

An entry is that of a branch and its target, so that of a pull request is found whatever address
it has noted. What the ledger itself says is asked anew at every look; what git has found is as old
as the last check. A fork's branch is no branch of ours, whatever its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.merge_order import ordered, unmet
from gitcoord.domain.merge_rules import failed, findings, verified
from gitcoord.domain.merges import Merge, Status, of_branch
from gitcoord.domain.verification import Standing, Verification
from gitcoord.mirror.commands import WORD
from gitcoord.mirror.markdown import code

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.mirror.desk import Look
    from gitcoord.mirror.facts import Thread

#: What is shown of a foreign reason, in characters.
REASON = 300
#: Findings of git, which only a check makes anew.
_OF_GIT = frozenset(("branch", "mergeable"))
#: Statuses in which nothing is held against an entry: it lands, or has left the queue.
_DECIDED: frozenset[Status] = frozenset(("merging", "ejected"))
_SAID: dict[Status, str] = {
    "queued": "waits for its check",
    "pre_merge_check": "is being checked",
    "ready": "is ready to land",
    "merging": "lands now",
    "landing": "waits for a pull request to be merged",
    "blocked": "is blocked",
}


class Place(NamedTuple):
    """A pull request's entry, open or ejected, and where it stands."""

    entry: Merge
    #: Its place in the queue of its target, from 1, and how many wait there; 0: it was ejected.
    at: int
    of: int
    #: Whether the pull request's head is the commit that was queued.
    same: bool
    #: What the ledger has against its landing now, in a line; "": nothing.
    against: str
    #: What git has found against it at its last check.
    clash: str
    #: What it still waits for, which is nobody's fault.
    waits: str

    @property
    def ok(self) -> bool:
        """Whether the ledger has nothing against the very commit that is proposed."""
        return not (self.same and self.against)


def place_of(look: Look, thread: Thread) -> Place | None:
    """Return the place of a pull request; None where its branch has no entry for its base."""
    pull = thread.pull
    if pull is None or not pull.own:
        return None
    state = look.state
    entry = of_branch(state, pull.branch, pull.base)
    if entry is None:
        return None
    if entry.archived:
        return Place(entry, 0, 0, entry.head == pull.head, "", "", "")
    line = [one.id for one in ordered(state) if one.target == entry.target]
    against, waits = _against(look, entry)
    git = [one for one in entry.findings if one.name in _OF_GIT and not one.passed]
    return Place(
        entry=entry,
        at=line.index(entry.id) + 1,
        of=len(line),
        same=entry.head == pull.head,
        against=against,
        clash=failed(git) if entry.status == "blocked" else "",
        waits=waits,
    )


def _against(look: Look, entry: Merge) -> tuple[str, str]:
    """Return what the ledger has against an open entry now, and what it waits for."""
    if entry.status in _DECIDED:
        return "", ""
    against = [failed(findings(look.state, look.context, entry))]
    waits = [f"needs {why}" for _, why, comes in unmet(look.state, entry) if comes]
    seen = verification_of(look.state, entry)
    if seen.status == "failed":
        against.append(seen.text)
    elif seen.status == "pending":
        waits.append(seen.text)
    return "; ".join(filter(None, against)), "; ".join(waits)


def verification_of(state: State, entry: Merge) -> Standing:
    """Return how the entry stands to what its changes have to pass.

    Either the tree that its check has made or that of its own commit may have passed, and both
    count against it.
    """
    known = state.get(Verification, entry.head)
    trees = dict.fromkeys(filter(None, (entry.checked_tree, known.tree if known else "")))
    found = {one.status: one for one in (verified(state, tree, [entry]) for tree in trees)}
    for status in ("failed", "passed", "not_needed", "pending"):
        if status in found:
            return found[status]
    # Nothing of it is known yet, which is what a tree that is nobody's comes to.
    return verified(state, "", [entry])


def ripe(look: Look, entry: Merge) -> bool:
    """Say whether an entry can be merged as far as the ledger knows: all that it needs is there."""
    against, waits = _against(look, entry)
    return entry.status == "landing" and not against and not waits


def line_of(place: Place) -> str:
    """Return a pull request's place in one line of plain text."""
    entry = place.entry
    if not place.at:
        return f"Ejected from the merge queue: {entry.reason}"
    what = _SAID[entry.status]
    why = place.against or place.clash or place.waits
    at = "" if place.same else f" at {entry.head[:12]}, an older head"
    told = f"Number {place.at} of {place.of} in the merge queue{at}: {what}"
    return f"{told}; {why}" if why else told


def told(place: Place) -> str:
    """Return the same in Markdown, with what to do."""
    entry = place.entry
    again = f"{code(f'{WORD} queue')} queues it again"
    if not place.at:
        why = code(entry.reason or "no reason is given", REASON)
        return f"**Ejected** from the merge queue ({code(entry.id)}): {why}. {again}."
    where = f"number {place.at} of {place.of} for {code(entry.target)}"
    parts = [f"**Merge queue**: {code(entry.id)} is {where} and {_SAID[entry.status]}."]
    if place.against or place.clash:
        parts.append(f"In the way: {code(place.against or place.clash, REASON)}.")
    elif place.waits:
        parts.append(f"Before that: {code(place.waits, REASON)}.")
    if not place.same:
        parts.append(
            f"It was queued at {code(entry.head[:12])}, which is not the head of this pull "
            f"request; {again} as it is now."
        )
    return " ".join(parts)


def ejection(place: Place) -> tuple[str, str]:
    """Return the mark and the text by which an ejection is told once."""
    entry = place.entry
    return f"ejected:{entry.id}:{entry.ejections}", told(place)
