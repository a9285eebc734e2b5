"""Whether the chain of transactions is what gitcoord writes, from its head to its root.

Looked at is what can be told from the chain alone: that objects are what their names say, that
transactions follow each other, that diary, trailers and remembered operations agree, that
tokens grow. Each fault names its commit, and the walk goes on. What is not looked at is listed
in `UNSEEN`. Changes nothing. Not here: signatures (seals), the state's own rules (invariants).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.domain.record import Meta
from gitcoord.domain.time import from_epoch, seconds_between, to_epoch
from gitcoord.errors import GitcoordError
from gitcoord.ledger import journal
from gitcoord.ledger.clock import AHEAD
from gitcoord.ledger.contents import Contents
from gitcoord.ledger.ledger import read_meta
from gitcoord.ledger.traces import RESTORED, After, Before, differences
from gitcoord.storage import tree
from gitcoord.storage.store import Oid, Store, first_parent, make_object

if TYPE_CHECKING:
    from gitcoord.ledger.ledger import Ledger

#: What is looked at in every transaction, and what is not, in words for people.
SEEN = (
    "each commit, and each tree and record that it changed, has the content that its name says",
    "each commit has one parent, the transaction before it; the first has none",
    "sequence numbers grow by one; epoch, tokens and the level of writers never go back",
    "times never go back, and commits are dated as their states",
    "operation ids in the trailers are those of the diary's lines, and come once",
    "each accepted operation is remembered in ops/, with this transaction, time and arguments",
    "each lock that was granted has a token of its own transaction",
)
UNSEEN = (
    "whether the rules would have decided the same: the diary has no answers and no surroundings",
    "arguments that the diary leaves out: texts of messages, imports over 64 KiB",
    "records that gitcoord of this version does not know, but for their content",
    "whether who is named as the author was that agent: a signature tells whose machine wrote it",
    "refusals that a machine never came to tell",
)


class Fault(NamedTuple):
    """Something about a commit that gitcoord would not have written."""

    code: str
    #: A warning is what may have a harmless reason, such as a wrong clock; a note is none.
    severity: Literal["error", "warning", "note"]
    commit: Oid
    message: str


class Proof:
    """One walk down a chain. What was found is in its fields when `faults` has ended."""

    def __init__(self, ledger: Ledger) -> None:
        self._store: Store = ledger.store
        self._contents = Contents(ledger.store)
        self._ids: dict[str, tuple[Oid, Meta]] = {}
        #: Transactions that were looked at.
        self.count = 0
        #: The oldest commit that was reached.
        self.oldest: Oid = ""
        #: Whether that is the first of the ledger.
        self.whole = False

    def faults(self, head: Oid) -> Iterator[Fault]:
        """Yield what is wrong with the chain that ends at `head`, newest first."""
        newer: _Facts | None = None
        oid, raw = head, b""
        try:
            for oid, raw in self._store.chain(head):
                self.count += 1
                self.oldest = oid
                found = yield from self._facts(oid, raw)
                if newer is not None:
                    yield from self._pair(newer, found)
                newer = found
        except GitcoordError as error:
            at = (raw and first_parent(raw)) or oid
            yield Fault("chain_broken", "error", at, f"the chain ends here: {error.message}")
            return
        if newer is not None:
            yield from self._end(newer, raw)

    def _facts(self, oid: Oid, raw: bytes) -> Generator[Fault, None, _Facts]:
        """Return what a commit says; yield what is wrong with it alone."""
        if make_object(b"commit", raw, self._store.object_format).oid != oid:
            yield Fault("object_differs", "error", oid, "the commit is not what its name says")
        found = journal.read(oid, raw)
        for message in self._contents.faults(found.tree):
            yield Fault("object_differs", "error", oid, message)
        trailers = journal.trailers(raw)
        meta = None
        try:
            blob = tree.lookup(self._contents.read, found.tree, "", "meta.json")
            meta = read_meta(None if blob is None else self._contents.read(blob))
        except GitcoordError as error:
            yield Fault("unreadable", "error", oid, f"its counters: {error.message}")
        facts = _Facts(oid, found, meta, trailers)
        yield from self._diary(facts)
        if meta is not None:
            yield from _dates(facts, raw)
        return facts

    def _diary(self, facts: _Facts) -> Iterator[Fault]:
        """Compare diary and trailers."""
        told = [line for line in facts.told.lines if line.get("outcome") == "done"]
        ids = list(dict.fromkeys(str(line.get("id", "")) for line in told))
        sessions = list(dict.fromkeys(str(x["session"]) for x in told if x.get("session")))
        for name, here in (("Op-Id", ids), ("Session", sessions)):
            there = facts.trailers.get(name, [])
            if Counter(here) != Counter(there):
                more = sorted((Counter(here) - Counter(there)) + (Counter(there) - Counter(here)))
                message = f"trailers {name} and lines differ: {', '.join(map(repr, more[:5]))}"
                yield Fault("trailers_differ", "error", facts.oid, message)
        for id in ids:
            before = self._ids.get(id)
            if before is not None:
                yield _twice(facts, id, *before)
            elif facts.meta is not None:
                self._ids[id] = facts.oid, facts.meta

    def _pair(self, newer: _Facts, older: _Facts) -> Iterator[Fault]:
        """Compare a transaction with the one that it was decided on."""
        if newer.told.parents != (older.oid,):
            message = f"its parents are {len(newer.told.parents)}, not the one before it"
            yield Fault("parents_differ", "error", newer.oid, message)
        if newer.meta is None or older.meta is None:
            return
        yield from _counters(newer.oid, newer.meta, older.meta)
        before = Before(older.told.tree, older.meta)
        yield from self._records(newer, before)

    def _records(self, facts: _Facts, before: Before) -> Iterator[Fault]:
        assert facts.meta is not None
        after = After(facts.told, facts.meta)
        try:
            for code, message in differences(self._contents.read, before, after):
                yield Fault(code, "error", facts.oid, message)
        except GitcoordError as error:
            yield Fault("unreadable", "error", facts.oid, error.message)

    def _end(self, facts: _Facts, raw: bytes) -> Iterator[Fault]:
        """Look at the oldest transaction that there is."""
        if first_parent(raw) is not None:
            return
        self.whole = True
        if facts.meta is None:
            return
        restored = any(line.get("op") == RESTORED for line in facts.told.lines)
        if facts.meta.seq != 1 and not restored:
            message = f"the first transaction has number {facts.meta.seq}, not 1"
            yield Fault("chain_begins_late", "error", facts.oid, message)
        if restored and facts.meta.seq != 1:
            self.whole = False
            message = "the ledger was restored here without its past"
            yield Fault("restored", "note", facts.oid, message)
        else:
            yield from self._records(facts, Before(None, Meta(epoch=facts.meta.epoch)))


class _Facts(NamedTuple):
    """What one commit says."""

    oid: Oid
    told: journal.Transaction
    meta: Meta | None
    trailers: dict[str, list[str]]


def _counters(oid: Oid, new: Meta, old: Meta) -> Iterator[Fault]:
    if new.seq != old.seq + 1:
        message = f"transaction {new.seq} follows {old.seq}"
        yield Fault("seq_jump", "error", oid, message)
    if new.epoch < old.epoch:
        yield Fault("epoch_back", "error", oid, f"epoch {new.epoch} follows {old.epoch}")
    if new.token < old.token and new.epoch == old.epoch:
        yield Fault("token_back", "error", oid, f"token {new.token} follows {old.token}")
    if new.min_writer < old.min_writer:
        message = f"writers of level {new.min_writer} are let in after {old.min_writer}"
        yield Fault("writer_back", "error", oid, message)
    back = seconds_between(new.time, old.time) if new.time and old.time else 0.0
    if back > 0:
        # A writer whose clock was far ahead is gone back behind; within five minutes nobody is.
        severity: Literal["error", "warning"] = "warning" if back > AHEAD else "error"
        yield Fault("time_back", severity, oid, f"time goes back by {back:.0f} s")


def _dates(facts: _Facts, raw: bytes) -> Iterator[Fault]:
    assert facts.meta is not None
    wanted = from_epoch(int(to_epoch(facts.meta.time))) if facts.meta.time else ""
    for word, found in journal.dates(raw).items():
        if found != wanted:
            message = f"its {word} is dated {found}, its state {facts.meta.time}"
            yield Fault("date_differs", "error", facts.oid, message)


def _twice(facts: _Facts, id: str, newer: Oid, meta: Meta) -> Fault:
    """Return the fault of an operation that two transactions tell of."""
    apart = seconds_between(facts.meta.time, meta.time) if facts.meta is not None else 0.0
    message = f"operation {id} is decided again by {newer[:12]}"
    if apart > KEPT:
        # What was forgotten by then may be asked for anew under the same id.
        return Fault("operation_again", "note", facts.oid, message)
    return Fault("operation_twice", "error", facts.oid, message)


#: Seconds for which operations are remembered where the settings do not say (`ops_kept`).
KEPT = 7 * 86_400.0
