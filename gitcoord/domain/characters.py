"""One place of a glob: a character, an escape or a class such as `[a-z]`.

Spans are sorted, disjoint, inclusive pairs of code points and never hold "/".
Promises that folding case maps one character to one, so that `?` and classes
count the same characters before and after. Not here: where in a glob it stands.
"""

from __future__ import annotations

from functools import lru_cache

Spans = tuple[tuple[int, int], ...]

#: What a backslash may stand before. Any other is refused: `src\auth` is meant as a directory.
ESCAPABLE = frozenset("*?[]{},\\!^-")
#: What stands for itself only after a backslash.
ACTIVE = frozenset("*?[{}\\")

_LAST = 0x10FFFF
_SLASH = ord("/")
_CASED_END = 0x20000


class Malformed(ValueError):
    """The text breaks the syntax of keys; the message goes on after 'the key ...'."""


def normal(text: str) -> str:
    """Return the text in Unicode normalisation form C (https://unicode.org/reports/tr15/)."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFC", text)


def fold(char: str) -> str:
    """Return the simple case folding of one character: always one character.

    One to one, as in https://www.unicode.org/Public/UCD/latest/ucd/CaseFolding.txt (C and S).
    """
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return folded
    return char


def read(text: str, at: int) -> tuple[str, int]:
    """Return the character at this place, escaped or not, and the place after it."""
    if text[at] != "\\":
        return text[at], at + 1
    escaped = text[at + 1 : at + 2]
    if escaped not in ESCAPABLE:
        raise Malformed(
            'has a backslash that escapes nothing: write "/" between directories,'
            ' and "\\\\" for a backslash in a name'
        )
    return escaped, at + 2


def read_class(text: str, at: int, fold_case: bool = False) -> tuple[bool, Spans, int]:
    """Return whether the class that opens here is negated, its members, and the place after it."""
    at += 1
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    first = at
    spans: list[tuple[int, int]] = []
    while text[at : at + 1] != "]" or at == first:
        if at >= len(text):
            raise Malformed('has a "[" without its "]"')
        if text[at : at + 2] in ("[:", "[.", "[="):
            raise Malformed(f'has "{text[at : at + 2]}", a kind of class that is not known here')
        low, at = read(text, at)
        high = low
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("", "]"):
            high, at = read(text, at + 1)
        if "/" in (low, high):
            raise Malformed('has a "/" between "[" and "]"')
        if high < low:
            raise Malformed(f'has the range "{low}-{high}", which is the wrong way round')
        spans.append((ord(low), ord(high)))
    members = _ordered(spans)
    return negated, _folded(members) if fold_case else members, at + 1


def write_class(negated: bool, members: Spans) -> str:
    """Return the one text that a class of these members has in every canonical key."""
    parts = ["[!" if negated else "["]
    for low, high in members:
        parts.append(_member(low))
        if high > low:
            parts.append("-" if high > low + 1 else "")
            parts.append(_member(high))
    text = "".join((*parts, "]"))
    if normal(text) != text:
        raise Malformed("has a class with a character that combines with others")
    return text


@lru_cache(maxsize=1024)
def spans_of(token: str) -> Spans:
    """Return what a literal character, `?` or a canonical class matches."""
    if token == "?":
        return ((0, _SLASH - 1), (_SLASH + 1, _LAST))
    if token[0] != "[":
        return ((ord(token[-1]), ord(token[-1])),)
    negated, members, _ = read_class(token, 0)
    return _complement(members) if negated else members


def meets(some: Spans, others: Spans) -> bool:
    """Return whether a character is in both."""
    i = j = 0
    while i < len(some) and j < len(others):
        if some[i][1] < others[j][0]:
            i += 1
        elif others[j][1] < some[i][0]:
            j += 1
        else:
            return True
    return False


def _member(point: int) -> str:
    char = chr(point)
    return "\\" + char if char in "[]\\!^-" else char


def _has(spans: Spans, point: int | None) -> bool:
    return point is not None and any(low <= point <= high for low, high in spans)


def _complement(members: Spans) -> Spans:
    gaps, low = [], 0
    for start, end in members:
        gaps.append((low, start - 1))
        low = end + 1
    return _ordered([*gaps, (low, _LAST)])


def _ordered(spans: list[tuple[int, int]]) -> Spans:
    """Sort, join what touches, and leave out "/" and empty spans."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(span for span in spans if span[0] <= span[1]):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    parted: list[tuple[int, int]] = []
    for low, high in joined:
        if low <= _SLASH <= high:
            parted += [(low, _SLASH - 1), (_SLASH + 1, high)]
        else:
            parted.append((low, high))
    return tuple((low, high) for low, high in parted if low <= high)


def _folded(members: Spans) -> Spans:
    """Replace every member by its folding.

    Characters that no folded path holds stay where they part two members and fold to a third:
    every other class that holds them holds both neighbours, every negated one lacks them only
    with both, so no answer changes, a wide range stays one, and folding again changes nothing.
    """
    changes = _foldings(0x80 if members[-1][1] < 0x80 else _CASED_END)
    kept: list[tuple[int, int]] = []
    for low, high in members:
        start = low
        for point, folded in changes.items():
            if low <= point <= high:
                kept += [(start, point - 1), (folded, folded)]
                start = point + 1
        kept.append((start, high))
    joined: list[tuple[int, int]] = []
    spans = _ordered(kept)
    for low, high in spans:
        between = range(joined[-1][1] + 1, low) if joined else ()
        if joined and all(_has(spans, changes.get(point)) for point in between):
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return tuple(joined)


@lru_cache(maxsize=2)
def _foldings(end: int) -> dict[int, int]:
    """Return the code points below `end` that folding changes, in order, and what they become."""
    pairs = ((point, ord(fold(chr(point)))) for point in range(end))
    return {point: folded for point, folded in pairs if point != folded}
