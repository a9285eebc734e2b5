"""What time it is, for decisions: our own clock held against the ledger's.

`reading` never lets time run backwards within five minutes of the ledger's own
time, and says when the ledger is further ahead than that: one machine with a
wrong date must not end everybody's leases. `Clock` is the only source of time
in gitcoord; tests pass another.
"""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

from gitcoord.domain.time import EPOCH, Time, from_epoch, plus

#: Seconds by which `meta.time` may be ahead of our clock and still count.
AHEAD = 300.0


class Clock(Protocol):
    """Wall time and monotonic time of this machine, both in seconds."""

    def wall(self) -> float:
        """Return the seconds since 1970."""

    def monotonic(self) -> float:
        """Return seconds that only grow and stand still while the machine sleeps.

        Comparable between the processes of one boot.
        """


class SystemClock:
    """The clocks of the operating system."""

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds of the system-wide monotonic clock."""
        return time.monotonic()


class Reading(NamedTuple):
    """The time for one decision, and whether leases may be judged by it."""

    now: Time
    trusted: bool


def reading(clock: Clock, ledger_time: Time) -> Reading:
    """Return the time at which to decide on a ledger last written at `ledger_time`."""
    own = from_epoch(clock.wall())
    if own >= (ledger_time or EPOCH):
        return Reading(own, True)
    if ledger_time <= plus(own, AHEAD):
        return Reading(ledger_time, True)
    return Reading(own, False)
