"""How much of a text is looked at: turns, characters and depth, counted for the whole judgement.

A text of a few lines can stand for a billion commands (functions that call functions, loops
in loops, a value that doubles itself). What lies beyond is not looked at, and `over` says so:
a judge then must not call the text harmless.
"""

from __future__ import annotations

#: Most parts of trees that are walked, counting each turn of a loop and each call.
STEPS = 12_000
#: Most characters of words, values and texts within texts.
CHARS = 600_000
#: Most parts within parts; small enough for the stack of Python, whoever calls.
NESTED = 100
#: Longest value, word or output that is kept, in characters.
LONGEST = 65_536


class Budget:
    """What is left, shared by a script and all that runs inside of it."""

    __slots__ = ("_chars", "_level", "_steps", "over")

    def __init__(self) -> None:
        self._steps = STEPS
        self._chars = CHARS
        self._level = 0
        #: Whether something was not looked at.
        self.over = False

    def enter(self) -> bool:
        """Go one part deeper, to be left again by `leave`; says whether that may be done."""
        if self._level >= NESTED or self._steps <= 0 or self._chars <= 0:
            self.over = True
            return False
        self._level += 1
        self._steps -= 1
        return True

    def leave(self) -> None:
        """Come back from a part."""
        self._level -= 1

    def spend(self, chars: int) -> None:
        """Count characters that were put together."""
        self._chars -= chars

    def kept(self, text: str) -> str:
        """Return the text, cut where it is too long."""
        if len(text) <= LONGEST:
            return text
        self.over = True
        return text[:LONGEST]
