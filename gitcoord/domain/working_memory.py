"""Working memory: what a session keeps for itself, by name, until it ends.

It has a budget of bytes (`working_memory`). What does not fit makes older items give way: the
ones that were not set for longest are cut to their beginning, then dropped, and the answer names
them. A record of its own, so that the session's record, which many commands read, stays small.
Sub-agents share that of their session. Not here: what outlives the session (`memories`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.names import checked_name, one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import acting
from gitcoord.domain.time import Time
from gitcoord.errors import InvalidValue, LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Characters that are left of an item which gives way.
GIST = 200


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One text, and when it was set."""

    text: str
    at: Time


class WorkingMemory(Record, frozen=True, kw_only=True):
    """The items of one session by name."""

    table = "working"

    session: str
    items: dict[str, Item] = {}

    @property
    def name(self) -> str:
        """The session's id."""
        return self.session

    @property
    def size(self) -> int:
        """Bytes of UTF-8 of all names and texts."""
        return sum(cost(name, item.text) for name, item in self.items.items())

    def terms(self) -> Iterable[str]:
        """Return the term by which whoever ends the session sees that there is something."""
        yield f"of:{self.session}"


def cost(name: str, text: str) -> int:
    """Return the bytes that an item costs."""
    return len(name.encode()) + len(text.encode())


def of(state: State, session: str) -> WorkingMemory:
    """Return the working memory of a session; an empty one where nothing was set."""
    return state.get(WorkingMemory, session) or WorkingMemory(session=session)


def drop(state: State, session: str) -> None:
    """Forget the working memory of a session, all of it."""
    state.remove(of(state, session))


class Kept(Answer, frozen=True, kw_only=True):
    """The working memory after the call, without its texts, and what had to give way."""

    names: tuple[str, ...] = ()
    #: Bytes that are used, and that there are.
    size: int = 0
    budget: int = 0
    #: Names of older items that were cut, and that were dropped.
    shortened: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class SetItems(Operation, frozen=True, kw_only=True):
    """Keep texts under names; a name that is known gets the new text."""

    tag = "working.set"
    answer = Kept

    items: dict[str, str]

    def apply(self, state: State, context: Context) -> Kept:
        """Keep them, and make room. What is set in one call never gives way to itself.

        Raises `LimitReached` when the new texts alone are over the budget, `InvalidValue` for
        nothing or a wrong name, and what `acting` raises.
        """
        session = acting(state, context)
        if not self.items:
            raise InvalidValue("there is nothing to keep")
        new = {
            checked_name(name, "item"): Item(text=text, at=context.now)
            for name, text in self.items.items()
        }
        budget = state.settings.working_memory
        needed = sum(cost(name, item.text) for name, item in new.items())
        if needed > budget:
            raise LimitReached(
                f"a working memory has {budget} bytes, and this alone takes {needed}",
                hint="Keep the gist; what others need belongs into `gitcoord memory remember`.",
                bytes=needed,
                budget=budget,
            )
        before = of(state, session.id)
        old = {name: item for name, item in before.items.items() if name not in new}
        left, shortened, dropped = _fitted(old, budget - needed)
        after = WorkingMemory(session=session.id, items=left | new)
        state.put(after)
        return Kept(
            names=tuple(sorted(after.items)),
            size=after.size,
            budget=budget,
            shortened=shortened,
            dropped=dropped,
        )

    def subject(self, answer: Kept, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"working: {agent or 'somebody'} keeps {', '.join(sorted(self.items))}")


class ClearItems(Operation, frozen=True, kw_only=True):
    """Forget items by name, or all of them. What is not there needs no forgetting."""

    tag = "working.clear"
    answer = Kept

    names: tuple[str, ...] = ()
    all: bool = False

    def apply(self, state: State, context: Context) -> Kept:
        """Forget them. Raises `InvalidValue` for names beside `all` or neither; as `acting`."""
        session = acting(state, context)
        if bool(self.names) == self.all:
            raise InvalidValue("name items, or say that all of them go")
        before = of(state, session.id)
        gone = [name for name in sorted(before.items) if self.all or name in self.names]
        left = {name: item for name, item in before.items.items() if name not in gone}
        after = msgspec.structs.replace(before, items=left)
        if not left:
            drop(state, session.id)
        elif gone:
            state.put(after)
        return Kept(
            names=tuple(sorted(left)),
            size=after.size,
            budget=state.settings.working_memory,
            dropped=tuple(gone),
        )

    def subject(self, answer: Kept, agent: str) -> str:
        """Return the diary line."""
        names = ", ".join(answer.dropped)
        return one_line(f"working: {agent or 'somebody'} clears {names or 'nothing'}")


def _fitted(
    items: Mapping[str, Item], room: int
) -> tuple[dict[str, Item], tuple[str, ...], tuple[str, ...]]:
    """Return what of the items fits, and the names of those that were cut and dropped."""
    left = dict(items)
    over = sum(cost(name, item.text) for name, item in items.items()) - room
    oldest = sorted(items, key=lambda name: (items[name].at, name))
    cut: list[str] = []
    for name in oldest:
        if over <= 0:
            break
        gist = _gist(left[name].text)
        if gist != left[name].text:
            over -= cost(name, left[name].text) - cost(name, gist)
            left[name] = msgspec.structs.replace(left[name], text=gist)
            cut.append(name)
    dropped: list[str] = []
    for name in oldest:
        if over <= 0:
            break
        over -= cost(name, left.pop(name).text)
        dropped.append(name)
    return left, tuple(name for name in cut if name in left), tuple(dropped)


def _gist(text: str) -> str:
    """Return the beginning of a text, or all of it where nothing would be saved."""
    short = text[: GIST - 1].rstrip() + "…"
    return short if len(short.encode()) < len(text.encode()) else text
