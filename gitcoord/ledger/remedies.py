"""What can be done about findings: safe repairs, and publishing a lost ledger again.

A repair only removes what can be made anew or is decided by an ordinary operation. No
lock file of git and nothing of the ledger is ever deleted. `restore` runs only when a
person asks for it: it sets a new epoch, which every clone believes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from gitcoord.domain.state import State
from gitcoord.domain.sweep import LapseLeases
from gitcoord.errors import (
    AlreadyInitialised,
    Contended,
    CorruptRecord,
    GitcoordError,
    LedgerMissing,
    LedgerRewound,
)
from gitcoord.ledger import inspection, journal, signs
from gitcoord.ledger.clock import reading
from gitcoord.ledger.clone import forgotten
from gitcoord.ledger.finding import Finding, Premises
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.journal import Entry
from gitcoord.ledger.ledger import STATE, encoded
from gitcoord.ledger.queue import Queue
from gitcoord.ledger.request import Request
from gitcoord.storage import tree
from gitcoord.storage.closure import below, chain
from gitcoord.storage.durable import disk_error
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.store import (
    Absent,
    Expected,
    GitObject,
    Move,
    Oid,
    Store,
    SwapLost,
    make_object,
)
from gitcoord.storage.witness import Seen, Witness


class Restored(NamedTuple):
    """A ledger that is published again."""

    head: Oid
    epoch: int
    seq: int
    #: The head whose state it carries on.
    parent: Oid
    #: What the ref had instead; None where there was no ref.
    replaced: Oid | None


def repair(premises: Premises, findings: Iterable[Finding]) -> list[str]:
    """Do what is safe about the repairable findings; return what was done, one line each."""
    codes = dict.fromkeys(finding.code for finding in findings if finding.repairable)
    return [_REMEDIES[code](premises) for code in codes if code in _REMEDIES]


def restore(premises: Premises, *, agent: str = "") -> Restored:
    """Publish the newest readable state that this clone has seen, as a new epoch.

    Raises `AlreadyInitialised` when the ledger is as it should be, `NotInitialised` when
    this clone has never seen one, `LedgerMissing` when nothing of it is left here, and
    `Contended` when somebody else moved the ref meanwhile.
    """
    ledger = premises.ledger
    try:
        ledger.head()
    except (LedgerMissing, LedgerRewound, CorruptRecord) as lost:
        reason: GitcoordError = lost
    else:
        raise AlreadyInitialised("the ledger is what this clone has seen; nothing to restore")
    witness = Witness(premises.home)
    seen = witness.seen()
    found = premises.store.read_ref(STATE)
    known = [*_kept(premises, seen), *(head for head in (seen and seen.head, found) if head)]
    parent = _best(premises, known)
    epochs = [seen.epoch if seen else 0]
    if isinstance(found, str) and not isinstance(reason, CorruptRecord):
        epochs.append(meta_at(ledger, found).epoch)
    with ledger.state(parent) as state:
        state.meta.epoch = max(epochs) + 1
        state.meta.seq += 1
        state.meta.time = reading(ledger.clock, state.meta.time).now
        diary = _diary(reason, state.meta.epoch, parent, agent)
        try:
            head = _publish(premises, state, found, parent, diary)
        except SwapLost as moved:
            raise Contended("somebody else moved the ledger meanwhile") from moved
        witness.note(state.meta.epoch, state.meta.seq, head)
        replaced = found if isinstance(found, str) else None
        return Restored(head, state.meta.epoch, state.meta.seq, parent, replaced)


def _publish(
    premises: Premises,
    state: State,
    found: Expected,
    parent: Oid,
    diary: tuple[Entry, dict[str, object]],
) -> Oid:
    """Swap the ref to a commit of the state on top of `parent`; return the commit.

    A git host may have lost what is below it. Then the push brings that along; where this
    clone has not all of the chain either, the commit begins a new one with the whole state.
    """
    ledger, store = premises.ledger, premises.store
    fmt = store.object_format
    root, objects = tree.rewrite(
        lambda oid: store.read(oid)[1], ledger.tree(parent), encoded(state), fmt
    )
    for above, brought in _ways(store, parent):
        entry, line = diary
        raw = journal.compose(root, above, [entry], [line], state.meta.time, ledger.machine)
        commit = make_object(b"commit", ledger.signed(raw), fmt)
        try:
            store.commit([*brought, *objects, commit], [Move(STATE, found, commit.oid)])
        except CorruptRecord:
            if above is None or not store.remote:
                raise
        else:
            return commit.oid
    raise LedgerMissing


def _ways(store: Store, parent: Oid) -> Iterator[tuple[Oid | None, Sequence[GitObject]]]:
    """Yield the parents to publish on, the best first, and what a host has to be brought."""
    yield parent, ()
    whole = chain(store, parent)
    if whole is not None:
        yield parent, whole
    yield None, below(store, parent)


def _kept(premises: Premises, seen: Seen | None) -> list[Oid]:
    """Return heads that a git host gave up and that go on from what was seen, newest first."""
    if not premises.store.remote:
        return []
    from gitcoord.storage.wire.mirror import KEPT

    found = []
    for head in premises.store.list_refs(KEPT).values():
        try:
            if seen is None or premises.store.is_ancestor(seen.head, head):
                meta = meta_at(premises.ledger, head)
                found.append((meta.epoch, meta.seq, head))
        except CorruptRecord:
            # It had the ledger's place at the host for a while, and was none.
            continue
    return [head for _, _, head in sorted(found, reverse=True)]


def _best(premises: Premises, heads: list[Oid | Absent]) -> Oid:
    """Return the first of the heads whose whole state can be read."""
    for head in heads:
        if isinstance(head, str) and inspection.records(premises.ledger, head).readable:
            return head
    raise LedgerMissing(
        "nothing of the ledger that this clone has seen is left here",
        hint="Run `gitcoord doctor --restore` in another clone that has used it.",
    )


def _diary(
    reason: GitcoordError, epoch: int, parent: Oid, agent: str
) -> tuple[Entry, dict[str, object]]:
    subject = f"ledger: {agent or 'somebody'} restores {parent[:12]} as epoch {epoch}"
    request = Request([], agent=agent)
    line: dict[str, object] = {
        "op": "ledger.restore",
        "id": request.id,
        "agent": agent,
        "args": {"epoch": epoch, "from": parent, "because": reason.code},
        "outcome": "done",
    }
    return Entry(request, agent, [subject], "done"), line


def _drop_cache(premises: Premises) -> str:
    path = os.path.join(premises.home, "cache.sqlite")
    # The lock under which the index itself replaces a damaged file.
    with OsLock(path + ".lock") as lock:
        if not lock.try_acquire():
            raise Contended("another process is replacing the index of records")
        for suffix in ("", "-wal", "-shm"):
            try:
                os.remove(path + suffix)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise disk_error(error, f"remove {path + suffix}") from error
    return "the index of records was dropped; the next command makes it anew"


def _sweep_queue(premises: Premises) -> str:
    with OsLock(os.path.join(premises.home, "lead.lock")) as lead:
        if not lead.try_acquire():
            return "the queue is in use; its leader clears it"
        Queue(premises.home).sweep(time.time())
    return "files of dead processes were removed from the queue"


def _lapse(premises: Premises) -> str:
    reply = premises.coordinator.run(LapseLeases())[0]
    if reply.error is not None:
        raise reply.error
    return "leases that were over have ended"


def _consolidate(premises: Premises) -> str:
    from gitcoord.storage.consolidate import consolidate

    done = consolidate(premises.objects)
    if done is None:
        return "another process is packing the ledger's objects"
    return f"{done.loose} loose objects and {done.packs} packs of the ledger became one pack"


def _forget(premises: Premises) -> str:
    from gitcoord.storage.wire.store import WireStore

    store = premises.store
    assert isinstance(store, WireStore)  # nobody else is found to have such refs
    gone = store.retire(forgotten(premises, signs.survey(store)))
    return f"the refs of {len(gone)} machines that are gone were deleted at the host"


_REMEDIES: dict[str, Callable[[Premises], str]] = {
    "cache_differs": _drop_cache,
    "cache_unusable": _drop_cache,
    "queue_litter": _sweep_queue,
    "leases_over": _lapse,
    "overgrown": _consolidate,
    "presence_forgotten": _forget,
}
