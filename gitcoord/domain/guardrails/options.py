"""The options of a command line as getopt reads them: clusters, abbreviations, `--`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Parsed(NamedTuple):
    """Options as (name, value) in their order, and the other words."""

    options: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Say whether one of these is given: `f` for `-f`, `force` for `--force` and `--forc`."""
        return any(matches(given, name) for given, _ in self.options for name in names)

    def get(self, *names: str) -> list[str]:
        """Return the values given to these."""
        return [
            value for given, value in self.options if any(matches(given, name) for name in names)
        ]


def matches(given: str, name: str) -> bool:
    """Say whether an option means a name; long ones may be shortened to three letters."""
    if len(name) == 1 or len(given) < 3:
        return given == name
    return given == name or (len(given) >= 3 and name.startswith(given))


def parse(
    words: Sequence[str], valued: str = "", long: Collection[str] = (), *, stop: bool = False
) -> Parsed:
    """Return what the words say.

    `valued`: letters that take a value; `long`: long options that take one as their next word.
    `stop`: options end at the first operand, as with programs that run other programs.
    """
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            operands += words[at:]
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and name in long and at < len(words):
                value, at = words[at], at + 1
            options.append((name, value))
        elif len(word) > 1 and word[0] == "-":
            at = _cluster(word, words, at, valued, options)
        elif stop:
            operands += words[at - 1 :]
            break
        else:
            operands.append(word)
    return Parsed(tuple(options), tuple(operands))


def _cluster(
    word: str, words: Sequence[str], at: int, valued: str, options: list[tuple[str, str]]
) -> int:
    for place, letter in enumerate(word[1:], 2):
        if letter not in valued:
            options.append((letter, ""))
            continue
        value = word[place:]
        if not value and at < len(words):
            value, at = words[at], at + 1
        options.append((letter, value))
        break
    return at
