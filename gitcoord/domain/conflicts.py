"""Where two sessions say that they work on the same: one area, or files that overlap.

What is declared excludes nobody by itself; locks do. A paused session still counts.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, islice, product
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.key_index import stored, wanted
from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.overlap import overlap
from gitcoord.domain.sessions import (
    DECLARED_LIMIT,
    Conflict,
    Session,
    acting,
    scope_conflict,
)
from gitcoord.errors import LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State


def declared(state: State, files: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical texts of declared files, ordered, each once.

    Raises `InvalidKey`, `UnknownNamespace` and `LimitReached`.
    """
    found = {wanted(state.settings, text).text for text in files}
    if len(found) > DECLARED_LIMIT:
        raise LimitReached(
            f"a session declares at most {DECLARED_LIMIT} files",
            hint="Declare a directory or a glob.",
            count=len(found),
        )
    return tuple(sorted(found))


def conflicts(state: State, area: str, files: Iterable[str], but: str) -> list[Conflict]:
    """Return who else declared this area or overlapping files, ordered by agent and session.

    `files` are canonical. The patterns that the settings give to an area count as declared by
    whoever declares the area. The session `but` is left out.
    """
    return among(state.find(Session, "live"), state.settings, area, files, but)


def among(
    others: Iterable[Session], settings: Settings, area: str, files: Iterable[str], but: str
) -> list[Conflict]:
    """Return what `conflicts` returns where `others` are the live sessions."""
    mine = _Scope(settings, area, files)
    found = []
    for other in others:
        if other.id == but:
            continue
        areas = (area,) if area and area == other.area else ()
        theirs = _Scope(settings, other.area, other.files)
        shared = theirs.common(mine)
        if areas or shared:
            found.append(
                Conflict(
                    agent=other.agent,
                    session=other.id,
                    overlapping_areas=areas,
                    overlapping_files=shared,
                )
            )
    return sorted(found, key=lambda conflict: (conflict.agent, conflict.session))


def pairs(live: Iterable[Session], settings: Settings) -> dict[tuple[str, str], Conflict]:
    """Return all conflicts among the live sessions, by the lower and the higher id of a pair.

    Each is what `among` tells the lower one of the higher one.
    """
    sessions = {session.id: session for session in live}
    areas, owners = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for session in sessions.values():
        areas[session.area].add(session.id)
        for text in _texts(settings, session.area, session.files):
            owners[text].add(session.id)
    shared = defaultdict[tuple[str, str], set[str]](set)
    # Of two keys that overlap, one's head begins with the other's: it stands further below.
    order = sorted((_head(text), text) for text in owners)
    for at, (head, text) in enumerate(order):
        for below, near in islice(order, at, None):
            if not below.startswith(head):
                break
            if text == near or overlap(stored(text), stored(near)):
                for one, two in product(owners[text], owners[near]):
                    if one < two:
                        shared[one, two].add(near)
                    elif two < one:
                        shared[two, one].add(text)
    named = (ids for area, ids in areas.items() if area)
    together = {pair for ids in named for pair in combinations(sorted(ids), 2)}
    return {
        (low, high): Conflict(
            agent=sessions[high].agent,
            session=high,
            overlapping_areas=(sessions[low].area,) if (low, high) in together else (),
            overlapping_files=tuple(sorted(shared.get((low, high), ()))),
        )
        for low, high in sorted(together | shared.keys())
    }


class _Scope:
    """Declared keys, ordered by what stands before their first special character.

    Of two keys that overlap, one's head begins with the other's. So most pairs are told apart
    without taking a key to pieces, which is dear.
    """

    def __init__(self, settings: Settings, area: str, files: Iterable[str]) -> None:
        self.keys = sorted((_head(text), text) for text in _texts(settings, area, files))
        self.lengths = sorted({len(head) for head, _ in self.keys})

    def common(self, other: _Scope) -> tuple[str, ...]:
        """Return the texts of this scope's keys that overlap a key of the other."""
        found = (
            text
            for head, text in self.keys
            if any(text == near or overlap(stored(text), stored(near)) for near in other.near(head))
        )
        return tuple(sorted(found))

    def near(self, head: str) -> Iterator[str]:
        """Yield the texts of keys whose head begins with this one, or this one with theirs."""
        for length in self.lengths:
            if length < len(head):
                yield from self._beginning(head[:length], exactly=True)
        yield from self._beginning(head, exactly=False)

    def _beginning(self, head: str, *, exactly: bool) -> Iterator[str]:
        for at in range(bisect_left(self.keys, (head, "")), len(self.keys)):
            found, text = self.keys[at]
            if found != head and (exactly or not found.startswith(head)):
                return
            yield text


def _texts(settings: Settings, area: str, files: Iterable[str]) -> set[str]:
    """Return the keys of a scope, with those that the settings give to its area."""
    texts = set(files)
    for known in settings.areas:
        if area and known.name == area:
            texts.update(wanted(settings, pattern).text for pattern in known.patterns)
    return texts


_SPECIAL = re.compile(r"[*?\[{\\]")


def _head(text: str) -> str:
    return _SPECIAL.split(text.removeprefix("file:"), maxsplit=1)[0]


class Scoped(Answer, frozen=True, kw_only=True):
    """The session with its new scope, and whom it should talk to."""

    session: Session
    conflicts: list[Conflict] = []


class ChangeScope(Operation, frozen=True, kw_only=True):
    """Declare another area, other files or another task; None leaves one as it is."""

    tag = "session.scope"
    answer = Scoped

    area: str | None = None
    files: tuple[str, ...] | None = None
    task: str | None = None

    def apply(self, state: State, context: Context) -> Scoped:
        """Store the new scope.

        Raises `ScopeConflict` where conflicts block, `InvalidKey`, `UnknownNamespace` and
        `InvalidValue`.
        """
        before = acting(state, context)
        after = msgspec.structs.replace(
            before,
            area=before.area
            if self.area is None
            else self.area and checked_name(self.area, "area"),
            files=before.files if self.files is None else declared(state, self.files),
            task=before.task if self.task is None else self.task,
        )
        rivals = conflicts(state, after.area, after.files, before.id)
        news = (before.area, before.files) != (after.area, after.files)
        if rivals and news and state.settings.conflict_mode == "block":
            raise scope_conflict(rivals)
        if after != before:
            state.put(after)
        return Scoped(session=after, conflicts=rivals)

    def subject(self, answer: Scoped, agent: str) -> str:
        """Return the diary line."""
        scope = [answer.session.area, *answer.session.files]
        what = ", ".join(part for part in scope if part) or "no scope"
        return one_line(f"session: {agent or answer.session.agent} declares {what}")
