"""One beat of a session for which a process of ours lives: `gitcoord run`, the MCP server.

Shows life, renews the locks that are past half of their time, and looks for the dead among
the others when that is due. Not here: when to beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.time import seconds_between
from gitcoord.errors import GitcoordError, NotLockHolder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.domain.locks import LockView
    from gitcoord.domain.time import Time
    from gitcoord.entrypoints.cli.desk import Desk

#: The kinds of notice that say that a lock is lost: taken over, or not renewed in time
#: (a machine that was asleep, a process that was stopped).
LOST = ("takeover", "lapsed")


def pulse(interval: float, locks: Iterable[LockView]) -> float:
    """Return the seconds between two beats of a session with that interval and these locks."""
    # A short lock is looked after often enough to be renewed in time.
    lives = (seconds_between(one.acquired_at, one.expires_at) for one in locks)
    return min([interval, *(life / 3 for life in lives)])


def beat(desk: Desk, since: Time) -> GitcoordError | None:
    """Beat once for the acting session; return what went wrong, if anything.

    That a lock was lost after `since` is `NotLockHolder`.
    """
    from gitcoord.domain.lock_operations import RenewLocks
    from gitcoord.domain.locks import holdings
    from gitcoord.domain.notices import told
    from gitcoord.domain.pausing import Heartbeat

    house = desk.house
    wishes: list[Any] = [Heartbeat()]
    try:
        with desk.state() as state:
            now = desk.now(state)
            old = tuple(
                lock.key
                for lock in holdings(state, desk.holder)
                if lock.session == desk.holder
                and seconds_between(now, lock.expires_at) < lock.ttl / 2
            )
            lost = [x for x in told(state, desk.holder, since) if x.kind in LOST]
        if old:
            wishes.append(RenewLocks(keys=old))
        for reply in house.coordinator.run(*wishes, session=desk.holder):
            if reply.error is not None:
                return reply.error
        house.judge().look_if_due()
    except GitcoordError as error:
        return error
    return NotLockHolder(lost[-1].text) if lost else None
