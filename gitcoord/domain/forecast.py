"""Forecast: which ready tasks could run side by side, and how the features stand to each other.

Tasks are put into rounds in the order of the queue, each into the first round where it meets
nobody. So no two of a round overlap, nothing can be added to a round from a later one, and none
gives way to a less urgent one. The largest possible round is not looked for: it would often be
made of what is not urgent. Nothing is decided here; claims are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.collisions import Collision, collisions, wants
from gitcoord.domain.crossings import near_pairs
from gitcoord.domain.feasibility import Feasibility, relations
from gitcoord.domain.features import Feature, claims_by, open_features
from gitcoord.domain.key_index import stored
from gitcoord.domain.obstacles import Obstacle, obstacles
from gitcoord.domain.operation import Context
from gitcoord.domain.overlap import overlap
from gitcoord.domain.tasks import Task

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State

#: Ready tasks that are looked at, the first in the queue.
TASKS_LIMIT = 100


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A ready task, and what it would meet."""

    id: str
    title: str
    priority: int
    feature: str
    keys: tuple[str, ...]
    #: Tasks of earlier rounds for which it waits, with the keys of both that overlap.
    after: list[Meeting] = []
    collisions: list[Collision] = []
    #: Why it cannot be claimed now.
    obstacles: list[Obstacle] = []


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """Another task and the keys that overlap: one's own, the other's."""

    task: str
    keys: list[tuple[str, str]]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Ready tasks in rounds, those that cannot be claimed now apart."""

    rounds: list[list[Planned]]
    held: list[Planned]
    #: Whether there are more ready tasks than were looked at.
    more: bool = False


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two features that claim some of the same."""

    features: tuple[str, str]
    feasibility: Feasibility
    overlapping_keys: tuple[str, ...]
    their_keys: tuple[str, ...]
    slots: tuple[str, ...]


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """The open features by priority and age, and the pairs of them that are not FULL."""

    features: list[Feature]
    pairs: list[Pair]


def matrix(state: State) -> Matrix:
    """Return how the open features stand to each other."""
    features = list(open_features(state))
    found = relations(state.settings, [claims_by(state.settings, one) for one in features])
    return Matrix(
        features=features,
        pairs=[
            Pair(
                features=pair,
                feasibility=one.feasibility,
                overlapping_keys=one.overlapping_keys,
                their_keys=one.their_keys,
                slots=one.slots,
            )
            for pair, one in found.items()
        ],
    )


def forecast(
    state: State, context: Context, session: Session | None = None, limit: int = TASKS_LIMIT
) -> Forecast:
    """Return which of the first `limit` ready tasks could run side by side.

    `session`: for whom; what it holds and has changed is in nobody's way.
    """
    ready = list(islice(state.scan(Task, "ready:"), limit + 1))
    more = len(ready) > limit
    held: list[Planned] = []
    free: list[tuple[Task, Planned]] = []
    for task in ready[:limit]:
        stands = obstacles(state, context, task, session)
        planned = Planned(
            id=task.id,
            title=task.title,
            priority=task.priority,
            feature=task.feature,
            keys=wants(state, task),
            collisions=collisions(state, task, session.id if session else ""),
            obstacles=stands,
        )
        if stands:
            held.append(planned)
        else:
            free.append((task, planned))
    return Forecast(rounds=_rounds(free), held=held, more=more)


def _rounds(free: Sequence[tuple[Task, Planned]]) -> list[list[Planned]]:
    meetings = _meetings(free)
    place: dict[int, int] = {}
    rounds: list[list[Planned]] = []
    for number, (_, planned) in enumerate(free):
        earlier = {place[other]: other for other in sorted(meetings[number], reverse=True)
                   if other in place}  # fmt: skip
        home = next(at for at in range(len(rounds) + 1) if at not in earlier)
        place[number] = home
        after = [
            Meeting(task=free[earlier[at]][1].id, keys=meetings[number][earlier[at]])
            for at in range(home)
        ]
        if home == len(rounds):
            rounds.append([])
        rounds[home].append(msgspec.structs.replace(planned, after=after))
    return rounds


def _meetings(
    free: Sequence[tuple[Task, Planned]],
) -> list[dict[int, list[tuple[str, str]]]]:
    """Return for each task those that it overlaps, with the pairs of keys, its own first.

    What a feature claims tells it from other features; between its own tasks only their own
    keys count.
    """
    found: list[dict[int, list[tuple[str, str]]]] = [{} for _ in free]
    marks = [(stored(text), number) for number, (_, one) in enumerate(free) for text in one.keys]
    for (upper, one), (lower, other) in near_pairs(marks):
        if one == other or _of_one_feature(free[one][0], free[other][0]):
            continue
        if overlap(upper, lower):
            found[one].setdefault(other, []).append((upper.text, lower.text))
            found[other].setdefault(one, []).append((lower.text, upper.text))
    return found


def _of_one_feature(one: Task, other: Task) -> bool:
    return bool(one.feature) and one.feature == other.feature and not (one.keys and other.keys)
