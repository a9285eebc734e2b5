"""The ledger's past: its transactions, newest first, and the commit of a point in time.

Promises to read only as far as the answer needs. Sees what the chain holds, no more:
a shallow clone's history ends where it was cut off. Not here: the state of the past,
which `Ledger.state(commit)` opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from gitcoord.domain.key_index import stored, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Meta
from gitcoord.domain.sessions import root as root_of
from gitcoord.domain.time import Time, from_epoch, to_epoch
from gitcoord.errors import CorruptRecord, GitcoordError, InvalidValue
from gitcoord.ledger import journal, lines
from gitcoord.ledger.journal import Transaction
from gitcoord.ledger.ledger import Ledger, read_meta
from gitcoord.storage import tree
from gitcoord.storage.store import Oid

#: Transactions in a row before `since` after which the search ends: one machine with a wrong
#: date must not hide what was done before it.
_PAST = 64


class Filter(NamedTuple):
    """Which transactions are wanted; what is empty admits all."""

    agent: str = ""
    #: An operation's tag or its beginning: `lock.acquire`, `lock.`, `task`; several with commas.
    operation: str = ""
    #: Keys and locks that overlap this key.
    key: str = ""
    #: A session with its sub-agents.
    session: str = ""
    since: Time = ""
    until: Time = ""


def transactions(
    ledger: Ledger,
    wish: Filter = Filter(),  # noqa: B008
    *,
    limit: int | None = None,
    start: Oid | None = None,
) -> Iterator[Transaction]:
    """Yield the transactions that the filter admits, newest first, at most `limit`, lazily.

    Where the filter names an agent, operation, key or session, `lines` keeps only those that
    it admits. Begins at the commit `start` (default: the head). Raises `CorruptRecord`,
    `InvalidKey` and `UnknownNamespace`.
    """
    begin = start or ledger.head()
    key = None
    if wish.key:
        with ledger.state(begin) as state:
            key = wanted(state.settings, wish.key)
    return islice(_admitted(ledger, begin, wish, key), limit)


def at(ledger: Ledger, time: Time) -> Oid:
    """Return the newest commit whose state was agreed at `time` or before.

    Raises `InvalidValue` when the ledger is younger than that.
    """
    second = from_epoch(int(to_epoch(time)))
    oldest = ""
    for oid, raw in ledger.store.chain(ledger.head()):
        oldest = journal.read(oid, raw).time
        # Commits know whole seconds; within one the state itself has the milliseconds.
        if oldest < second or (oldest == second and meta_at(ledger, oid).time <= time):
            return oid
    raise InvalidValue(f"the ledger's history begins at {oldest}", time=time, begins=oldest)


def meta_at(ledger: Ledger, commit: Oid) -> Meta:
    """Return the counters that the ledger had at a commit. Raises `CorruptRecord`."""
    found = tree.lookup(lambda oid: _data(ledger, oid), ledger.tree(commit), "", "meta.json")
    return read_meta(None if found is None else _data(ledger, found))


def _admitted(ledger: Ledger, begin: Oid, wish: Filter, key: Key | None) -> Iterator[Transaction]:
    past = 0
    for oid, raw in ledger.store.chain(begin):
        found = journal.read(oid, raw)
        if wish.since and found.time < wish.since[:19]:
            past += 1
            if past > _PAST:
                return
            continue
        past = 0
        if wish.until and found.time > wish.until:
            continue
        if wish.agent or wish.operation or wish.session or key is not None:
            kept = [line for line in found.lines if matches(line, wish)]
            if kept and key is not None:
                about = _about(ledger, found, key)
                kept = [line for line in kept if any(line is one for one in about)]
            if not kept:
                continue
            found = found._replace(lines=kept)
        yield found


def matches(line: lines.Line, wish: Filter) -> bool:
    """Say whether a line is by the wanted agent and session, and of the wanted operation."""
    operation = str(line.get("op", ""))
    return (
        (not wish.agent or wish.agent in lines.people(line, "agent"))
        and operation.startswith(tuple(wish.operation.split(",")))
        and (
            not wish.session or root_of(wish.session) in map(root_of, lines.people(line, "session"))
        )
    )


def _about(ledger: Ledger, found: Transaction, key: Key) -> list[lines.Line]:
    """Return the lines that touch what overlaps the key.

    What has changed cannot be told where this clone's history is cut off.
    """
    changed: lines.Changes = {}
    try:
        before = ledger.tree(found.parents[0]) if found.parents else None
    except CorruptRecord:
        pass
    else:

        def read(oid: Oid) -> bytes:
            return _data(ledger, oid)

        changed = lines.changes(read, lines.differing(read, before, found.tree))
    return [
        line
        for line, texts in zip(found.lines, lines.about(found.lines, changed), strict=True)
        if any(overlaps(text, key) for text in texts)
    ]


def overlaps(text: str, key: Key) -> bool:
    """Say whether the key of this text overlaps another; what is no key overlaps nothing."""
    try:
        return overlap(stored(text), key)
    except GitcoordError:
        # A key that was refused for its form is in the diary too.
        return False


def _data(ledger: Ledger, oid: Oid) -> bytes:
    return ledger.store.read(oid)[1]
