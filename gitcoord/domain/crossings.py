"""Which of many keys stand near each other: all pairs that can overlap, without comparing all.

Promises that no two keys that overlap are left out. Of two keys that overlap one's literal begins
with the other's, so that in the order of the literals what is above a key is a short stack.
Being near is not overlapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gitcoord.domain.keys import Key

T = TypeVar("T")
Mark = tuple[Key, T]


def near_pairs(marks: Iterable[Mark[T]]) -> Iterator[tuple[Mark[T], Mark[T]]]:
    """Yield the pairs of marks of which one key's literal begins the other's, each pair once.

    A mark is a key and whatever belongs to it. The one that stands above comes first.
    """
    above: list[Mark[T]] = []
    for mark in sorted(marks, key=_place):
        key = mark[0]
        while above and not _begins(above[-1][0], key):
            above.pop()
        for one in above:
            yield one, mark
        above.append(mark)


def _place(mark: Mark[T]) -> tuple[str, str]:
    return mark[0].namespace, mark[0].literal


def _begins(upper: Key, lower: Key) -> bool:
    return upper.namespace == lower.namespace and lower.literal.startswith(upper.literal)
