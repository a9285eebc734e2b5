"""Acquire locks as a person would want it done: wait in the queue, and not for the dead.

A refusal makes the judge look once whether the holder still lives. With
`--wait` the session has a place in the queue of the ledger; this loop only
keeps that place and looks whether the keys were granted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.entrypoints.cli.pace import Pace
from gitcoord.errors import LockHeld, QueuedBehind, WaitTimedOut

if TYPE_CHECKING:
    from gitcoord.entrypoints.cli.desk import Desk

#: Seconds between two looks at the head of a local ledger: at first, and at most.
SOON, LATE = 0.02, 0.5
#: Share of the waiter's lease after which the place in the queue is confirmed.
CONFIRM = 0.4


def acquired(desk: Desk, wish: AcquireLocks) -> Locked:
    """Return the locks. Raises what refuses them, or `WaitTimedOut` when waiting did not help."""
    if not wish.wait:
        return asked(desk, wish)
    with unwinding():
        try:
            answer = asked(desk, wish)
            if answer.queued is not None:
                desk.note(f"waiting for {', '.join(answer.queued.keys)}")
        except (KeyboardInterrupt, SystemExit, OSError):
            # It may be in the queue before it has heard of it.
            _left(desk, wish)
            raise
        return answer if answer.queued is None else waited(desk, wish, answer)


def asked(desk: Desk, wish: AcquireLocks) -> Locked:
    """Return the locks or the place in the queue; who seems to hold them has to be alive."""
    try:
        return desk.do(wish, Locked)
    except (LockHeld, QueuedBehind):
        if not desk.house.judge().look().swept:
            raise
        return desk.do(wish, Locked)


@contextmanager
def unwinding() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what runs in the block as an exception does: by clearing up.

    Agents stop commands that take long with the one, terminals that are closed with the other.
    The exit code is 128 and the number, as in a shell. What is ignored (nohup) stays ignored.
    """
    import signal

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    heeded = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    previous = [(kind, signal.signal(kind, stop)) for kind in heeded]
    try:
        yield
    finally:
        for kind, before in previous:
            signal.signal(kind, before)


def waited(
    desk: Desk, wish: AcquireLocks, answer: Locked, sleep: Callable[[float], None] = time.sleep
) -> Locked:
    """Return the locks for which `answer` gave a place in the queue, once they are granted.

    Whatever `sleep` raises ends the waiting, and the place is given up. Raises `WaitTimedOut`.
    """
    assert answer.queued is not None
    try:
        granted = _queued(desk, wish, sleep)
    except BaseException:
        # Also when the person interrupts: a place in the queue must not outlive its owner.
        _left(desk, wish)
        raise
    if granted is not None:
        return granted
    # What was granted between the last look and the leaving is ours.
    if _left(desk, wish):
        return desk.do(msgspec.structs.replace(wish, wait=0), Locked)
    raise WaitTimedOut(
        f"{', '.join(wish.keys)} did not become free in {wish.wait:g} s",
        keys=list(wish.keys),
        waited=wish.wait,
        conflicts=answer.conflicts,
    )


def _left(desk: Desk, wish: AcquireLocks) -> bool:
    """Give the place in the queue up; whether the keys were granted before that."""
    from gitcoord.domain.lock_operations import LeaveQueue, Left

    return bool(desk.do(LeaveQueue(keys=wish.keys), Left).locks)


def _queued(desk: Desk, wish: AcquireLocks, sleep: Callable[[float], None]) -> Locked | None:
    """Keep the place in the queue until the keys are granted; None when the time is over."""
    house = desk.house
    deadline = time.monotonic() + wish.wait
    head, confirmed = house.ledger.head(), time.monotonic()
    lease, pace = _lease(desk), Pace(desk, SOON, LATE)
    while (now := time.monotonic()) < deadline:
        # The place has to be confirmed in time, however seldom a host is asked.
        sleep(pace.pause(min(deadline - now, confirmed + CONFIRM * lease - now)))
        if pace.head() == head and now - confirmed < CONFIRM * lease:
            continue
        house.judge().look_if_due()
        answer = desk.do(msgspec.structs.replace(wish, wait=max(0.001, deadline - now)), Locked)
        if answer.queued is None:
            return answer
        head, confirmed = house.ledger.head(), now
        pace.moved()
    return None


def _lease(desk: Desk) -> float:
    with desk.state() as state:
        return state.settings.waiter_ttl
