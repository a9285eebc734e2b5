"""GolemXV's tools for memory: categories are tags here, and some are types too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta

from gitcoord.domain.memories import Type
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.mcp import tools_memory
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.golemxv_sessions import Listed, Said, listed
from gitcoord.entrypoints.mcp.shapes import Input, Limit

Category = Literal["context", "pattern", "decision", "debug", "general"]
#: Categories that say what kind of thing happened; the others are discoveries.
TYPES: dict[str, Type] = {"decision": "decision", "debug": "error"}


class Store(Input, frozen=True, kw_only=True):
    """What was learned."""

    content: Annotated[str, Meta(min_length=1, max_length=50_000)]
    category: Category = "general"
    tags: list[str] = []


def memory_store(call: Call, asked: Store) -> Said:
    """Remember something; its first line is what it is called by."""
    title = originals.titled(asked.content, asked.category)
    kept = tools_memory.remember(
        call,
        tools_memory.RememberThis(
            summary=title,
            details="" if title == asked.content.strip() else asked.content,
            event_type=TYPES.get(asked.category, "discovery"),
            tags=[asked.category, *asked.tags],
        ),
    )
    return Said(data={"id": kept.memory_id, "category": asked.category})


class Search(Input, frozen=True, kw_only=True):
    """What is looked for; what is left out does not matter."""

    query: Annotated[str, Meta(description="Words, any of them.")] = ""
    category: Category | Literal[""] = ""
    tags: Annotated[list[str], Meta(description="All of them.")] = []
    limit: Limit = 10


def memory_search(call: Call, asked: Search) -> Listed:
    """Find what was learned, the most relevant first."""
    tags = [*([asked.category] if asked.category else []), *asked.tags]
    wish = tools_memory.RecallThat(
        query=asked.query, tags=tags, all_tags=bool(tags), limit=asked.limit
    )
    found = tools_memory.recall(call, wish).memories
    return listed([] if found is UNSET else [_memory(one) for one in found])


def _memory(one: tools_memory.MemoryShown) -> dict[str, Any]:
    known = [tag for tag in one.tags if tag in Category.__args__]  # type: ignore[attr-defined]
    details = one.details if isinstance(one.details, str) else ""
    return {
        "id": one.id,
        "content": details or one.summary,
        "category": known[0] if known else "general",
        "tags": [tag for tag in one.tags if tag not in known[:1]],
        "agent_name": one.agent_name,
        "relevance": one.relevance_score,
        "created_at": one.created_at,
    }
