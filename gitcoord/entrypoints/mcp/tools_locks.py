"""Tools with which locks change hands: acquire, release, renew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.locks import LockView
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.shapes import FilePath, Input, Key, Minutes, Output, given
from gitcoord.entrypoints.mcp.tools_holdings import Unlanded, marks
from gitcoord.errors import UsageError

if TYPE_CHECKING:
    from gitcoord.domain.lock_operations import AcquireLocks, Locked
    from gitcoord.entrypoints.mcp.call import Call

#: Longest wait of one call, in seconds. Many clients end a call earlier.
LONGEST = 3600


class AcquireLock(Input, frozen=True, kw_only=True):
    """What to lock. A path, keys, or both."""

    file_path: FilePath | UnsetType = UNSET
    keys: Annotated[list[Key], Meta(description="More keys; all are taken or none.")] = []
    reason: Annotated[str, Meta(description="What others read when they are refused.")] = ""
    ttl_minutes: Minutes | UnsetType = UNSET
    shared: Annotated[bool, Meta(description="Share with others who only read.")] = False
    wait_seconds: Annotated[
        float, Meta(ge=0, le=LONGEST, description="Wait in the queue for at most so long.")
    ] = 0


class Acquired(Output, frozen=True, kw_only=True):
    """The locks that are held now."""

    #: acquired, refreshed, or ignored where the settings say that it is never locked.
    action: str | UnsetType = UNSET
    file_path: str | UnsetType = UNSET
    #: The first end of one of the locks.
    expires_at: str | UnsetType = UNSET
    locked_by: str | UnsetType = UNSET
    lock_reason: str | UnsetType = UNSET
    session: str | UnsetType = UNSET
    #: The highest fencing token among them.
    token: int | UnsetType = UNSET
    locks: list[LockView] | UnsetType = UNSET
    ignored: list[str] | UnsetType = UNSET
    unlanded: list[Unlanded] | UnsetType = UNSET


def acquire_lock(call: Call, asked: AcquireLock) -> Acquired:
    """Take all of the keys, now or within the time to wait."""
    from gitcoord.domain.lock_operations import AcquireLocks
    from gitcoord.domain.sessions import Session, root

    wish = AcquireLocks(
        keys=call.keys(_wanted(asked.file_path, asked.keys)),
        mode="shared" if asked.shared else "exclusive",
        ttl=_ttl(asked.ttl_minutes),
        reason=asked.reason,
        wait=asked.wait_seconds,
    )
    answer = _acquired(call, wish)
    call.seat.hurry(answer.locks)
    action = originals.original("lock action", "renewed" if answer.renewed else "acquired")
    with call.state() as state:
        who = state.get(Session, root(call.holder))
    found = Acquired(
        action=action if answer.locks else "ignored",
        file_path=asked.file_path,
        session=call.holder,
        locked_by=who.agent if who is not None else UNSET,
        locks=answer.locks,
        ignored=answer.ignored or UNSET,
        unlanded=marks(answer.unlanded),
    )
    if not answer.locks:
        return found
    return msgspec.structs.replace(
        found,
        expires_at=min(lock.expires_at for lock in answer.locks),
        token=max(lock.token for lock in answer.locks),
    )


class ReleaseLock(Input, frozen=True, kw_only=True):
    """What to give back."""

    file_path: FilePath | UnsetType = UNSET
    keys: list[Key] = []
    all: Annotated[bool, Meta(description="Everything that you hold.")] = False


class Released(Output, frozen=True, kw_only=True):
    """The keys that are free."""

    action: str | UnsetType = UNSET
    file_path: str | UnsetType = UNSET
    released: list[str] | UnsetType = UNSET
    unlanded: list[Unlanded] | UnsetType = UNSET


def release_lock(call: Call, asked: ReleaseLock) -> Released:
    """Give keys back; others are told where changes that have not landed are."""
    from gitcoord.domain.lock_operations import Released as Freed
    from gitcoord.domain.lock_operations import ReleaseLocks
    from gitcoord.entrypoints.cli.facts import marks as seen

    words = given(asked.file_path, *asked.keys)
    if bool(words) == asked.all:
        raise UsageError(
            "say what to release: file_path or keys, or all",
            hint="Call release_lock with one of them.",
        )
    keys = call.keys(words)
    wish = ReleaseLocks(keys=keys, all=asked.all, marks=seen(call, keys, asked.all))
    answer = call.do(wish, Freed)
    return Released(
        action="released",
        file_path=asked.file_path,
        released=answer.keys,
        unlanded=marks(answer.unlanded),
    )


class RenewLocks(Input, frozen=True, kw_only=True):
    """What to extend."""

    keys: Annotated[list[Key], Meta(description="Left out: everything that you hold.")] = []
    ttl_minutes: Minutes | UnsetType = UNSET


class Renewed(Output, frozen=True, kw_only=True):
    """The locks with their new ends."""

    locks: list[LockView] | UnsetType = UNSET
    #: Keys that keep their end for now, because pushes are scarce.
    delayed: list[str] | UnsetType = UNSET


def renew_locks(call: Call, asked: RenewLocks) -> Renewed:
    """Extend locks that are held."""
    from gitcoord.domain.lock_operations import Renewed as Extended
    from gitcoord.domain.lock_operations import RenewLocks as Extend

    wish = Extend(keys=call.keys(asked.keys), ttl=_ttl(asked.ttl_minutes))
    answer = call.do(wish, Extended)
    call.seat.hurry(answer.locks)
    return Renewed(locks=answer.locks, delayed=list(answer.delayed) or UNSET)


def _acquired(call: Call, wish: AcquireLocks) -> Locked:
    from gitcoord.entrypoints.cli.patience import asked, waited
    from gitcoord.entrypoints.mcp.call import Withdrawn

    before = _held(call)
    try:
        answer = asked(call, wish)
        if answer.queued is None:
            if call.withdrawn.is_set():
                raise Withdrawn
            return answer
        holders = {str(each.get("agent", "")) for each in answer.conflicts} - {""}
        until = [str(each["expires_at"]) for each in answer.conflicts if each.get("expires_at")]
        text = f"waiting for {', '.join(answer.queued.keys)}"
        text += f", held by {', '.join(sorted(holders))}" if holders else ""
        text += f" until {max(until)}" if until else ""
        sleep = call.pausing(wish.wait, text)
        sleep(0)
        return waited(call, wish, answer, sleep)
    except Withdrawn:
        _undo(call, wish, before)
        raise


def _held(call: Call) -> set[str]:
    from gitcoord.domain.locks import holdings

    with call.state() as state:
        return {lock.key for lock in holdings(state, call.holder) if lock.session == call.holder}


def _undo(call: Call, wish: AcquireLocks, before: set[str]) -> None:
    """Give up the place in the queue, and what was granted to somebody who no longer asks."""
    from gitcoord.domain.lock_operations import LeaveQueue, Left, ReleaseLocks
    from gitcoord.domain.lock_operations import Released as Freed

    granted = call.do(LeaveQueue(keys=wish.keys), Left).locks
    fresh = tuple(lock.key for lock in granted if lock.key not in before)
    if fresh:
        call.do(ReleaseLocks(keys=fresh), Freed)


def _wanted(file_path: str | UnsetType, keys: list[str]) -> list[str]:
    words = given(file_path, *keys)
    if not words:
        raise UsageError("say what to lock: file_path, or keys", hint="Call acquire_lock again.")
    return words


def _ttl(minutes: float | UnsetType) -> float | None:
    return originals.seconds(None if minutes is UNSET else minutes)
