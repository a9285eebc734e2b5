"""Before a file is changed: its lock is taken or renewed, or the change is refused.

Closed on a proven conflict, whoever decides and whether it can be reached or not. Otherwise
as the settings say: `hook_mode` enforce, warn or off, `when_unreachable` warn or deny.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.clients.event import Reply
from gitcoord.domain.keys import escape
from gitcoord.domain.lock_operations import AcquireLocks, Locked, RenewLocks
from gitcoord.domain.locks import check, holdings
from gitcoord.domain.time import seconds_between, to_epoch
from gitcoord.entrypoints.hooks import memo
from gitcoord.entrypoints.hooks.words import held, not_landed, unreachable
from gitcoord.errors import (
    Contended,
    LockHeld,
    NotPermitted,
    OutcomeUnknown,
    QueuedBehind,
    Unavailable,
)

if TYPE_CHECKING:
    from gitcoord.domain.locks import Lock
    from gitcoord.domain.operation import Answer, Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.entrypoints.hooks.places import Place
    from gitcoord.entrypoints.hooks.visit import Visit

#: Characters of what a conversation is about that others read as a lock's reason.
ABOUT = 100


def guard(visit: Visit, session: Session, places: Sequence[Place]) -> Reply:
    """Return whether these files may be changed; then the session holds their locks."""
    mode = visit.desk.settings.hook_mode
    if mode == "off" or not places:
        return Reply()
    holder = visit.holder(session)
    keys = {place.name: escape(place.name) for place in places}
    with visit.desk.state() as state:
        known = _without_host(visit, state, holder, list(keys), mode)
    # A host may take longer than a hook has: then this is what is said.
    visit.fallback(known)
    if not visit.heard(memo.CONFIRMED):
        return known
    with visit.desk.state() as state:
        lacking, weak = _lacking(visit, state, holder, list(keys))
    if not lacking and not weak:
        return _noted(visit, holder, places)
    try:
        answer = _taken(visit, holder, [keys[path] for path in lacking], weak)
    except (LockHeld, QueuedBehind, NotPermitted) as refusal:
        visit.track.drop_memo()
        told = held(refusal, visit.desk)
        if mode == "warn":
            return Reply(context=told)
        return Reply(verdict="deny", reason=told)
    except (Unavailable, Contended, OutcomeUnknown):
        return known
    visit.acted()
    visit.track.mark("roots", {place.root for place in places} - visit.track.marked("roots"))
    visit.track.mark("taken", (x.key for x in answer.locks if x.session == holder))
    reply = _noted(visit, holder, places)
    return Reply(context=not_landed(answer.unlanded)) if answer.unlanded else reply


def _lacking(
    visit: Visit, state: State, holder: str, paths: list[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the paths that no own lock covers for long, and the wider own keys to renew."""
    from gitcoord.domain.key_index import stored

    now = visit.desk.now(state)
    lacking, weak = [], []
    for path in paths:
        own = [
            one.lock
            for one in check(state, visit.desk.context(state, holder), [path], holder)
            if one.mine and one.lock.mode == "exclusive" and one.lock.session == holder
        ]
        lasting = [x for x in own if _half_left(state, x.key, holder, now)]
        if lasting:
            continue
        wider = [x.key for x in own if not stored(x.key).is_literal and x.expires_at > now]
        if wider:
            weak.append(wider[0])
        else:
            lacking.append(path)
    return lacking, tuple(dict.fromkeys(weak))


def _half_left(state: State, key: str, holder: str, now: str) -> bool:
    from gitcoord.domain.locks import Lock, lock_name

    lock = state.get(Lock, lock_name(key, holder))
    return lock is not None and seconds_between(now, lock.expires_at) > lock.ttl / 2


def _taken(visit: Visit, holder: str, keys: list[str], weak: tuple[str, ...]) -> Locked:
    """Take and renew in one decision, once more where a dead session was in the way."""
    about = visit.about[:ABOUT]
    wishes: list[Operation] = []
    if weak:
        wishes.append(RenewLocks(keys=weak))
    if keys:
        wishes.append(AcquireLocks(keys=tuple(keys), reason=about))
    house = visit.desk.house
    for last in (False, True):
        answers: list[Answer] = []
        for reply in house.coordinator.run(*wishes, session=holder):
            if isinstance(reply.error, (LockHeld, QueuedBehind)) and not last:
                break
            if reply.error is not None:
                raise reply.error
            answers += reply.answers
        else:
            return next((one for one in answers if isinstance(one, Locked)), Locked())
        if not house.judge().look().swept:
            assert reply.error is not None
            raise reply.error
    return Locked()


def _without_host(visit: Visit, state: State, holder: str, paths: list[str], mode: str) -> Reply:
    """Return what to answer when whoever decides cannot be reached (DESIGN §5)."""
    context = visit.desk.context(state, holder)
    found = check(state, context, paths, holder)
    others = [one.lock for one in found if not one.mine]
    if others:
        lock = others[0]
        refusal = LockHeld(
            f"{lock.agent} holds {lock.key} ({lock.mode}) until {lock.expires_at}",
            conflicts=[
                {name: getattr(one, name) for name in one.__struct_fields__} for one in others
            ],
        )
        told = held(refusal, visit.desk)
        return Reply(context=told) if mode == "warn" else Reply(verdict="deny", reason=told)
    now = context.now
    covered = {
        one.path for one in found if one.mine and _sure(visit, state, one.lock.expires_at, now)
    }
    if covered >= set(paths):
        return Reply()
    told = unreachable(visit.desk)
    if state.settings.when_unreachable == "deny" and mode == "enforce":
        return Reply(verdict="deny", reason=told)
    return Reply(remark=told, context=told)


def _sure(visit: Visit, state: State, expires_at: str, now: str) -> bool:
    """Say whether an own lock, confirmed at the last contact, can still be relied upon."""
    wire = visit.desk.house.wire
    age = 0.0 if wire is None else wire.contact.age
    left = seconds_between(now, expires_at) - state.settings.clock_tolerance
    return age is not None and age < memo.CONFIRMED and left > 0


def _noted(visit: Visit, holder: str, places: Sequence[Place]) -> Reply:
    """Keep under which tokens the files are written, and what the next call may answer alone."""
    from gitcoord.ledger import written

    house = visit.desk.house
    head = house.ledger.head()
    with visit.desk.state() as state:
        own = [lock for lock in holdings(state, holder) if lock.session == holder]
        context = visit.desk.context(state, holder)
        interval = state.settings.beat_interval
        covering = {
            one.path: one.lock
            for one in check(state, context, [place.name for place in places], holder)
            if one.mine
        }
    for place in places:
        lock = covering.get(place.name)
        if lock is None or place.folder:
            continue
        # Not knowing this later lets a stale write pass, and never refuses a good one.
        with suppress(Unavailable):
            written.record(
                place.git_dir,
                place.path,
                lock.session,
                lock.epoch,
                lock.token,
                to_epoch(context.now),
            )
    if house.ledger.head() == head:
        # What was read above is what that head says.
        _remember(visit, head, own, interval)
    return Reply()


def _remember(visit: Visit, head: str, own: list[Lock], interval: float) -> None:
    file = visit.track.memo
    if file is None:
        return
    now = time.time()
    wire = visit.desk.house.wire
    until = now + interval
    if wire is not None:
        age = wire.contact.age
        until = min(until, now + memo.CONFIRMED - (memo.CONFIRMED if age is None else age))
    acting = visit.environ.get("GITCOORD_SESSION", "")
    memo.write(file, visit.desk.house, head, own, now=now, until=until, acting=acting)
