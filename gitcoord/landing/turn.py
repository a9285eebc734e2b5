"""Whose turn it is to land on a target: in one clone one process builds and verifies at a time.

Promises that others do not verify in vain what the one before them is about to overtake, and
that a turn ends with its process. Of other clones only what the ledger says is known, which may
be late. Nothing rests on it but time: what lands is decided by the swap alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

from gitcoord.domain.time import from_epoch
from gitcoord.domain.verification import newest
from gitcoord.errors import LandingBusy
from gitcoord.landing.site import Site
from gitcoord.storage.durable import disk_error
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.repository import home
from gitcoord.storage.store import Oid

#: Seconds for which a landing waits for those before it, unless somebody says otherwise.
WAIT = 60.0
#: Seconds between two looks whether it is free: at first, and at most.
_SOON, _LATE = 0.02, 0.5


@contextmanager
def turn(site: Site, target: str, until: float, over: Callable[[], bool]) -> Iterator[bool]:
    """Have the turn while the block runs, and yield True.

    Yields False, without the turn, as soon as `over` says that there is nothing left to land.
    `until`: as `patiently`. Raises `LandingBusy` when it was not free until then, `DiskFull`,
    `ReadOnly` and `Unavailable`.
    """
    name = blake2b(target.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    path = os.path.join(home(site.checkout.repository), "landing", name)
    lock = OsLock(f"{path}.lock")
    if not patiently(lambda: lock.try_acquire() or over(), until):
        raise _busy(path, target)
    try:
        if lock.held:
            _note(path, site)
        yield lock.held
    finally:
        lock.release()


def patiently(done: Callable[[], bool], until: float) -> bool:
    """Look again and again whether something is done; False when it is not until then.

    `until`: of the machine's monotonic clock. Looks once at least.
    """
    pause = _SOON
    while not done():
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LATE)
    return True


def verified_elsewhere(site: Site, tip: Oid) -> bool:
    """Say whether another clone verifies just now what it wants to land on this tip."""
    if site.wire is None:
        return False
    with site.coordinator.ledger.state() as state:
        return any(
            one.base == tip
            and (one.session, one.agent) != (site.session or "", site.agent)
            and any(result.status == "running" for result in one.results)
            for one in newest(state)
        )


def _note(path: str, site: Site) -> None:
    """Write down whose turn it is, for those who wait in vain."""
    told = {"agent": site.agent, "since": from_epoch(site.coordinator.ledger.clock.wall())}
    try:
        with open(f"{path}.json", "w", encoding="utf-8") as out:
            json.dump(told, out)
    except OSError as error:
        raise disk_error(error, f"write to {path}.json") from error


def _busy(path: str, target: str) -> LandingBusy:
    try:
        with open(f"{path}.json", encoding="utf-8") as source:
            told = json.load(source)
    except (OSError, ValueError):
        # It is just being written.
        told = {}
    agent, since = told.get("agent") or "somebody", told.get("since", "")
    return LandingBusy(
        f"{agent} has been landing on {target}{f' since {since}' if since else ''} "
        "and is not done yet",
        hint="What you have queued keeps its place and may land with it: see "
        "`gitcoord merge list`, or try again, longer with --wait.",
        target=target,
        agent=agent,
        since=since,
    )
