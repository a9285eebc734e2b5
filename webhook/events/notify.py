"""Notifications: events that are posted to URLs, signed, and tried again until they are taken.

The form is that of https://www.standardwebhooks.com, for which there are libraries: the body is
the event as JSON, as in a stream; `webhook-id` is the same for every try; `webhook-timestamp`
are seconds since 1970; `webhook-signature` is `v1,` and the base64 of the HMAC-SHA256, under the
target's secret, of id, timestamp and body with dots between. Whoever takes one answers 2xx within
seconds; 410 means: never again. Order is not promised; ids of events tell it.
Not here: where they wait (`outbox`), and what may be connected to (`outside`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import random
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import anyio
import anyio.to_thread

from gitcoord.errors import Denied, GitcoordError, InvalidUrl, InvalidValue, Unavailable
from webhook.events.item import Wish
from webhook.events.outbox import Draft, Notification
from webhook.events.outside import WHOLE, Network, Reply, checked, post

if TYPE_CHECKING:
    from gitcoord.ledger.feed import Position
    from webhook.events.hub import Hub
    from webhook.events.item import Item

#: How often one is tried, and seconds before the second try; every pause after is twice as long.
TRIES, FIRST, LONGEST = 12, 5.0, 3600.0
#: Seconds for which one that is being sent is nobody else's.
CLAIM = 3 * WHOLE
#: Posts at a time, and those to one target.
SENDING, TO_ONE = 8, 2
#: Seconds between two looks for what is due.
LOOK = 1.0
#: Events that nobody wants after which it is noted that they were seen.
NOTED = 200
#: Shortest secret, in bytes.
SECRET = 16

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


class Queue(Protocol):
    """Where notifications wait; `outbox.Outbox` is one. Times are seconds since 1970."""

    def begin(self, project: str, target: str, at: Position) -> Position:
        """Return up to where events were queued for a target; a new one begins at `at`."""
        ...

    def put(
        self, project: str, targets: Sequence[str], drafts: Sequence[Draft], upto: Position
    ) -> int:
        """Queue what was not queued yet, and note that all up to `upto` is."""
        ...

    def claim(
        self, project: str, owner: str, now: float, seconds: float, but: Sequence[str] = ()
    ) -> Notification | None:
        """Return one that is due and nobody else's for a while, not for the targets in `but`."""
        ...

    def sent(self, notification: Notification, owner: str) -> None:
        """Forget one that was taken."""
        ...

    def again(self, notification: Notification, owner: str, due: float, error: str) -> None:
        """Have one tried again at a time."""
        ...

    def give_up(self, notification: Notification, owner: str, error: str) -> None:
        """Try one no more."""
        ...


class Notifier:
    """Tells the targets of one project what a hub tells. Runs in the hub's event loop.

    A target that cannot be one is refused at once: `InvalidUrl`, `InvalidValue`.
    """

    def __init__(
        self,
        hub: Hub,
        project: str,
        targets: Sequence[Target],
        queue: Queue,
        *,
        clock: Callable[[], float] = time.time,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._hub, self._project, self._queue = hub, project, queue
        self._targets = {each.name: each for each in targets}
        for each in targets:
            checked(each.url)
            _key(each.secret)
        self._clock = clock
        self._context = context
        self._owner = secrets.token_hex(8)
        self._sending: Counter[str] = Counter()
        self._news = anyio.Event()

    async def run(self) -> None:
        """Queue what happens and send what waits; ends when the hub closes, or by cancelling."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._send)
            await self._collect()
            group.cancel_scope.cancel()

    async def _collect(self) -> None:
        while True:
            try:
                upto = await self._begin()
                items = await self._hub.subscribe(upto)
                async with aclosing(items):
                    if await self._queued(items):
                        return
            except GitcoordError as trouble:
                _log.warning("nothing is queued: %s: %s", trouble.code, trouble.message)
                await anyio.sleep(LOOK)

    async def _begin(self) -> Position:
        """Return up to where everything was queued for every target."""
        async with aclosing(await self._hub.subscribe()):
            now = self._hub.position
        begin = partial(self._queue.begin, self._project)
        return min([await _threaded(begin, name, now) for name in self._targets], default=now)

    async def _queued(self, items: AsyncGenerator[Item, None]) -> bool:
        """Queue what is wanted of a stream; say whether it was the last one."""
        names = list(self._targets)
        unwanted = 0
        async for each in items:
            if each.type == "end":
                return self._hub.closed
            if each.at is None:
                continue
            drafts = [
                Draft(target.name, each.at, each.type, each.text)
                for target in self._targets.values()
                if target.wish.admits(each)
            ]
            unwanted += 1
            # So that after a start not too much is read again.
            if drafts or unwanted >= NOTED:
                unwanted = 0
                await _threaded(self._queue.put, self._project, names, drafts, each.at)
                self._news.set()
        return True

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
        busy = [name for name, count in self._sending.items() if count >= TO_ONE]
        try:
            return await _threaded(
                self._queue.claim, self._project, self._owner, self._clock(), CLAIM, busy
            )
        except Unavailable as trouble:
            _log.warning("notifications wait: %s: %s", trouble.code, trouble.message)
            return None

    async def _one(self, found: Notification, free: anyio.Semaphore) -> None:
        try:
            await _threaded(self._settle, found)
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
            self._queue.give_up(found, self._owner, "there is no such target any more")
            return
        try:
            reply = self._post(target, found)
        except (Denied, InvalidUrl) as never:
            self._queue.give_up(found, self._owner, never.message)
        except Unavailable as trouble:
            self._again(found, trouble.message)
        else:
            self._answered(found, reply)

    def _post(self, target: Target, found: Notification) -> Reply:
        headers = signed(
            target.secret,
            f"{self._project}:{found.event}",
            int(self._clock()),
            found.body.encode(),
        )
        return post(
            target.url,
            found.body.encode(),
            headers | {"Content-Type": "application/json", "User-Agent": "gitcoord"},
            allowed=target.allowed,
            context=self._context,
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


def signed(secret: str, name: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers under which a body can be verified. Raises `InvalidValue`."""
    text = b"%s.%d.%s" % (name.encode(), timestamp, body)
    digest = hmac.new(_key(secret), text, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def _key(secret: str) -> bytes:
    try:
        key = (
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            if secret.startswith("whsec_")
            else secret.encode()
        )
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("the secret behind whsec_ is no base64") from error
    if len(key) < SECRET:
        raise InvalidValue(f"the secret of a target has at least {SECRET} bytes")
    return key


async def _threaded(work: Callable[..., T], *arguments: object) -> T:
    return await anyio.to_thread.run_sync(partial(work, *arguments))
