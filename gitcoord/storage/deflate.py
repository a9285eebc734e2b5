"""Compression of objects: quick for many small ones, readable by every git.

The header stays that of a full window, as git and libgit2 expect it of loose objects.
"""

from __future__ import annotations

import zlib

#: zlib's level: the least effort; consolidation compresses again, and better.
_LEVEL = 1
#: Memory for zlib's tables. The default of 8 clears a quarter of a megabyte for each
#: object, which takes four times as long as compressing one of ours.
_MEMORY = 4


def deflated(data: bytes) -> bytes:
    """Return the data as one zlib stream."""
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, _MEMORY)
    return stream.compress(data) + stream.flush()
