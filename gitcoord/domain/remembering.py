"""Remembering, using and forgetting memories: the operations.

What an agent remembers again in the same words within an hour is one memory with the tags and
lessons of all times. That a memory has helped is said, never guessed from its being recalled:
what ranks high would rank higher for it. Not here: what a memory is (`memories`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.memories import Memory, Outcome, Type, checked, folded, found
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.sessions import acting, root
from gitcoord.domain.time import seconds_between
from gitcoord.errors import IdTaken, LimitReached, TextTooLong

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Seconds in which the same is one memory.
SAME = 3600.0
#: Sessions, the latest, that are known to have used a memory.
USERS = 16


class Remembered(Answer, frozen=True, kw_only=True):
    """The memory as it is kept, and whether it was there already."""

    memory: Memory
    merged: bool = False


class Remember(Operation, frozen=True, kw_only=True):
    """Keep what was learned; people may without being checked in."""

    tag = "memory.remember"
    answer = Remembered
    sessionless: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    id: str
    summary: str
    type: Type = "discovery"
    details: str = ""
    outcome: Outcome = ""
    lessons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    #: Memories that have helped here.
    used: tuple[str, ...] = ()

    def apply(self, state: State, context: Context) -> Remembered:
        """Store it, or add what is new to the same memory of the last hour.

        What no longer fits into one memory becomes another. Raises what `checked` does,
        `IdTaken`, `InvalidId`, `MemoryNotFound` for one that cannot have helped, and what
        `acting` raises.
        """
        if context.session:
            acting(state, context)
        if state.get(Memory, checked_id(self.id, "memory")) is not None:
            raise IdTaken(f"there is a memory {self.id} already", id=self.id)
        new = checked(
            Memory(
                id=self.id,
                agent=context.agent or "somebody",
                session=context.session or "",
                type=self.type,
                summary=self.summary.strip(),
                details=self.details,
                outcome=self.outcome,
                lessons=_distinct(self.lessons),
                tags=tuple(folded(_distinct(self.tags)).values()),
                at=context.now,
            )
        )
        use(state, context, self.used)
        whole = _merged(_same(state, new), new)
        state.put(whole)
        return Remembered(memory=whole, merged=whole.id != self.id)

    def subject(self, answer: Remembered, agent: str) -> str:
        """Return the diary line."""
        again = " again" if answer.merged else ""
        return one_line(f"memory: {answer.memory.agent} remembers{again} {answer.memory.summary}")


class Used(Answer, frozen=True, kw_only=True):
    """The memories that were not known to have helped this session."""

    noted: tuple[str, ...] = ()


class UseMemories(Operation, frozen=True, kw_only=True):
    """Say that memories have helped. A session counts once; what is gone is passed over."""

    tag = "memory.use"
    answer = Used
    sessionless: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    ids: tuple[str, ...]

    def apply(self, state: State, context: Context) -> Used:
        """Count it. Raises `LimitReached`, and what `acting` raises."""
        if context.session:
            acting(state, context)
        here = [name for name in self.ids if state.get(Memory, name, archived=False) is not None]
        return Used(noted=use(state, context, here))

    def subject(self, answer: Used, agent: str) -> str:
        """Return the diary line."""
        return one_line(f"memory: {', '.join(answer.noted)} helped {agent or 'somebody'}")


class Forgotten(Answer, frozen=True, kw_only=True):
    """The memories that are not recalled any more."""

    memories: tuple[Memory, ...] = ()


class ForgetMemories(Operation, frozen=True, kw_only=True):
    """Recall memories no more, because they are wrong or over; the chain keeps them."""

    tag = "memory.forget"
    answer = Forgotten
    sessionless: ClassVar[bool] = True

    ids: tuple[str, ...]

    def apply(self, state: State, context: Context) -> Forgotten:
        """Forget all of them or none. Raises `MemoryNotFound`, `LimitReached`, as `acting`."""
        if context.session:
            acting(state, context)
        gone = [
            msgspec.structs.replace(memory, forgotten_at=context.now)
            for memory in found(state, self.ids)
        ]
        for memory in gone:
            state.put(memory)
        return Forgotten(memories=tuple(gone))

    def subject(self, answer: Forgotten, agent: str) -> str:
        """Return the diary line."""
        names = ", ".join(memory.id for memory in answer.memories)
        return one_line(f"memory: {agent or 'somebody'} forgets {names}")


def use(state: State, context: Context, ids: Iterable[str]) -> tuple[str, ...]:
    """Count that memories have helped whoever acts, once for each session; return the new ones.

    Raises as `found`.
    """
    who = root(context.session or "") or context.agent or "somebody"
    news = [memory for memory in found(state, ids) if who not in memory.used_by]
    for memory in news:
        state.put(
            msgspec.structs.replace(
                memory,
                used=memory.used + 1,
                used_by=(*memory.used_by, who)[-USERS:],
                used_at=context.now,
            )
        )
    return tuple(memory.id for memory in news)


def _same(state: State, new: Memory) -> Memory | None:
    """Return what this agent has remembered in the same words within the last hour."""
    last = next(state.scan(Memory, f"same:{new.likeness}:"), None)
    if last is None or seconds_between(last.at, new.at) > SAME:
        return None
    return last


def _merged(old: Memory | None, new: Memory) -> Memory:
    """Return the older memory with what the newer one adds; the newer one if that is too much."""
    if old is None:
        return new
    both = msgspec.structs.replace(
        old,
        details=new.details or old.details,
        outcome=new.outcome or old.outcome,
        lessons=_distinct((*old.lessons, *new.lessons)),
        tags=tuple(folded((*old.tags, *new.tags)).values()),
        times=old.times + 1,
    )
    try:
        return checked(both)
    except (LimitReached, TextTooLong):
        return new


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    plain = (text.strip() for text in texts)
    return tuple(dict.fromkeys(text for text in plain if text))
