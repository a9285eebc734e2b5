"""Entries of the audit as files: JSON Lines for programs, CSV for spreadsheets.

Columns are stable: new ones come at the end. In CSV no cell is a formula, whatever somebody
has written into a reason: https://owasp.org/www-community/attacks/CSV_Injection. Not here:
which entries there are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gitcoord.ledger.audit import Entry

COLUMNS = (
    "time",
    "agent",
    "session",
    "operation",
    "id",
    "outcome",
    "result",
    "arguments",
    "commit",
    "place",
    "spooled",
)

#: Begins of cells that spreadsheets take for more than text.
_LIVE = ("=", "+", "-", "@", "\t", "\r", "\n")


def document(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data; what is not known yet is null."""
    found: dict[str, Any] = {
        name: getattr(entry, name) for name in COLUMNS if name in Entry._fields
    }
    if entry.spooled:
        found |= {"time": entry.time or None, "commit": None, "place": None}
    return found | {"spooled": entry.spooled}


def as_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield one JSON document a line."""
    for entry in entries:
        yield msgspec.json.encode(document(entry)) + b"\n"


def as_csv(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a line of names, then a line for each entry (RFC 4180); arguments are JSON."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)

    def line(cells: Iterable[str]) -> bytes:
        writer.writerow(cells)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text.encode("utf-8", "replace")

    yield line(COLUMNS)
    for entry in entries:
        yield line(map(_cell, document(entry).values()))


#: How entries are written, by the name of the form.
FORMS: dict[str, Callable[[Iterable[Entry]], Iterator[bytes]]] = {
    "jsonl": as_lines,
    "csv": as_csv,
}


def _cell(value: Any) -> str:
    """Return a value as text that no spreadsheet calculates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list, tuple)):
        return msgspec.json.encode(value).decode()
    text = str(value)
    return f"'{text}" if text.startswith(_LIVE) else text
