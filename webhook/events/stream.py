"""A stream of server-sent events: what a hub tells, as a browser's `EventSource` reads it.

https://html.spec.whatwg.org/multipage/server-sent-events.html: `id:` is the event's id, which a
client sends back as `Last-Event-ID`; `event:` its type; `data:` one line of JSON. Comments keep
the connection open while nothing happens. Not here: who may listen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent

from gitcoord.ledger.feed import parsed
from webhook.events.item import Item, Wish, wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.events.hub import Hub

#: Seconds between two comments while nothing happens.
KEEP_ALIVE = 15.0
#: Seconds that a client may take for one event before it is cut off.
SEND_TIMEOUT = 30.0
#: Milliseconds after which a client that was cut off comes back.
RETRY = 2000


async def stream(
    hub: Hub,
    *,
    after: str = "",
    types: str = "",
    session: str = "",
    keep_alive: float = KEEP_ALIVE,
    headers: Mapping[str, str] | None = None,
) -> EventSourceResponse:
    """Return the response that streams what comes after the event `after`, or from now on.

    `types` and `session` say which events, as `item.wish` reads them. Raises before anything is
    sent: `InvalidId` for what is no id, `InvalidValue` for an unknown type, and what keeps the
    ledger from being read. That events after that id cannot be told is an event `gap`.
    """
    wanted = wish(types, session)
    items = await hub.subscribe(parsed(after) if after else None)
    return EventSourceResponse(
        _sent(items, wanted),
        ping=keep_alive,
        ping_message_factory=_comment,
        send_timeout=SEND_TIMEOUT,
        headers=headers,
    )


async def _sent(
    items: AsyncGenerator[Item, None], wanted: Wish
) -> AsyncGenerator[ServerSentEvent, None]:
    yield ServerSentEvent(retry=RETRY)
    async with aclosing(items):
        async for each in items:
            if wanted.admits(each):
                yield ServerSentEvent(each.text, event=each.type, id=each.id or None)


def _comment() -> ServerSentEvent:
    return ServerSentEvent(comment="")
