"""Tells open pages that something has changed: one look-out for each project, shared by all.

It watches the ledger's head and the signs of life for as long as anybody listens. What has
changed is not said: pages ask again for what they show. Not here: events with ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from gitcoord.entrypoints.cli.pace import Pace
from gitcoord.errors import GitcoordError
from webhook.access import Caller
from webhook.api.asking import Asking

if TYPE_CHECKING:
    from webhook.projects import Project

LOG = logging.getLogger("gitcoord.service")
#: Seconds between two looks at a ledger on this machine, after a change and in quiet times.
SOON, LATE = 0.1, 0.5
#: Seconds between two looks while a ledger cannot be read.
TROUBLE = 5.0

#: What is compared: the head and the signs of life.
Seen = tuple[str, int]


class Follower:
    """The look-out for one project. Used in the event loop only."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._listeners: set[asyncio.Queue[str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: Seen | None = None

    async def changes(self) -> AsyncIterator[str]:
        """Yield the head now, and at every change from then on, until the caller leaves."""
        # Who is slower than the changes needs to know of the last one only.
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        self._listeners.add(queue)
        if self._seen is not None:
            queue.put_nowait(self._seen[0])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = self._seen = None

    async def _watch(self) -> None:
        asking = Asking(Caller(self._project, "read", "dashboard"))
        pace: Pace | None = None
        while True:
            wait = TROUBLE
            try:
                if pace is None:
                    pace = await self._project.work(Pace, asking, SOON, LATE)
                now = await self._project.work(_look, asking, pace)
                if self._seen != now:
                    pace.moved()
                    self._seen = now
                    self._tell(now[0])
                wait = pace.pause(TROUBLE)
            except GitcoordError as error:
                # The pages themselves say what is wrong; they are told when it is over.
                self._project.told(error)
                asking, pace, self._seen = Asking(asking.caller), None, None
            await asyncio.sleep(wait)

    def _tell(self, head: str) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(head)


def _look(asking: Asking, pace: Pace) -> Seen:
    head = pace.head()
    return head, hash(tuple(sorted((name, one.count) for name, one in asking.beats().items())))
