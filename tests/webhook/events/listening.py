"""Readers of a hub, and a project behind it, as tests use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec

from gitcoord.bootstrap import House
from gitcoord.ledger import feed
from webhook.events.hub import Hub
from webhook.events.item import Item
from webhook.events.watching import Watching

#: Seconds after which what should come is taken not to come.
LONG = 20.0


@asynccontextmanager
async def running(house: House, **options: Any) -> AsyncIterator[Hub]:
    """Run a hub while the block runs."""
    hub = Hub(Watching(house), **options)
    async with anyio.create_task_group() as group:
        group.start_soon(hub.run)
        yield hub
        group.cancel_scope.cancel()


class Listener:
    """Reads one stream to the end, and keeps what it has heard."""

    def __init__(self) -> None:
        self.heard: list[Item] = []

    async def listen(self, hub: Hub, after: str = "") -> None:
        """Read until the stream ends."""
        items = await hub.subscribe(feed.parsed(after) if after else None)
        async for each in items:
            self.heard.append(each)

    @property
    def events(self) -> list[Item]:
        """What was heard of the ledger."""
        return [each for each in self.heard if each.type not in ("presence", "end", "gap")]

    @property
    def ids(self) -> list[str]:
        """The ids of what was heard of the ledger."""
        return [each.id for each in self.events]

    @property
    def kinds(self) -> list[str]:
        """The types of what was heard of the ledger."""
        return [each.type for each in self.events]


async def until(said: Callable[[], Any]) -> None:
    """Wait until it is so."""
    with anyio.fail_after(LONG):
        while not said():
            await anyio.sleep(0.01)


async def threaded(work: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
    """Return what work in a thread comes to."""
    return await anyio.to_thread.run_sync(lambda: work(*arguments, **fields))


def body(item: Item) -> dict[str, Any]:
    """Return what the item says."""
    found: dict[str, Any] = msgspec.json.decode(item.text)
    return found


def ids(house: House) -> list[str]:
    """Return the ids of all events of a ledger."""
    return [str(each.at) for each in feed.since(house.ledger, None)]
