"""Questions about memory: what was learned, and what the acting session keeps for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.memories import Type
from webhook.api.pages import Asked

if TYPE_CHECKING:
    from webhook.api.asking import Asking


class MemoriesAsked(Asked, frozen=True, kw_only=True):
    """Which memories; what is left out does not matter."""

    text: Annotated[str, Meta(max_length=65_536, description="Words, any of them.")] = ""
    task: Annotated[str, Meta(description="What fits this task's title and description.")] = ""
    tag: Annotated[list[str], Meta(max_length=100, description="About any of these.")] = []
    all_tags: Annotated[bool, Meta(description="About all of them.")] = False
    type: Type | None = None
    agent: str | None = None
    min_relevance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    limit: Annotated[int, Meta(ge=1, le=500)] = 10


class Memories(msgspec.Struct, frozen=True, kw_only=True):
    """Memories with their `relevance`, 0 to 1, the most relevant first."""

    memories: list[dict[str, Any]]


def memories(asking: Asking, asked: MemoriesAsked) -> Memories:
    """Return memories. Raises `TaskNotFound`."""
    from gitcoord.domain.recall import Query
    from gitcoord.entrypoints.cli.memory import answers, row

    query = Query(
        text=asked.text,
        tags=tuple(asked.tag),
        all_tags=asked.all_tags,
        type=asked.type,
        agent=asked.agent,
        limit=asked.limit,
        min_relevance=asked.min_relevance,
    )
    return Memories(memories=[row(one) for one in answers(asking, query, asked.task)])


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """The acting session's working memory: texts by name, bytes used, bytes that there are."""

    items: dict[str, str]
    size: int
    budget: int


def working_memory(asking: Asking, asked: Asked) -> Working:
    """Return the working memory. Raises `SessionRequired`, `SessionNotFound`."""
    from gitcoord.domain.sessions import known
    from gitcoord.domain.working_memory import of

    holder = asking.holder
    with asking.state() as state:
        kept = of(state, known(state, asking.context(state, holder)).id)
        budget = state.settings.working_memory
    texts = {name: item.text for name, item in sorted(kept.items.items())}
    return Working(items=texts, size=kept.size, budget=budget)
