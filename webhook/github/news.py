"""What the ledger's own events mean for what GitHub shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gitcoord.mirror.issues import number_of
from gitcoord.mirror.subjects import Branch, Everything, Subject, Thread

if TYPE_CHECKING:
    from webhook.events.item import Item

#: Events after which pull requests can be in others' way, or are no more.
_LOCKS = frozenset(("lock.acquired", "lock.released", "lock.expired", "lock.taken_over"))
#: Beginnings of events after which the merge queue may have something else against an entry.
_JUDGED = ("verification.", "approval.", "feature.")
#: Events after which more may differ than the event names.
_WIDE = frozenset(
    ("gap", "session.killed", "session.timed_out", "settings.changed", "ledger.restored")
)


class Heard(NamedTuple):
    """What is to be looked at, and whether all pull requests are to be shown anew."""

    subjects: tuple[Subject, ...] = ()
    pulls: bool = False

    def __bool__(self) -> bool:
        return bool(self.subjects or self.pulls)


def concerned(items: Iterable[Item]) -> Heard:
    """Return what a run of events means."""
    subjects: dict[Subject, None] = {}
    pulls = False
    for item in items:
        if item.type in _WIDE:
            subjects[Everything()] = None
        elif item.type in _LOCKS or item.type.startswith(_JUDGED):
            pulls = True
        elif item.type.startswith("merge."):
            pulls = True
            subjects[Branch(_told(item, "branch"))] = None
        elif item.type.startswith("task."):
            number = number_of(_told(item, "task_id"))
            if number:
                subjects[Thread(number)] = None
    return Heard(tuple(subjects), pulls)


def _told(item: Item, field: str) -> str:
    """Return what an event says of what it is about."""
    return str(msgspec.json.decode(item.text)["data"][field])
