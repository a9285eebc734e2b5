"""What reads requests from a connection: httptools, which is C, where it is installed, else h11.

Promises that what is no body has a bound with either; h11 has one of its own, httptools would
keep a head without end. Not here: the bound of bodies (`limits`).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: Bytes of a request, without its body, that are waited for after its first piece.
LIMIT = 64 * 1024
#: Bytes that a byte of a body may cost: one that is sent in chunks of one byte costs six.
_CHUNKED = 8


def reader() -> str | type[asyncio.Protocol]:
    """Return what uvicorn's setting `http` takes."""
    return "h11" if find_spec("httptools") is None else _bounded()


def _bounded() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Bounded(HttpToolsProtocol):
        """Hangs up on who sends a head, or a trailer, without end."""

        #: Bytes of the request so far that were no body.
        _beside = 0

        def data_received(self, data: bytes) -> None:
            """Take what has come, unless it is too much."""
            if self._beside > LIMIT:
                self.send_400_response("The head of the request is too long.")
                return
            self._beside += len(data)
            super().data_received(data)

        def on_message_begin(self) -> None:
            self._beside = 0
            super().on_message_begin()

        def on_body(self, body: bytes) -> None:
            self._beside -= _CHUNKED * len(body)
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._beside = 0
            super().on_message_complete()

    return Bounded
