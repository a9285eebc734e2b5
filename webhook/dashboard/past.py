"""Time travel: what a page looks at, the ledger now or as it was after one of its transactions.

A point is a transaction's id or a time. What is shown of the past is judged as of then, with no
signs of life, which leave no history. Not here: any page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitcoord.domain.oids import is_oid
from gitcoord.domain.time import Time, parse
from gitcoord.errors import InvalidValue
from gitcoord.ledger import history, journal

if TYPE_CHECKING:
    from gitcoord.domain.operation import Beat, Context
    from gitcoord.domain.state import State
    from gitcoord.ledger.journal import Transaction
    from gitcoord.storage.cache import Snapshot
    from webhook.api.asking import Asking


@dataclass(frozen=True)
class Point:
    """One transaction of the chain, and those before and after it; "" for none."""

    transaction: Transaction
    earlier: str
    later: str


@dataclass(frozen=True)
class Sight:
    """A state of the ledger, and what is needed to judge it."""

    snapshot: Snapshot
    state: State
    now: Time
    head: str
    beats: Mapping[str, Beat]
    context: Context
    #: Where in the past; None: now.
    point: Point | None = None


@contextmanager
def sight(asking: Asking, at: str = "") -> Iterator[Sight]:
    """Yield the ledger now, or as it was at a point.

    Raises `InvalidValue` for what is no point of its history.
    """
    import msgspec

    found = point(asking, at) if at else None
    ledger = asking.house.ledger
    head = ledger.head() if found is None else found.transaction.oid
    with ledger.snapshot(None if found is None else head) as snapshot:
        state = ledger.state_of(snapshot)
        context = asking.context(state, asking.caller.session)
        if found is not None:
            context = msgspec.structs.replace(context, now=state.meta.time)
        beats = asking.beats() if found is None else {}
        yield Sight(snapshot, state, context.now, head, beats, context, found)


def point(asking: Asking, at: str) -> Point:
    """Return the transaction with this id, or the last one at that time. Raises `InvalidValue`."""
    ledger = asking.house.ledger
    oid = at if is_oid(at) else history.at(ledger, parse(at))
    later = ""
    for found, raw in ledger.store.chain(ledger.head()):
        if found == oid:
            transaction = journal.read(found, raw)
            return Point(transaction, next(iter(transaction.parents), ""), later)
        later = found
    raise InvalidValue(
        "this is not a transaction of the ledger, or its history does not reach back so far",
        hint="Choose one from the log.",
    )
