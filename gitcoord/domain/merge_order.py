"""The order of the merge queue: who comes first, and which entries can land together.

Promises that no entry comes before one that it needs, that the order is the same whoever asks, and
that no two entries of a batch change the same. Entries that are not ready do not hold up those
behind them. Not here: whether an entry may land (`merge_rules`), and anything of git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING
from unicodedata import normalize

from gitcoord.domain.feasibility import related
from gitcoord.domain.features import Feature, claims_by
from gitcoord.domain.key_index import wanted
from gitcoord.domain.merges import Merge, listed
from gitcoord.domain.overlap import matches

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State


def edges(entries: Iterable[Merge]) -> dict[str, tuple[str, ...]]:
    """Return for each entry those of the others, or itself, that have to be merged before it.

    A feature stands for every entry that names it.
    """
    every = list(entries)
    by_feature: dict[str, list[str]] = {}
    for entry in every:
        by_feature.setdefault(entry.feature, []).append(entry.id)
    known = {entry.id for entry in every}

    def before(entry: Merge) -> Iterator[str]:
        for name in entry.needs:
            yield from [name] if name in known else by_feature.get(name, ())

    return {entry.id: tuple(dict.fromkeys(before(entry))) for entry in every}


def ordered(state: State) -> list[Merge]:
    """Return all open entries: by priority, then age, never before one that is needed."""
    return arranged(listed(state))


def arranged(entries: Iterable[Merge]) -> list[Merge]:
    """Return entries in their order. Those that need each other, which none should, come last."""
    known = {entry.id: entry for entry in entries}
    missing = {name: set(needed) for name, needed in edges(known.values()).items()}
    waiting: dict[str, list[str]] = {}
    for name, needed in missing.items():
        for one in needed:
            waiting.setdefault(one, []).append(name)
    free = [(known[name].order, name) for name, needed in missing.items() if not needed]
    heapify(free)
    found: list[Merge] = []
    while free:
        _, name = heappop(free)
        found.append(known.pop(name))
        for other in waiting.get(name, ()):
            missing[other].discard(name)
            if not missing[other]:
                heappush(free, (known[other].order, other))
    return found + sorted(known.values(), key=lambda entry: entry.order)


def unmet(
    state: State, entry: Merge, together: Sequence[Merge] = ()
) -> list[tuple[str, str, bool]]:
    """Return what the entry needs and has not got: the name, why for people, and whether it comes.

    What lands in the same batch before it, `together`, counts as got. A need comes if it is open
    in the queue, so that the order will put it first.
    """
    got = {one.id for one in together}
    found = []
    for name in entry.needs:
        needed = state.get(Merge, name)
        if needed is not None:
            if needed.status != "merged" and name not in got:
                found.append((name, f"{name}, which is {needed.status}", not needed.archived))
            continue
        queued = [one.id for one in state.find(Merge, f"feature:{name}")]
        if queued and got.issuperset(queued):
            continue
        feature = state.get(Feature, name)
        if feature is None:
            found.append((name, f"feature {name}, which is not there any more", False))
        elif queued:
            found.append((name, f"feature {name}, of which {', '.join(queued)} is queued", True))
        elif feature.status != "completed":
            found.append((name, f"feature {name}, which is {feature.status}", False))
    return found


def batch(
    state: State,
    target: str,
    limit: int | None = None,
    among: Callable[[Merge], bool] | None = None,
) -> list[Merge]:
    """Return the first ready entries for a target that can land together, in their order.

    They are disjoint and have all that they need, at the latest from those before them in the
    batch. `limit`: how many at most; None: as the settings say. `among`: which come into question.
    """
    room = state.settings.merge_batch if limit is None else limit
    ground = Ground(state)
    found: list[Merge] = []
    for entry in ordered(state):
        if len(found) >= room:
            break
        if entry.target != target or entry.status != "ready" or unmet(state, entry, found):
            continue
        if among is not None and not among(entry):
            continue
        if not ground.met(entry):
            ground.add(entry)
            found.append(entry)
    return found


class Ground:
    """What the entries of a batch change and claim, for the question whether another fits in."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._entries: list[Merge] = []
        self._paths: dict[str, str] = {}
        self._above: dict[str, str] = {}
        self._slots: dict[str, str] = {}

    def add(self, entry: Merge) -> None:
        """Take the entry in."""
        self._entries.append(entry)
        for path in map(folded, entry.paths):
            self._paths.setdefault(path, entry.id)
            for folder in _above(path):
                self._above.setdefault(folder, entry.id)
        for slot in slots(self._state.settings, entry):
            self._slots.setdefault(slot, entry.id)

    def met(self, entry: Merge) -> str:
        """Return the id of an entry that this one must not land together with, or ""."""
        for other in self._entries:
            if entry.wide or other.wide or self._sequential(entry, other):
                return other.id
        for slot in slots(self._state.settings, entry):
            if slot in self._slots:
                return self._slots[slot]
        for path in map(folded, entry.paths):
            places = (self._paths.get(path), self._above.get(path))
            found = next(filter(None, (*places, *map(self._paths.get, _above(path)))), "")
            if found:
                return found
        return ""

    def _sequential(self, one: Merge, other: Merge) -> bool:
        if not one.feature or not other.feature or one.feature == other.feature:
            return False
        settings = self._state.settings
        features = [self._state.get(Feature, x.feature) for x in (one, other)]
        claims = [claims_by(settings, x) for x in features if x is not None]
        return len(claims) == 2 and related(settings, *claims).feasibility == "SEQUENTIAL"


def folded(path: str) -> str:
    """Return a path as file systems may see it: two that differ only in case are the same."""
    return normalize("NFC", path.casefold())


def slots(settings: Settings, entry: Merge) -> list[str]:
    """Return the exclusive slots of the settings of which an entry changes a file."""
    keys = [wanted(settings, text) for text in settings.exclusive_slots]
    fold = settings.case_folding
    return [
        key.text
        for key in keys
        if key.namespace == "file" and any(matches(key, x, fold_case=fold) for x in entry.paths)
    ]


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path: what is a file on one side cannot be one on the other."""
    at = path.rfind("/")
    while at > 0:
        path = path[:at]
        yield path
        at = path.rfind("/")
