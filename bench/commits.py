"""Transactions in one process: against libgit2 writing the same objects, and 64 at once.

Both sides are durable: every object and the ref are synced before the next transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

from bench.fill import fill
from bench.ratio import Measured, Row, Skip, Target, Wrong, alternate
from bench.scratch import Place, Scratch
from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.operation import Operation
from gitcoord.ledger.ledger import STATE

#: Operations that wait together.
TOGETHER = 64
_TYPES = {b"commit": 1, b"tree": 2, b"blob": 3}


class _Transaction(NamedTuple):
    """Kind and data of each object that one transaction has stored."""

    objects: list[tuple[bytes, bytes]]


def run(house: House, session: str, *operations: Operation) -> None:
    """Run the operations in one transaction. Raises `Wrong` when one is refused."""
    for reply in house.coordinator.run(*operations, session=session):
        if reply.error is not None:
            raise Wrong(f"{reply.error.code}: {reply.error.message}")


class _Pairs:
    """Acquire and release, again and again, and what git has got of it."""

    def __init__(self, place: Place, house: House) -> None:
        self.place = place
        self.house = house
        self.heads = [str(house.store.read_ref(STATE))]
        self._number = count()

    def work(self, pairs: int) -> float:
        """Take and give back a key so many times; return the seconds."""
        self.heads = self.heads[-1:]
        seconds = 0.0
        for _ in range(pairs):
            key = f"src/pair{next(self._number)}.py"
            for wish in (AcquireLocks(keys=(key,)), ReleaseLocks(keys=(key,))):
                begun = time.perf_counter()
                run(self.house, self.place.session, wish)
                seconds += time.perf_counter() - begun
                self.heads.append(str(self.house.store.read_ref(STATE)))
        return seconds

    def stored(self) -> list[_Transaction]:
        """Return what the transactions of the last `work` have stored, as git shows it."""
        found = []
        for before, after in zip(self.heads, self.heads[1:], strict=False):
            listed = self.place.git("rev-list", "--objects", after, f"^{before}").split(b"\n")
            oids = [line.split(b" ")[0].decode() for line in listed if line]
            found.append(_Transaction([(k, d) for _, k, d in self.house.store.read_many(oids)]))
        return found


class _Raw:
    """Libgit2 alone: new objects of the same kinds and sizes, and one durable move of a ref."""

    def __init__(self, path: str) -> None:
        try:
            import pygit2
        except ImportError as error:
            raise Skip("pygit2 is not installed (extra `fast`)") from error
        # Before the first repository is opened: refs opened earlier would stay unsynced.
        pygit2.settings.enable_fsync_gitdir(True)
        self._repository = pygit2.init_repository(path, bare=True)
        self._stamp = count()

    def work(self, transactions: Sequence[_Transaction]) -> float:
        """Write as much as the transactions did; return the seconds."""
        fresh = [[self._changed(*one) for one in each.objects] for each in transactions]
        begun = time.perf_counter()
        for objects in fresh:
            for kind, data in objects:
                oid = self._repository.write(kind, data)
                if kind == _TYPES[b"commit"]:
                    head = oid
            self._repository.references.create(STATE, head, force=True)
        return time.perf_counter() - begun

    def _changed(self, kind: bytes, data: bytes) -> tuple[int, bytes]:
        """Return the object with its last bytes changed, so that it is new and as long."""
        stamp = b"%08x" % next(self._stamp)
        return _TYPES[kind], data[:-9] + stamp + data[-1:]


def _raw(scratch: Scratch, engine: str) -> Measured:
    volume = scratch.volume
    raw = _Raw(scratch.path("raw"))
    place = scratch.ledger("pairs")
    house = place.house(engine)
    try:
        pairs = _Pairs(place, house)
        result = alternate(
            lambda: pairs.work(volume.pairs),
            lambda: raw.work(pairs.stored()),
            volume.rounds,
            least=True,
        )
        objects = sum(len(each.objects) for each in pairs.stored())
    finally:
        house.close()
    each = objects / (2 * volume.pairs)
    return result._replace(
        detail=f"{result.detail} for {volume.pairs} pairs; {each:.1f} objects per transaction"
    )


def _together(scratch: Scratch, records: int) -> Measured:
    place = scratch.ledger(f"together{records}")
    with_records(place, records)
    house, number = place.house(), count()
    try:
        result = alternate(
            lambda: _batch(house, place.session, next(number), together=True),
            lambda: _batch(house, place.session, next(number), together=False),
            scratch.volume.rounds,
            least=True,
        )
    finally:
        house.close()
    return result._replace(detail=f"{result.detail} for {TOGETHER} operations")


def with_records(place: Place, records: int) -> None:
    """Fill the ledger: half of the records are live locks, half are tasks."""
    house = place.house()
    try:
        fill(house, records // 2, records // 2)
    finally:
        house.close()


def _batch(house: House, session: str, number: int, *, together: bool) -> float:
    wishes = [AcquireLocks(keys=(f"new/round{number}/file{n}.py",)) for n in range(TOGETHER)]
    begun = time.perf_counter()
    if together:
        run(house, session, *wishes)
    else:
        for wish in wishes:
            run(house, session, wish)
    seconds = time.perf_counter() - begun
    run(house, session, ReleaseLocks(all=True))
    if house.grown():
        house.consolidate()
    return seconds


ROWS = (
    Row(
        "commit-plumbing",
        "acquire and release in one process, durable, default engine: rate",
        Target(0.7, least=True),
        "pygit2 writing objects of the same kinds and sizes and the ref, durably",
        partial(_raw, engine="plumbing"),
        "fsync: each object is a file of its own, and unlike libgit2 the directories that hold "
        "them are synced too; then git itself moves the ref",
    ),
    Row(
        "commit-libgit2",
        "the same with the engine for long-lived processes: rate",
        Target(0.7, least=True),
        "pygit2 writing objects of the same kinds and sizes and the ref, durably",
        partial(_raw, engine="libgit2"),
        "fsync: each object is a file of its own, and unlike libgit2 the directories that hold "
        "them are synced too",
    ),
    Row(
        "together-small",
        "64 operations that wait together, 1,000 records: rate",
        Target(20, least=True),
        "the same 64 one by one",
        lambda scratch: _together(scratch, scratch.volume.small),
        "rules, records and trees of 64 operations in Python; the syncs are shared",
    ),
    Row(
        "together-medium",
        "64 operations that wait together, 10,000 records: rate",
        Target(10, least=True),
        "the same 64 one by one",
        lambda scratch: _together(scratch, scratch.volume.medium),
        "rules, records and trees of 64 operations in Python; the syncs are shared",
    ),
)
