"""Whether two features can be worked on side by side: FULL, PARTIAL or SEQUENTIAL.

Promises an answer that is the same from both sides, and that a claim more which meets the other
one never makes it better. Overlap is that of the keys, never that of their texts. Not here: which
features there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from gitcoord.domain.crossings import near_pairs
from gitcoord.domain.key_index import listed, stored, wanted
from gitcoord.domain.overlap import overlap

if TYPE_CHECKING:
    from gitcoord.domain.keys import Key
    from gitcoord.domain.settings import Settings

#: FULL: nothing overlaps. PARTIAL: some of the claims do. SEQUENTIAL: one after the other.
Feasibility = Literal["FULL", "PARTIAL", "SEQUENTIAL"]
_ORDER: tuple[Feasibility, ...] = ("FULL", "PARTIAL", "SEQUENTIAL")


class Claims(NamedTuple):
    """What one feature, or one that may become one, claims: canonical keys, each once."""

    name: str
    #: All of them, with the slots.
    keys: tuple[str, ...]
    #: Those of which nobody else may want any part, however small.
    slots: frozenset[str] = frozenset()


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """How two features stand to each other; the first is the one that was named first."""

    feasibility: Feasibility
    #: Keys of the first, and of the second, that overlap a key of the other.
    overlapping_keys: tuple[str, ...] = ()
    their_keys: tuple[str, ...] = ()
    #: Exclusive slots of which both want something.
    slots: tuple[str, ...] = ()


def claims_of(
    settings: Settings, name: str, keys: Iterable[str], slots: Iterable[str] = ()
) -> Claims:
    """Return claims as they count: without keys that are never locked, or only ever shared.

    Raises `InvalidKey` and `UnknownNamespace`.
    """
    free = (*settings.ignore, *settings.shared)

    def counting(texts: Iterable[str]) -> tuple[str, ...]:
        found = (wanted(settings, text) for text in dict.fromkeys(texts))
        return tuple(dict.fromkeys(key.text for key in found if not listed(settings, key, free)))

    own = counting(slots)
    return Claims(name, tuple(dict.fromkeys((*own, *counting(keys)))), frozenset(own))


def rated(hit: int, total: int, share: float) -> Feasibility:
    """Return the feasibility by how many of how many claims overlap.

    SEQUENTIAL above that share of them; exactly the share is PARTIAL.
    """
    if not hit:
        return "FULL"
    return "SEQUENTIAL" if hit / total > share else "PARTIAL"


def worst(found: Iterable[Feasibility]) -> Feasibility:
    """Return the worst of them; FULL for none."""
    return max(found, key=_ORDER.index, default="FULL")


def related(settings: Settings, one: Claims, other: Claims) -> Relation:
    """Return how two features stand to each other."""
    return relations(settings, (one, other)).get((one.name, other.name)) or Relation(
        feasibility="FULL"
    )


def relations(settings: Settings, every: Sequence[Claims]) -> dict[tuple[str, str], Relation]:
    """Return the relations that are not FULL, by both names, in the order of `every`.

    Names are unique. Each side's share counts, and the worse of them: a small feature that lies
    wholly within a large one has to wait, whoever asks.
    """
    place = {claims.name: number for number, claims in enumerate(every)}
    marks = [(stored(text), claims.name) for claims in every for text in claims.keys]
    known = {claims.name: claims for claims in every}
    hits: dict[tuple[str, str], tuple[set[str], set[str], set[str]]] = {}
    for (upper, one), (lower, other) in near_pairs(marks):
        if one == other or not overlap(upper, lower):
            continue
        (first, mine), (second, theirs) = sorted(
            ((one, upper.text), (other, lower.text)), key=lambda pair: place[pair[0]]
        )
        keys, others, slots = hits.setdefault((first, second), (set(), set(), set()))
        keys.add(mine)
        others.add(theirs)
        slots.update({mine} & known[first].slots, {theirs} & known[second].slots)
    for pair, slot in _shared_slots(settings, every):
        hits.setdefault(pair, (set(), set(), set()))[2].add(slot)
    return {
        pair: _relation(settings, known[pair[0]], known[pair[1]], *hits[pair])
        for pair in sorted(hits, key=lambda pair: (place[pair[0]], place[pair[1]]))
    }


def _shared_slots(
    settings: Settings, every: Sequence[Claims]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the pairs that both want something of a slot of the settings, with that slot."""
    for text in settings.exclusive_slots:
        slot = wanted(settings, text)
        wanting = [claims.name for claims in every if any(_in(slot, claims))]
        for number, one in enumerate(wanting):
            yield from (((one, other), slot.text) for other in wanting[number + 1 :])


def _in(slot: Key, claims: Claims) -> Iterator[bool]:
    return (overlap(slot, stored(text)) for text in claims.keys)


def _relation(
    settings: Settings,
    one: Claims,
    other: Claims,
    keys: set[str],
    others: set[str],
    slots: set[str],
) -> Relation:
    share = settings.sequential_share
    shares = (rated(len(keys), len(one.keys), share), rated(len(others), len(other.keys), share))
    return Relation(
        feasibility=worst(chain(shares, ("SEQUENTIAL",) if slots else ())),
        overlapping_keys=tuple(sorted(keys)),
        their_keys=tuple(sorted(others)),
        slots=tuple(sorted(slots)),
    )
