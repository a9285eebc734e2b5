"""Messages: those to everybody in full; of those for one session only that there is one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.mailbox import Message, status_of
from gitcoord.domain.time import Time
from webhook.dashboard.past import sight

if TYPE_CHECKING:
    from webhook.api.asking import Asking

#: Messages that are shown.
ROWS = 100


class Row(NamedTuple):
    """A message as the page shows it: nothing that is for one session only."""

    id: str
    at: Time
    agent: str
    sender: str
    #: Who it is for; "" for everybody.
    to: str
    to_session: str
    priority: str
    kind: str
    #: None where it is not for everybody.
    text: str | None
    needs_ack: bool
    #: Recipients that have read it, and how many there are.
    read: int
    recipients: int
    #: What is known of it and its one recipient.
    heard: str


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page shows, the newest first."""
    with sight(asking) as seen:
        # Terms begin with the time; only those that are shown are read.
        terms = merge(*(seen.snapshot.scan(f"{x}messages", "at:") for x in ("", "archive/")))
        names = deque((name for _, name in terms), maxlen=ROWS)
        found = (seen.state.get(Message, name) for name in reversed(names))
        return {
            "messages": [_row(one) for one in found if one is not None],
            "now": seen.now,
            "live": True,
        }


def _row(one: Message) -> Row:
    return Row(
        id=one.id,
        at=one.at,
        agent=one.agent,
        sender=one.sender,
        to=next((each.agent for each in one.receipts), one.to) if one.to else "",
        to_session=one.to,
        priority=one.priority,
        kind=one.type,
        text=None if one.to else one.text,
        needs_ack=one.needs_ack,
        read=sum(bool(each.read_at) for each in one.receipts),
        recipients=len(one.receipts),
        heard=status_of(one, one.to) if one.to else "",
    )
