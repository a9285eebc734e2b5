"""Packets: the frames in which git's protocol puts everything, and words read from them.

Promises that whatever a host sends becomes packets or `UnreadableAnswer`, and that its text
is safe to print. Reads nothing past the packet that is asked for, so that a pipe never
blocks. Format: https://git-scm.com/docs/gitprotocol-common#_pkt_line_format
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from gitcoord.errors import HostRefused, InvalidValue, UnreadableAnswer
from gitcoord.storage.store import Oid

FLUSH, DELIM, RESPONSE_END = b"0000", b"0001", b"0002"
#: The most bytes of data that one packet carries.
LARGEST = 65516
#: Characters of a host's text that a message quotes at most.
QUOTED = 300

_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
#: What git allows in no name of a ref and a terminal might obey.
_CONTROL = re.compile(rb"[\0-\x20\x7f]")


class Special(Enum):
    """Packets without data, which end a message or a part of one."""

    FLUSH = FLUSH
    DELIM = DELIM
    RESPONSE_END = RESPONSE_END


_SPECIAL = {special.value: special for special in Special}


def line(data: bytes) -> bytes:
    """Return the data as one packet; InvalidValue above `LARGEST` bytes."""
    if len(data) > LARGEST:
        raise InvalidValue(f"{len(data)} bytes are too many for one packet of git's protocol")
    return b"%04x%s" % (len(data) + 4, data)


class Packets:
    """The packets of one answer. `read(n)` returns n bytes, and fewer only at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def next(self) -> bytes | Special | None:
        """Return the data of the next packet, or a special one; None at the end.

        Raises HostRefused when the packet says `ERR`, and UnreadableAnswer when it is none
        or cut short.
        """
        head = self._read(4)
        if not head:
            return None
        if head in _SPECIAL:
            return _SPECIAL[head]
        data = self._read(_size(head))
        if len(data) != _size(head):
            raise UnreadableAnswer("the host's answer breaks off in the middle")
        if data.startswith(b"ERR "):
            raise HostRefused(f"the host says: {plain(data[4:])}")
        return data


def _size(head: bytes) -> int:
    """Return how many bytes of data follow these four."""
    # int() alone would take signs, spaces and underscores for parts of a number.
    if len(head) == 4 and head.isalnum():
        try:
            size = int(head, 16) - 4
        except ValueError:
            size = -1
        if 0 <= size <= LARGEST:
            return size
    raise UnreadableAnswer(f"the host's answer is not git's protocol; it has {plain(head)!r}")


def plain(text: bytes) -> str:
    """Return a host's text as one line for a message, at most `QUOTED` characters.

    None of them moves a cursor, changes a colour or turns the direction of writing.
    """
    known = text.decode("utf-8", "replace")
    clean = "".join(char for char in known if char.isprintable() or char.isspace())
    words = " ".join(clean.split())
    return words if len(words) <= QUOTED else words[: QUOTED - 1] + "…"


def as_oid(raw: bytes) -> Oid:
    """Return the object name that a host wrote in hex; UnreadableAnswer when it is none."""
    if not _OID.fullmatch(raw):
        raise UnreadableAnswer(f"the host sent {plain(raw)!r} in place of an object's name")
    return raw.decode("ascii")


def as_ref(raw: bytes) -> str:
    """Return the name of a ref that a host wrote; UnreadableAnswer when it cannot be one.

    Bytes that are not UTF-8 become surrogates, as in `os.fsdecode`: strangers' refs may be
    named in any encoding, and two of them must not become one.
    """
    if not raw or _CONTROL.search(raw):
        raise UnreadableAnswer(f"the host sent {plain(raw)!r} in place of a ref")
    return raw.decode("utf-8", "surrogateescape")
