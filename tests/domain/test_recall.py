"""What is recalled and in which order, and that its relevance means what it says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log2
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitcoord.domain.memories import Memory, Outcome
from gitcoord.domain.recall import Query, Recalled, rank, recall, related
from gitcoord.domain.relevance import DIGITS, NOISE, WEIGHTS, decay, matches, relevance
from gitcoord.domain.remembering import UseMemories
from gitcoord.domain.settings import Settings
from gitcoord.domain.time import plus
from gitcoord.errors import InvalidValue
from tests.domain.world import START, World

DAY = 86_400.0
HALF = Settings().memory_half_life

ages = st.floats(-40 * DAY, 4000 * DAY)
lives = st.sampled_from([0.0, 60.0, HALF, 365 * DAY])
counts = st.integers(0, 10_000)
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(list(WEIGHTS))
fits = st.floats(NOISE, 1)
names = st.text("abcd", min_size=1, max_size=3)


def memory(name: str, age: float = 0, **fields: Any) -> Memory:
    at = plus(START, -age)
    return Memory(**({"id": name, "agent": "ann", "summary": name, "at": at} | fields))


memories = st.builds(
    memory,
    st.uuids().map(str),
    st.integers(0, 400).map(lambda days: days * DAY / 4),
    outcome=outcomes,
    used=st.integers(0, 9),
    agent=st.sampled_from(["ann", "bob"]),
    type=st.sampled_from(["error", "decision"]),
    tags=st.sets(st.sampled_from(["a", "b", "C"])).map(lambda tags: tuple(sorted(tags))),
)
shelves = st.lists(memories, max_size=12)
queries = st.builds(
    Query,
    tags=st.sets(st.sampled_from(["a", "B", "c"])).map(tuple),
    all_tags=st.booleans(),
    type=st.sampled_from([None, "error"]),
    agent=st.sampled_from([None, "ann"]),
    limit=st.integers(0, 12),
    min_relevance=st.floats(0, 1),
)


def world_of(*records: Memory, **settings: Any) -> World:
    world = World(**settings)
    world.put(*records)
    return world


def ids(found: list[Recalled]) -> list[str]:
    return [one.memory.id for one in found]


def asked(world: World, scores: dict[str, float] | None = None, **query: Any) -> list[str]:
    return ids(recall(world.state(), Query(**query), START, scores))


# The rule.


def test_row_a54_the_decay_is_that_of_the_original_by_default() -> None:
    for days in (0, 1, 6.93, 30):
        assert decay(days * DAY, HALF, 0) == pytest.approx(2.718281828459045 ** (-0.1 * days))
    assert decay(HALF, HALF, 0) == 0.5
    # What is dated in the future, by a clock that is ahead, is new.
    assert decay(-HALF, HALF, 0) == 1


@pytest.mark.parametrize("used", [0, 1, 3, 7])
def test_what_has_helped_lasts_longer(used: int) -> None:
    assert decay(HALF * (1 + log2(1 + used)), HALF, used) == 0.5


def test_without_a_half_life_age_does_not_matter() -> None:
    assert decay(1e9, 0, 0) == 1


def test_a_fresh_memory_is_worth_its_outcome() -> None:
    for outcome, worth in WEIGHTS.items():
        assert relevance(1, 0, HALF, outcome, 0) == worth
        assert relevance(0.5, -5, HALF, outcome, 3) == worth / 2


@given(fits, ages, lives, outcomes, counts)
def test_a_relevance_lies_between_0_and_1(
    match: float, age: float, life: float, outcome: Outcome, used: int
) -> None:
    found = relevance(match, age, life, outcome, used)
    assert 0 <= found <= 1
    assert found == round(found, DIGITS)


@given(fits, ages, ages, lives, outcomes, counts)
def test_the_older_is_never_more_relevant(
    match: float, one: float, other: float, life: float, outcome: Outcome, used: int
) -> None:
    young, old = sorted((one, other))
    assert relevance(match, young, life, outcome, used) >= relevance(
        match, old, life, outcome, used
    )


@given(fits, fits, ages, lives, outcomes, counts)
def test_what_fits_better_is_never_less_relevant(
    one: float, other: float, age: float, life: float, outcome: Outcome, used: int
) -> None:
    worse, better = sorted((one, other))
    assert relevance(better, age, life, outcome, used) >= relevance(worse, age, life, outcome, used)


@given(fits, ages, lives, outcomes, outcomes, counts, counts)
def test_a_better_outcome_and_more_help_never_make_it_less_relevant(
    match: float, age: float, life: float, one: Outcome, other: Outcome, few: int, more: int
) -> None:
    low, high = sorted((few, more))
    assert relevance(match, age, life, one, high) >= relevance(match, age, life, one, low)
    if WEIGHTS[one] >= WEIGHTS[other]:
        assert relevance(match, age, life, one, few) >= relevance(match, age, life, other, few)
    assert WEIGHTS["positive"] > WEIGHTS["negative"] > WEIGHTS["neutral"] == WEIGHTS[""]


@given(st.dictionaries(names, st.floats(0, 1e9)), st.floats(1e-6, 1e6))
def test_matches_have_no_scale_and_the_best_is_1(scores: dict[str, float], factor: float) -> None:
    found = matches(scores)
    assert all(NOISE <= fit <= 1 for fit in found.values())
    best = max(scores.values(), default=0)
    assume(best == 0 or best > 1e-3)
    assert [name for name, fit in found.items() if fit == 1] or best == 0
    scaled = matches({name: score * factor for name, score in scores.items()})
    for name in found.keys() | scaled.keys():
        assert found.get(name, NOISE) == pytest.approx(scaled.get(name, NOISE), rel=1e-6)
    by_fit = sorted(found, key=lambda name: found[name])
    assert [scores[name] for name in by_fit] == sorted(scores[name] for name in by_fit)


# The order.


@given(shelves, st.randoms())
def test_requirement_2_memories_are_recalled_by_relevance_whatever_order_they_came_in(
    records: list[Memory], chance: Any
) -> None:
    found = recall(world_of(*records).state(), Query(limit=99), START)
    assert [one.relevance for one in found] == sorted(
        (one.relevance for one in found), reverse=True
    )
    assert sorted(ids(found)) == sorted(one.id for one in records)
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert recall(world_of(*shuffled).state(), Query(limit=99), START) == found


@given(shelves)
def test_of_equal_relevance_the_newer_comes_first_and_no_two_have_one_place(
    records: list[Memory],
) -> None:
    found = recall(world_of(*records).state(), Query(limit=99), START)
    for one, next_ in pairwise(found):
        assert rank(one) < rank(next_)
        if one.relevance == next_.relevance:
            assert (one.memory.at, next_.memory.id) >= (next_.memory.at, one.memory.id)


@given(shelves, queries)
def test_a_query_is_answered_by_exactly_what_it_asks_for(
    records: list[Memory], query: Query
) -> None:
    def wanted(one: Memory) -> bool:
        tags = {tag.lower() for tag in one.tags}
        mine = {tag.lower() for tag in query.tags}
        quantifier: Callable[[Any], bool] = all if query.all_tags else any
        return (
            query.agent in (None, one.agent)
            and query.type in (None, one.type)
            and (not mine or quantifier(tag in tags for tag in mine))
        )

    state = world_of(*records).state()
    every = recall(state, Query(limit=99), START)
    expected = [one for one in every if wanted(one.memory) and one.relevance >= query.min_relevance]
    assert recall(state, query, START) == expected[: query.limit]


@given(shelves, st.floats(0, 1))
def test_row_a55_min_relevance_is_compared_with_the_relevance_that_is_shown(
    records: list[Memory], least: float
) -> None:
    state = world_of(*records).state()
    every = recall(state, Query(limit=99), START)
    enough = recall(state, Query(limit=99, min_relevance=least), START)
    assert enough == [one for one in every if one.relevance >= least]
    for one in every:
        assert one in recall(state, Query(limit=99, min_relevance=one.relevance), START)


def test_the_half_life_is_a_setting() -> None:
    records = (memory("k-1", age=10), memory("k-2", age=20))
    world = world_of(*records, memory_half_life=10)
    found = recall(world.state(), Query(), START)
    assert [one.relevance for one in found] == [0.4, 0.2]
    assert asked(world, min_relevance=0.3) == ["k-1"]
    world = world_of(*records, memory_half_life=0)
    assert asked(world, min_relevance=0.8) == ["k-1", "k-2"]


# What is asked for.


def test_row_a53_any_of_the_tags_or_all_of_them_whatever_their_case() -> None:
    world = world_of(
        memory("k-1", tags=("Auth", "s3")), memory("k-2", tags=("auth",)), memory("k-3")
    )
    assert asked(world, tags=("AUTH", "s3")) == ["k-1", "k-2"]
    assert asked(world, tags=("AUTH", "s3"), all_tags=True) == ["k-1"]
    assert asked(world, tags=("none",)) == []
    assert asked(world, tags=("none", "auth"), all_tags=True) == []


def test_requirement_4_a_way_of_working_is_found_by_type_of_task_and_lasts_if_it_serves() -> None:
    world = world_of(
        memory("k-old", age=DAY, tags=("task:bug",), type="success"),
        memory("k-new", tags=("task:bug",), type="success"),
        memory("k-other", tags=("task:design",), type="success"),
    )
    assert asked(world, tags=("task:bug",)) == ["k-new", "k-old"]
    for number in range(3):
        world.session(f"s-{number}")
        world.run(UseMemories(ids=("k-old",)), f"s-{number}")
    later = recall(world.state(), Query(tags=("task:bug",)), plus(START, 9 * DAY))
    assert [(one.memory.id, one.memory.used) for one in later] == [("k-old", 3), ("k-new", 0)]


def test_an_agent_whose_name_begins_like_anothers_is_not_mistaken_for_it() -> None:
    world = world_of(memory("k-1", agent="ann:2"), memory("k-2", agent="ann"))
    assert asked(world, agent="ann") == ["k-2"]
    assert asked(world, agent="ann:2") == ["k-1"]


def test_words_that_fit_better_come_first_and_what_does_not_fit_is_left_out() -> None:
    world = world_of(
        memory("k-1"), memory("k-2"), memory("k-3"), memory("k-4", tags=("a",)), memory("k-5")
    )
    scores = {"k-1": 2.0, "k-2": 4.0, "k-3": 4.0 * NOISE / 2, "k-4": 1.0, "k-gone": 3.0}
    found = recall(world.state(), Query(text="x"), START, scores)
    assert [(one.memory.id, one.relevance) for one in found] == [
        ("k-2", 0.8), ("k-1", 0.4), ("k-4", 0.2),
    ]  # fmt: skip
    assert asked(world, scores, text="x", tags=("a",)) == ["k-4"]
    assert asked(world, scores, text="x", min_relevance=0.3) == ["k-2", "k-1"]
    assert asked(world, {}, text="x") == []


def test_what_is_forgotten_is_never_recalled() -> None:
    gone = memory("k-1", forgotten_at=START, tags=("a",))
    world = world_of(gone, memory("k-2", tags=("a",)))
    assert asked(world) == ["k-2"]
    assert asked(world, tags=("a",)) == ["k-2"]
    assert asked(world, {"k-1": 1.0, "k-2": 0.5}, text="x") == ["k-2"]


def test_an_index_is_used_so_that_only_what_may_be_asked_for_is_read() -> None:
    world = world_of(
        *(memory(f"k-{n}", agent="bob") for n in range(20)),
        memory("k-mine", tags=("a", "b"), type="error"),
    )
    for query in ({"agent": "ann"}, {"type": "error"}, {"tags": ("b",)}, {"tags": ("a", "b")}):
        world.shelf.loads.clear()
        assert asked(world, **query) == ["k-mine"]
        assert world.shelf.loads == [("memories", "k-mine")]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": -1},
        {"min_relevance": -0.1},
        {"min_relevance": 1.01},
        {"min_relevance": float("nan")},
        {"min_relevance": float("inf")},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        asked(world_of(), **query)


@pytest.mark.parametrize(
    ("summary", "tags", "fits"),
    [
        ("Uploads hang", (), True),
        ("UPLOADED files may hang", (), True),
        ("upload uploads uploaded", (), False),
        ("the upload", (), False),
        ("to be or not to be", (), False),
        ("nothing of it", ("s3",), False),
        ("nothing of it", ("upload",), True),
        ("nothing of it", ("upload queue",), False),
        ("über größe", (), True),
    ],
)
def test_a_memory_is_about_a_task_by_two_words_or_a_tag(
    summary: str, tags: tuple[str, ...], fits: bool
) -> None:
    one = Memory(id="k-1", agent="ann", summary=summary, tags=tags, at="2026-01-01T00:00:00.000Z")
    assert related(one, "Repair the upload that hangs: not to be. ÜBER GRÖSSE s3") is fits
