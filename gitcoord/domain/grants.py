"""Grants: how a request becomes locks, and how locks are extended.

Promises that a holder who asks again keeps its token and time, that a stronger
lock on the same key is a new grant, and that nobody is passed in the queue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.locks import Lock
from gitcoord.domain.notices import tell
from gitcoord.domain.operation import Context
from gitcoord.domain.requests import (
    Request,
    Want,
    check_ttl,
    contest,
    held,
    lock_held,
    missing,
)
from gitcoord.domain.time import plus
from gitcoord.domain.waiting import check_turn, grant

if TYPE_CHECKING:
    from gitcoord.domain.state import State


def settle(state: State, context: Context, asked: Request) -> list[Lock]:
    """Give the holder everything that it asks for and return the locks, or raise.

    Raises `LockHeld`, `QueuedBehind` and `TtlOutOfRange` before anything is changed. A lock
    that its holder let run out counts as free, also for the holder if somebody waits for it.
    """
    check_ttl(state.settings, asked.ttl)
    lacking = missing(state, context, asked)
    live, ended = contest(state, context, lacking)
    if live:
        raise lock_held(live)
    check_turn(state, context, lacking)
    locks = succeed(state, context, asked, ended)
    if ended:
        grant(state, context)
    return locks


def place(state: State, context: Context, asked: Request, gone: Iterable[Lock]) -> list[Lock]:
    """Remove the locks in `gone`, store those of the request and return these."""
    for lock in gone:
        state.remove(lock)
    return [_granted(state, context, asked, want) for want in asked.wants]


def succeed(state: State, context: Context, asked: Request, ended: Iterable[Lock]) -> list[Lock]:
    """Place the request where others' time was over, and tell these who has their keys."""
    lost: dict[str, list[str]] = {}
    for lock in ended:
        lost.setdefault(lock.session, []).append(lock.key)
    for holder, keys in sorted(lost.items()):
        text = f"Your time for {', '.join(sorted(keys))} was over; {asked.agent} is there now."
        tell(state, context, holder, "lapsed", text, sorted(keys))
    return place(state, context, asked, ended)


def renew(
    state: State,
    context: Context,
    lock: Lock,
    ttl: float | None = None,
    reason: str = "",
    task: str = "",
) -> Lock:
    """Extend a lock by `ttl` seconds from now, by default by its own, and return it.

    Without `ttl` it never ends sooner than before. A reason replaces the old one.
    """
    own = plus(context.now, lock.ttl if ttl is None else ttl)
    renewed = msgspec.structs.replace(
        lock,
        expires_at=max(lock.expires_at, own) if ttl is None else own,
        ttl=lock.ttl if ttl is None else float(ttl),
        reason=reason or lock.reason,
        also_for=_relying(lock, task),
    )
    if renewed != lock:
        state.put(renewed)
    return renewed


def _granted(state: State, context: Context, asked: Request, want: Want) -> Lock:
    own = held(state, asked, want)
    if own is not None:
        return renew(state, context, own, asked.ttl, asked.reason, asked.task)
    ttl = float(state.settings.lock_ttl if asked.ttl is None else asked.ttl)
    lock = Lock(
        key=want.key.text,
        mode=want.mode,
        session=asked.holder,
        agent=asked.agent,
        epoch=state.meta.epoch,
        token=state.next_token(),
        acquired_at=context.now,
        expires_at=plus(context.now, ttl),
        ttl=ttl,
        reason=asked.reason,
        task=asked.task,
    )
    weaker = state.get(Lock, lock.name)
    if weaker is not None:
        lock = msgspec.structs.replace(
            lock,
            reason=asked.reason or weaker.reason,
            task=weaker.task,
            also_for=_relying(weaker, asked.task),
        )
    state.put(lock)
    return lock


def _relying(lock: Lock, task: str) -> tuple[str, ...]:
    known = not task or task == lock.task or task in lock.also_for
    return lock.also_for if known else (*lock.also_for, task)
