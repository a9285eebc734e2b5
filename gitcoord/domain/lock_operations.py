"""What a holder can ask about its locks: acquire, renew, release, no longer wait.

Each is accepted whole or refused whole. Not here: taking over from others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.grants import renew, settle
from gitcoord.domain.key_index import listed, stored, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.locks import (
    Lock,
    LockView,
    Mode,
    covering,
    free,
    holdings,
    line,
    lock_name,
    over,
    view,
)
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Seconds
from gitcoord.domain.requests import Request, check_ttl, request, wish
from gitcoord.domain.sessions import acting
from gitcoord.domain.time import seconds_between
from gitcoord.domain.unlanded import Mark, MarkDraft, mark
from gitcoord.domain.unlanded import near as marks_near
from gitcoord.domain.waiting import (
    WaiterView,
    check_turn,
    enqueue,
    grant,
    leave,
    served,
    waiting,
)
from gitcoord.domain.waiting import view as waiter_view
from gitcoord.errors import InvalidValue, LockHeld, NotLockHolder, QueuedBehind

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Locked(Answer, frozen=True, kw_only=True):
    """The locks, or the place in the queue, and what to know about these keys."""

    locks: list[LockView] = []
    #: Keys that the settings exempt from locking.
    ignored: list[str] = []
    #: Whether every one of the locks was held before.
    renewed: bool = False
    queued: WaiterView | None = None
    #: The locks or waiters in the way of a queued request.
    conflicts: list[dict[str, Any]] = []
    #: Changes to these keys that are on other branches only.
    unlanded: list[Mark] = []


class AcquireLocks(Operation, frozen=True, kw_only=True):
    """Take all of these keys, or renew them."""

    tag = "lock.acquire"
    answer = Locked

    keys: tuple[str, ...]
    mode: Mode = "exclusive"
    #: Seconds; None: what they have, or the default.
    ttl: float | None = None
    reason: str = ""
    #: Seconds for which the caller is ready to wait; over 0: queue up instead of a refusal.
    wait: Seconds = 0

    def apply(self, state: State, context: Context) -> Locked:
        """Give the locks or a place in the queue. Raises what `locks.take` raises."""
        session = acting(state, context)
        asked, ignored = request(state, context, session, self.keys, self.mode)
        asked = asked._replace(ttl=self.ttl, reason=self.reason)
        unlanded = marks_near(state, *(want.key for want in asked.wants))
        before = state.meta.token
        try:
            locks = settle(state, context, asked)
        except (LockHeld, QueuedBehind) as refusal:
            if not self.wait:
                raise
            queued = waiter_view(enqueue(state, context, asked, self.mode))
            grant(state, context)
            conflicts = refusal.details["conflicts"]
            return Locked(ignored=ignored, queued=queued, conflicts=conflicts, unlanded=unlanded)
        leave(state, context, served(state, context, asked.holder))
        return Locked(
            locks=[view(lock) for lock in locks],
            ignored=ignored,
            renewed=bool(locks) and all(lock.token <= before for lock in locks),
            unlanded=unlanded,
        )

    def subject(self, answer: Locked, agent: str) -> str:
        """Return the diary line."""
        if answer.queued is not None:
            return line(agent, "waits for", answer.queued.keys)
        verb = "renews" if answer.renewed else "shares" if self.mode == "shared" else "takes"
        return line(agent, verb, [lock.key for lock in answer.locks], answer.locks)


class Renewed(Answer, frozen=True, kw_only=True):
    """The locks with their new ends."""

    locks: list[LockView] = []
    #: Keys whose renewal waits, because pushes are scarce and more than half their time is left.
    delayed: tuple[str, ...] = ()


class RenewLocks(Operation, frozen=True, kw_only=True):
    """Extend locks that are held."""

    tag = "lock.renew"
    answer = Renewed

    #: Empty: every lock of the holder.
    keys: tuple[str, ...] = ()
    ttl: float | None = None

    def apply(self, state: State, context: Context) -> Renewed:
        """Extend the locks. Raises `NotLockHolder`, `QueuedBehind` and `TtlOutOfRange`."""
        session = acting(state, context)
        holder = context.session or session.id
        check_ttl(state.settings, self.ttl)
        locks = owned(state, context, holder, self.keys)
        ended = [lock for lock in locks if over(state, context, lock)]
        wants = tuple(wish(state.settings, stored(lock.key), lock.mode) for lock in ended)
        check_turn(state, context, Request(holder, session.agent, wants))
        spared = [lock for lock in locks if self._can_wait(lock, context)]
        kept = [lock if lock in spared else renew(state, context, lock, self.ttl) for lock in locks]
        return Renewed(
            locks=[view(lock) for lock in kept], delayed=tuple(lock.key for lock in spared)
        )

    def _can_wait(self, lock: Lock, context: Context) -> bool:
        """Say whether the lock keeps more than half of its time and pushes are scarce."""
        left = seconds_between(context.now, lock.expires_at)
        return context.frugal and self.ttl is None and left > lock.ttl / 2

    def subject(self, answer: Renewed, agent: str) -> str:
        """Return the diary line."""
        return line(agent, "renews", [lock.key for lock in answer.locks], answer.locks)


class Released(Answer, frozen=True, kw_only=True):
    """The keys that are free, and the marks of what has not landed."""

    keys: list[str] = []
    unlanded: list[Mark] = []


class ReleaseLocks(Operation, frozen=True, kw_only=True):
    """Give keys back, with marks for those whose changes have not landed."""

    tag = "lock.release"
    answer = Released

    keys: tuple[str, ...] = ()
    #: Every lock of the holder, instead of `keys`.
    all: bool = False
    marks: tuple[MarkDraft, ...] = ()

    def apply(self, state: State, context: Context) -> Released:
        """Free the locks; those who wait for them get them. Raises `NotLockHolder`."""
        session = acting(state, context)
        holder = context.session or session.id
        if self.all == bool(self.keys):
            raise InvalidValue("name the keys to release, or all of them")
        locks = owned(state, context, holder, self.keys)
        marks = mark(state, context, holder, session.agent, self.marks)
        free(state, context, locks)
        return Released(keys=[lock.key for lock in locks], unlanded=marks)

    def subject(self, answer: Released, agent: str) -> str:
        """Return the diary line."""
        return line(agent, "releases", answer.keys)


class Left(Answer, frozen=True, kw_only=True):
    """The sets that are no longer waited for, and what was granted before the leaving."""

    left: list[tuple[str, ...]] = []
    locks: list[LockView] = []


class LeaveQueue(Operation, frozen=True, kw_only=True):
    """Stop waiting for these keys, or for all."""

    tag = "lock.leave"
    answer = Left

    #: The whole set as it was asked for; empty: every set.
    keys: tuple[str, ...] = ()

    def apply(self, state: State, context: Context) -> Left:
        """Remove the holder's places; not waiting is no error.

        Keys that were granted in the meantime are shown, for their holder has to release them.
        """
        session = acting(state, context)
        holder = context.session or session.id
        mine = [each for each in waiting(state, holder) if each.session == holder]
        granted: list[Lock] = []
        if self.keys:
            asked, _ = request(state, context, session, self.keys)
            names = {want.key.text for want in asked.wants}
            mine = [waiter for waiter in mine if set(waiter.keys) == names]
            own = [state.get(Lock, lock_name(name, holder)) for name in sorted(names)]
            granted = [lock for lock in own if lock is not None and not mine]
        leave(state, context, mine)
        return Left(left=[each.keys for each in mine], locks=[view(lock) for lock in granted])

    def subject(self, answer: Left, agent: str) -> str:
        """Return the diary line."""
        return line(agent, "no longer waits for", [key for keys in answer.left for key in keys])


def owned(state: State, context: Context, holder: str, keys: tuple[str, ...]) -> list[Lock]:
    """Return the holder's own locks on these keys, without keys all of them.

    Keys that are never locked need no lock. Raises `NotLockHolder`, which says of each key
    that is not held who holds it and what the holder was told about it.
    """
    if not keys:
        mine = (lock for lock in holdings(state, holder) if lock.session == holder)
        return sorted(mine, key=lambda lock: lock.key)
    parsed = {key.text: key for key in (wanted(state.settings, text) for text in keys)}
    # By name, not through the list of all that it holds: that may be long.
    named = {text: state.get(Lock, lock_name(text, holder)) for text in sorted(parsed)}
    own = {text: lock for text, lock in named.items() if lock is not None}
    lost = [
        _lost(state, context, holder, key)
        for text, key in sorted(parsed.items())
        if text not in own and not listed(state.settings, key, state.settings.ignore)
    ]
    if lost:
        first = lost[0]
        now = ", ".join(f"{each['agent']} holds {each['key']}" for each in first["held_by"][:2])
        more = f" ({len(lost)} keys in all)" if len(lost) > 1 else ""
        raise NotLockHolder(
            f"{holder} has no lock on {first['key']}{more}" + (f"; {now}" if now else ""),
            hint=next(
                (text for each in lost for text in each["notices"]),
                "Run `gitcoord lock list` to see who holds what.",
            ),
            lost=lost,
        )
    return list(own.values())


def _lost(state: State, context: Context, holder: str, key: Key) -> dict[str, Any]:
    return {
        "key": key.text,
        "held_by": [msgspec.to_builtins(view(lock)) for lock in covering(state, context, key)],
        "notices": [notice.text for notice in told(state, holder) if key.text in notice.keys],
    }
