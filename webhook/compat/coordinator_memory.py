"""Agent Coordinator: what was learned. Who asks sees only its own, as there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from gitcoord.domain.memories import Type
from gitcoord.domain.recall import Query, Recalled
from gitcoord.domain.remembering import Remember, Remembered
from gitcoord.entrypoints import originals
from gitcoord.ledger.request import fresh_id
from webhook.compat.coordinator_agents import Identity, acting, agent_of
from webhook.compat.line import Ask


class Storing(Identity, frozen=True, kw_only=True):
    """What was learned."""

    agent_id: str
    event_type: Type
    summary: str
    details: dict[str, Any] = {}
    outcome: Literal["positive", "negative", "neutral", ""] = ""
    lessons: list[str] = []
    tags: list[str] = []


def store(ask: Ask) -> dict[str, Any]:
    """Remember something; the same within an hour is united."""
    body: Storing = ask.body
    wish = Remember(
        id=fresh_id("k-"),
        summary=body.summary,
        type=body.event_type,
        details=originals.details(body.details),
        outcome=body.outcome,
        lessons=tuple(body.lessons),
        tags=tuple(body.tags),
    )
    answer = ask.do(wish, Remembered, acting(ask, body))
    action = originals.original("memory action", "merged" if answer.merged else "created")
    return {"success": True, "memory_id": answer.memory.id, "action": action}


class Querying(Identity, frozen=True, kw_only=True):
    """Which of the own memories; the last three are ours."""

    agent_id: str
    tags: list[str] = []
    event_type: Type | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    query: str = ""
    all_tags: bool = False
    min_relevance: Annotated[float, Meta(ge=0, le=1)] = 0.0


def query(ask: Ask) -> dict[str, Any]:
    """Return memories of the agent that asks, the most relevant first."""
    from gitcoord.entrypoints.cli.memory import answers

    body: Querying = ask.body
    wish = Query(
        text=body.query,
        tags=tuple(body.tags),
        all_tags=body.all_tags,
        type=body.event_type,
        agent=agent_of(ask, body),
        limit=body.limit + 1,
        min_relevance=body.min_relevance,
    )
    found = answers(ask.asking, wish, "")
    return {
        "memories": [_memory(one) for one in found[: body.limit]],
        "limit": body.limit,
        "truncated": len(found) > body.limit,
    }


def _memory(one: Recalled) -> dict[str, Any]:
    memory = one.memory
    return {
        "id": memory.id,
        "event_type": memory.type,
        "summary": memory.summary,
        "details": originals.result(memory.details) or {},
        "outcome": memory.outcome or None,
        "lessons": memory.lessons,
        "tags": memory.tags,
        "relevance_score": one.relevance,
        "created_at": memory.at,
    }
