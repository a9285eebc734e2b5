"""Unlanded marks: work whose locks are free again but which the target branch has not got.

A mark names the branch to build on. It refuses nobody; it is shown to everyone
whose keys overlap it, until the change has landed or was dropped. Not here: how
anybody finds out whether a change has landed (that needs git).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from gitcoord.domain.key_index import near as near_key
from gitcoord.domain.key_index import stored, term, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.locks import line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Record
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State


class Mark(Record, frozen=True, kw_only=True):
    """Changes under one key that are on a branch only."""

    table = "unlanded"

    key: str
    branch: str
    #: The commit up to which the branch had the changes.
    head: str
    agent: str
    session: str
    paths: tuple[str, ...] = ()
    at: Time

    @property
    def name(self) -> str:
        """Key and branch: one branch has one mark for a key."""
        return f"{self.key}@{self.branch}"

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its key's place and its branch."""
        return (term(self.key), f"branch:{self.branch}")


class MarkDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the door saw in git about a key that is being released."""

    key: str
    branch: str
    head: str
    paths: tuple[str, ...] = ()


def mark(
    state: State, context: Context, holder: str, agent: str, drafts: Iterable[MarkDraft]
) -> list[Mark]:
    """Store the marks of a holder and return them, those of the same key and branch replaced.

    Raises `InvalidKey`, `UnknownNamespace` and `InvalidValue`.
    """
    marks = []
    for draft in drafts:
        if not (draft.branch and draft.head):
            raise InvalidValue("an unlanded mark needs a branch and its head", key=draft.key)
        marks.append(
            Mark(
                key=wanted(state.settings, draft.key).text,
                branch=draft.branch,
                head=draft.head,
                agent=agent,
                session=holder,
                paths=draft.paths,
                at=context.now,
            )
        )
    for found in marks:
        state.put(found)
    return marks


def near(state: State, *keys: Key) -> list[Mark]:
    """Return the marks that overlap one of the keys, oldest first."""
    found = {
        mark.name: mark
        for key in keys
        for mark in near_key(state, Mark, key)
        if overlap(key, stored(mark.key))
    }
    return sorted(found.values(), key=lambda mark: (mark.at, mark.name))


class Dropped(Answer, frozen=True, kw_only=True):
    """The marks that are gone, and the names that no mark had."""

    dropped: list[str] = []
    unknown: list[str] = []


class DropMarks(Operation, frozen=True, kw_only=True):
    """Take marks away, because their changes have landed or are given up."""

    tag = "lock.landed"
    answer = Dropped
    acting: ClassVar[bool] = False

    names: tuple[str, ...]
    why: Literal["landed", "dropped"] = "landed"

    def apply(self, state: State, context: Context) -> Dropped:
        """Remove the marks; a name that no mark has (any more) is no error."""
        names = dict.fromkeys(self.names)
        found = [each for name in names if (each := state.get(Mark, name)) is not None]
        for each in found:
            state.remove(each)
        dropped = [each.name for each in found]
        return Dropped(dropped=dropped, unknown=[name for name in names if name not in dropped])

    def subject(self, answer: Dropped, agent: str) -> str:
        """Return the diary line."""
        verb = "sees landed" if self.why == "landed" else "drops the marks of"
        return line(agent, verb, answer.dropped)
