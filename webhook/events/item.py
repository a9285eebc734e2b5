"""What streams and notifications carry: an event, encoded once for all who get it, or an aside.

Asides say something about the stream itself and are no part of the ledger: `presence`, `gap`
and `end`. Not here: how either travels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from gitcoord.domain.event import TYPES
from gitcoord.domain.sessions import root
from gitcoord.errors import InvalidValue
from gitcoord.ledger.feed import Happening, Position

#: What a stream says beside the events.
ASIDES = {
    "presence": "All live sessions with their status and last sign of life; has no id.",
    "gap": "Events were missed that cannot be told; the stream goes on behind its id.",
    "end": "The stream ends for the reason that is given; come back with the last id.",
}

#: Not a word of streams: see `tick`.
TICK = "tick"


class Item(NamedTuple):
    """One thing that is sent."""

    type: str
    #: The JSON text.
    text: str
    #: Where in the ledger's chain a reader stands that has got it; None: where it stood before.
    at: Position | None = None
    #: The sessions that it is about; whether it is for whoever follows only one of them.
    about: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id under which to come back; empty where there is none."""
        return "" if self.at is None else str(self.at)


class Wish(NamedTuple):
    """Which events somebody wants; what is empty admits all."""

    types: frozenset[str] = frozenset()
    #: A session with its sub-agents.
    session: str = ""

    def admits(self, item: Item) -> bool:
        """Say whether the item is wanted. That something was missed, or ends, always is."""
        if item.type in ("gap", "end"):
            return True
        if self.types and item.type not in self.types:
            return False
        return not self.session or item.type == "presence" or self.session in item.about


def wish(types: str = "", session: str = "") -> Wish:
    """Return what a request asks for: types with commas between, `lock.*` for all of a kind.

    Raises `InvalidValue` for a type that there is not.
    """
    found: set[str] = set()
    for text in filter(None, (part.strip() for part in types.split(","))):
        known = _matching(text)
        if not known:
            kinds = sorted({name.partition(".")[0] + ".*" for name in TYPES})
            raise InvalidValue(
                f"there are no events {text[:80]!r}",
                hint=f"Known: {', '.join([*kinds, 'presence'])}.",
                types=text[:80],
            )
        found |= known
    return Wish(frozenset(found), root(session))


def _matching(text: str) -> set[str]:
    names = {*TYPES, "presence"}
    if text.endswith(".*"):
        return {name for name in names if name.startswith(text[:-1])}
    return {text} & names


def item(happening: Happening) -> Item:
    """Return the event as it is sent."""
    event = happening.event
    return Item(event.type, _text(happening.body()), happening.at, event.about)


def presence(sessions: Iterable[dict[str, Any]]) -> Item:
    """Return the snapshot of who is there."""
    return Item("presence", _text({"type": "presence", "sessions": list(sessions)}))


def gap(at: Position, after: Position | None, why: str) -> Item:
    """Return that what came between `after` and `at` cannot be told.

    None: one transaction, which ends there.
    """
    body = {"id": str(at), "type": "gap", "after": after and str(after), "reason": why}
    return Item("gap", _text(body), at)


def tick() -> Item:
    """Return that nothing has happened for a while: for whoever reads a hub, never sent."""
    return Item(TICK, "")


def end(reason: str, at: Position | None) -> Item:
    """Return the last item of a stream: why it ends, and after what to come back."""
    return Item("end", _text({"type": "end", "reason": reason, "resume": at and str(at)}))


def _text(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
