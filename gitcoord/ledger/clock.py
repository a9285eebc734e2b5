"""What time it is, for decisions: our own clock held against the host's and the ledger's.

`HostClock` is a clock put right by the `Date` of the host that decides. `reading` never
lets time run backwards within five minutes of the ledger's own time, and says when the
ledger is further ahead than that: one machine with a wrong date must not end everybody's
leases. A `Clock` is the only source of time in gitcoord; tests pass another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from gitcoord.domain.time import EPOCH, Time, from_epoch, plus

#: Seconds by which `meta.time` may be ahead of our clock and still count.
AHEAD = 300.0
#: Seconds of difference that mean nothing: `Date` has whole seconds and travels for a while.
NOISE = 2.0
#: The last second that has a `Time`.
_LAST = 253_402_300_799.0


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


class _Measure(NamedTuple):
    """The host's clock and both of ours at one moment, in seconds, and the boot of ours."""

    host: float
    wall: float
    monotonic: float
    boot: str


class HostClock:
    """A clock whose wall time is that of the git host, as far as its date is known.

    One comparison holds until the machine starts anew, or our wall clock is set or the
    machine sleeps (wall and monotonic time then move apart): after that the difference is
    unknown until the host answers again, and wall time is our own.

    Hosts that are reached by ssh or as a path name no date. There our own clock decides,
    and this protects: `meta.time` keeps everybody within five minutes of each other or has
    nobody's lease ended, `clock_tolerance` covers small differences, and whatever accepts
    work can refuse an older fencing token. Nothing protects the leases of others from a
    machine whose clock is ahead and that decides itself; keep its clock right (NTP).
    """

    def __init__(self, clock: Clock, boot: str | None = None) -> None:
        if boot is None:
            from gitcoord.ledger import machine

            boot = machine.boot()
        self._clock = clock
        self._boot = boot
        self._measure: _Measure | None = None

    def observed(self, host: float, monotonic: float) -> dict[str, float | str]:
        """Take note of the host's date, seconds since 1970, at a reading of our `monotonic`.

        Returns the comparison as plain data, for `recall` by a later process.
        """
        ago = self._clock.monotonic() - monotonic
        self._measure = _Measure(host, self._clock.wall() - ago, monotonic, self._boot)
        return dict(self._measure._asdict())

    def recall(self, kept: Mapping[str, object]) -> None:
        """Use a comparison that an earlier process made, where it still holds.

        What has not the form of one, or was made before this boot, counts for nothing.
        """
        host, wall, monotonic = (kept.get(name) for name in ("host", "wall", "monotonic"))
        if (
            isinstance(host, (int, float))
            and isinstance(wall, (int, float))
            and isinstance(monotonic, (int, float))
            and kept.get("boot") == self._boot != ""
        ):
            self._measure = _Measure(host, wall, monotonic, self._boot)

    @property
    def offset(self) -> float | None:
        """Seconds by which the host is ahead of our wall clock; 0 below 2, None when unknown."""
        found = self._measure
        if found is None:
            return None
        wall = self._clock.wall() - found.wall
        awake = self._clock.monotonic() - found.monotonic
        if awake < 0 or abs(wall - awake) > NOISE or not 0 <= found.host + wall <= _LAST:
            return None
        offset = found.host - found.wall
        return offset if abs(offset) >= NOISE else 0.0

    @property
    def known(self) -> bool:
        """Whether wall time is the host's."""
        return self.offset is not None

    def wall(self) -> float:
        """Return the seconds since 1970 by the host's clock, or by ours where it is unknown."""
        return self._clock.wall() + (self.offset or 0.0)

    def monotonic(self) -> float:
        """Return the seconds of our monotonic clock."""
        return self._clock.monotonic()


class Reading(NamedTuple):
    """The time for one decision, and whether leases may be judged by it."""

    now: Time
    trusted: bool


def reading(clock: Clock, ledger_time: Time) -> Reading:
    """Return the time at which to decide on a ledger last written at `ledger_time`.

    It is what the transaction is stamped with. By a `HostClock` that knows the host's date
    it is within two seconds of that date, or what the ledger says already, up to five
    minutes ahead; so nobody pushes the ledger's time further. A ledger that is further
    ahead is stamped with the clock's time again, and no lease is ended meanwhile.
    """
    own = from_epoch(clock.wall())
    if own >= (ledger_time or EPOCH):
        return Reading(own, True)
    if ledger_time <= plus(own, AHEAD):
        return Reading(ledger_time, True)
    return Reading(own, False)
