"""What became of an operation, kept so that asking again gets the first answer."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from gitcoord.domain.record import Record
from gitcoord.domain.time import Time, plus

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Op(Record, frozen=True, kw_only=True):
    """An operation that was accepted: a digest of its arguments and the answer it got."""

    table = "ops"

    id: str
    digest: str
    #: Number of the transaction that carried it.
    seq: int
    at: Time
    #: The answers as plain data, one per operation of the request.
    outcome: list[Any]

    @property
    def name(self) -> str:
        """The id that its sender gave it."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return its time, so that the oldest can be found."""
        yield f"at:{self.at}"


def prune(state: State, now: Time, added: int) -> None:
    """Forget the oldest answers that are past the time they are kept (`ops_kept`).

    At most twice as many as the transaction adds and four more: they never pile up,
    and no transaction pays for a long pause.
    """
    limit = f"at:{plus(now, -state.settings.ops_kept)}"
    oldest = islice(state.scan(Op, "at:"), 2 * added + 4)
    for old in list(takewhile(lambda one: f"at:{one.at}" < limit, oldest)):
        state.remove(old)
