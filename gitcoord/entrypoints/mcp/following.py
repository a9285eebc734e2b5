"""Tells subscribers that resources have changed, by following the ledger's head.

Promises that whoever subscribed hears of every change after that, in both eras of the protocol:
`resources/subscribe` (until 2025-11-25) and `subscriptions/listen` (from 2026-07-28). Looks only
while there are subscribers: at a local ledger that is reading a file, at a git host a question
that is asked ever more seldom while nothing happens. Not here: what resources say.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from gitcoord.entrypoints.cli.pace import Pace
from gitcoord.entrypoints.mcp.bugs import contained, report
from gitcoord.entrypoints.mcp.office import Office
from gitcoord.entrypoints.mcp.resources import concerned
from gitcoord.entrypoints.mcp.seat import Seat
from gitcoord.errors import GitcoordError
from gitcoord.storage import walk
from gitcoord.storage.store import Oid

#: Seconds between two looks at a local ledger: at first, and at most.
SOON, LATE = 0.2, 1.0
#: Longest pause of all, in seconds.
LONGEST = 60.0


class Following:
    """The subscriptions of one server."""

    def __init__(self, office: Office, seat: Seat) -> None:
        """`seat`: nobody's, for looking."""
        self._office = office
        self._call = office.call(seat)
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus)
        self._streams: Counter[str] = Counter()
        #: Resource -> connection -> whom to tell.
        self._sessions: dict[str, dict[str, ServerSession]] = {}
        self._pace: Pace | None = None
        self._head: Oid | None = None
        self._awake = anyio.Event()

    async def subscribe(self, uri: str, connection: str, session: ServerSession) -> None:
        """Tell this connection of changes from now on."""
        await self._begin()
        self._sessions.setdefault(uri, {})[connection] = session
        self._awake.set()

    def unsubscribe(self, uri: str | None, connection: str) -> None:
        """Tell it no more about a resource, or, when it has ended, about any."""
        for known in [uri] if uri is not None else list(self._sessions):
            told = self._sessions.get(known, {})
            told.pop(connection, None)
            if not told:
                self._sessions.pop(known, None)

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream of the newer kind, until its client leaves."""
        uris = list(params.notifications.resource_subscriptions or ())
        if uris:
            await self._begin()
        self._streams.update(uris)
        self._awake.set()
        try:
            return await self._listen(ctx, params)
        finally:
            self._streams.subtract(uris)

    async def run(self) -> None:
        """Follow the head for as long as the server runs."""
        while True:
            if not self._wanted():
                self._awake = anyio.Event()
                if not self._wanted():
                    await self._awake.wait()
                    continue
            pause = SOON if self._pace is None else self._pace.pause(LONGEST)
            await anyio.sleep(pause)
            for uri in await self._threaded(self._look):
                await self._tell(uri)

    def close(self) -> None:
        """End the streams of the newer kind in good order."""
        self._listen.close()

    def _wanted(self) -> bool:
        return bool(self._sessions) or any(self._streams.values())

    async def _begin(self) -> None:
        """See where the head is, so that the next change is one."""
        if not self._wanted():
            await self._threaded(self._look)

    async def _threaded(self, look: Any) -> list[str]:
        try:
            found: list[str] = await anyio.to_thread.run_sync(lambda: contained(look))
        except GitcoordError as trouble:
            # Without a ledger nothing changes; where there is one the next call says so.
            self._office.told(trouble)
            self._pace = None
            return []
        return found

    def _look(self) -> list[str]:
        """Return the resources that have changed since the last look."""
        if self._pace is None:
            self._call.__dict__.pop("house", None)
            self._pace = Pace(self._call, SOON, LATE, silent=True)
        head, before = self._pace.head(), self._head
        if head == before:
            return []
        self._head = head
        self._pace.moved()
        ledger = self._call.house.ledger
        old = None if before is None else ledger.tree(before)
        changed = walk.diff(lambda oid: ledger.store.read(oid)[1], old, ledger.tree(head))
        tables = frozenset(table.rpartition("/")[2] for table, _, _, _ in changed)
        return concerned(tables - {"", "ops"})

    async def _tell(self, uri: str) -> None:
        if self._streams[uri]:
            await self._bus.publish(ResourceUpdated(uri=uri))
        for connection, session in list(self._sessions.get(uri, {}).items()):
            try:
                await session.send_resource_updated(uri)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as gone:
                report(f"{connection or 'the client'} cannot be told of {uri}: {gone!r}")
                self.unsubscribe(None, connection)
