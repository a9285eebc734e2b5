"""What several clients want at once is decided together: a round at a time, for one project.

Whoever comes while a round is under way waits for the next one, which begins the moment that
one ends, whatever the event loop is doing. A client costs no thread while it waits. Not here:
the rules, and other processes, with which the coordinator's group commit shares a swap.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from webhook.logs import SERVICE

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.ledger.request import Reply, Request

#: One thread decides, the other packs beside it what has piled up.
THREADS = 2


class Decided(NamedTuple):
    """What came of a request, and the ledger's head after that."""

    reply: Reply
    head: str


class _Waiting(NamedTuple):
    request: Request
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Decided]


class Deciding:
    """The rounds of one project."""

    def __init__(self, house: Callable[[], House]) -> None:
        """`house` returns gitcoord for the project, or raises what keeps it closed."""
        self._house = house
        self._threads = ThreadPoolExecutor(THREADS, "gitcoord-deciding")
        self._changing = threading.Lock()
        self._waiting: list[_Waiting] = []
        #: Whether a thread decides, and whether one packs.
        self._busy = self._packing = False
        #: Those that the packing has not heard of.
        self._decisions = 0

    async def decided(self, request: Request) -> Decided:
        """Return what came of the request; a refusal is in the reply.

        Raises what keeps anything from being decided, as `Coordinator.together`.
        """
        loop = asyncio.get_running_loop()
        mine = _Waiting(request, loop, loop.create_future())
        with self._changing:
            self._waiting.append(mine)
            begins, self._busy = not self._busy, True
        if begins:
            self._threads.submit(self._rounds)
        return await mine.future

    def close(self) -> None:
        """Let what is under way end. Nobody asks any more."""
        self._threads.shutdown()

    def _rounds(self) -> None:
        while True:
            with self._changing:
                group, self._waiting = self._waiting, []
                self._busy = bool(group)
            if not group:
                return
            self._round(group)

    def _round(self, group: Sequence[_Waiting]) -> None:
        try:
            house = self._house()
            replies = house.coordinator.together([one.request for one in group])
            head = house.ledger.head()
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
            _hand_out(group, error)
            return
        with self._changing:
            self._decisions += len(group)
            begins, self._packing = not self._packing, True
        if begins:
            self._threads.submit(self._pack, house)
        _hand_out(group, [Decided(reply, head) for reply in replies])

    def _pack(self, house: House) -> None:
        while True:
            with self._changing:
                decisions, self._decisions = self._decisions, 0
                self._packing = bool(decisions)
            if not decisions:
                return
            try:
                house.coordinator.tidied(decisions)
            except Exception as bug:  # noqa: BLE001  nobody waits for it, and the next may succeed
                SERVICE.error("a bug while objects were packed", exc_info=bug)


def _hand_out(group: Sequence[_Waiting], found: Sequence[Decided] | Exception) -> None:
    """Give everybody the answer, with one call to each event loop."""
    for loop in {one.loop for one in group}:
        # In one that has been closed nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_told, loop, group, found)


def _told(
    loop: asyncio.AbstractEventLoop,
    group: Sequence[_Waiting],
    found: Sequence[Decided] | Exception,
) -> None:
    for at, one in enumerate(group):
        if one.loop is not loop or one.future.done():
            continue
        if isinstance(found, Exception):
            one.future.set_exception(found)
        else:
            one.future.set_result(found[at])
