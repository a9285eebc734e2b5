"""Tools for memory: what was learned, for all who come later, and what a session keeps for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.memories import Type
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Limit, Output, TaskId
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.recall import Recalled


class RememberThis(Input, frozen=True, kw_only=True):
    """What was learned."""

    summary: str
    event_type: Type = "discovery"
    details: dict[str, Any] | str = ""
    outcome: Literal["positive", "negative", "neutral"] | UnsetType = UNSET
    lessons: Annotated[list[str], Meta(description="What follows from it.")] = []
    tags: list[str] = []
    used_memories: Annotated[list[str], Meta(description="Ids that have helped here.")] = []


class Remembered(Output, frozen=True, kw_only=True):
    """The memory's id, and whether it was new."""

    memory_id: str | UnsetType = UNSET
    #: `created`, or `deduplicated`: the same was remembered within the hour, and holds both now.
    action: str | UnsetType = UNSET
    #: Whether it is kept here and sent later, because the git host does not answer.
    spooled: bool | UnsetType = UNSET


def remember(call: Call, asked: RememberThis) -> Remembered:
    """Remember something for every later session."""
    from gitcoord.domain.remembering import Remember
    from gitcoord.domain.remembering import Remembered as Kept
    from gitcoord.ledger.request import fresh_id

    wish = Remember(
        id=fresh_id("k-"),
        summary=asked.summary,
        type=asked.event_type,
        details=originals.details(asked.details),
        outcome="" if asked.outcome is UNSET else asked.outcome,
        lessons=tuple(asked.lessons),
        tags=tuple(asked.tags),
        used=tuple(asked.used_memories),
    )
    answer = call.do_or_keep(wish, Kept)
    if answer is None:
        return Remembered(memory_id=wish.id, spooled=True)
    action = originals.original("memory action", "merged" if answer.merged else "created")
    return Remembered(memory_id=answer.memory.id, action=action)


class RecallThat(Input, frozen=True, kw_only=True):
    """What is asked for; what is left out does not matter."""

    query: Annotated[str, Meta(description="Words, any of them.")] = ""
    task_id: TaskId | UnsetType = UNSET
    tags: Annotated[list[str], Meta(description="Any of them.")] = []
    all_tags: bool = False
    event_type: Type | UnsetType = UNSET
    agent_name: str = ""
    limit: Limit = 10
    min_relevance: Annotated[float, Meta(ge=0, le=1)] = 0.0


class MemoryShown(msgspec.Struct, frozen=True, kw_only=True):
    """One memory, and how much it counts now."""

    id: str
    event_type: str
    summary: str
    details: dict[str, Any] | str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    lessons: list[str]
    tags: list[str]
    relevance_score: float
    created_at: str
    agent_name: str
    #: How many sessions have said that it helped.
    used: int


class Memories(Output, frozen=True, kw_only=True):
    """The memories, the most relevant first."""

    memories: list[MemoryShown] | UnsetType = UNSET


def recall(call: Call, asked: RecallThat) -> Memories:
    """Recall what was learned."""
    from gitcoord.domain.recall import Query
    from gitcoord.entrypoints.cli.memory import answers

    call.reading()
    query = Query(
        text=asked.query,
        tags=tuple(asked.tags),
        all_tags=asked.all_tags,
        type=None if asked.event_type is UNSET else asked.event_type,
        agent=asked.agent_name or None,
        limit=asked.limit,
        min_relevance=asked.min_relevance,
    )
    found = answers(call, query, "" if asked.task_id is UNSET else asked.task_id)
    return Memories(memories=[_memory(one) for one in found])


class KeepForNow(Input, frozen=True, kw_only=True):
    """What to keep, or what to forget; nothing of both: look."""

    set: Annotated[dict[str, str], Meta(description="Texts to keep, by name.")] = {}
    clear: Annotated[list[str], Meta(description="Names to forget.")] = []


class KeptForNow(Output, frozen=True, kw_only=True):
    """The working memory, and what had to give way."""

    items: dict[str, str] | UnsetType = UNSET
    #: Bytes that are used, and that there are.
    size: int | UnsetType = UNSET
    budget: int | UnsetType = UNSET
    shortened: list[str] | UnsetType = UNSET
    dropped: list[str] | UnsetType = UNSET


def working_memory(call: Call, asked: KeepForNow) -> KeptForNow:
    """Keep texts until the session ends, forget them, or read them all."""
    from gitcoord.domain.sessions import root
    from gitcoord.domain.working_memory import ClearItems, Kept, SetItems, of

    answer = None
    if asked.set and asked.clear:
        raise InvalidValue("set and clear exclude each other", hint="Call it twice.")
    if asked.set:
        answer = call.do(SetItems(items=asked.set), Kept)
    elif asked.clear:
        answer = call.do(ClearItems(names=tuple(asked.clear)), Kept)
    else:
        call.reading()
    with call.state() as state:
        kept, budget = of(state, root(call.holder)), state.settings.working_memory
    return KeptForNow(
        items={name: item.text for name, item in sorted(kept.items.items())},
        size=kept.size,
        budget=budget,
        shortened=UNSET if answer is None else list(answer.shortened),
        dropped=UNSET if answer is None else list(answer.dropped),
    )


def _memory(one: Recalled) -> MemoryShown:
    memory = one.memory
    return MemoryShown(
        id=memory.id,
        event_type=memory.type,
        summary=memory.summary,
        details=originals.result(memory.details) or UNSET,
        outcome=memory.outcome or UNSET,
        lessons=list(memory.lessons),
        tags=list(memory.tags),
        relevance_score=one.relevance,
        created_at=memory.at,
        agent_name=memory.agent,
        used=memory.used,
    )
