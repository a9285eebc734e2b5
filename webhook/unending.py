"""What runs as long as the service: a bug in it is logged, and is no other's business."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

#: Seconds after which what has failed by a bug begins anew.
AGAIN = 30.0


async def once(log: logging.Logger, what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run something; a bug in it ends it, and nothing else of the service."""
    try:
        await run()
    except Exception:
        log.exception("a bug in %s", what)


async def kept_up(log: logging.Logger, what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run something for ever: when it has ended, by a bug or not, it begins anew."""
    while True:
        await once(log, what, run)
        await anyio.sleep(AGAIN)
