"""Whether a session lives, judged by what a judge has seen with its own monotonic clock.

Wall clocks of two machines are never compared: death is a sign of life that did
not change while the judge itself watched for a whole TTL. The judge's clock must
stand still while its machine sleeps. Nothing is ended here; that is `sweep`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.domain.time import Time, seconds_between

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session

Verdict = Literal["alive", "suspect", "dead"]
LiveStatus = Literal["active", "idle", "paused", "timed_out", "ended"]

#: Seconds without an operation after which a session that nobody beats for is called idle.
IDLE_AFTER = 900.0


class Observation(NamedTuple):
    """One sign of life, and since when the judge has seen no other."""

    beat: int
    seen_at: Time
    #: Reading of the judge's monotonic clock, in seconds, when it first saw this sign.
    since: float
    #: Boot of the machine on which that clock runs; another boot has another clock.
    boot: str
    #: Whether the session's process runs; None where the judge cannot see it.
    process_alive: bool | None = None
    #: The suspicion that the ledger held meanwhile, where a sweep rests on one; else empty.
    suspected: Time = ""


def verdict(session: Session, observation: Observation, now: float, boot: str) -> Verdict:
    """Return what the judge may conclude at `now` (its monotonic clock, seconds, at that boot).

    A session is `suspect` in the second half of its TTL and `dead` when the TTL is over
    or its process is known to be gone. Paused, ended and lease-held sessions never die here.
    """
    if session.status != "active" or session.life == "lease":
        return "alive"
    if session.life == "process" and observation.process_alive is not None:
        return "alive" if observation.process_alive else "dead"
    if observation.boot != boot or observation.seen_at != session.seen_at:
        return "alive"
    silence = now - observation.since
    if silence >= session.ttl:
        return "dead"
    return "suspect" if silence >= session.ttl / 2 else "alive"


def status_of(session: Session, now: Time, beaten_at: Time = "") -> LiveStatus:
    """Return how a list shows the session at `now`.

    `beaten_at` is the time of its last beat where one is known. A beating session is idle
    after its TTL, any other after 15 minutes without an operation.
    """
    if session.status == "timed_out":
        return "timed_out"
    if session.archived:
        return "ended"
    if session.status == "paused":
        return "paused"
    if session.idle_since:
        return "idle"
    quiet = seconds_between(max(session.seen_at, beaten_at), now)
    return "idle" if quiet > (session.ttl if session.life == "beat" else IDLE_AFTER) else "active"
