"""Notifications: events that are posted to URLs, signed, and tried again until they are taken.

The body is the event as JSON, as in a stream, or a line for a chat; `webhook-id` is the same for
every try. Whoever takes one answers 2xx within seconds; 410 means: never again. Order is not
promised; ids of events tell it. Not here: where they wait (`outbox`), how they are written
(`wording`) and signed (`signature`), and what may be connected to (`outside`).
"""

from __future__ import annotations

import logging
import random
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import anyio
import anyio.to_thread

from gitcoord.errors import Denied, GitcoordError, InvalidUrl, Unavailable
from webhook.events.item import Wish
from webhook.events.outbox import Draft
from webhook.events.outside import WHOLE, Lines, Network, Reply, checked, post
from webhook.events.signature import key, signed
from webhook.events.wording import written

if TYPE_CHECKING:
    from gitcoord.ledger.feed import Position
    from webhook.events.hub import Hub
    from webhook.events.item import Item
    from webhook.events.outbox import Notification, Outbox

#: How often one is tried, and seconds before the second try; every pause after is twice as long.
TRIES, FIRST, LONGEST = 12, 5.0, 3600.0
#: Seconds for which one that is being sent is nobody else's.
CLAIM = 3 * WHOLE
#: Posts at a time, and those to one target.
SENDING, TO_ONE = 8, 2
#: Seconds between two looks for what is due, and at most between two at what cannot be read.
LOOK, RARELY = 1.0, 30.0
#: Events that nobody wants after which it is noted that they were seen.
NOTED = 200

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Target(NamedTuple):
    """A URL that is told, under a name by which what waits for it is found again."""

    name: str
    url: str
    #: The key of signatures; with `whsec_` before it, its base64.
    secret: str
    wish: Wish = Wish()
    #: Networks that are not public and to which it may lead all the same.
    allowed: tuple[Network, ...] = ()
    #: One of `wording.FORMATS`.
    format: str = "event"


class Notifier:
    """Tells the targets of one project what its hub tells. Runs in the hub's event loop.

    `hub` returns the project's hub as it is now, or raises what keeps the ledger from being read.
    """

    def __init__(
        self,
        hub: Callable[[], Awaitable[Hub]],
        project: str,
        queue: Outbox,
        *,
        clock: Callable[[], float] = time.time,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._hub, self._project, self._queue = hub, project, queue
        self._targets: Mapping[str, Target] = {}
        self._clock = clock
        self._context = context
        self._owner = secrets.token_hex(8)
        self._sending: Counter[str] = Counter()
        self._news, self._others = anyio.Event(), anyio.Event()
        self._lines = Lines()
        # Of its own: those who answer slowly must not take the threads of everybody else.
        self._posting = anyio.CapacityLimiter(SENDING)

    def tell(self, targets: Sequence[Target]) -> None:
        """Tell these targets from now on, and no others. Only in the event loop.

        Raises `InvalidUrl` and `InvalidValue` for what can be none, and changes nothing.
        """
        for each in targets:
            checked(each.url)
            key(each.secret)
        found = {each.name: each for each in targets}
        if found != self._targets:
            self._targets = found
            self._others.set()
            self._others = anyio.Event()
            self._news.set()

    async def run(self) -> None:
        """Queue what happens and send what waits; ends by being cancelled, and then soon."""
        self._lines = Lines()
        async with anyio.create_task_group() as group:
            group.start_soon(self._send)
            try:
                await self._collect()
            finally:
                # Nobody waits for those who answer slowly; what they were sent is sent again.
                self._lines.cut()

    async def _collect(self) -> None:
        while True:
            others, targets = self._others, self._targets
            async with anyio.create_task_group() as group:
                if targets:
                    group.start_soon(self._follow, targets)
                await others.wait()
                group.cancel_scope.cancel()

    async def _follow(self, targets: Mapping[str, Target]) -> None:
        said, pause = "", LOOK
        while True:
            try:
                hub = await self._hub()
                begin = await self._begin(hub, targets)
                items = await hub.subscribe(begin)
                said, pause = "", LOOK
                async with aclosing(items):
                    await self._queued(items, targets, begin)
            except GitcoordError as trouble:
                if said != trouble.code:
                    _log.warning(
                        "%s: nobody is notified: %s: %s",
                        self._project,
                        trouble.code,
                        trouble.message,
                    )
                said, pause = trouble.code, min(RARELY, 2 * pause)
            await anyio.sleep(pause)

    async def _begin(self, hub: Hub, targets: Mapping[str, Target]) -> Position:
        """Return up to where everything was queued for every target."""
        async with aclosing(await hub.subscribe()):
            now = hub.position
        begun = await _threaded(self._queue.begin, list(targets), now)
        return min(begun.values(), default=now)

    async def _queued(
        self, items: AsyncGenerator[Item, None], targets: Mapping[str, Target], begin: Position
    ) -> None:
        """Queue what is wanted of a stream that begins behind a position, to its end."""
        unwanted = 0
        async for each in items:
            if each.at is None:
                continue
            if each.type == "gap" and each.at < begin:
                # Another ledger stands where the one was of which the targets were told.
                await _threaded(self._queue.back, list(targets), each.at._replace(place=0))
            drafts = [
                Draft(target.name, each.at, each.type, each.text)
                for target in targets.values()
                if target.wish.admits(each)
            ]
            unwanted += 1
            # So that after a start not too much is read again.
            if drafts or unwanted >= NOTED:
                unwanted = 0
                await _threaded(self._queue.put, list(targets), drafts, each.at)
                self._news.set()

    async def _send(self) -> None:
        free = anyio.Semaphore(SENDING)
        async with anyio.create_task_group() as group:
            while True:
                await free.acquire()
                self._news = anyio.Event()
                found = await self._claimed()
                if found is None:
                    free.release()
                    with anyio.move_on_after(LOOK):
                        await self._news.wait()
                    continue
                self._sending[found.target] += 1
                group.start_soon(self._one, found, free)

    async def _claimed(self) -> Notification | None:
        # What waits for others is told by whichever service knows of them.
        idle = [name for name in self._targets if self._sending[name] < TO_ONE]
        if not idle:
            return None
        try:
            return await _threaded(self._queue.claim, idle, self._owner, self._clock(), CLAIM)
        except Unavailable as trouble:
            _log.warning("notifications wait: %s: %s", trouble.code, trouble.message)
            return None

    async def _one(self, found: Notification, free: anyio.Semaphore) -> None:
        try:
            await anyio.to_thread.run_sync(self._settle, found, limiter=self._posting)
        except Unavailable as trouble:
            # Whoever claims it next sends it once more.
            _log.warning("notification %d: %s: %s", found.id, trouble.code, trouble.message)
        finally:
            self._sending[found.target] -= 1
            free.release()
            self._news.set()

    def _settle(self, found: Notification) -> None:
        """Send one, and note what came of it."""
        target = self._targets.get(found.target)
        if target is None:
            # It was removed just now, and with it what waits.
            self._queue.again(found, self._owner, self._clock(), found.error)
            return
        try:
            reply = self._post(target, found)
        except (Denied, InvalidUrl) as never:
            self._queue.give_up(found, self._owner, never.message)
        except Unavailable as trouble:
            if self._lines.cut_off:
                self._queue.again(found, self._owner, self._clock(), "the service ended meanwhile")
            else:
                self._again(found, trouble.message)
        else:
            self._answered(found, reply)

    def _post(self, target: Target, found: Notification) -> Reply:
        body = written(target.format, self._project, found.body)
        name = f"{self._project}:{found.event}"
        headers = signed(target.secret, name, int(self._clock()), body)
        return post(
            target.url,
            body,
            headers | {"Content-Type": "application/json", "User-Agent": "gitcoord"},
            allowed=target.allowed,
            context=self._context,
            lines=self._lines,
        )

    def _answered(self, found: Notification, reply: Reply) -> None:
        if 200 <= reply.status < 300:
            self._queue.sent(found, self._owner)
        elif reply.status == 410:
            self._queue.give_up(found, self._owner, "it wants no notifications (410)")
        elif 300 <= reply.status < 400:
            self._again(found, f"it answered {reply.status}; redirects are not followed")
        else:
            self._again(found, f"it answered {reply.status}", reply.retry_after or 0.0)

    def _again(self, found: Notification, error: str, wait: float = 0.0) -> None:
        if found.tries + 1 >= TRIES:
            self._queue.give_up(found, self._owner, error)
            return
        pause = min(LONGEST, FIRST * 2**found.tries) * random.uniform(1.0, 1.2)
        due = self._clock() + max(pause, min(wait, LONGEST))
        self._queue.again(found, self._owner, due, error)


async def _threaded(work: Callable[..., T], *arguments: object) -> T:
    return await anyio.to_thread.run_sync(partial(work, *arguments))
