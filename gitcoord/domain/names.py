"""Names that people read: what they may look like, and a new one for who has none."""

from __future__ import annotations

from collections.abc import Callable, Container

from gitcoord.errors import InvalidValue

#: Longest name, in characters, and most names in one list.
NAME_LIMIT = 100
NAMES_LIMIT = 1000

_ADJECTIVES = (
    "amber bold brisk calm clear cosy crisp deft eager fair fleet frank gentle glad golden hardy "
    "humble jolly keen kind lively loyal lucid mellow merry mild neat nimble noble patient plain "
    "proud quick quiet ready rustic silver sleek snug solid spry steady sunny swift tidy tranquil "
    "trusty vivid warm witty"
)
_NOUNS = (
    "alder badger beaver birch bison cedar condor crane cricket curlew dipper falcon fern finch "
    "fox gannet gecko hare hazel heron ibex jay juniper kestrel lark linden lynx magpie maple "
    "marten mole moose newt oak osprey otter owl pine plover raven robin rowan salmon seal "
    "sparrow stork swan tern thrush vole walnut willow wren"
)


def suggest(taken: Container[str], pick: Callable[[int], int]) -> str:
    """Return a name such as `quiet-otter-42` that is not among `taken`.

    `pick(n)` chooses a number from 0 to n - 1. Where the name is taken the number grows.
    """
    first, second = _ADJECTIVES.split(), _NOUNS.split()
    pair = f"{first[pick(len(first))]}-{second[pick(len(second))]}"
    number = 10 + pick(90)
    while f"{pair}-{number}" in taken:
        number += 1
    return f"{pair}-{number}"


def checked_name(text: str, what: str) -> str:
    """Return `text` if people and git commits can show it as a name.

    That is 1 to 100 printable characters without `<`, `>` and spaces at its ends.
    Raises `InvalidValue`.
    """
    if not 0 < len(text) <= NAME_LIMIT:
        raise InvalidValue(f"a name has 1 to {NAME_LIMIT} characters", name=text)
    if not text.isprintable() or text != text.strip() or "<" in text or ">" in text:
        raise InvalidValue(f"not the name of a(n) {what}: {text!r}", name=text)
    return text


def checked_names(texts: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the names without doubles, in their order. Raises `InvalidValue`."""
    if len(texts) > NAMES_LIMIT:
        raise InvalidValue(f"at most {NAMES_LIMIT} of {what}", count=len(texts))
    return tuple(dict.fromkeys(checked_name(text, what) for text in texts))


def one_line(text: str) -> str:
    """Return the text as one printable line of at most 100 characters, for the diary."""
    plain = "".join(char if char.isprintable() else " " for char in text[:400])
    return " ".join(plain.split())[:100].rstrip()
