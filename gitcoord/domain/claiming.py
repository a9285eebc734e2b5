"""Claiming: who gets which task, with its keys.

Promises that a task has one claimant, that choosing a task and taking its keys
is one step, and that a ready task is found by index terms, never by looking at
all. Not here: how claims end by themselves (`claims`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.claims import lapse
from gitcoord.domain.key_index import wanted
from gitcoord.domain.locks import Lock, LockView, lock_name, take, view
from gitcoord.domain.names import one_line
from gitcoord.domain.obstacles import Obstacle, hindrances, of_keys
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.requests import check_ttl
from gitcoord.domain.sessions import Session, acting
from gitcoord.domain.task_moves import exhausted, step
from gitcoord.domain.tasks import (
    CLAIMED,
    Attempt,
    Task,
    feature_of,
    held_by,
    needs_of,
    ready_as,
    task_of,
)
from gitcoord.domain.time import plus
from gitcoord.domain.unlanded import Mark, near
from gitcoord.errors import (
    ClaimFailed,
    FeaturePaused,
    InsufficientTrust,
    LimitReached,
    LockHeld,
    NotPermitted,
    QueuedBehind,
    Refused,
    ResourceLimitExceeded,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most tasks that an answer shows as passed over, and most that are looked at to find them.
SHOWN_LIMIT = 10
LOOKED_AT = 50


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A task that was passed over, and why."""

    id: str
    title: str
    reasons: list[Obstacle]


class Claimed(Answer, frozen=True, kw_only=True):
    """The task with its locks, or none, and what was passed over."""

    task: Task | None = None
    locks: list[LockView] = []
    #: Whether the holder had claimed it before.
    renewed: bool = False
    waiting: list[Waiting] = []
    #: Changes to its keys that are on other branches only.
    unlanded: list[Mark] = []


class ClaimTask(Operation, frozen=True, kw_only=True):
    """Claim one task with its declared keys; claimed again by its holder it is renewed."""

    tag = "task.claim"
    answer = Claimed

    id: str
    #: Seconds; None: as the settings say.
    ttl: float | None = None
    #: Keys to take beside the declared ones.
    keys: tuple[str, ...] = ()

    def apply(self, state: State, context: Context) -> Claimed:
        """Assign the task; what is over is ended first.

        Raises `TaskNotFound`, `ClaimFailed` with the reasons, `AttemptsExhausted`,
        `FeaturePaused`, `LimitReached` and what `locks.take` raises.
        """
        session = acting(state, context)
        ttl = _ttl(state, self.ttl)
        task_of(state, self.id)
        lapse(state, context, but=session.id)
        task = task_of(state, self.id)
        if task.status in CLAIMED and task.session == context.session:
            return _renewed(state, context, session, task, ttl, self.keys)
        if task.status != "pending":
            raise _not_pending(task)
        _refuse_more(state, session)
        found = hindrances(state, context, task, session)
        if found:
            raise _refusal(state, task, found)
        return _claimed(state, context, session, task, ttl, self.keys)

    def subject(self, answer: Claimed, agent: str) -> str:
        """Return the diary line."""
        return _line(answer, agent)


class NextTask(Operation, frozen=True, kw_only=True):
    """Claim the most urgent task for which nothing stands in the way.

    Of several that are equally urgent it is the one that collides with the least of others' work.
    """

    tag = "task.next"
    answer = Claimed

    #: Empty: of any type, for any feature.
    types: tuple[str, ...] = ()
    feature: str = ""
    ttl: float | None = None

    def apply(self, state: State, context: Context) -> Claimed:
        """Assign the first ready task whose keys can be taken, or none.

        Raises `LimitReached` and `TtlOutOfRange`; a task that cannot be had is no error.
        """
        session = acting(state, context)
        ttl = _ttl(state, self.ttl)
        lapse(state, context, but=session.id)
        _refuse_more(state, session)
        feature = feature_of(state.settings, self.feature)
        passed: list[Waiting] = []
        has = frozenset(session.capabilities)

        def able(term: str) -> bool:
            # As long as there is room they are shown, with the reason.
            return len(passed) < SHOWN_LIMIT or has.issuperset(needs_of(term))

        ready = self._ready(state, feature, able)
        for task in _tried(state, session, _unhindered(state, context, session, ready, passed)):
            try:
                answer = _claimed(state, context, session, task, ttl)
            except (LockHeld, QueuedBehind, UsageError) as refusal:
                _pass(passed, task, [of_keys(refusal)])
            else:
                answer.waiting.extend(passed)
                return answer
        for task in islice(state.scan(Task, "later:"), LOOKED_AT):
            if len(passed) < SHOWN_LIMIT and self._wants(task, feature):
                _pass(passed, task, hindrances(state, context, task, session))
        return Claimed(waiting=passed)

    def subject(self, answer: Claimed, agent: str) -> str:
        """Return the diary line."""
        return _line(answer, agent)

    def _ready(self, state: State, feature: str, able: Callable[[str], bool]) -> Iterator[Task]:
        found: Iterator[Task]
        if self.types:
            kinds = sorted(set(self.types))
            scans = [state.scan(Task, ready_as("type", kind), wanted=able) for kind in kinds]
            found = merge(*scans, key=lambda task: task.order)
        elif feature:
            found = state.scan(Task, ready_as("feature", feature), wanted=able)
        else:
            found = state.scan(Task, "ready:", wanted=able)
        return (task for task in found if self._wants(task, feature))

    def _wants(self, task: Task, feature: str) -> bool:
        return (not self.types or task.type in self.types) and feature in ("", task.feature)


def _unhindered(
    state: State,
    context: Context,
    session: Session,
    ready: Iterator[Task],
    passed: list[Waiting],
) -> Iterator[Task]:
    """Yield the tasks that only their keys can hinder; the others are noted as passed over."""
    for task in ready:
        found = hindrances(state, context, task, session)
        if found:
            _pass(passed, task, found)
        else:
            yield task


def _tried(state: State, session: Session, tasks: Iterator[Task]) -> Iterator[Task]:
    """Yield the tasks in the order in which they are to be tried: of equals the calmer first."""
    if not any(state.holds(table) for table in ("unlanded", "features", "changes")):
        # There is nothing with which a task could collide.
        return tasks
    from gitcoord.domain.collisions import calm_first

    return calm_first(state, tasks, session.id)


def _pass(passed: list[Waiting], task: Task, reasons: list[Obstacle]) -> None:
    if len(passed) < SHOWN_LIMIT:
        passed.append(Waiting(id=task.id, title=task.title, reasons=reasons))


def _ttl(state: State, asked: float | None) -> float:
    settings = state.settings
    check_ttl(settings, asked)
    bounded = min(max(settings.claim_ttl, settings.lock_ttl_min), settings.lock_ttl_max)
    # Always a float: 60 and 60.0 are written differently, and equal claims must not be.
    return float(bounded if asked is None else asked)


def _refuse_more(state: State, session: Session) -> None:
    limit = state.settings.tasks_per_session
    held = held_by(state, session.id) if limit else []
    if limit and len(held) >= limit:
        raise LimitReached(
            f"session {session.id} holds {len(held)} tasks, at most {limit}",
            hint=f"Complete or release {held[0].id} first.",
            tasks=[task.id for task in held],
            limit=limit,
        )


def _refusal(state: State, task: Task, found: list[Obstacle]) -> Refused:
    by_code = {each.code: each for each in found}
    if "attempts" in by_code:
        return exhausted(task, state)
    code = next((code for code in _KINDS if code in by_code), "")
    kind = _KINDS.get(code, ClaimFailed)
    return kind(
        f"task {task.id} cannot be claimed: {'; '.join(each.detail for each in found)}",
        hint="Run `gitcoord task next` for one that can.",
        task=task.id,
        status=task.status,
        reasons=msgspec.to_builtins(found),
    )


#: Obstacles with a refusal of their own, the first that is met counts.
_KINDS: dict[str, type[Refused]] = {
    "paused": FeaturePaused,
    "trust": InsufficientTrust,
    "permission": NotPermitted,
    "limit": ResourceLimitExceeded,
}


def _not_pending(task: Task) -> ClaimFailed:
    until = f" until {task.lease_until}" if task.lease_until else ""
    holder = f" by {task.agent}{until}" if task.agent else ""
    return ClaimFailed(
        f"task {task.id} is {task.status}{holder}",
        hint="Run `gitcoord task next` for one that can be claimed.",
        task=task.id,
        status=task.status,
        session=task.session,
        agent=task.agent,
        lease_until=task.lease_until,
    )


def _claimed(
    state: State,
    context: Context,
    session: Session,
    task: Task,
    ttl: float,
    more: Sequence[str] = (),
) -> Claimed:
    locks = _locked(state, context, session, task, ttl, more)
    holder = context.session or session.id
    attempt = Attempt(
        n=len(task.attempts) + 1, session=holder, agent=session.agent, started_at=context.now
    )
    after = step(
        state,
        context,
        task,
        "claim",
        f"by {session.agent}",
        session=holder,
        agent=session.agent,
        claimed_at=context.now,
        lease_until=plus(context.now, ttl),
        ttl=ttl,
        claimed_keys=tuple(lock.key for lock in locks),
        attempts=(*task.attempts, attempt),
    )
    return _shown(state, after, locks)


def _renewed(
    state: State,
    context: Context,
    session: Session,
    task: Task,
    ttl: float,
    more: Sequence[str],
) -> Claimed:
    keys = [*more, *task.claimed_keys]
    locks = _locked(state, context, session, task, ttl, keys)
    after = msgspec.structs.replace(
        task,
        lease_until=plus(context.now, ttl),
        ttl=ttl,
        claimed_keys=tuple(lock.key for lock in locks),
    )
    state.put(after)
    return msgspec.structs.replace(_shown(state, after, locks), renewed=True)


def _locked(
    state: State,
    context: Context,
    session: Session,
    task: Task,
    ttl: float,
    more: Sequence[str],
) -> list[Lock]:
    """Take the keys; a lock that the holder has already is not cut short."""
    keys = [wanted(state.settings, text).text for text in (*task.keys, *more)]
    if not keys:
        return []
    holder = context.session or session.id
    before = {name: state.get(Lock, name) for name in (lock_name(key, holder) for key in keys)}
    locks = []
    for lock in take(state, context, session, keys, ttl=ttl, reason=task.title, task=task.id):
        merged, own = lock, before[lock.name]
        if own is not None:
            ends, longest = max(own.expires_at, lock.expires_at), max(own.ttl, lock.ttl)
            reason = own.reason or lock.reason
            merged = msgspec.structs.replace(lock, expires_at=ends, ttl=longest, reason=reason)
            state.put(merged)
        locks.append(merged)
    return locks


def _shown(state: State, task: Task, locks: list[Lock]) -> Claimed:
    keys = [wanted(state.settings, text) for text in task.claimed_keys]
    return Claimed(task=task, locks=[view(lock) for lock in locks], unlanded=near(state, *keys))


def _line(answer: Claimed, agent: str) -> str:
    who = agent or "somebody"
    if answer.task is None:
        return one_line(f"task: {who} finds nothing to do")
    verb = "renews" if answer.renewed else "claims"
    keys = f" with {', '.join(answer.task.claimed_keys)}" if answer.locks else ""
    return one_line(f"task: {who} {verb} {answer.task.id} {answer.task.title}{keys}")
