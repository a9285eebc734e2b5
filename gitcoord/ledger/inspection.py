"""Whether what is stored can be read, stands where it belongs, and follows from its past.

Reads every record of one commit, and the chain behind it. Changes nothing and goes on
after a fault, so that one look shows them all. Not here: what records mean together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitcoord.domain.record import Meta
from gitcoord.domain.settings import Settings
from gitcoord.domain.state import ARCHIVE
from gitcoord.domain.time import Time, plus, seconds_between
from gitcoord.errors import CorruptRecord, GitcoordError
from gitcoord.ledger import journal, tables
from gitcoord.ledger.clock import AHEAD
from gitcoord.ledger.finding import Finding
from gitcoord.ledger.history import meta_at
from gitcoord.ledger.ledger import Ledger, read_meta
from gitcoord.storage import codec, layout, tree
from gitcoord.storage.node import Node, load
from gitcoord.storage.store import Oid, Store, first_parent
from gitcoord.storage.walk import subtrees

#: Newest transactions whose counters and times are compared; the older ones are only read.
COMPARED = 2000

_MACHINE = re.compile(rb"\ncommitter [^\n<]*<([^\n>]*)@gitcoord>")


class Records(NamedTuple):
    """What stands in one tree, and what is wrong with it."""

    findings: list[Finding]
    read: int
    #: Whether a state can be opened on it.
    readable: bool


def records(ledger: Ledger, commit: Oid) -> Records:
    """Read every record at a commit and compare the tree with one made from them anew."""
    findings: list[Finding] = []
    sound: dict[tuple[str, str], bytes] = {}
    unknown: dict[str, int] = {}
    try:
        root = ledger.tree(commit)
        places = list(tree.records(lambda oid: ledger.store.read(oid)[1], root))
    except GitcoordError as error:
        return Records([_error(error, f"the tree of {commit[:12]}")], 0, False)
    for (table, entry, _), data in zip(
        places, _blobs(ledger.store, [oid for *_, oid in places]), strict=True
    ):
        where = f"{table}/{entry}" if table else entry
        if isinstance(data, GitcoordError):
            findings.append(_error(data, where))
            continue
        try:
            name = _name(table, entry, data)
        except GitcoordError as error:
            findings.append(_error(error, where))
            continue
        if name is None:
            unknown[table] = unknown.get(table, 0) + 1
        else:
            sound[table, name] = data
    for table, count in sorted(unknown.items()):
        message = f"{count} records of {table or 'the root'} are of a kind unknown to this gitcoord"
        findings.append(Finding("unknown_table", "note", message, "Upgrade gitcoord to use them."))
    faults = any(found.severity == "error" for found in findings)
    if not faults:
        findings += _rebuilt(ledger, root, sound, set(unknown))
    return Records(findings, len(places), not faults)


def chain(ledger: Ledger, head: Oid, now: Time) -> Iterator[Finding]:
    """Yield what is wrong with the chain of transactions behind `head`.

    `now` is this machine's time; whoever wrote a time far ahead of it is named.
    """
    count, newer, raw, oid = 0, None, b"", head
    latest: Finding | None = None
    try:
        for oid, raw in ledger.store.chain(head):
            count += 1
            if count <= COMPARED:
                meta = meta_at(ledger, oid)
                if newer is not None:
                    yield from _step(newer, meta, oid, raw)
                if meta.time > plus(now, AHEAD):
                    latest = Finding(
                        "time_ahead",
                        "warning",
                        f"transaction {meta.seq} is dated {meta.time}, it is {now} here; "
                        f"it was written by {_writer(oid, raw)}",
                        "Set the clock of that machine right. Until then leases of others "
                        "are not ended by time.",
                    )
                newer = meta
    except GitcoordError as error:
        yield _error(error, f"the chain, {count} transactions back, at {oid[:12]}")
        return
    if latest is not None:
        yield latest
    parent = first_parent(raw)
    if parent is not None:
        yield Finding(
            "chain_cut",
            "note",
            f"this clone has the newest {count} transactions; older ones were not fetched",
        )
    elif newer is not None and count <= COMPARED and newer.seq != 1:
        message = f"the oldest transaction has number {newer.seq}, not 1"
        yield Finding("chain_begins_late", "error", message)
    yield Finding("chain", "ok", f"{count} transactions can be read")


def _step(newer: Meta, older: Meta, oid: Oid, raw: bytes) -> Iterator[Finding]:
    """Compare two neighbours; `oid` and `raw` are the older one's."""
    if newer.seq != older.seq + 1 or newer.epoch < older.epoch:
        yield Finding(
            "seq_jump",
            "error",
            f"transaction {newer.epoch}/{newer.seq} follows {older.epoch}/{older.seq}",
        )
    back = seconds_between(newer.time, older.time) if newer.time and older.time else 0
    if back > AHEAD:
        yield Finding(
            "time_back",
            "warning",
            f"time goes back by {back:.0f} s at transaction {newer.seq}; the one before, of "
            f"{older.time}, was written by {_writer(oid, raw)}",
            "Look at the clocks of both machines.",
        )


def _writer(oid: Oid, raw: bytes) -> str:
    found = _MACHINE.search(raw)
    machine = found[1].decode("utf-8", "replace") if found else "an unknown machine"
    return f"{journal.read(oid, raw).agent} on {machine}"


def _name(table: str, entry: str, data: bytes) -> str | None:
    """Return the record's name, or None where its kind is not known; raise what is wrong."""
    if not table:
        if entry == "meta.json":
            read_meta(data)
        elif entry == "settings.json":
            codec.decode_record(data, Settings, entry)
        else:
            return None
        return entry
    record_kind = tables.kind(table)
    if record_kind is None:
        return None
    record = codec.decode_record(data, record_kind, f"{table}/{entry}")
    if layout.entry_name(record.name) != entry:
        raise CorruptRecord(f"{table}/{entry} holds the record of {record.name!r}")
    if record.archived != table.startswith(ARCHIVE):
        raise CorruptRecord(f"{table}/{entry} is {'closed' if record.archived else 'open'}")
    return record.name


def _blobs(store: Store, oids: Sequence[Oid]) -> Iterator[bytes | GitcoordError]:
    """Yield the data of each object, or the error where one cannot be read."""
    at = 0
    while at < len(oids):
        try:
            for _, kind, data in store.read_many(oids[at:]):
                at += 1
                yield data if kind == b"blob" else CorruptRecord(f"is a {kind.decode()}")
        except GitcoordError as error:
            at += 1
            yield error


def _rebuilt(
    ledger: Ledger, root: Oid, sound: dict[tuple[str, str], bytes], unknown: set[str]
) -> Iterator[Finding]:
    """Compare the tree with the one that the same records give from nothing."""
    made: dict[Oid, bytes] = {}

    def read(oid: Oid) -> bytes:
        return made[oid] if oid in made else ledger.store.read(oid)[1]

    again, objects = tree.rewrite(read, None, dict(sound), ledger.store.object_format)
    if again == root:
        return
    made.update((one.oid, one.data) for one in objects if one.kind == b"tree")
    for table in sorted({table for table, _ in sound} - unknown - {""}):
        if _directory(read, root, table) != _directory(read, again, table):
            yield Finding(
                "tree_differs",
                "error",
                f"table {table} is not laid out as its records say",
                "It was written by another program or by hand; its records can be read.",
            )


def _directory(read: tree.Reader, root: Oid, table: str) -> Node:
    """Return the table's own top node, without tables inside it."""
    node = load(read, bytes.fromhex(root))
    for part in layout.table_path(table):
        node = load(read, subtrees(node).get(part.encode()))
    return node._replace(others={})


def _error(error: GitcoordError, where: str) -> Finding:
    return Finding(error.code, "error", f"{where}: {error.message}", error.hint or "")
