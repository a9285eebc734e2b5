"""What is held off before any of our code sees it: large bodies, floods, and what browsers guess.

Rates are counted in this process; two services allow twice as much. Not here: keys and scopes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING

from webhook.problems import Problem, told

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Whoever asks is remembered as long as there are not more of them.
REMEMBERED = 10_000
#: Headers of every response. Pages load nothing from elsewhere and are shown in no frame.
HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; img-src 'self' data:; script-src 'self'; "
        "style-src 'self'"
    ),
}


class Rates:
    """A bucket of requests for each name, refilled steadily. Safe between threads."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate`: requests a minute, of which a fourth may come at once."""
        self._speed = rate / 60
        self._size = max(1.0, rate / 4)
        self._clock = clock
        self._lock = threading.Lock()
        #: Name -> what is left, and when that was.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count one request. Raises `Problem` 429 that says when the next one is welcome."""
        now = self._clock()
        with self._lock:
            left, then = self._left.pop(name, (self._size, now))
            left = min(self._size, left + (now - then) * self._speed)
            enough = left >= 1
            self._left[name] = (left - 1 if enough else left, now)
            if len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        if not enough:
            wait = ceil((1 - left) / self._speed)
            raise Problem(
                429,
                "rate_limited",
                f"too many requests; the next one is welcome in {wait} s",
                headers={"Retry-After": str(wait)},
            )


class Bodies:
    """Refuses bodies that are too large, however they are announced."""

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int]) -> None:
        """Allow so many bytes; other numbers at paths that are named."""
        self._app = app
        self._limit = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it as soon as it is seen to be too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        if _length(scope) > limit:
            await told(scope, _refusal(limit))(scope, receive, send)
            return
        size, begun = 0, False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size <= limit:
                return message
            if begun:
                # Too late to refuse it: what is said meanwhile just ends.
                return {"type": "http.disconnect"}
            raise _refusal(limit)

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        await self._app(scope, counted, sent)


class Secured:
    """Adds the headers that keep browsers from guessing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                more = [pair for pair in self._headers if pair[0] not in known]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, sent)


def _refusal(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"a body has at most {limit} bytes")


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
