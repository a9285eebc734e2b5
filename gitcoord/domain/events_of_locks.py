"""What is told of locks, of those who wait for them, and of work that has not landed.

Why a lock is gone is read from what the same transaction wrote beside it: the end of its
session, or the notice to its holder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.domain.event import Event, Scene, plain, sessions_of
from gitcoord.domain.key_index import stored
from gitcoord.domain.locks import Lock
from gitcoord.domain.notices import Notice
from gitcoord.domain.overlap import overlap
from gitcoord.domain.sessions import root
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.waiting import Waiter

#: What a new notice to the holder of a key says has become of it.
_NOTICED = {"takeover": "lock.taken_over", "lapsed": "lock.expired"}
_LOCK = ("key", "mode", "epoch", "token", "acquired_at", "expires_at", "reason")


def locks(scene: Scene) -> Iterator[Event]:
    """Yield which keys were taken, extended and freed."""
    found = list(scene.pairs(Lock))
    granted = [new for old, new in found if new and (not old or _token(old) != _token(new))]
    noticed = _noticed(scene)
    for before, after in found:
        if before is not None and (after is None or _token(before) != _token(after)):
            kind = noticed.get((before.session, before.key), "lock.released")
            # A lock that its holder makes stronger was never free.
            if after is None or kind != "lock.released":
                yield _gone(scene, kind, before, granted)
        if after is None:
            continue
        if before is None or _token(before) != _token(after):
            yield _told("lock.acquired", after)
        elif before.expires_at != after.expires_at:
            yield _told("lock.renewed", after)


def waiters(scene: Scene) -> Iterator[Event]:
    """Yield who has got into the queue and who has left it."""
    for before, after in scene.pairs(Waiter):
        # With another ticket it has lost its place and come back at the end, in one transaction.
        if before is not None and after is not None and before.ticket == after.ticket:
            continue
        if before is not None:
            yield _waits("lock.unqueued", before)
        if after is not None:
            yield _waits("lock.queued", after)


def marks(scene: Scene) -> Iterator[Event]:
    """Yield which work is on a branch only, and which is not any more."""
    for before, after in scene.pairs(Mark):
        mark = after or before
        assert mark is not None
        data = plain(
            mark, "key", "branch", "head", "paths", "at", session_id="session", agent_name="agent"
        )
        kind = "mark.landed" if after is None else "mark.unlanded"
        yield Event(kind, data, sessions_of(mark.session))


def _gone(scene: Scene, kind: str, lock: Lock, granted: list[Lock]) -> Event:
    data: dict[str, Any] = {"why": _why(scene, lock)} if kind == "lock.released" else {}
    others: tuple[str, ...] = ()
    if kind == "lock.taken_over":
        key = stored(lock.key)
        takers = [each for each in granted if overlap(stored(each.key), key)]
        data["by"] = [plain(x, "key", session_id="session", agent_name="agent") for x in takers]
        others = tuple(each.session for each in takers)
    return _told(kind, lock, *others, **data)


def _why(scene: Scene, lock: Lock) -> str:
    status = scene.endings.get(root(lock.session))
    return {None: "released", "ended": "session_ended"}.get(status, f"session_{status}")


def _noticed(scene: Scene) -> dict[tuple[str, str], str]:
    """Return what new notices say of a holder's keys, by holder and key."""
    return {
        (after.to, key): _NOTICED[after.kind]
        for before, after in scene.pairs(Notice)
        if before is None and after is not None and after.kind in _NOTICED
        for key in after.keys
    }


def _token(lock: Lock) -> tuple[int, int]:
    return lock.epoch, lock.token


def _told(kind: str, lock: Lock, *others: str, **data: Any) -> Event:
    found = plain(lock, *_LOCK, session_id="session", agent_name="agent", task_id="task")
    return Event(kind, found | data, sessions_of(lock.session, *others))


def _waits(kind: str, waiter: Waiter) -> Event:
    data = plain(
        waiter,
        "keys",
        "mode",
        "ticket",
        "since",
        "reason",
        session_id="session",
        agent_name="agent",
    )
    return Event(kind, data, sessions_of(waiter.session))
