"""Claims while they last: extended when their holder acts, ended when their time is over.

Promises that a claim and its locks are extended and end together, and that what
is due is found by index terms. Every operation of a session passes here, so that
what ends claims is imported where it is needed. Not here: how a claim begins
(`claiming`) or is ended by its holder (`task_moves`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.locks import Lock, end_task, lock_name
from gitcoord.domain.operation import Context
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.tasks import CLAIMED, Task, held_by, write_note
from gitcoord.domain.time import plus, seconds_between

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Why = Literal["released", "timed_out"]


def extend(state: State, context: Context, session: Session) -> None:
    """Extend the claims of a session that has acted, with their locks, below half of their time.

    A claim that is late is extended too, unless others have taken one of its keys.
    """
    for task in held_by(state, session.id):
        extended(state, context, task)


def extended(state: State, context: Context, task: Task) -> Task:
    """Do what `extend` does for one task and return it."""
    if (
        not task.lease_until
        or seconds_between(context.now, task.lease_until) >= task.ttl / 2
        or lost_keys(state, context, task)
    ):
        return task
    ends = plus(context.now, task.ttl)
    for lock in state.find(Lock, f"task:{task.id}"):
        if lock.expires_at < ends:
            state.put(msgspec.structs.replace(lock, expires_at=ends))
    after = msgspec.structs.replace(task, lease_until=ends)
    state.put(after)
    return after


def lost_keys(state: State, context: Context, task: Task) -> list[str]:
    """Return the keys that a claim past its lease no longer holds; none within the lease.

    Until others touch it, a late claim can still be extended; once they took one of its
    keys it is over.
    """
    if not task.lease_until or context.now < task.lease_until:
        return []
    names = {key: lock_name(key, task.session) for key in task.claimed_keys}
    return [key for key, name in names.items() if state.get(Lock, name) is None]


def lapse(state: State, context: Context, limit: int = 200, but: str = "") -> list[Task]:
    """End up to `limit` claims past their lease, and as many tasks past their deadline.

    Returns the tasks as they are afterwards; their holders are told. Claims of the session
    `but` are spared as long as they hold their keys. Loads what is due and one task more.
    """
    from gitcoord.domain.task_moves import Ending, step

    ended: list[Task] = []
    for task in _due(state, "deadline:", lambda x: context.over(x.deadline, 0), limit):
        text = f"the deadline {task.deadline} has passed"
        late = Ending(outcome="deadline_exceeded", error=text, error_code="deadline_exceeded")
        ended.append(step(state, context, task, "expire", text, late))
        end_task(state, context, task.id)
        _tell(state, context, task, text)
    tolerance = state.settings.clock_tolerance
    for task in _due(state, "lease:", lambda x: context.over(x.lease_until, tolerance), limit):
        if root(task.session) == but and not lost_keys(state, context, task):
            continue
        text = f"the claim of {task.agent} ended at {task.lease_until}"
        ended.append(returned(state, context, task, "timed_out", text))
        _tell(state, context, task, text)
    return ended


def give_back(
    state: State,
    context: Context,
    task: Task,
    why: Why,
    note: str = "",
) -> Task:
    """Take a task from a holder that is leaving, with the locks of its claim, and return it.

    It is pending again. An attempt that is timed out counts; after the last one the task has
    failed. Where the settings keep the tasks of the dead, these stay theirs, marked as stale.
    """
    if why == "timed_out" and state.settings.stale_tasks == "mark":
        marked = {"stale_since": context.now, "lease_until": "", "ttl": 0, "claimed_keys": ()}
        after = msgspec.structs.replace(task, **marked)
        state.put(after)
        write_note(state, context, task.id, f"stale: {note}" if note else "stale")
        end_task(state, context, task.id)
        return after
    return returned(state, context, task, why, note)


def returned(state: State, context: Context, task: Task, why: Why, note: str) -> Task:
    """Make a claimed task pending again, or failed after its last attempt; its locks are freed."""
    from gitcoord.domain.task_moves import Ending, step

    if why == "released":
        after = step(state, context, task, "release", note, Ending(outcome=why))
    elif task.used() + 1 < task.limit(state.settings):
        after = step(state, context, task, "lapse", note, Ending(outcome=why))
    else:
        error = f"{note}; no attempt is left"
        ending = Ending(outcome=why, error=error, error_code="attempts_exhausted")
        after = step(state, context, task, "expire", error, ending)
    end_task(state, context, task.id)
    return after


def _due(state: State, prefix: str, is_due: Callable[[Task], bool], limit: int) -> list[Task]:
    return list(islice(takewhile(is_due, state.scan(Task, prefix)), limit))


def _tell(state: State, context: Context, task: Task, text: str) -> None:
    from gitcoord.domain.notices import tell

    if task.status in CLAIMED:
        keys = f", nor are its keys {', '.join(task.claimed_keys)}" if task.claimed_keys else ""
        said = f"Task {task.id} is no longer yours{keys}: {text}."
        tell(state, context, task.session, "lapsed", said, task.claimed_keys)
