"""Packages that could be worked on side by side must not want the same files and keys.

Promises to name every two that neither depends on the other and whose scopes or locks overlap,
by the exact rule of keys; what one denies itself as a whole does not count. Not here: who does
work, and whether they really run at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.graph import reached
from gitcoord.domain.key_index import listed, wanted
from gitcoord.domain.overlap import matches, overlap
from gitcoord.errors import LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.keys import Key
    from gitcoord.domain.settings import Settings

#: Most patterns and keys of all packages together.
KEYS_LIMIT = 1000
#: Most pairs of them that have to be compared in full: all others wait meanwhile.
PAIRS_LIMIT = 20_000
#: Pairs of keys that are shown of two packages.
_SHOWN = 20


class Package(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a plan remembers of a package: its task, what it locks and may change."""

    id: str
    #: Id of its task.
    task: str = ""
    depends_on: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """Two packages that could run side by side, and the keys of each that overlap."""

    packages: tuple[str, str]
    keys: list[tuple[str, str]]

    def told(self) -> str:
        """Return it in words."""
        one, other = self.packages
        pairs = [
            f"{mine!r}" if mine == theirs else f"{mine!r} with {theirs!r}"
            for mine, theirs in self.keys[:3]
        ]
        more = f" and {len(self.keys) - 3} more" if len(self.keys) > 3 else ""
        return f"{one} and {other} could run side by side, and overlap in {', '.join(pairs)}{more}"


def clashes(settings: Settings, packages: Sequence[Package]) -> list[Clash]:
    """Return the pairs that overlap, in the order of the packages; names are unique, no cycles.

    Raises `InvalidKey`, `UnknownNamespace`, and `LimitReached` for too many patterns.
    """
    marks = [mark for place, one in enumerate(packages) for mark in _marks(settings, place, one)]
    if len(marks) > KEYS_LIMIT:
        raise LimitReached(
            f"a plan has at most {KEYS_LIMIT} patterns and keys, not {len(marks)}",
            count=len(marks),
        )
    far = reached({one.id: one.depends_on for one in packages})
    denied = [[wanted(settings, text) for text in one.deny] for one in packages]
    compared = 0
    found: defaultdict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)
    for one, other in _near(marks):
        first, second = (one, other) if one.owner < other.owner else (other, one)
        names = packages[first.owner].id, packages[second.owner].id
        if names[0] in far[names[1]] or names[1] in far[names[0]]:
            continue
        compared += 1
        if compared > PAIRS_LIMIT:
            raise LimitReached(
                f"over {PAIRS_LIMIT} pairs of patterns of packages side by side begin alike",
                hint="Let patterns begin with a folder, or packages depend on one another.",
            )
        if not overlap(first.key, second.key):
            continue
        if _spared(first, second, denied) or _spared(second, first, denied):
            continue
        found[first.owner, second.owner].append((first.key.text, second.key.text))
    return [
        Clash(
            packages=(packages[pair[0]].id, packages[pair[1]].id),
            keys=sorted(dict.fromkeys(keys))[:_SHOWN],
        )
        for pair, keys in sorted(found.items())
    ]


def allowed(settings: Settings, package: Package, path: str) -> bool:
    """Say whether a package may change the file; what is denied is denied."""
    fold = settings.case_folding

    def covers(texts: tuple[str, ...]) -> bool:
        return any(matches(wanted(settings, text), path, fold_case=fold) for text in texts)

    return covers(package.write) and not covers(package.deny)


class _Mark(msgspec.Struct, frozen=True):
    """A key that a package wants; `written` in its scope, else in its locks."""

    key: Key
    owner: int
    written: bool


def _marks(settings: Settings, owner: int, package: Package) -> Iterator[_Mark]:
    for texts, written in ((package.write, True), (package.locks, False)):
        for text in dict.fromkeys(texts):
            key = wanted(settings, text)
            free = (*settings.ignore, *settings.shared)
            if not listed(settings, key, free):
                yield _Mark(key, owner, written)


def _near(marks: list[_Mark]) -> Iterator[tuple[_Mark, _Mark]]:
    """Yield the pairs of different owners of which one literal begins the other."""
    above: list[_Mark] = []
    for mark in sorted(marks, key=lambda one: (one.key.namespace, one.key.literal)):
        while above and not (
            mark.key.namespace == above[-1].key.namespace
            and mark.key.literal.startswith(above[-1].key.literal)
        ):
            above.pop()
        for one in above:
            if one.owner != mark.owner:
                yield one, mark
        above.append(mark)


def _spared(mark: _Mark, other: _Mark, denied: list[list[Key]]) -> bool:
    """Say whether the mark's owner denies itself all that the other wants there."""
    return mark.written and any(_covers(deny, other.key) for deny in denied[mark.owner])


def _covers(deny: Key, key: Key) -> bool:
    if deny.text == key.text:
        return True
    if deny.pattern == "**":
        return deny.namespace == key.namespace and key.literal.startswith(deny.literal)
    return key.is_literal and matches(deny, key.literal)
