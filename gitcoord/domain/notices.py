"""Notices: what a session must be told that happened to it while it did something else.

A notice is written by the rule that took something away. It is kept for a week;
who reads it changes nothing. Not here: messages that agents write to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitcoord.domain.operation import Context
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import root
from gitcoord.domain.time import Time, plus

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: How long a notice is kept, in seconds.
KEPT = 7 * 86400


class Notice(Record, frozen=True, kw_only=True):
    """One thing that a holder was told."""

    table = "notices"

    #: The operation that caused it, and which of its notices this is.
    id: str
    to: str
    kind: str
    text: str
    at: Time
    #: The lock keys that it is about.
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The notice's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return what it is found by: whom it tells, oldest first, and when."""
        return (f"to:{root(self.to)}:{self.at}:{self.id}", f"at:{self.at}")


def tell(
    state: State, context: Context, to: str, kind: str, text: str, keys: Iterable[str] = ()
) -> Notice:
    """Leave a notice for a holder and return it; forget what is older than `KEPT`."""
    prune(state, plus(context.now, -KEPT))
    number = 1
    while state.get(Notice, f"{context.op_id}.{number}") is not None:
        number += 1
    notice = Notice(
        id=f"{context.op_id}.{number}",
        to=to,
        kind=kind,
        text=text,
        at=context.now,
        keys=tuple(keys),
    )
    state.put(notice)
    return notice


def told(state: State, holder: str, since: Time = "") -> list[Notice]:
    """Return the notices for a session and its sub-agents from `since` on, oldest first."""
    found = state.scan(Notice, f"to:{root(holder)}:")
    return [notice for notice in found if notice.at >= since]


def prune(state: State, before: Time) -> int:
    """Forget the notices from before that time and return how many there were."""
    old = []
    for notice in state.scan(Notice, "at:"):
        if notice.at >= before:
            break
        old.append(notice)
    for notice in old:
        state.remove(notice)
    return len(old)
