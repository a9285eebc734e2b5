"""Memories as they are kept: what agents have learned and leave to every later session.

A memory counts less with time, and more where it has helped (`relevance`). Not here: how it
is made, used and forgotten (`remembering`), how some are found (`recall`), and what a session
keeps for itself until it ends (`working_memory`).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gitcoord.domain.names import checked_names
from gitcoord.domain.record import TEXT_LIMIT, Record
from gitcoord.domain.time import Time
from gitcoord.errors import LimitReached, MemoryNotFound, SummaryRequired, TextTooLong

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What kind of thing happened.
Type = Literal["error", "success", "decision", "discovery", "optimization"]
#: How it ended; empty: nobody has said.
Outcome = Literal["positive", "negative", "neutral", ""]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

#: Most bytes of UTF-8 of all texts of one memory together.
MEMORY_LIMIT = TEXT_LIMIT
#: Most tags and most lessons of one memory.
TAGS, LESSONS = 50, 100
#: Most memories that one call names.
CALL_LIMIT = 100

#: Digits counted down, so that the newest time is the first in order.
_DOWN = str.maketrans("0123456789", "9876543210")


class Memory(Record, frozen=True, kw_only=True):
    """One thing that was learned."""

    table = "memories"

    id: str
    #: Who has learned it; a session that is empty: a person who was not checked in.
    agent: str
    session: str = ""
    type: Type = "discovery"
    summary: str
    details: str = ""
    outcome: Outcome = ""
    lessons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    #: When it was remembered first.
    at: Time
    #: How often it was remembered within that hour.
    times: Count = 1
    #: How many sessions have said that it helped, the latest of them, and when the last did.
    used: Count = 0
    used_by: tuple[str, ...] = ()
    used_at: Time = ""
    #: Since when it is not recalled any more.
    forgotten_at: Time = ""

    @property
    def name(self) -> str:
        """The memory's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether somebody has found it wrong."""
        return bool(self.forgotten_at)

    def terms(self) -> Iterable[str]:
        """Return terms in which the newest comes first: of all, an agent, a type, a tag, a text."""
        if self.forgotten_at:
            yield f"forgotten:{self.forgotten_at}"
            return
        when = counted_down(self.at)
        yield f"all:{when}"
        yield f"by:{self.agent}:{when}"
        yield f"type:{self.type}:{when}"
        yield f"same:{self.likeness}:{when}"
        for tag in folded(self.tags):
            yield f"tag:{tag}:{when}"

    @property
    def likeness(self) -> str:
        """What it has in common with the same words of the same agent about the same."""
        words = f"{self.agent}\0{self.type}\0{self.summary}"
        digest: str = sha256(words.encode()).hexdigest()
        return digest[:32]

    def texts(self) -> tuple[str, str, str, str]:
        """Return what it can be found by: summary, tags, lessons, details."""
        return self.summary, "\n".join(self.tags), "\n".join(self.lessons), self.details


def counted_down(time: Time) -> str:
    """Return the time as a text that stands the earlier, the later it is."""
    return time.translate(_DOWN)


def folded(tags: Iterable[str]) -> dict[str, str]:
    """Return the tags by what they are compared by: upper and lower case are the same."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(tag.casefold(), tag)
    return found


def checked(memory: Memory) -> Memory:
    """Return the memory if it is one that may be kept.

    Raises `SummaryRequired`, `TextTooLong`, `LimitReached` and `InvalidValue`.
    """
    if not memory.summary.strip():
        raise SummaryRequired("a memory needs a summary")
    checked_names(memory.tags, "tag")
    for what, found, most in (("tags", memory.tags, TAGS), ("lessons", memory.lessons, LESSONS)):
        if len(found) > most:
            raise LimitReached(f"a memory has at most {most} {what}", count=len(found))
    size = sum(len(text.encode()) for text in memory.texts())
    if size > MEMORY_LIMIT:
        raise TextTooLong(
            f"the memory has {size} bytes, at most {MEMORY_LIMIT}",
            hint="Keep the gist, and say where the rest is.",
            bytes=size,
        )
    return memory


def found(state: State, ids: Iterable[str]) -> list[Memory]:
    """Return the memories of these ids, each once. Raises `MemoryNotFound`, `LimitReached`."""
    names = list(dict.fromkeys(ids))
    if len(names) > CALL_LIMIT:
        raise LimitReached(f"at most {CALL_LIMIT} memories in one call", count=len(names))
    memories = []
    for name in names:
        memory = state.get(Memory, name, archived=False)
        if memory is None:
            raise MemoryNotFound(
                f"there is no memory {name!r}", hint="Run `gitcoord memory recall`.", memory_id=name
            )
        memories.append(memory)
    return memories
