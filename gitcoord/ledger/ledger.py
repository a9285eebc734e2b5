"""One ledger, opened: its head, its state at any commit, and the swap that moves it.

`commit` is the only place in gitcoord that changes `refs/coord/state`. It
promises: the decided state is stored whole, on top of exactly the head it was
decided on, durably, or `SwapLost` is raised and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gitcoord.domain.record import Meta
from gitcoord.domain.settings import Settings
from gitcoord.domain.state import State
from gitcoord.domain.time import is_time
from gitcoord.errors import (
    CorruptRecord,
    LedgerMissing,
    LedgerRewound,
    NotInitialised,
    WriterTooOld,
)
from gitcoord.ledger import journal, tables
from gitcoord.ledger.clock import Clock
from gitcoord.ledger.decide import Decision
from gitcoord.storage import codec, tree
from gitcoord.storage.cache import Cache, Snapshot
from gitcoord.storage.store import Absent, GitObject, Move, Oid, Store, make_object
from gitcoord.storage.witness import Witness

STATE = "refs/coord/state"
#: Stored format that this program reads and writes.
FORMAT = 1
#: What this program can do as a writer; held against `meta.min_writer`.
WRITER = 1


class Ledger:
    """The ledger of one repository through one store."""

    def __init__(
        self,
        store: Store,
        cache: Cache,
        witness: Witness,
        clock: Clock,
        *,
        machine: str,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`sign` returns a raw commit with a signature; None leaves commits unsigned."""
        self.store = store
        self.clock = clock
        self.machine = machine
        self._sign = sign
        self._cache = cache
        self._witness = witness
        self._checked: Oid | None = None

    def head(self) -> Oid:
        """Return the ledger's head.

        Raises `NotInitialised`, `LedgerMissing` or `LedgerRewound` when it is absent
        or not what this clone has seen.
        """
        head = self.store.read_ref(STATE)
        if head == self._checked:
            return head
        while True:
            try:
                self._witness.check(self.store, head, self._age)
            except (LedgerMissing, LedgerRewound):
                # Another process may have moved the ledger on, and noted that, meanwhile.
                again = self.store.read_ref(STATE)
                if again == head:
                    raise
                head = again
            else:
                break
        if isinstance(head, Absent):
            raise NotInitialised
        seen = self._witness.seen()
        if seen is None or seen.head != head:
            self._witness.note(*self._age(head), head)
        self._checked = head
        return head

    def exists(self) -> bool:
        """Say whether there is a ledger; a lost one raises as in `head`."""
        try:
            self.head()
        except NotInitialised:
            return False
        return True

    def tree(self, commit: Oid) -> Oid:
        """Return the tree of one of the ledger's commits. Raises `CorruptRecord`."""
        kind, raw = self.store.read(commit)
        if kind != b"commit":
            raise CorruptRecord(f"{STATE} names a {kind.decode()}, not a commit", oid=commit)
        return journal.tree_of(commit, raw)

    @contextmanager
    def state(self, commit: Oid | None = None) -> Iterator[State]:
        """Yield the state at `commit` (default: the head) for as long as the block runs."""
        with self.snapshot(commit) as snapshot:
            yield self.state_of(snapshot)

    @contextmanager
    def snapshot(self, commit: Oid | None = None) -> Iterator[Snapshot]:
        """Yield the stored records at `commit` (default: the head).

        A commit of the past is read into an index of its own, in memory.
        """
        if commit is None or commit == self.store.read_ref(STATE):
            cache, own = self._cache, False
        else:
            cache, own = Cache(None, tables.describe, tables.VERSION), True
        try:
            with cache.at(self.tree(commit or self.head()), self.store) as snapshot:
                yield snapshot
        finally:
            if own:
                cache.close()

    def state_of(self, snapshot: Snapshot) -> State:
        """Return the state that a snapshot holds. Raises `CorruptRecord`, `FormatTooNew`."""
        meta = read_meta(snapshot.load("", "meta.json"))
        stored = snapshot.load("", "settings.json")
        settings = codec.decode_record(stored, Settings, "settings.json") if stored else Settings()
        return State(snapshot, codec.decode_record, meta, settings)

    def commit(
        self,
        head: Oid | Absent,
        state: State,
        decision: Decision,
        refusals: Sequence[dict[str, Any]] = (),
        extra: tuple[Sequence[GitObject], Sequence[Move]] = ((), ()),
        carrier: Callable[[Sequence[GitObject], Sequence[Move]], None] | None = None,
    ) -> Oid:
        """Store the decided state on top of `head` and return the new head.

        `extra` adds objects and moves of other refs to the same swap; `carrier` makes it in
        the store's place. Raises `SwapLost` when the head or another of the refs has moved.
        """
        if state.meta.min_writer > WRITER:
            raise WriterTooOld(
                f"the ledger asks for writers of level {state.meta.min_writer}, "
                f"this gitcoord has level {WRITER}"
            )
        fmt = self.store.object_format
        old = None if isinstance(head, Absent) else self.tree(head)
        changes = encoded(state)
        root, objects = tree.rewrite(lambda oid: self.store.read(oid)[1], old, changes, fmt)
        raw = journal.compose(
            root,
            None if isinstance(head, Absent) else head,
            decision.entries,
            refusals,
            state.meta.time,
            self.machine,
        )
        commit = make_object(b"commit", self.signed(raw), fmt)
        swap = carrier or self.store.commit
        swap([*objects, *extra[0], commit], [Move(STATE, head, commit.oid), *extra[1]])
        self._cache.advance(old, root, changes)
        self._witness.note(state.meta.epoch, state.meta.seq, commit.oid)
        self._checked = commit.oid
        return commit.oid

    def signed(self, commit: bytes) -> bytes:
        """Return the raw commit as it is to be stored: signed if this clone signs.

        Raises `SigningFailed`.
        """
        return commit if self._sign is None else self._sign(commit)

    def _age(self, commit: Oid) -> tuple[int, int]:
        data = tree.lookup(lambda oid: self.store.read(oid)[1], self.tree(commit), "", "meta.json")
        meta = read_meta(None if data is None else self.store.read(data)[1])
        return meta.epoch, meta.seq

    def close(self) -> None:
        """Release the store and the cache."""
        self._cache.close()
        self.store.close()


def fresh_state() -> State:
    """Return the state of a ledger that does not exist yet."""
    return State(_Nothing(), codec.decode_record, Meta(), Settings())


class _Nothing:
    """The snapshot of a ledger without records."""

    def load(self, table: str, name: str) -> bytes | None:
        return None

    def find(self, table: str, term: str) -> list[str]:
        return []

    def scan(self, table: str, prefix: str, after: str = "") -> Iterator[tuple[str, str]]:
        return iter(())

    def names(self, table: str) -> Iterator[str]:
        return iter(())


def read_meta(data: bytes | None) -> Meta:
    """Return the ledger's counters. Raises `CorruptRecord`, `FormatTooNew`."""
    if data is None:
        raise CorruptRecord("the ledger has no meta.json")
    meta = codec.decode_record(data, Meta, "meta.json")
    if meta.time and not is_time(meta.time):
        raise CorruptRecord(f"meta.json has {meta.time[:40]!r} for a time")
    return meta


def encoded(state: State) -> dict[tuple[str, str], bytes | None]:
    """Return the state's changes as bytes, `meta.json` and `settings.json` among them."""
    changes: dict[tuple[str, str], bytes | None] = {}
    for (table, name), record in state.changes():
        base = state.stored(table, name)
        changes[table, name] = None if record is None else codec.encode_record(record, base)
    changes["", "meta.json"] = codec.encode_record(state.meta, state.stored("", "meta.json"))
    settings = codec.encode_record(state.settings, state.stored("", "settings.json"))
    if settings != state.stored("", "settings.json"):
        changes["", "settings.json"] = settings
    return changes
