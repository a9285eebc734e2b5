"""Where a record stands in the tree: names of entries, tables and the split by hash digits.

A pure function of the table and the name, and fixed for ever with the stored
format (docs/format.md). Not here: reading or writing of trees.
"""

from __future__ import annotations

import re
from hashlib import sha256

from gitcoord.errors import InvalidValue

#: A node with more records than this is split by one hex digit into sub-trees.
FLAT = 64
#: Longest entry name in bytes; a longer one is replaced by its hash.
LONGEST = 120

_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~@-]")
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")
_RECORD = re.compile(rb"[rh]\..*\.json", re.DOTALL)
# Two characters at least: one hex digit names a sub-tree of a split node.
_TABLE = re.compile(r"[a-z][a-z0-9_-]+(/[a-z][a-z0-9_-]+)?")
_ROOT_BLOB = re.compile(r"[a-z][a-z0-9_-]*\.json")

DIGITS = frozenset(b"%x" % digit for digit in range(16))


def entry_name(name: str) -> str:
    """Return the tree entry of the record called `name`: ASCII, at most 120 bytes.

    The prefix keeps names such as ".git", which git hosts refuse, out of trees.
    Raises `InvalidValue` when the name is no valid Unicode.
    """
    try:
        raw = name.encode()
    except UnicodeEncodeError as wrong:
        raise InvalidValue(f"not a name for a record: {name!r}") from wrong
    entry = b"r." + _UNSAFE.sub(_escaped, raw) + b".json"
    if len(entry) > LONGEST:
        return f"h.{sha256(raw).hexdigest()}.json"
    return entry.decode("ascii")


def record_name(entry: str) -> str | None:
    """Return the record's name from its entry, or None where the entry holds only its hash."""
    if not entry.startswith("r."):
        return None
    raw = entry.encode()[len("r.") : -len(".json")]
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), raw).decode(errors="replace")


def is_record(entry: bytes) -> bool:
    """Say whether a blob with this entry name is a record of a table."""
    return _RECORD.fullmatch(entry) is not None


def digits(entry: bytes) -> str:
    """Return the hex digits that lead to a record: the i-th is taken at depth i."""
    return sha256(entry).hexdigest()


def table_path(table: str) -> list[str]:
    """Return the directories of a table, one or two. Raises `InvalidValue`."""
    if _TABLE.fullmatch(table) is None:
        raise InvalidValue(f"not the name of a table: {table!r}")
    return table.split("/")


def root_blob(name: str) -> bytes:
    """Return the entry of a blob beside the tables, such as `meta.json`. Raises `InvalidValue`."""
    if _ROOT_BLOB.fullmatch(name) is None:
        raise InvalidValue(f"not the name of a file beside the tables: {name!r}")
    return name.encode()


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
