"""How many pushes the host's budget leaves, and what may wait for the next.

Hosts advise few pushes to one repository (GitHub: 6 a minute,
https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits).
Decisions never wait for the budget. What nobody waits for does, for a bounded time, and
the delay can be shown. Pure: times are given, nothing is slept for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.time import Time, from_epoch, seconds_between, to_epoch

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.state import State
    from gitcoord.ledger.request import Request

#: Seconds over which pushes are counted.
WINDOW = 60.0
#: Ended on the side, by whoever looks first; nobody asked for them and waits.
_ON_THE_SIDE = ("lease.lapse", "session.suspect", "session.sweep")


class Allowance(NamedTuple):
    """What the budget leaves at a moment."""

    #: Pushes that may be made at once; None where there is no limit.
    left: int | None
    #: Seconds since 1970 at which the next push is free; that moment itself while any is left.
    free_at: float

    @property
    def spent(self) -> bool:
        """Whether the next push has to wait, if it may."""
        return self.left == 0


class Delay(NamedTuple):
    """That something waits for the push budget, and until when."""

    until: Time

    def __str__(self) -> str:
        """Return the words for people."""
        return f"delayed until {self.until} by the push budget"


def allowance(pushes: Iterable[float], limit: int, now: float) -> Allowance:
    """Return what is left of `limit` pushes a minute (0: no limit), all times in seconds.

    `pushes` are the times of the transactions on the chain and of our own pushes of nothing
    but presence. One that lies ahead of `now` counts as made at this moment.
    """
    if limit == 0:
        return Allowance(None, now)
    made = sorted(min(at, now) for at in pushes if now < at + WINDOW)
    if len(made) < limit:
        return Allowance(limit - len(made), now)
    return Allowance(0, made[len(made) - limit] + WINDOW)


def recent(chain: Iterable[tuple[str, bytes]], now: Time) -> list[float]:
    """Return the times of a chain's transactions of the last minute, in seconds, newest first.

    `chain` yields (oid, raw commit), newest first; it is read up to the first older one.
    """
    from gitcoord.ledger.journal import read

    found = []
    for oid, raw in chain:
        time = read(oid, raw).time
        if seconds_between(time, now) >= WINDOW:
            break
        found.append(to_epoch(time))
    return found


def delay(left: Allowance, since: float, longest: float, now: float) -> Delay | None:
    """Return how long what waits since `since` has to wait on; None: it may go.

    It waits for the budget, and for at most `longest` seconds in all. Times are seconds
    since 1970.
    """
    end = since + longest
    if not left.spent or now >= end:
        return None
    # Rounded up to the milliseconds that a Time has, so that nobody comes too early.
    return Delay(from_epoch(math.ceil(min(left.free_at, end) * 1000) / 1000))


def patience(state: State, requests: Sequence[Request], now: Time) -> float:
    """Return for how many seconds the requests may wait together; 0: they go at once.

    A group is as patient as the least patient of its operations. Leave out what is only
    spooled: it waits for as long as there is no other reason to push (infinity for nobody).
    """
    return min(
        (
            _patience(state, request.session, operation, now)
            for request in requests
            for operation in request.operations
        ),
        default=math.inf,
    )


def _patience(state: State, holder: str | None, operation: Operation, now: Time) -> float:
    if operation.tag in _ON_THE_SIDE:
        return state.settings.beat_ttl / 3
    if operation.tag == "session.heartbeat":
        return _of_beat(state, holder or "", now)
    if operation.tag == "lock.renew":
        return _of_renewal(state, holder or "", operation, now)
    return 0.0


def _of_beat(state: State, holder: str, now: Time) -> float:
    """Return how long a heartbeat may wait: a third of the TTL, unless it has to be written."""
    from gitcoord.domain.sessions import Session, root
    from gitcoord.domain.tasks import Task

    session = state.get(Session, root(holder), archived=False)
    if session is None or session.suspect_since:
        return 0.0
    for task in state.find(Task, f"by:{session.id}"):
        if task.lease_until and seconds_between(now, task.lease_until) < task.ttl / 2:
            return 0.0
    return min(session.ttl, state.settings.beat_ttl) / 3


def _of_renewal(state: State, holder: str, operation: Operation, now: Time) -> float:
    """Return the seconds until one of the locks has only half of its time left."""
    from gitcoord.domain.key_index import wanted
    from gitcoord.domain.lock_operations import RenewLocks
    from gitcoord.domain.locks import holdings

    assert isinstance(operation, RenewLocks)
    locks = {one.key: one for one in holdings(state, holder) if one.session == holder}
    keys = [wanted(state.settings, text).text for text in operation.keys] or list(locks)
    if not keys or any(key not in locks for key in keys):
        return 0.0
    found = (locks[key] for key in keys)
    return max(0.0, min(seconds_between(now, x.expires_at) - x.ttl / 2 for x in found))
