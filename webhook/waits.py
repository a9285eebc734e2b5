"""Requests that wait for something, and how they are let go: nobody waits for nobody.

A request waits in a thread, which looks at its event between two looks at the ledger. The event
is set when the client has gone, or the service is about to end. Not here: what is waited for.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio

from gitcoord.errors import GitcoordError
from webhook.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")


class Waits:
    """All that wait in one service. Only in the event loop."""

    def __init__(self) -> None:
        self._events: set[threading.Event] = set()
        self._ended = False

    def end(self) -> None:
        """Let everybody go, as the service is about to end; nobody waits any more."""
        self._ended = True
        for event in self._events:
            event.set()

    async def during(
        self, request: Request, gone: threading.Event, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Return what the work returns; `gone` is set as soon as nobody waits for that.

        Raises what the work raises. The request's body must have been read.
        """
        failed: GitcoordError | Problem
        self._events.add(gone)
        if self._ended:
            gone.set()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_watched, request, gone)
                try:
                    return await work()
                except (GitcoordError, Problem) as error:
                    # As it is: a group would make it an exception group.
                    failed = error
                finally:
                    group.cancel_scope.cancel()
        finally:
            self._events.discard(gone)
        raise failed


async def _watched(request: Request, gone: threading.Event) -> None:
    """Set the event when the client has gone, or sends what nobody wants to have."""
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except Problem:
        pass
    gone.set()
