"""The ledger's past: its transactions, newest first, and the commit of a point in time.

Promises to read only as far as the answer needs. Sees what the chain holds, no more:
a shallow clone's history ends where it was cut off. Not here: the state of the past,
which `Ledger.state(commit)` opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from gitcoord.domain.key_index import stored, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Meta
from gitcoord.domain.sessions import root as root_of
from gitcoord.domain.time import Time, from_epoch, to_epoch
from gitcoord.errors import GitcoordError, InvalidValue
from gitcoord.ledger import journal
from gitcoord.ledger.journal import Transaction
from gitcoord.ledger.ledger import Ledger, read_meta
from gitcoord.storage import codec, tree
from gitcoord.storage.node import load
from gitcoord.storage.store import Oid
from gitcoord.storage.walk import subtrees

#: Transactions in a row before `since` after which the search ends: one machine with a wrong
#: date must not hide what was done before it.
_PAST = 64
#: Arguments that hold keys or paths.
_KEYS = frozenset(("key", "keys", "path", "paths", "files"))
#: Tables whose records are about a key.
_HELD = frozenset((b"locks", b"unlanded", b"waiters"))

Line = dict[str, Any]


class Filter(NamedTuple):
    """Which transactions are wanted; what is empty admits all."""

    agent: str = ""
    #: An operation's tag or its beginning: `lock.acquire`, `lock.`, `task`.
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
        if wish.agent or wish.operation or wish.session:
            found = found._replace(lines=[one for one in found.lines if _matches(one, wish)])
            if not found.lines:
                continue
        if key is not None:
            found = found._replace(lines=_about(ledger, found, key))
            if not found.lines:
                continue
        yield found


def _matches(line: Line, wish: Filter) -> bool:
    operation = str(line.get("op", ""))
    return (
        (not wish.agent or wish.agent in _said(line, "agent"))
        and (not wish.operation or operation.startswith(wish.operation))
        and (not wish.session or root_of(wish.session) in map(root_of, _said(line, "session")))
    )


def _said(line: Line, who: str) -> list[str]:
    """Return the agents or sessions of a line: who acts, and who starts, ends or is ended."""
    arguments = line.get("args")
    found = [line.get(who)]
    if isinstance(arguments, dict) and str(line.get("op", "")).startswith("session."):
        found.append(arguments.get("id" if who == "session" else who))
    return [one for one in found if isinstance(one, str)]


def _about(ledger: Ledger, found: Transaction, key: Key) -> list[Line]:
    """Return the lines that name the key, or whose session got or lost something on it."""
    changed = _holders(ledger, found, key)
    named = [
        line
        for line in found.lines
        if root_of(line.get("session") or "") in changed or _names(line.get("args"), key)
    ]
    # A lapse or a sweep names nobody: then it is all of them.
    return named or (found.lines if changed else [])


def _names(value: Any, key: Key, *, keys: bool = False) -> bool:
    if isinstance(value, dict):
        return any(_names(item, key, keys=name in _KEYS) for name, item in value.items())
    if isinstance(value, list):
        return any(_names(item, key, keys=keys) for item in value)
    return keys and isinstance(value, str) and _overlaps(value, key)


def _overlaps(text: str, key: Key) -> bool:
    try:
        return overlap(stored(text), key)
    except GitcoordError:
        # A key that was refused for its form is in the diary too; it overlaps nothing.
        return False


def _holders(ledger: Ledger, found: Transaction, key: Key) -> set[str]:
    """Return the sessions whose locks, waits or marks on the key this transaction changed."""

    def read(oid: Oid) -> bytes:
        return _data(ledger, oid)

    before = ledger.tree(found.parents[0]) if found.parents else None
    old = subtrees(load(read, bytes.fromhex(before) if before else None))
    new = subtrees(load(read, bytes.fromhex(found.tree)))
    if all(old.get(table) == new.get(table) for table in _HELD):
        return set()
    holders = set()
    for table, entry, *blobs in tree.diff(read, before, found.tree):
        if table.encode() in _HELD:
            for oid in filter(None, blobs):
                record = codec.decode(read(oid), f"{table}/{entry}")
                texts = (record.get("key", ""), *record.get("keys", ()))
                if any(_overlaps(text, key) for text in texts if text):
                    holders.add(root_of(record.get("session", "")))
    return holders


def _data(ledger: Ledger, oid: Oid) -> bytes:
    return ledger.store.read(oid)[1]
