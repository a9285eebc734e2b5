"""What a transaction has left in the state, held against what its diary tells.

Every accepted operation is remembered in `ops/` with its transaction, time and a digest of its
arguments; every granted lock has a token of its own transaction. Reads only what the
transaction has changed. Not here: the walk down the chain, times and counters (proof).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import Operation, kind_of
from gitcoord.domain.ops import Op
from gitcoord.domain.record import Meta, Record
from gitcoord.errors import CorruptRecord, GitcoordError
from gitcoord.ledger import tables
from gitcoord.ledger.journal import Transaction
from gitcoord.ledger.request import digest_of
from gitcoord.storage import codec, layout, tree
from gitcoord.storage.store import Oid

#: The operation that publishes a lost ledger anew; no rule decides it, so that `ops/` has it not.
RESTORED = "ledger.restore"


class Before(NamedTuple):
    """The state on which it was decided."""

    #: None: there was none.
    tree: Oid | None
    meta: Meta


class After(NamedTuple):
    """The transaction with its counters."""

    told: Transaction
    meta: Meta


Found = tuple[str, str]


def differences(read: Callable[[Oid], bytes], before: Before, after: After) -> Iterator[Found]:
    """Yield (code, message) of whatever the state has otherwise than the diary tells.

    Raises `CorruptRecord` and `FormatTooNew` for a record that cannot be read.
    """
    added: dict[str, Op] = {}
    for table, entry, *blobs in tree.diff(read, before.tree, after.told.tree):
        old, new = (None if oid is None else _record(read(oid), table, entry) for oid in blobs)
        if isinstance(new, Op):
            if old is not None:
                yield "operation_changed", f"what became of operation {new.id} was rewritten"
            else:
                added[new.id] = new
        elif isinstance(new, Lock) and not _renewed(old, new):
            low, high = (before.meta.epoch, before.meta.token), (after.meta.epoch, after.meta.token)
            if not low < (new.epoch, new.token) <= high:
                yield "token_wrong", f"{new.key} was granted with token {new.epoch}/{new.token}"
    yield from _operations(after, added)


def _renewed(old: Record | None, new: Lock) -> bool:
    return isinstance(old, Lock) and (old.epoch, old.token) == (new.epoch, new.token)


def _operations(after: After, added: dict[str, Op]) -> Iterator[Found]:
    told: dict[str, list[dict[str, Any]]] = {}
    for line in after.told.lines:
        if line.get("outcome") == "done" and line.get("op") != RESTORED:
            told.setdefault(str(line.get("id", "")), []).append(line)
    for id in told.keys() - added.keys():
        yield "operation_missing", f"operation {id} is told and not remembered"
    for id in added.keys() - told.keys():
        yield "operation_untold", f"operation {id} is remembered and not told"
    for id in told.keys() & added.keys():
        op = added[id]
        if (op.seq, op.at) != (after.meta.seq, after.meta.time):
            yield "operation_misplaced", f"operation {id} says transaction {op.seq} at {op.at}"
        if not _same(op, told[id]):
            yield "arguments_differ", f"operation {id} was decided with other arguments"


def _same(op: Op, lines: Sequence[dict[str, Any]]) -> bool:
    """Say whether the lines tell what the digest was made of, as far as they tell it."""
    try:
        told = all(kind_of(line["op"]).diary is Operation.diary for line in lines)
        # Too long for the diary: it has the size and a digest of its own instead.
        if not told or any(line["args"].keys() == {"bytes", "sha256"} for line in lines):
            return True
        asked = [{"op": line["op"], **line["args"]} for line in lines]
    except (GitcoordError, AttributeError, TypeError, KeyError):
        # Of a gitcoord with other operations.
        return True
    # As it was written, and not as it is read: 10 and 10.0 are one number and two texts.
    return digest_of(lines[0].get("session"), asked) == op.digest


def _record(data: bytes, table: str, entry: str) -> Record | None:
    """Return a record; None where its kind is not known. Raises `CorruptRecord`."""
    kind = tables.kind(table) if table else None
    if kind is None:
        return None
    record = codec.decode_record(data, kind, f"{table}/{entry}")
    if layout.entry_name(record.name) != entry:
        raise CorruptRecord(f"{table}/{entry} holds the record of {record.name!r}")
    return record
