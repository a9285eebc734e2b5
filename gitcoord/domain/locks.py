"""Locks: who holds which keys, and until when.

Promises that no two locks of different sessions overlap unless both are shared,
that a set is taken whole or not at all, and that every grant has a higher
fencing token than those before it. A lock is advice that all follow, not a fence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.key_index import listed, near, stored, term, wanted
from gitcoord.domain.keys import Key, escape
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Context
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Record, Seconds
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.time import Time

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Mode = Literal["exclusive", "shared"]

#: Longest diary line, in characters.
LINE = 100


class Lock(Record, frozen=True, kw_only=True):
    """One key held by one holder."""

    table = "locks"

    key: str
    mode: Mode = "exclusive"
    session: str
    agent: str
    #: The fencing token: (epoch, token) grows with every grant.
    epoch: int
    token: int
    acquired_at: Time
    expires_at: Time
    ttl: Seconds
    reason: str = ""
    #: The task whose claim took it; empty: taken by hand.
    task: str = ""
    #: Tasks whose claims rely on it as well.
    also_for: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Key and holder: a holder has one lock on a key."""
        return lock_name(self.key, self.session)

    def terms(self) -> Iterable[str]:
        """Return what it is found by: the key's place, session, end and tasks."""
        yield term(self.key)
        yield f"by:{root(self.session)}"
        yield f"end:{self.expires_at}"
        for task in (self.task, *self.also_for):
            if task:
                yield f"task:{task}"


class LockView(msgspec.Struct, frozen=True, kw_only=True):
    """A lock as it is shown: every field present."""

    key: str
    mode: Mode
    session: str
    agent: str
    epoch: int
    token: int
    acquired_at: Time
    expires_at: Time
    reason: str
    task: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A lock that covers a path, and whether it belongs to the session that asks."""

    path: str
    mine: bool
    lock: LockView


def view(lock: Lock) -> LockView:
    """Return the lock as it is shown."""
    return LockView(**{name: getattr(lock, name) for name in LockView.__struct_fields__})


def lock_name(key: str, holder: str) -> str:
    """Return the name of the holder's lock on the key with this canonical text."""
    return f"{key}@{holder}"


def over(state: State, context: Context, lock: Lock) -> bool:
    """Say whether the lock's lease has ended for everyone but its holder."""
    return context.over(lock.expires_at, state.settings.clock_tolerance)


def excluding(state: State, key: Key, mode: Mode, holder: str) -> Iterator[Lock]:
    """Yield the locks of other sessions that exclude taking `key` in this mode, ended or not.

    Loads only the locks that stand near the key in the index.
    """
    for lock in near(state, Lock, key):
        if (
            root(lock.session) != root(holder)
            and "exclusive" in (mode, lock.mode)
            and overlap(key, stored(lock.key))
        ):
            yield lock


def rivals(state: State, context: Context, key: Key, mode: Mode, holder: str) -> list[Lock]:
    """Return the live locks of other sessions that exclude taking `key` in this mode."""
    found = excluding(state, key, mode, holder)
    return [lock for lock in found if not over(state, context, lock)]


def take(  # noqa: PLR0913 - everything that one lock says
    state: State,
    context: Context,
    session: Session,
    keys: Sequence[str],
    *,
    mode: Mode = "exclusive",
    ttl: float | None = None,
    reason: str = "",
    task: str = "",
) -> list[Lock]:
    """Give the acting holder all of the keys and return the locks, or raise and change nothing.

    What it holds already is renewed: the token stays, the end moves and only a `ttl` (seconds)
    that is asked for can bring it nearer. Keys that are never locked are passed over. Raises
    `LockHeld`, `QueuedBehind`, `TtlOutOfRange`, `InvalidKey`, `UnknownNamespace`, `LimitReached`.
    """
    from gitcoord.domain.grants import settle
    from gitcoord.domain.requests import request

    asked, _ = request(state, context, session, keys, mode)
    return settle(state, context, asked._replace(ttl=ttl, reason=reason, task=task))


def free(state: State, context: Context, locks: Iterable[Lock]) -> None:
    """Remove the locks and give what they were in the way of to those who wait for it."""
    gone = list(locks)
    for lock in gone:
        state.remove(lock)
    if gone:
        from gitcoord.domain.waiting import grant

        grant(state, context)


def end_task(state: State, context: Context, task: str) -> list[Lock]:
    """Free the locks that only this task's claim needs, and return them.

    A lock that was taken by hand, or that another claim relies on, stays without the task.
    """
    gone = []
    for lock in state.find(Lock, f"task:{task}"):
        others = tuple(other for other in lock.also_for if other != task)
        if lock.task != task:
            state.put(msgspec.structs.replace(lock, also_for=others))
        elif others:
            state.put(msgspec.structs.replace(lock, task=others[0], also_for=others[1:]))
        else:
            gone.append(lock)
    free(state, context, gone)
    return gone


def holdings(state: State, holder: str) -> list[Lock]:
    """Return the locks of a holder; those of a session with all of its sub-agents'."""
    locks = state.find(Lock, f"by:{root(holder)}")
    return locks if holder == root(holder) else [x for x in locks if x.session == holder]


def paused(state: State, context: Context, feature: str) -> Lock | None:
    """Return the live lock on `feature:<feature>:pause`, which stops its tasks, or None."""
    for lock in state.find(Lock, f"at:feature:{feature}:pause"):
        if not over(state, context, lock):
            return lock
    return None


def check(
    state: State, context: Context, paths: Iterable[str], holder: str | None = None
) -> list[Held]:
    """Return the locks that cover the paths: others' live ones, and the holder's even if ended.

    `paths` are names of files, not patterns. Ignored paths have none. Raises `InvalidKey`.
    """
    found = []
    for path in paths:
        key = wanted(state.settings, escape(path))
        if listed(state.settings, key, state.settings.ignore):
            continue
        for lock in near(state, Lock, key):
            mine = holder is not None and root(lock.session) == root(holder)
            if (mine or not over(state, context, lock)) and overlap(key, stored(lock.key)):
                found.append(Held(path=path, mine=mine, lock=view(lock)))
    return found


def covering(state: State, context: Context, key: Key) -> Iterator[Lock]:
    """Yield the live locks that overlap the key, whoever holds them."""
    for lock in near(state, Lock, key):
        if overlap(key, stored(lock.key)) and not over(state, context, lock):
            yield lock


def several(texts: Sequence[str]) -> str:
    """Return a list for one line: the first two, and how many more there are."""
    more = f" and {len(texts) - 2} more" if len(texts) > 2 else ""
    return ", ".join(texts[:2]) + more


def line(agent: str, verb: str, keys: Sequence[str], locks: Sequence[LockView] = ()) -> str:
    """Return a diary line about keys, with the fencing tokens of the locks if there are any."""
    tail = ""
    if locks:
        tokens = sorted({lock.token for lock in locks})
        last = f" to {tokens[-1]}" if len(tokens) > 1 else ""
        tail = f" (token {locks[0].epoch}/{tokens[0]}{last})"
    text = one_line(f"lock: {agent or 'somebody'} {verb} {several(keys) or 'nothing'}")
    room = LINE - len(tail)
    return (text if len(text) <= room else text[: room - 1] + "…") + tail
