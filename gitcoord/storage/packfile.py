"""Packs in memory: the bytes of one pack of whole objects, and of its index.

Promises what `git index-pack` would accept and make, without deltas. Writes no file and
reads no pack: reading is git's. Format: https://git-scm.com/docs/gitformat-pack
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

from gitcoord.storage.deflate import deflated
from gitcoord.storage.store import GitObject

_CODES = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}
_LARGE = 1 << 31


Entry = tuple[bytes, int, int]
#: Parts of the pack file, and what its index needs to know.
Packed = tuple[list[bytes], list[Entry]]


def pack(objects: Sequence[GitObject], fmt: str) -> Packed:
    """Return (parts of the pack file, index entries) of objects with distinct oids.

    The last part is the pack's own checksum. An entry is (oid, CRC-32, offset).
    """
    parts = [struct.pack(">4sII", b"PACK", 2, len(objects))]
    entries = []
    offset = len(parts[0])
    for kind, data, oid in objects:
        entry = _size(_CODES[kind], len(data)) + deflated(data)
        entries.append((bytes.fromhex(oid), zlib.crc32(entry), offset))
        parts.append(entry)
        offset += len(entry)
    parts.append(_checksum(parts, fmt))
    return parts, entries


def index(entries: list[Entry], checksum: bytes, fmt: str) -> list[bytes]:
    """Return the parts of the version 2 index of the pack with this checksum."""
    entries = sorted(entries)
    fanout, seen = [], 0
    for first in range(256):
        while seen < len(entries) and entries[seen][0][0] <= first:
            seen += 1
        fanout.append(seen)
    small: list[int] = []
    large: list[int] = []
    for _, _, offset in entries:
        if offset < _LARGE:
            small.append(offset)
        else:
            small.append(_LARGE | len(large))
            large.append(offset)
    count = len(entries)
    parts = [
        b"\xfftOc\0\0\0\2",
        struct.pack(">256I", *fanout),
        b"".join(oid for oid, _, _ in entries),
        struct.pack(f">{count}I", *(crc for _, crc, _ in entries)),
        struct.pack(f">{count}I", *small),
        struct.pack(f">{len(large)}Q", *large),
        checksum,
    ]
    parts.append(_checksum(parts, fmt))
    return parts


def _size(code: int, size: int) -> bytes:
    """Return kind and size: 4 bits of the size in the first byte, 7 in each that follows."""
    byte, size = code << 4 | size & 15, size >> 4
    header = bytearray()
    while size:
        header.append(byte | 128)
        byte, size = size & 127, size >> 7
    header.append(byte)
    return bytes(header)


def _checksum(parts: Sequence[bytes], fmt: str) -> bytes:
    digest = hashlib.new(fmt, usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()
