"""One HTTP answer, read whole: its body within bounds, and what its headers ask for.

Promises that an answer which breaks off is never taken for a whole one, and that what a
host says is safe to print. Not here: which request it answers, or what to do next.
"""

from __future__ import annotations

import re
import time
import zlib
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse, IncompleteRead
from io import BytesIO

from gitcoord.errors import UnreadableAnswer
from gitcoord.storage.wire.pktline import FLUSH, plain

#: Bytes of an answer, unpacked, above which it is given up.
LARGEST = 512 * 2**20
_CHUNK = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
#: Characters of a page's title, or of a line of text, that a message quotes at most.
_QUOTED = 80
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


class Answer:
    """Status, headers and body of one answer; the body stands at its beginning."""

    def __init__(self, response: HTTPResponse, limit: int = LARGEST) -> None:
        """Read all of it. Raises OSError and HTTPException where it breaks off.

        UnreadableAnswer above `limit` bytes, and for an encoding that nobody asked for.
        """
        self.status = response.status
        self.kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        self.location = response.getheader("Location") or ""
        #: What each `WWW-Authenticate` says.
        self.challenges = response.headers.get_all("WWW-Authenticate") or []
        #: The host's seconds since 1970, None where it does not say.
        self.date = _seconds(response.getheader("Date"))
        self.retry_after = _wait(response.getheader("Retry-After"), self.date)
        #: Whether the end of the body was told by a length, and not only by the connection's end.
        self.framed = response.length is not None or bool(getattr(response, "chunked", False))
        self.body = _body(response, limit)

    @property
    def whole(self) -> bool:
        """Return whether nothing is missing: git ends each answer with a flush."""
        return self.framed or self.body.getvalue().endswith(FLUSH)

    def said(self) -> str:
        """Return the title or the first line of text, at most 80 plain characters; "" for none."""
        start = self.body.getvalue()[:_CHUNK]
        title = _TITLE.search(start)
        if title:
            from html import unescape

            start = unescape(title[1].decode("utf-8", "replace")).encode()
        elif "html" in self.kind or not self.kind.startswith("text/"):
            return ""
        words = next((text for text in map(plain, start.splitlines()) if text), "")
        return words if len(words) <= _QUOTED else words[: _QUOTED - 1] + "…"


def _body(response: HTTPResponse, limit: int) -> BytesIO:
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise UnreadableAnswer(f"the host's answer is encoded as {plain(encoding.encode())!r}")
    unpack = None if encoding == "identity" else zlib.decompressobj(_GZIP)
    body = BytesIO()
    came = False
    while chunk := response.read(_CHUNK):
        came = True
        # What is unpacked beyond the room left over by one byte is enough to know.
        if unpack is not None:
            chunk = _unpacked(unpack, chunk, limit + 1 - body.tell())
        body.write(chunk)
        if body.tell() > limit:
            raise UnreadableAnswer(f"the host's answer is larger than {limit} bytes")
    if response.length:
        raise IncompleteRead(b"", response.length)
    if unpack is not None and not unpack.eof and came:
        raise IncompleteRead(b"")
    body.seek(0)
    return body


def _unpacked(unpack: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    try:
        return unpack.decompress(chunk, room)
    except zlib.error as error:
        raise UnreadableAnswer("the host's answer cannot be unpacked") from error


def _seconds(date: str | None) -> float | None:
    """Return the seconds since 1970 of an HTTP date, None for what is none."""
    if not date:
        return None
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _wait(asked: str | None, now: float | None) -> float | None:
    """Return the seconds that `Retry-After` asks for, None where it does not."""
    if not asked:
        return None
    if asked.strip().isascii() and asked.strip().isdigit():
        return float(asked)
    until = _seconds(asked)
    if until is None:
        return None
    return max(0.0, until - (time.time() if now is None else now))
