"""Recall: which memories answer a question, the most relevant first.

The order is one of all memories: of equal relevance the newer comes first, then the one with
the smaller id, whatever order they were found in. Not here: searching texts, which gives the
scores that come in, and how much a memory counts (`relevance`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.memories import Memory, Type, counted_down, folded
from gitcoord.domain.relevance import matches, relevance
from gitcoord.domain.time import Time, to_epoch
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Words in common that make a memory be about a text; the least length of such a word, and how
#: much of it is compared.
ENOUGH, SHORT, LONG = 2, 4, 8


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; what is left empty does not matter."""

    text: str = ""
    tags: tuple[str, ...] = ()
    #: Whether all of the tags are wanted; else any of them is enough.
    all_tags: bool = False
    type: Type | None = None
    agent: str | None = None
    limit: int = 10
    #: Least relevance, 0 to 1.
    min_relevance: float = 0.0


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """A memory, and how much it counts now."""

    memory: Memory
    relevance: float


def recall(
    state: State, query: Query, now: Time, scores: Mapping[str, float] | None = None
) -> list[Recalled]:
    """Return the memories that answer the query, the most relevant first.

    `scores` are those of its text by memory, None where it has none. Raises `InvalidValue`.
    """
    if query.limit < 0:
        raise InvalidValue("the limit is not negative", limit=query.limit)
    if not 0 <= query.min_relevance <= 1:
        raise InvalidValue("a relevance lies between 0 and 1", min_relevance=query.min_relevance)
    fits = None if scores is None else matches(scores)
    life, moment = state.settings.memory_half_life, to_epoch(now)
    answers = (
        Recalled(
            memory=memory,
            relevance=relevance(
                1.0 if fits is None else fits[memory.id],
                moment - to_epoch(memory.at),
                life,
                memory.outcome,
                memory.used,
            ),
        )
        for memory in _asked(state, query, fits)
    )
    enough = (one for one in answers if one.relevance >= query.min_relevance)
    return nsmallest(query.limit, enough, key=rank)


def rank(one: Recalled) -> tuple[float, str, str]:
    """Return the place of a memory in the order; smaller comes first, and no two are equal."""
    return -one.relevance, counted_down(one.memory.at), one.memory.id


def related(memory: Memory, text: str) -> bool:
    """Say whether a memory is about what the text is about: it has two of its words, or a tag.

    Search alone finds something for any text: the best that is there. Short words do not count,
    and of two words one may be the beginning of the other, so that endings do not matter.
    """
    words = _words(text)
    tagged = any(_words(tag) and _words(tag) <= _met(words, _words(tag)) for tag in memory.tags)
    met = _met(words, _words("\n".join(memory.texts())))
    return tagged or len({word[:SHORT] for word in met}) >= ENOUGH


def _words(text: str) -> frozenset[str]:
    found = re.findall(r"\w+", text.casefold())
    return frozenset(word[:LONG] for word in found if len(word) >= SHORT)


def _met(words: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Return those of the others that begin as one of the words does, whichever is longer."""
    parts = {word[:end] for word in words for end in range(SHORT, len(word) + 1)}
    return frozenset(
        x for x in others if x in parts or any(x[:end] in words for end in range(SHORT, len(x)))
    )


def _asked(state: State, query: Query, fits: Mapping[str, float] | None) -> Iterator[Memory]:
    """Yield the memories that are asked for, each once, in no useful order."""
    wanted = folded(query.tags)
    for memory in _candidates(state, query, wanted, fits):
        if (
            query.agent in (None, memory.agent)
            and query.type in (None, memory.type)
            and (not wanted or _about(memory, wanted, query.all_tags))
        ):
            yield memory


def _about(memory: Memory, tags: Iterable[str], every: bool) -> bool:
    """Say whether the memory has any of the folded tags, or every one."""
    mine = folded(memory.tags)
    there = [tag in mine for tag in tags]
    return all(there) if every else any(there)


def _candidates(
    state: State, query: Query, wanted: Iterable[str], fits: Mapping[str, float] | None
) -> Iterable[Memory]:
    """Return memories among which all that are asked for are, found by the narrowest index."""
    if fits is not None:
        found = (state.get(Memory, name, archived=False) for name in fits)
        return (memory for memory in found if memory is not None)
    if tags := list(wanted):
        some = tags[:1] if query.all_tags else tags
        each = (memory for tag in some for memory in state.scan(Memory, f"tag:{tag}:"))
        return {memory.id: memory for memory in each}.values()
    if query.agent is not None:
        return state.scan(Memory, f"by:{query.agent}:")
    if query.type is not None:
        return state.scan(Memory, f"type:{query.type}:")
    return state.scan(Memory, "all:")
