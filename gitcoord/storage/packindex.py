"""Which objects a pack on disk holds, from its index alone.

Reads version 2 of the format, which git has written since 2007:
https://git-scm.com/docs/gitformat-pack. Not here: the objects themselves.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from struct import Struct

from gitcoord.errors import CorruptRecord
from gitcoord.storage.store import OID_LENGTH

_HEAD = 8 + 256 * 4
_FANOUT = Struct(">256I")
_CHUNK = Struct(">4sQ")


class PackIndex:
    """The names in one index, held in memory."""

    def __init__(self, path: str, fmt: str) -> None:
        """Read the index. Raises `FileNotFoundError`, `CorruptRecord`."""
        self._size = OID_LENGTH[fmt] // 2
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            if len(head) < _HEAD or head[:8] != b"\xfftOc\0\0\0\2":
                raise CorruptRecord(f"{path} is no index of a pack that can be read here")
            self._fanout: tuple[int, ...] = _FANOUT.unpack_from(head, 8)
            self._names = file.read(self._fanout[255] * self._size)
        if len(self._names) != self._fanout[255] * self._size:
            raise CorruptRecord(f"{path} is cut short")

    def __len__(self) -> int:
        return self._fanout[255]

    def __contains__(self, raw: bytes) -> bool:
        first, size = raw[0], self._size
        low = self._fanout[first - 1] if first else 0
        high = self._fanout[first]
        while low < high:
            middle = (low + high) // 2
            found = self._names[middle * size : (middle + 1) * size]
            if found == raw:
                return True
            low, high = (middle + 1, high) if found < raw else (low, middle)
        return False

    def names(self) -> set[bytes]:
        """Return all object ids, as raw bytes."""
        size = self._size
        return {self._names[at : at + size] for at in range(0, len(self._names), size)}


def multi_pack_names(directory: str) -> bytes:
    """Return the file names of all packs that git's indexes over several packs rely on.

    Format: https://git-scm.com/docs/gitformat-pack#_multi_pack_index_midx_files_have_the_following_format
    """
    chain = os.path.join(directory, "multi-pack-index.d")
    files = [os.path.join(directory, "multi-pack-index")]
    with suppress(FileNotFoundError):
        files += [os.path.join(chain, name) for name in os.listdir(chain)]
    return b"\0".join(map(_pack_names, files))


def _pack_names(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            table = file.read(12 * (head[6] + 1)) if head[:5] == b"MIDX\1" else b""
            chunks = list(_CHUNK.iter_unpack(table))
            for (kind, start), (_, end) in pairwise(chunks):
                if kind == b"PNAM":
                    file.seek(start)
                    return file.read(end - start)
            # Of a kind that is not known here; whatever it relies on stands in it somewhere.
            file.seek(0)
            return file.read()
    except FileNotFoundError:
        return b""
