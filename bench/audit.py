"""What questions about a long past cost: the audit of 100,000 transactions.

The chain is that of `history`, with a line of the diary in each transaction. Asked are whole
processes with a warm index; how long the index takes to be made from nothing, and to follow one
transaction, is told apart.
"""

from __future__ import annotations

import os
import time
from functools import cache
from itertools import count

from bench.history import with_history
from bench.ratio import Measured, Row, Target, Wrong, alternate, say
from bench.scratch import Place, Scratch
from gitcoord.ledger.audit import FILE, Audit
from gitcoord.ledger.history import Filter
from gitcoord.ledger.proof import Proof

#: What is asked, one of each in every round: nothing, an agent, a key, refusals, long ago.
_QUESTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--agent", "bench"),
    ("--key", "src/part3/**"),
    ("--outcome", "refused"),
    ("--operation", "lock.release", "--until", "30d"),
)


@cache
def _empty(scratch: Scratch) -> Place:
    return scratch.ledger("audit")


@cache
def _made(scratch: Scratch) -> tuple[Place, float]:
    """Return the place with a long past, and the seconds in which its index was made."""
    place = with_history(scratch, scratch.volume.history)
    return place, _seconds(place)


def _seconds(place: Place) -> float:
    """Return the seconds of making the index from nothing, in a process that has begun."""
    house = place.house()
    for suffix in ("", "-wal", "-shm"):
        path = os.path.join(house.home, FILE + suffix)
        if os.path.exists(path):
            os.remove(path)
    audit = Audit(house.ledger, house.home, house.spool)
    try:
        begun = time.perf_counter()
        found = audit.page(Filter(operation="lock."), limit=1)
        seconds = time.perf_counter() - begun
    finally:
        audit.close()
        house.close()
    if not found.entries:
        raise Wrong("the audit finds nothing")
    return seconds


def _query(scratch: Scratch) -> Measured:
    long, made = _made(scratch)
    short = _empty(scratch)

    def ask(place: Place) -> float:
        return sum(place.gitcoord("audit", "query", *words) for words in _QUESTIONS)

    found = alternate(lambda: ask(long), lambda: ask(short), scratch.volume.rounds, warm=1)
    return found._replace(
        detail=f"{found.detail}, for {len(_QUESTIONS)} questions; index {made:.1f} s"
    )


def _followed(scratch: Scratch) -> Measured:
    long, _ = _made(scratch)
    number = count()

    def ask(place: Place) -> float:
        place.gitcoord("lock", "acquire", f"src/audit{next(number)}.py")
        return place.gitcoord("audit", "query", "--key", "src/audit**")

    short = _empty(scratch)
    return alternate(lambda: ask(long), lambda: ask(short), scratch.volume.rounds, warm=1)


def _cold(scratch: Scratch) -> Measured:
    _, made = _made(scratch)
    return Measured(made, made, made, f"{scratch.volume.history:,} transactions")


def _verify(scratch: Scratch) -> Measured:
    place, _ = _made(scratch)
    house = place.house()
    proof = Proof(house.ledger)
    say("  proving the chain")
    try:
        begun = time.perf_counter()
        faults = sum(1 for _ in proof.faults(house.ledger.head()))
        seconds = time.perf_counter() - begun
    finally:
        house.close()
    # The chain is made up: no operation of it is remembered, as its age would have it.
    detail = f"{proof.count:,} transactions, {faults:,} faults of made-up ones"
    return Measured(seconds, seconds, seconds, detail)


ROWS = (
    Row(
        "audit-query",
        "`gitcoord audit query`, five questions, whole processes, warm, 100,000 transactions",
        Target(3.0),
        "the same of an empty ledger",
        _query,
        "looking through the entries where no index orders them",
    ),
    Row(
        "audit-follow",
        "the same after each new transaction, for one question",
        Target(3.0),
        "the same of an empty ledger",
        _followed,
        "reading what is new",
    ),
    Row(
        "audit-cold",
        "making the index of 100,000 transactions from nothing",
        None,
        "none",
        _cold,
        unit="s",
    ),
    Row(
        "audit-verify",
        "`gitcoord audit verify` of 100,000 transactions, without signatures",
        None,
        "none",
        _verify,
        unit="s",
    ),
)
