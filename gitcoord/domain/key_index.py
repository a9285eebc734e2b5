"""Where records that name lock keys stand in the index, and which of them are near a key.

Promises that whatever overlaps a key is among the records near it; being near is
not overlapping. A key stands at its literal prefix, so what can overlap it stands
above, at or below that prefix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, TypeVar

from gitcoord.domain.keys import DEFAULT_PREFIXES, Key, ancestors, parse
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Record

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State

R = TypeVar("R", bound=Record)


#: Keys by canonical text: what is wanted now is stored next, and parsing it is not cheap.
_known: dict[str, Key] = {}
_KNOWN_LIMIT = 8192


def _remember(key: Key) -> None:
    if len(_known) >= _KNOWN_LIMIT:
        _known.clear()
    _known[key.text] = key


def wanted(settings: Settings, text: str) -> Key:
    """Return the key that somebody wrote, by the settings' prefixes and case folding.

    Raises `InvalidKey` and `UnknownNamespace`.
    """
    prefixes = (*DEFAULT_PREFIXES, *settings.namespaces)
    key = parse(text, prefixes=prefixes, fold_case=settings.case_folding)
    _remember(key)
    return key


def stored(text: str) -> Key:
    """Return the key with this canonical text, whatever prefixes the settings know today."""
    key = _known.get(text)
    if key is None:
        key = parse(text, prefixes=(text.partition(":")[0],))
        _remember(key)
    return key


def term(text: str) -> str:
    """Return the index term of the key with this canonical text."""
    key = stored(text)
    return f"at:{key.namespace}:{key.literal}"


def places(key: Key) -> tuple[list[str], list[str]]:
    """Return the index terms of what may overlap `key`: these, and what begins with those."""
    at: list[str] = []
    below: list[str] = []
    for literal in ancestors(key):
        place = f"at:{key.namespace}:{literal}"
        (below if not key.is_literal and literal == key.literal else at).append(place)
    return at, below


def near(state: State, kind: type[R], key: Key) -> Iterator[R]:
    """Yield the records of this kind that may name a key which overlaps `key`.

    A record that names several keys comes once for each that is near.
    """
    at, below = places(key)
    for place in at:
        yield from state.find(kind, place)
    for place in below:
        yield from state.scan(kind, place)


def listed(settings: Settings, key: Key, patterns: Collection[str]) -> bool:
    """Say whether one of the settings' patterns is this key or matches its one path."""
    found = (wanted(settings, text) for text in patterns)
    return any(each.text == key.text or (key.is_literal and overlap(each, key)) for each in found)
