"""Whether a page is behind its git host, and since when: what is shown is then what it said last.

Not here: asking the host (`webhook.projects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.time import Time, from_epoch, plus

if TYPE_CHECKING:
    from gitcoord.bootstrap import House

#: Seconds of silence after which a page says so, although no question has failed yet.
SILENT = 5.0


class Behind(NamedTuple):
    """A host that does not answer."""

    #: When it did.
    at: Time
    now: Time
    #: What went wrong since.
    words: str


def behind(house: House) -> Behind | None:
    """Return how far behind the host a page is that has just asked; None where it is not.

    Of a host that was never heard there is no page, but a refusal that says the same.
    """
    contact = house.wire.contact if house.wire is not None else None
    if contact is None or contact.age is None:
        return None
    if contact.error is None and contact.age < SILENT:
        return None
    now = from_epoch(house.ledger.clock.wall())
    words = "it has not answered yet" if contact.error is None else contact.error.message
    return Behind(plus(now, -contact.age), now, words)
