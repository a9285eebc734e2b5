"""A stream of server-sent events: what a hub tells, as a browser's `EventSource` reads it.

https://html.spec.whatwg.org/multipage/server-sent-events.html: `id:` is the event's id, which a
client sends back as `Last-Event-ID`; `event:` its type; `data:` one line of JSON. A stream begins
with an id without an event, so that also whoever has heard nothing yet knows where to go on.
Comments keep the connection open while nothing happens. Not here: who may listen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError

from gitcoord.ledger.feed import parsed
from webhook.events.item import TICK, Item, Wish, end, wish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from gitcoord.ledger.feed import Position
    from webhook.events.hub import Hub

#: Seconds between two comments while nothing happens.
KEEP_ALIVE = 15.0
#: Seconds that a client may take for one event before it is cut off.
SEND_TIMEOUT = 30.0
#: Milliseconds after which a client that was cut off comes back.
RETRY = 2000
#: Seconds between two looks at whether a reader may still listen.
CHECK = 2.0
#: Events that a reader does not want after which it is told how far it has come all the same.
PASSED = 100

_log = logging.getLogger(__name__)


class Streamed(EventSourceResponse):
    """A response that streams; a client that does not take it is cut off, which is no bug."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until either side ends it."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.warning(
                "a reader of %s has taken nothing for %.0f s and was cut off",
                scope["path"],
                self.send_timeout or 0.0,
            )


async def stream(
    hub: Hub,
    *,
    after: str = "",
    types: str = "",
    session: str = "",
    keep_alive: float = KEEP_ALIVE,
    still: Callable[[], Awaitable[bool]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> EventSourceResponse:
    """Return the response that streams what comes after the event `after`, or from now on.

    `types` and `session` say which events, as `item.wish` reads them; `still` whether the reader
    may go on listening, which is asked again and again. Raises before anything is sent:
    `InvalidId` for what is no id, `InvalidValue` for an unknown type, and what keeps the ledger
    from being read. That events after that id cannot be told is an event `gap`.
    """
    wanted = wish(types, session)
    given = parsed(after) if after else None
    items = await hub.subscribe(given, ticks=CHECK)
    return Streamed(
        _sent(items, wanted, given or hub.position, still),
        ping=keep_alive,
        ping_message_factory=_comment,
        send_timeout=SEND_TIMEOUT,
        headers=headers,
    )


async def _sent(
    items: AsyncGenerator[Item, None],
    wanted: Wish,
    last: Position,
    still: Callable[[], Awaitable[bool]] | None,
) -> AsyncGenerator[ServerSentEvent, None]:
    yield ServerSentEvent(retry=RETRY, id=str(last))
    checked, passed = time.monotonic(), 0
    async with aclosing(items):
        async for each in items:
            if still is not None and time.monotonic() >= checked + CHECK:
                checked = time.monotonic()
                if not await still():
                    over = end("revoked", last)
                    yield ServerSentEvent(over.text, event=over.type)
                    return
            last = each.at or last
            if each.type != TICK and wanted.admits(each):
                passed = 0 if each.id else passed
                yield ServerSentEvent(each.text, event=each.type, id=each.id or None)
            else:
                passed += bool(each.id)
            # Else whoever wants little would come back with an id of long ago.
            if passed >= PASSED or (passed and each.type == TICK):
                passed = 0
                yield ServerSentEvent(id=str(last))


def _comment() -> ServerSentEvent:
    return ServerSentEvent(comment="")
