"""The queue of those who wait for keys: first come, first served.

Promises that nobody passes an earlier waiter whose keys overlap, and that keys
which become free are given in the transaction that frees them. A waiter that is
silent for longer than its lease loses its place. Not here: the waiting itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.key_index import near, stored, term
from gitcoord.domain.locks import Mode, several
from gitcoord.domain.operation import Context
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Record
from gitcoord.domain.requests import SHOWN_LIMIT, Request, Want, contest, missing, wish
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.time import Time, plus, seconds_between
from gitcoord.errors import QueuedBehind

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Waiter(Record, frozen=True, kw_only=True):
    """A holder that waits for keys until all of them are free together."""

    table = "waiters"

    session: str
    agent: str
    keys: tuple[str, ...]
    mode: Mode = "exclusive"
    #: Seconds for which the locks will be given; None: what they have, or the default.
    ttl: float | None = None
    reason: str = ""
    since: Time
    #: Its place: lower goes first.
    ticket: int
    lease_until: Time

    @property
    def name(self) -> str:
        """The holder and a digest of what it waits for."""
        from hashlib import sha256  # not on the way of those who never wait

        wanted = "\n".join((self.mode, *self.keys))
        return f"{self.session}:{sha256(wanted.encode()).hexdigest()[:16]}"

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its turn, its keys' places and its session."""
        yield f"turn:{self.ticket:012d}"
        yield f"by:{root(self.session)}"
        for key in self.keys:
            yield term(key)


class WaiterView(msgspec.Struct, frozen=True, kw_only=True):
    """A waiter as it is shown: every field present."""

    keys: tuple[str, ...]
    mode: Mode
    session: str
    agent: str
    reason: str
    since: Time
    ticket: int
    lease_until: Time


def view(waiter: Waiter) -> WaiterView:
    """Return the waiter as it is shown."""
    return WaiterView(**{name: getattr(waiter, name) for name in WaiterView.__struct_fields__})


def queue(state: State) -> list[Waiter]:
    """Return all who wait, first come first, the dead among them included."""
    return list(state.scan(Waiter, "turn:"))


def dead(state: State, context: Context, waiter: Waiter) -> bool:
    """Say whether the waiter has lost its place: its lease or its session is over."""
    return (
        context.over(waiter.lease_until, state.settings.clock_tolerance)
        or state.get(Session, root(waiter.session), archived=False) is None
    )


def enqueue(state: State, context: Context, asked: Request, mode: Mode) -> Waiter:
    """Store the request at the end of the queue, or keep its place there, and return it.

    The lease of a place that is kept is extended once less than half of it is left.
    """
    ends = plus(context.now, state.settings.waiter_ttl)
    waiter = Waiter(
        session=asked.holder,
        agent=asked.agent,
        keys=tuple(want.key.text for want in asked.wants),
        mode=mode,
        ttl=None if asked.ttl is None else float(asked.ttl),
        reason=asked.reason,
        since=context.now,
        ticket=1 + max((each.ticket for each in queue(state)), default=0),
        lease_until=ends,
    )
    old = state.get(Waiter, waiter.name)
    if old is not None and not dead(state, context, old):
        left = seconds_between(context.now, old.lease_until)
        waiter = msgspec.structs.replace(
            waiter,
            since=old.since,
            ticket=old.ticket,
            lease_until=old.lease_until if left > state.settings.waiter_ttl / 2 else ends,
        )
    if waiter != old:
        state.put(waiter)
    return waiter


def check_turn(state: State, context: Context, asked: Request) -> None:
    """Raise `QueuedBehind` when earlier waiters want what a request asks for.

    A holder that waits for these keys already is judged by its place in the queue.
    """
    own = min((each.ticket for each in _places(state, context, asked)), default=float("inf"))
    found = list(_ahead(state, context, asked, own))
    if found:
        first = found[0][1]
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise QueuedBehind(
            f"{first.agent} waits for {several(first.keys)} since {first.since}{others}",
            hint="Wait with --wait, or work on something else.",
            conflicts=[
                {"wanted": want.key.text, "wanted_mode": want.mode}
                | msgspec.to_builtins(view(waiter))
                | {"keys": list(waiter.keys)}
                for want, waiter in found[:SHOWN_LIMIT]
            ],
            others=max(0, len(found) - SHOWN_LIMIT),
        )


def grant(state: State, context: Context) -> None:
    """Give every waiter its keys whose whole set is free and whose turn it is.

    Waiters that are dead are removed on the way.
    """
    from gitcoord.domain.grants import succeed

    for waiter in queue(state):
        if dead(state, context, waiter):
            state.remove(waiter)
            continue
        asked = _request(state, waiter)
        lacking = missing(state, context, asked)
        live, ended = contest(state, context, lacking)
        if not live and next(_ahead(state, context, lacking, waiter.ticket), None) is None:
            state.remove(waiter)
            succeed(state, context, asked, ended)


def leave(state: State, context: Context, waiters: Iterable[Waiter]) -> None:
    """Remove the waiters and give what they were in the way of to those behind them."""
    gone = list(waiters)
    for waiter in gone:
        state.remove(waiter)
    if gone:
        grant(state, context)


def waiting(state: State, holder: str) -> list[Waiter]:
    """Return the places of a holder; those of a session with all of its sub-agents'."""
    found = state.find(Waiter, f"by:{root(holder)}")
    return found if holder == root(holder) else [x for x in found if x.session == holder]


def served(state: State, context: Context, holder: str) -> list[Waiter]:
    """Return the places of exactly this holder that wait for nothing which it does not hold."""
    return [
        each
        for each in waiting(state, holder)
        if each.session == holder and not missing(state, context, _request(state, each)).wants
    ]


def _ahead(
    state: State, context: Context, asked: Request, ticket: float
) -> Iterator[tuple[Want, Waiter]]:
    """Yield the live waiters with an earlier ticket that a request must not pass.

    Those who wait for what this holder itself holds do not count: they cannot go before it
    lets go, so that queueing behind them would be a deadlock.
    """
    met: set[str] = set()
    for want in asked.wants:
        for waiter in near(state, Waiter, want.key):
            if waiter.name in met or waiter.ticket >= ticket:
                continue
            if root(waiter.session) == root(asked.holder) or not _excludes(state, want, waiter):
                continue
            met.add(waiter.name)
            if not dead(state, context, waiter) and not _waits_for(
                state, context, waiter, asked.holder
            ):
                yield want, waiter


def _places(state: State, context: Context, asked: Request) -> Iterator[Waiter]:
    needed = {want.key.text for want in asked.wants}
    for waiter in waiting(state, asked.holder):
        own = waiter.session == asked.holder and needed <= set(waiter.keys)
        if own and not dead(state, context, waiter):
            yield waiter


def _request(state: State, waiter: Waiter) -> Request:
    wants = tuple(wish(state.settings, stored(key), waiter.mode) for key in waiter.keys)
    return Request(waiter.session, waiter.agent, wants, waiter.ttl, waiter.reason)


def _excludes(state: State, want: Want, waiter: Waiter) -> bool:
    return any(
        "exclusive" in (want.mode, each.mode) and overlap(want.key, each.key)
        for each in _request(state, waiter).wants
    )


def _waits_for(state: State, context: Context, waiter: Waiter, holder: str) -> bool:
    lacking = missing(state, context, _request(state, waiter))
    live, _ = contest(state, context, lacking)
    return any(root(lock.session) == root(holder) for _, lock in live)
