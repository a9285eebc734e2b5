"""Which records there are: table names and the types stored in them.

The storage room indexes records without knowing them; `describe` is how it
learns their names and terms. An unknown table is carried along and not indexed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from gitcoord.domain.record import Record
from gitcoord.storage import codec

#: Table -> where its record lives.
KINDS: dict[str, str] = {
    "sessions": "sessions:Session",
    "locks": "locks:Lock",
    "waiters": "waiting:Waiter",
    "unlanded": "unlanded:Mark",
    "notices": "notices:Notice",
    "tasks": "tasks:Task",
    "notes": "tasks:Note",
    "handoffs": "handoffs:Handoff",
    "memories": "memories:Memory",
    "working": "working_memory:WorkingMemory",
    "changes": "changes:Change",
    "messages": "mailbox:Message",
    "violations": "violations:Violation",
    "ops": "ops:Op",
    "profiles": "profiles:Profile",
    "assignments": "assignments:Assignment",
    "policies": "policies:Policy",
    "network": "network:NetworkRule",
    "accesses": "accesses:Access",
    "ports": "ports:PortLease",
    "plans": "plans:Plan",
    "escalations": "escalations:Escalation",
    "features": "features:Feature",
    "approvals": "approvals:Approval",
    "verify_policies": "verify_policies:VerifyPolicy",
    "verifications": "verification:Verification",
}

#: Raised whenever there are other records or terms, so that older indexes are thrown away.
VERSION = "6"

_loaded: dict[str, type[Record]] = {}


def kind(table: str) -> type[Record] | None:
    """Return the type of records in `table`, or None for a table of a newer gitcoord."""
    table = table.removeprefix("archive/")
    if table not in _loaded and table in KINDS:
        module, name = KINDS[table].split(":")
        _loaded[table] = getattr(import_module("gitcoord.domain." + module), name)
    return _loaded.get(table)


def describe(table: str, data: bytes) -> tuple[str | None, Sequence[str]]:
    """Return a stored record's name and index terms; no name for an unknown table.

    Raises `CorruptRecord`, `FormatTooNew`.
    """
    record_type = kind(table)
    if record_type is None:
        return None, ()
    record = codec.decode_record(data, record_type, table)
    return record.name, tuple(record.terms())
