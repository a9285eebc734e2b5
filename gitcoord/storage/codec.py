"""Records as canonical JSON: equal values have equal bytes, whoever wrote them.

Keys sorted at every level, two spaces of indent, UTF-8 as it is, one newline at
the end. A stored record says its format and keeps the fields that a newer
gitcoord gave it. Not here: which records there are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from gitcoord.errors import CorruptRecord, FormatTooNew, InvalidValue

#: The stored format that this gitcoord writes, and the newest that it reads.
FORMAT = 1

T = TypeVar("T")
_FORMAT_KEY = "format"
# A line of its own at the top level; inside a string the newline would be escaped.
_FORMAT_LINE = b'\n  "format": %d,\n' % FORMAT


class _Formatted(msgspec.Struct):
    format: int


def encode(value: Any) -> bytes:
    """Return `value` (plain data or structs) as canonical JSON.

    Raises `InvalidValue` for what JSON cannot hold: NaN, infinities, broken Unicode.
    """
    try:
        compact = msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as wrong:
        raise InvalidValue(f"this cannot be stored as JSON: {wrong}") from wrong
    # msgspec writes "null" for a float that JSON does not have; only then is it worth a walk.
    if b"null" in compact and not _finite(msgspec.to_builtins(value)):
        raise InvalidValue("NaN and infinities cannot be stored as JSON")
    return msgspec.json.format(compact, indent=2) + b"\n"


def encode_record(record: msgspec.Struct, base: bytes | None = None) -> bytes:
    """Return the bytes to store for `record`, with its format.

    `base` is what is stored now: fields in it that the record's type does not know are
    kept, also inside structs that the record holds as a field, in a dict or in a list.
    Lists are paired by position, and only when they have not become shorter.
    Raises `CorruptRecord` or `FormatTooNew` when `base` cannot be read.
    """
    body = msgspec.to_builtins(record)
    if base is not None:
        _keep(record, body, _read(base, dict[str, Any], type(record).__name__))
    body[_FORMAT_KEY] = FORMAT
    return encode(body)


def decode_record(data: bytes, kind: type[T], what: str = "") -> T:
    """Return the stored record as a `kind`; `what` says in errors which one it is.

    Raises `CorruptRecord`, or `FormatTooNew` when a newer gitcoord has written it.
    """
    return _read(data, kind, what or f"a stored {kind.__name__}")


def decode(data: bytes, what: str) -> Any:
    """Return plain data from JSON; `what` names it in errors. Raises `CorruptRecord`."""
    return _parsed(data, Any, what)


def _read(data: bytes, kind: type[T], what: str) -> T:
    # The type may accept what a newer format means otherwise, so the format comes first.
    if _FORMAT_LINE not in data:
        found = _parsed(data, _Formatted, what).format
        if found > FORMAT:
            raise FormatTooNew(
                f"{what} has format {found}; this gitcoord reads up to {FORMAT}",
                found=found,
                supported=FORMAT,
            )
        if found < 1:
            raise CorruptRecord(f"{what} has the impossible format {found}", what=what)
    record: T = _parsed(data, kind, what)
    return record


def _parsed(data: bytes, kind: Any, what: str) -> Any:
    try:
        return _decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise CorruptRecord(f"{what} cannot be read: {wrong}", what=what) from wrong


@lru_cache(maxsize=128)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _keep(record: Any, body: Any, base: Any) -> None:
    """Copy into `body`, the plain form of `record`, what only `base` knows."""
    if isinstance(record, msgspec.Struct) and isinstance(body, dict) and isinstance(base, dict):
        names = dict(zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True))
        tag = record.__struct_config__.tag_field
        for key, value in base.items():
            if key in names:
                _keep(getattr(record, names[key]), body.get(key), value)
            elif key not in (_FORMAT_KEY, tag):
                body[key] = value
    elif isinstance(record, dict) and isinstance(body, dict) and isinstance(base, dict):
        for key in record.keys() & base.keys():
            _keep(record[key], body.get(key), base[key])
    elif isinstance(record, (list, tuple)) and isinstance(base, list) and len(record) >= len(base):
        for item, plain, old in zip(record, body, base, strict=False):
            _keep(item, plain, old)
