"""Whether some path matches two keys at once: exact, and linear in the size of each.

One pattern is a program of tokens; the other is a set of places, one bit for each of its
tokens. The program runs over the set of places where the other can be after the same
text, so that a step is a few operations on integers whatever the patterns hold.
Paths are segments that are not empty, parted by "/". Not here: what a key means.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gitcoord.domain import globs
from gitcoord.domain.characters import ACTIVE, fold, meets, normal, spans_of

if TYPE_CHECKING:
    from gitcoord.domain.keys import Key

# The tokens of a program: those of a glob, and four more. No literal token equals one of them.
SLASH = "/"
STAR = "*"  # characters of one segment, perhaps none
ANY = "?"
DEEP = "**/"  # whole segments with their slashes, perhaps none
REST = "**"  # whatever follows the first character of what is below a directory
END = ""  # of one alternative


def overlap(a: Key, b: Key) -> bool:
    """Return whether some path matches both; logical keys overlap if they are equal."""
    if a.namespace != b.namespace:
        return False
    if a.is_literal and b.is_literal:
        return a.literal == b.literal
    if a.is_literal or (not b.is_literal and len(a.literal) > len(b.literal)):
        a, b = b, a
    if not b.literal.startswith(a.literal):
        return False
    places = _compile(a.pattern)
    reached = places.follow(b.literal[len(a.literal) :])
    if b.is_literal:
        return bool(reached & places.ends)
    return _meet(_compile(b.pattern).program, places, reached)


def matches(key: Key, path: str, *, fold_case: bool = False) -> bool:
    """Return whether the key matches the path of a file; `fold_case` as the key was parsed.

    The path has no "." and no doubled slashes. Logical keys match no path.
    """
    if key.namespace != "file" or path[-1:] in ("", "/"):
        return False
    path = normal(path)
    if fold_case:
        path = normal("".join(map(fold, path)))
    if key.is_literal or not path.startswith(key.literal):
        return key.is_literal and path == key.literal
    places = _compile(key.pattern)
    return bool(places.follow(path[len(key.literal) :]) & places.ends)


class _Places:
    """The places before each token of a program as bits of integers.

    Empty segments are let through: what matches one, `*` alone or what `**` stands for, matches
    a letter too, so where two patterns have such a text in common they have a path in common.
    """

    __slots__ = (
        "_characters",
        "_classes",
        "_crossing",
        "_deeps",
        "_edges",
        "_letters",
        "_loops",
        "_skips",
        "_slashes",
        "ends",
        "program",
        "start",
    )

    def __init__(self, program: list[str]) -> None:
        self.program = program
        at: dict[str, int] = {}
        for place, token in enumerate(program):
            at[token] = at.get(token, 0) | 1 << place
        self.ends = at.pop(END)
        self._slashes = at.pop(SLASH, 0)
        star, rest = at.pop(STAR, 0), at.pop(REST, 0)
        self._deeps = at.pop(DEEP, 0)
        self._skips = star | rest
        self._crossing = rest | self._deeps
        self._loops = star | self._crossing
        self._edges = self._slashes | self.ends
        self._letters = {token[-1]: bits for token, bits in at.items() if token[0] not in "?["}
        self._classes = [(spans_of(token), bits) for token, bits in at.items() if token[0] in "?["]
        self._characters = sum(at.values())
        self.start = self._entered(((self.ends << 1) | 1) & ((1 << len(program)) - 1))

    def accepting(self, token: str) -> int:
        """Return the places whose token can match a character that this token matches."""
        if token == ANY:
            return self._characters
        spans = spans_of(token)
        if token[0] == "[":
            found = 0
            for letter, bits in self._letters.items():
                if meets(spans, ((ord(letter), ord(letter)),)):
                    found |= bits
        else:
            found = self._letters.get(token[-1], 0)
        for others, bits in self._classes:
            if meets(spans, others):
                found |= bits
        return found

    def follow(self, text: str) -> int:
        """Return the places after this literal text from the start."""
        places = self.start
        for char in text:
            if char == "/":
                places = self.slash(places)
            else:
                places = self.step(places, self.accepting("\\" + char if char in ACTIVE else char))
        return places

    def step(self, places: int, accepting: int) -> int:
        """Return the places after one character of a segment."""
        after = places & self._loops | (places & accepting) << 1
        return after | (after & self._skips) << 1

    def slash(self, places: int) -> int:
        """Return the places after a slash."""
        entered = self._entered((places & (self._slashes | self._deeps)) << 1)
        return entered | places & self._crossing

    def flood(self, places: int) -> int:
        """Return the places after any characters of the same segment, perhaps none."""
        return places | _fill(places & ~(self._edges | self._deeps), self._edges)

    def spread(self, places: int) -> int:
        """Return the places after any text, perhaps none."""
        flooded = self.flood(places)
        return flooded | _fill(flooded & (self._slashes | self._crossing), self.ends)

    def _entered(self, firsts: int) -> int:
        """Return these first places of segments, with those that they reach without text."""
        firsts |= (firsts & self._deeps) << 1
        return firsts | (firsts & self._skips) << 1


def _fill(places: int, tops: int) -> int:
    """Return, from each lowest place on, all places up to and with the next of `tops`.

    Subtracting borrows from a top to the lowest place below it, and only where there is one.
    `places` holds none of `tops`.
    """
    return (tops - places) ^ tops | places


def _meet(program: list[str], other: _Places, entry: int) -> bool:
    """Return whether the program and the other pattern, begun at `entry`, match a common path."""
    places = entry
    accepting: dict[str, int] = {}
    for token in program:
        if token == SLASH:
            places = other.slash(places)
        elif token == STAR:
            places = other.flood(places)
        elif token == DEEP:
            places |= other.slash(other.spread(places))
        elif token == REST:
            places = other.spread(places)
        elif token == END:
            if places & other.ends:
                return True
            places = entry
        else:
            if token not in accepting:
                accepting[token] = other.accepting(token)
            places = other.step(places, accepting[token])
    return False


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> _Places:
    program: list[str] = []
    for alternative in globs.expand(globs.tokens(pattern)):
        segments = globs.segments(alternative)
        for segment in segments[:-1]:
            program += (DEEP,) if segment == globs.GLOBSTAR else (*segment, SLASH)
        program += (ANY, REST) if segments[-1] == globs.GLOBSTAR else segments[-1]
        program.append(END)
    return _Places(program)
