"""Where a record stands in the tree: names of entries, tables and the split by hash digits.

A pure function of the table and the name, and fixed for ever with the stored
format (docs/format.md). Not here: reading or writing of trees.
"""

from __future__ import annotations

import re
from functools import cache

from gitcoord.errors import InvalidValue
from gitcoord.storage.digest import sha256

#: A node with more records than this is split by one hex digit into sub-trees.
FLAT = 64
#: Longest entry name in bytes; a longer one is replaced by its hash.
LONGEST = 120

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~@-")
_WRITTEN = [bytes((byte,)) if byte in _SAFE else b"%%%02X" % byte for byte in range(256)]
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_PLAIN = _LOWER | frozenset("0123456789_-")

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
    entry = b"r." + b"".join([_WRITTEN[byte] for byte in raw]) + b".json"
    if len(entry) > LONGEST:
        return f"h.{sha256(raw).hexdigest()}.json"
    return entry.decode("ascii")


def record_name(entry: str) -> str | None:
    """Return the record's name from its entry, or None where the entry holds only its hash."""
    if not entry.startswith("r."):
        return None
    raw = entry.encode()[len("r.") : -len(".json")]
    plain = _escape().sub(lambda found: bytes.fromhex(found[1].decode()), raw)
    return plain.decode(errors="replace")


def is_record(entry: bytes) -> bool:
    """Say whether a blob with this entry name is a record of a table."""
    return entry[:2] in (b"r.", b"h.") and entry.endswith(b".json") and len(entry) > 6


def digits(entry: bytes) -> str:
    """Return the hex digits that lead to a record: the i-th is taken at depth i."""
    hexadecimal: str = sha256(entry).hexdigest()
    return hexadecimal


def table_path(table: str) -> list[str]:
    """Return the directories of a table, one or two. Raises `InvalidValue`."""
    path = table.split("/")
    # Two characters at least: one hex digit names a sub-tree of a split node.
    if len(path) > 2 or not all(len(part) > 1 and _is_plain(part) for part in path):
        raise InvalidValue(f"not the name of a table: {table!r}")
    return path


def root_blob(name: str) -> bytes:
    """Return the entry of a blob beside the tables, such as `meta.json`. Raises `InvalidValue`."""
    stem = name.removesuffix(".json")
    if stem == name or not _is_plain(stem):
        raise InvalidValue(f"not the name of a file beside the tables: {name!r}")
    return name.encode()


def _is_plain(text: str) -> bool:
    return text[:1] in _LOWER and _PLAIN.issuperset(text)


@cache
def _escape() -> re.Pattern[bytes]:
    return re.compile(rb"%([0-9A-F]{2})")
