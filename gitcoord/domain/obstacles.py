"""Obstacles: what stands between a pending task and whoever would claim it.

Pure questions, for refusals, for tasks that were passed over and for people who
ask why nothing happens. Not here: claiming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.key_index import listed, wanted
from gitcoord.domain.locks import paused
from gitcoord.domain.operation import Context
from gitcoord.domain.requests import Request, contest, lock_held, missing, wish
from gitcoord.domain.rights import restricted
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import Time
from gitcoord.domain.waiting import check_turn
from gitcoord.errors import (
    GitcoordError,
    LockHeld,
    QueuedBehind,
    ResourceLimitExceeded,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Code = Literal[
    "depends",
    "dependency_failed",
    "attempts",
    "deadline_passed",
    "not_before",
    "capability",
    "paused",
    "keys_held",
    "queued_behind",
    "keys_invalid",
    "trust",
    "permission",
    "limit",
]


class Obstacle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason why a task cannot be claimed."""

    code: Code
    #: For people.
    detail: str
    #: The tasks, capabilities or sessions that it is about.
    about: tuple[str, ...] = ()
    #: When it ends by itself, where that is known.
    until: Time = ""


def obstacles(
    state: State, context: Context, task: Task, session: Session | None = None
) -> list[Obstacle]:
    """Return what keeps this session, or without one anybody, from claiming a pending task.

    A task in another status has none. A failed dependency is one that has failed or was
    cancelled: it will not be completed unless somebody retries it.
    """
    found = hindrances(state, context, task, session)
    if task.status == "pending" and task.keys:
        try:
            _contest(state, context, task, context.session or (session.id if session else ""))
        except (LockHeld, QueuedBehind, UsageError) as refusal:
            found.append(of_keys(refusal))
    return found


def hindrances(
    state: State, context: Context, task: Task, session: Session | None
) -> list[Obstacle]:
    """Return the obstacles that have nothing to do with keys."""
    if task.status != "pending":
        return []
    found = _of_dependencies(state, task)
    limit = task.limit(state.settings)
    if task.used() >= limit:
        found.append(Obstacle(code="attempts", detail=f"all {limit} attempts are used"))
    if task.deadline and task.deadline <= context.now:
        found.append(Obstacle(code="deadline_passed", detail=f"its deadline was {task.deadline}"))
    if task.not_before > context.now:
        detail = f"not before {task.not_before}"
        found.append(Obstacle(code="not_before", detail=detail, until=task.not_before))
    # Whoever is called so can what only that agent shall do.
    own = (*session.capabilities, f"agent:{session.agent}") if session else ()
    lacking = tuple(x for x in task.requires if session and x not in own)
    if lacking:
        detail = f"needs the capabilities {', '.join(lacking)}"
        found.append(Obstacle(code="capability", detail=detail, about=lacking))
    if session is not None:
        found += _of_rights(state, context, task, session)
    pause = pause_of(state, context, task.feature) if task.feature else None
    if pause:
        found.append(pause)
    return found


def _of_rights(state: State, context: Context, task: Task, session: Session) -> Iterator[Obstacle]:
    """Yield that it lacks the trust which the task asks for, or may not have it or its keys."""
    if task.min_trust:
        from gitcoord.domain.assignments import standing

        has = standing(state, session).trust
        if has < task.min_trust:
            detail = f"needs trust level {task.min_trust}; {session.agent} has {has}"
            yield Obstacle(code="trust", detail=detail)
    if restricted(state, session):
        from gitcoord.domain.permission import claim_obstacle

        denial = claim_obstacle(state, context, session, task)
        if denial is not None:
            operation = denial.diagnostics["operation"]
            detail = f"{session.agent} may not {operation}: {denial.detail}"
            limit = denial.reason == ResourceLimitExceeded.code
            yield Obstacle(code="limit" if limit else "permission", detail=detail)


def pause_of(
    state: State, context: Context, feature: str, *, but: str | None = None
) -> Obstacle | None:
    """Return what pauses a feature; None for nothing.

    A lock on its pause key, an open escalation, or its entry in the registry of features.

    `but`: a session whose own lock does not count.
    """
    lock = paused(state, context, feature)
    if lock is not None and (but is None or root(lock.session) != root(but)):
        return _paused(feature, lock.agent, lock.reason, lock.session, lock.expires_at)
    if state.has("escalations", f"pause:{feature}"):
        from gitcoord.domain.escalations import pausing

        found = pausing(state, feature)
        assert found is not None
        reason = f"{found.kind} {found.id}: {found.summary}"
        return _paused(feature, found.agent, reason, found.session, "")
    if state.has("features", f"pause:{feature}"):
        from gitcoord.domain.features import Feature

        known = state.get(Feature, feature, archived=False)
        assert known is not None
        return _paused(feature, known.paused_by, known.pause_reason, known.paused_session, "")
    return None


def _paused(feature: str, agent: str, reason: str, session: str, until: Time) -> Obstacle:
    detail = f"feature {feature} is paused by {agent}" + (f": {reason}" if reason else "")
    return Obstacle(code="paused", detail=detail, about=(session,), until=until)


def of_keys(refusal: GitcoordError) -> Obstacle:
    """Return the refusal of a task's keys as an obstacle."""
    code = _CODES.get(type(refusal), "keys_invalid")
    held = refusal.details.get("conflicts", [])
    return Obstacle(
        code=code,
        detail=refusal.message,
        about=tuple(dict.fromkeys(each["session"] for each in held)),
        until=max((each.get("expires_at", "") for each in held), default=""),
    )


_CODES: dict[type[GitcoordError], Code] = {
    LockHeld: "keys_held",
    QueuedBehind: "queued_behind",
}


def _of_dependencies(state: State, task: Task) -> list[Obstacle]:
    states = {name: state.get(Task, name) for name in task.waiting_for}
    failed = tuple(n for n, x in states.items() if x is None or x.status in _DEAD)
    unfinished = tuple(name for name in states if name not in failed)
    found = []
    if failed:
        detail = f"depends on what will not be completed: {', '.join(failed)}"
        found.append(Obstacle(code="dependency_failed", detail=detail, about=failed))
    if unfinished:
        detail = f"waits for {', '.join(unfinished)}"
        found.append(Obstacle(code="depends", detail=detail, about=unfinished))
    return found


_DEAD = ("failed", "cancelled")


def _contest(state: State, context: Context, task: Task, holder: str) -> None:
    settings = state.settings
    wants = [
        wish(settings, key, "exclusive")
        for key in (wanted(settings, text) for text in task.keys)
        if not listed(settings, key, settings.ignore)
    ]
    lacking = missing(state, context, Request(holder, "", tuple(wants)))
    live = contest(state, context, lacking).live
    if live:
        raise lock_held(live)
    check_turn(state, context, lacking)
