"""What ends with an entry whose work has landed: its feature, its task, locks and marks.

All of it in the transaction in which the entry becomes merged, so that there is no moment at which
code has landed and its task is still open. Not here: whether it may land (`merge_landing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.features import Feature
from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import escape
from gitcoord.domain.locks import Lock, free, holdings
from gitcoord.domain.merge_moves import Move, closing, step, tell_of
from gitcoord.domain.merges import Merge
from gitcoord.domain.operation import Answer, Context
from gitcoord.domain.registering import ended
from gitcoord.domain.sessions import root
from gitcoord.domain.task_settling import SettleTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.unlanded import Mark
from gitcoord.errors import InvalidKey

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Landed(Answer, frozen=True, kw_only=True):
    """The merged entries, and what ended with them."""

    merges: list[Merge]
    features: list[str] = []
    tasks: list[str] = []
    #: Keys that are free again, and names of unlanded marks that are gone.
    released: list[str] = []
    dropped: list[str] = []
    #: Tasks that became ready.
    ready: list[str] = []


def end(
    state: State, context: Context, entries: Sequence[Merge], move: Move, result: str
) -> Landed:
    """Mark the entries as merged, and end features, tasks, locks and marks with them."""
    merged = [
        step(state, context, entry, move, result=result, **closing(context)) for entry in entries
    ]
    found = Landed(merges=merged)
    for entry in merged:
        where = f"{entry.target} at {result}"
        tell_of(state, context, entry, f"is merged into {where}")
        _end_feature(state, context, entry, where, found)
        _end_task(state, context, entry, where, found)
        locks = list(_covered(state, entry))
        free(state, context, locks)
        found.released.extend(lock.key for lock in locks)
        for mark in _marks(state, entry):
            state.remove(mark)
            found.dropped.append(mark.name)
    return found


def _end_feature(state: State, context: Context, entry: Merge, where: str, found: Landed) -> None:
    """Complete the feature unless another of its entries is still open."""
    feature = state.get(Feature, entry.feature) if entry.feature else None
    if feature is None or feature.archived or state.has(Merge.table, f"feature:{feature.id}"):
        return
    ended(state, context, feature, "completed", f"{entry.id} is merged into {where}")
    found.features.append(feature.id)


def _end_task(state: State, context: Context, entry: Merge, where: str, found: Landed) -> None:
    task = state.get(Task, entry.task) if entry.task else None
    if task is None or task.archived:
        return
    done = SettleTask(id=task.id, result=f"{entry.id} is merged into {where}")
    settled = done.apply(state, context)
    found.tasks.append(task.id)
    found.released.extend(settled.released)
    found.ready.extend(settled.ready)


def _covered(state: State, entry: Merge) -> Iterator[Lock]:
    """Yield the locks of the session that queued it which name nothing but changed paths.

    What was taken for another task stays, and so does a pattern: it may stand for more.
    """
    held = holdings(state, root(entry.session)) if entry.session else []
    if not held:
        return
    keys = set()
    for path in entry.paths:
        try:
            keys.add(wanted(state.settings, escape(path)).text)
        except InvalidKey:
            # What no key can name is locked by nobody.
            continue
    for lock in held:
        if lock.key in keys and lock.task in ("", entry.task) and not lock.also_for:
            yield lock


def _marks(state: State, entry: Merge) -> list[Mark]:
    """Return the marks of the branch as it was queued, not those of newer commits."""
    found = state.find(Mark, f"branch:{entry.branch}")
    return [one for one in found if one.head == entry.head or one.at <= entry.queued_at]
