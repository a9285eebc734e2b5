"""Collisions: whose work a task would meet although no lock stands in its way.

Work on other branches that has not landed, files that live sessions have changed, and what other
features claim. They refuse nothing; they say which of several tasks is the calmer one. Not here:
locks, which do refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.key_index import listed, near, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.overlap import matches, overlap
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.unlanded import near as marks_near

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task

#: Tasks of one priority among which the calmest is looked for, the first in the queue.
CHOICE = 10
#: Changes that are looked at for one key.
CHANGES_LIMIT = 100


class Collision(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's work that overlaps keys, and which of the keys."""

    kind: Literal["unlanded", "changed", "feature"]
    #: The branch, session or feature.
    name: str
    agent: str
    keys: tuple[str, ...]


def wants(state: State, task: Task) -> tuple[str, ...]:
    """Return the keys of a task; of one without keys what its feature claims.

    They are canonical; those that are never locked or only ever shared are left out.
    """
    texts = task.keys
    if not texts and task.feature and state.holds("features"):
        from gitcoord.domain.features import Feature

        feature = state.get(Feature, task.feature, archived=False)
        texts = () if feature is None else (*feature.claims, *feature.slots)
    return tuple(dict.fromkeys(key.text for key in _counting(state.settings, texts)))


def collisions(state: State, task: Task, holder: str = "") -> list[Collision]:
    """Return whose work a task would meet; that of the session of `holder` does not count."""
    keys = [wanted(state.settings, text) for text in wants(state, task)]
    if not keys:
        return []
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for kind, name, agent, key in _met(state, keys, task.feature, root(holder)):
        found.setdefault((kind, name), (agent, set()))[1].add(key.text)
    return [
        Collision(kind=kind, name=name, agent=agent, keys=tuple(sorted(texts)))  # type: ignore[arg-type]
        for (kind, name), (agent, texts) in sorted(found.items())
    ]


def calm_first(state: State, tasks: Iterable[Task], holder: str) -> Iterator[Task]:
    """Yield the tasks, which come in the order of the queue, so that the calmer come sooner.

    Only tasks of one priority change places. One without collisions comes at once; up to
    `CHOICE` others wait for it, and then those with the fewest collisions come first.
    """
    aside: list[tuple[int, Task]] = []
    for task in tasks:
        if aside and (task.priority != aside[0][1].priority or len(aside) == CHOICE):
            yield from _sorted(aside)
            aside = []
        number = len(collisions(state, task, holder))
        if number:
            aside.append((number, task))
        else:
            yield task
    yield from _sorted(aside)


def _sorted(aside: list[tuple[int, Task]]) -> Iterator[Task]:
    return (task for _, task in sorted(aside, key=lambda pair: pair[0]))


def _counting(settings: Settings, texts: Iterable[str]) -> Iterator[Key]:
    free = (*settings.ignore, *settings.shared)
    for text in texts:
        key = wanted(settings, text)
        if not listed(settings, key, free):
            yield key


def _met(
    state: State, keys: list[Key], feature: str, mine: str
) -> Iterator[tuple[str, str, str, Key]]:
    for key in keys:
        for mark in marks_near(state, key):
            if root(mark.session) != mine:
                yield "unlanded", mark.branch, mark.agent, key
        yield from _changed(state, key, mine)
    if state.holds("features"):
        yield from _claimed(state, keys, feature)


def _changed(state: State, key: Key, mine: str) -> Iterator[tuple[str, str, str, Key]]:
    """Yield the live sessions of others that have changed a file of the key."""
    if key.namespace != "file" or not state.holds("changes"):
        return
    from gitcoord.domain.changes import Change

    fold = state.settings.case_folding
    # Paths stand in the index as they were written, so that only folding has to see them all.
    looked = 0
    for place, name in state.places(Change, "path:" if fold else f"path:{key.literal}"):
        if not matches(key, place.removeprefix("path:"), fold_case=fold):
            continue
        looked += 1
        if looked > CHANGES_LIMIT:
            return
        change = state.get(Change, name)
        assert change is not None
        session = state.get(Session, root(change.session), archived=False)
        if session is not None and session.id != mine:
            yield "changed", session.id, session.agent, key


def _claimed(state: State, keys: list[Key], feature: str) -> Iterator[tuple[str, str, str, Key]]:
    """Yield the other features that are active and claim something of the keys."""
    from gitcoord.domain.features import Feature

    for key in keys:
        for other in near(state, Feature, key):
            if other.id == feature or other.status != "active":
                continue
            claims = _counting(state.settings, (*other.claims, *other.slots))
            if any(overlap(key, claim) for claim in claims):
                yield "feature", other.id, other.agent, key
