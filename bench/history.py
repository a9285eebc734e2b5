"""What a long history costs, and how many files git keeps of it.

The history is written by `git fast-import`, a transaction per commit as gitcoord would
have made it: seq and time grow, one lock is taken or given back. It lies in the past,
so that the answers kept for repeated operations have been pruned from it long since.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from functools import cache, partial
from itertools import count

from bench.commits import run
from bench.fill import forget_index
from bench.packer import Objects, Packer, objects
from bench.ratio import Measured, Row, Target, Wrong, alternate, say
from bench.scratch import Place, Scratch
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.record import Meta
from gitcoord.domain.time import from_epoch
from gitcoord.ledger.ledger import STATE, read_meta
from gitcoord.storage import codec, layout

#: Transactions of the ledger with a short history.
_SHORT = 100
#: Seconds between the last transaction that is made up and now.
_AGO = 86_400 * 30
#: Transactions between two looks at what git keeps.
_LOOK = 10


@cache
def with_history(scratch: Scratch, transactions: int) -> Place:
    """Return a place whose ledger has so many transactions that were made up."""
    place = scratch.ledger(f"history{transactions}")
    say(f"  writing a history of {transactions:,} transactions")
    house = place.house()
    try:
        head = house.ledger.head()
        with house.ledger.state(head) as state:
            meta, session = state.meta, place.session
        stream = b"".join(_stream(head, meta, session, transactions))
        place.git("fast-import", "--quiet", send=stream)
        forget_index(house)
    finally:
        house.close()
    _check(place, head, meta.seq + transactions)
    return place


def _stream(head: str, meta: Meta, session: str, transactions: int) -> Iterator[bytes]:
    start = int(time.time()) - _AGO - transactions
    for n in range(transactions):
        now = from_epoch(start + n)
        lock = Lock(
            key=f"src/part{n // 2 % 97}/file.py",
            session=session,
            agent="bench",
            epoch=meta.epoch,
            token=meta.token + n // 2 + 1,
            acquired_at=now,
            expires_at=from_epoch(start + n + 1800),
            ttl=1800.0,
        )
        path = f"locks/{layout.entry_name(lock.name)}".encode()
        counters = Meta(epoch=meta.epoch, seq=meta.seq + n + 1, token=lock.token, time=now)
        verb = "releases" if n % 2 else "takes"
        yield b"commit %s\ncommitter gitcoord <bench@gitcoord> %d +0000\n" % (
            STATE.encode(),
            start + n,
        )
        line = {
            "op": "lock.release" if n % 2 else "lock.acquire",
            "id": f"o-history{n}",
            "session": session,
            "agent": "bench",
            "args": {"keys": [lock.key]},
            "outcome": "done",
        }
        told = f"lock: bench {verb} {lock.key}\n\n{json.dumps(line)}\n\n"
        yield _data(f"{told}Op-Id: o-history{n}\nSession: {session}\n".encode())
        if n == 0:
            yield b"from %s\n" % head.encode()
        yield b"M 100644 inline meta.json\n" + _data(codec.encode_record(counters))
        if n % 2:
            yield b"D %s\n" % path
        else:
            yield b"M 100644 inline %s\n" % path + _data(codec.encode_record(lock))
        yield b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _check(place: Place, first: str, seq: int) -> None:
    """Raise `Wrong` unless gitcoord takes the history for a continuation of its own."""
    house = place.house()
    try:
        head = house.ledger.head()
        with house.ledger.snapshot(head) as snapshot:
            found = read_meta(snapshot.load("", "meta.json")).seq
        if found != seq or not house.store.is_ancestor(first, head):
            raise Wrong(f"the history ends at {found}, not at {seq}")
    finally:
        house.close()


def _acquire(scratch: Scratch) -> Measured:
    long = with_history(scratch, scratch.volume.history)
    short = with_history(scratch, _SHORT)
    number = count()

    def take(place: Place) -> float:
        return place.gitcoord("lock", "acquire", f"src/new{next(number)}.py")

    return alternate(lambda: take(long), lambda: take(short), scratch.volume.starts, warm=2)


@cache
def _grown(scratch: Scratch) -> tuple[Objects, Objects, int]:
    """Return the most that was there during real transactions, what is left, and the packings."""
    place = scratch.ledger("growth")
    house = place.house()
    try:
        with Packer(place) as packer:
            for number in range(scratch.volume.transactions // 2):
                keys = (f"src/file{number}.py",)
                run(house, place.session, AcquireLocks(keys=keys))
                run(house, place.session, ReleaseLocks(keys=keys))
                if number % _LOOK == 0:
                    packer.look()
        packer_most, runs = packer.most, packer.runs
    finally:
        house.close()
    return packer_most, objects(os.path.join(place.path, ".git", "objects")), runs


def _files(scratch: Scratch, which: int) -> Measured:
    most, left, runs = _grown(scratch)
    detail = f"{left[which]} at the end, packed {runs} times, {os.cpu_count()} processors"
    return Measured(most[which], left[which], most[which], detail)


_COUNTED = "none: the most that was seen; the spread begins with what was left"

ROWS = (
    Row(
        "history-acquire",
        "`gitcoord lock acquire`, whole process, after 100,000 transactions",
        Target(1.2),
        "the same after 100",
        _acquire,
        "finding the newest objects among many",
    ),
    Row(
        "history-loose",
        "loose objects during 3,000 transactions, packed as commands do it",
        Target(5_000),
        _COUNTED,
        partial(_files, which=0),
        "transactions come faster than packing is begun",
        unit="",
    ),
    Row(
        "history-packs",
        "packs during the same",
        Target(50),
        _COUNTED,
        partial(_files, which=1),
        "transactions come faster than packing is begun",
        unit="",
    ),
)
