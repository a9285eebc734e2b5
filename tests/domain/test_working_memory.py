"""A session's working memory: kept within its budget, shared with sub-agents, gone at its end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.departure import EndSession, KillSession
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import SweepSession
from gitcoord.domain.working_memory import (
    GIST,
    ClearItems,
    Item,
    SetItems,
    WorkingMemory,
    cost,
    of,
)
from gitcoord.errors import (
    InvalidValue,
    LimitReached,
    SessionEnded,
    SessionPaused,
    SessionRequired,
)
from tests.domain.world import START, World


def world_of(*agents: str, **settings: Any) -> World:
    world = World(**settings)
    for agent in agents:
        world.session(f"s-{agent}", agent=agent)
    return world


def keep(world: World, session: str = "s-ann", **items: str) -> Any:
    world.pass_time(1)
    return world.run(SetItems(items=items), session)


def texts(world: World, session: str = "s-ann") -> dict[str, str]:
    return {name: item.text for name, item in of(world.state(), session).items.items()}


def test_what_is_kept_is_there_until_it_is_cleared() -> None:
    world = world_of("ann")
    wish = SetItems(items={"plan": "parser", "open": "é"})
    answer = world.run(wish, "s-ann")
    assert (answer.names, answer.size, answer.budget) == (("open", "plan"), 16, 16_384)
    assert (answer.shortened, answer.dropped) == ((), ())
    assert wish.subject(answer, "ann") == "working: ann keeps open, plan"
    assert world.get(WorkingMemory, "s-ann") == WorkingMemory(
        session="s-ann",
        items={"plan": Item(text="parser", at=START), "open": Item(text="é", at=START)},
    )
    keep(world, plan="printer")
    assert texts(world) == {"plan": "printer", "open": "é"}
    clear = ClearItems(names=("plan", "none"))
    answer = world.run(clear, "s-ann")
    assert (answer.names, answer.dropped, answer.size) == (("open",), ("plan",), 6)
    assert clear.subject(answer, "ann") == "working: ann clears plan"
    world.unchanged(clear, "s-ann")
    assert texts(world) == {"open": "é"}
    assert world.run(ClearItems(all=True), "s-ann").dropped == ("open",)
    assert world.all(WorkingMemory) == []
    answer = world.unchanged(ClearItems(all=True), "s-ann")
    assert ClearItems(all=True).subject(answer, "") == "working: somebody clears nothing"
    world.check()


def test_requirement_3_it_is_bound_to_the_session_and_shared_with_its_sub_agents() -> None:
    world = world_of("ann", "bob")
    keep(world, a="1")
    keep(world, "s-ann/sub", b="2")
    keep(world, "s-bob", a="3")
    assert texts(world) == {"a": "1", "b": "2"}
    assert texts(world, "s-bob") == {"a": "3"}
    assert texts(world, "s-cid") == {}


def test_the_record_of_the_session_stays_as_small_as_it_was() -> None:
    world = world_of("ann")
    before = len(msgspec.json.encode(world.get(Session, "s-ann")))
    keep(world, a="x" * 10_000)
    assert len(msgspec.json.encode(world.get(Session, "s-ann"))) <= before + 100


@pytest.mark.parametrize("way", ["end", "kill", "sweep"])
def test_requirement_3_it_ends_with_the_session_however_that_ends(way: str) -> None:
    world = world_of("bob")
    session = world.session("s-ann", life="beat")
    keep(world, a="1")
    keep(world, "s-bob", b="2")
    if way == "end":
        world.run(EndSession(), "s-ann")
    elif way == "kill":
        world.run(KillSession(id="s-ann", reason="why not"))
    else:
        seen = world.get(Session, "s-ann").seen_at
        world.presence["s-ann"] = Beat(7)
        world.run(SweepSession(id=session.id, beat=7, seen_at=seen))
    assert [one.session for one in world.all(WorkingMemory)] == ["s-bob"]
    world.refused(SessionEnded, SetItems(items={"a": "1"}), "s-ann")


def test_a_sub_agent_that_leaves_takes_nothing_with_it() -> None:
    world = world_of("ann")
    keep(world, "s-ann/sub", a="1")
    world.run(EndSession(), "s-ann/sub")
    assert texts(world) == {"a": "1"}


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (InvalidValue, SetItems(items={})),
        (InvalidValue, SetItems(items={"": "x"})),
        (InvalidValue, SetItems(items={"a\n": "x"})),
        (InvalidValue, ClearItems()),
        (InvalidValue, ClearItems(names=("a",), all=True)),
        (LimitReached, SetItems(items={"b": "x" * 16_384})),
        (LimitReached, SetItems(items={"b": "x" * 9_000, "c": "é" * 4_000})),
    ],
)
def test_what_cannot_be_kept_is_refused(error: type[Any], wish: Any) -> None:
    world = world_of("ann")
    keep(world, a="1")
    world.refused(error, wish, "s-ann")


def test_only_who_may_act_keeps_anything() -> None:
    world = world_of("ann")
    world.refused(SessionRequired, SetItems(items={"a": "1"}))
    world.run(PauseSession(id="s-ann", reason="lunch"))
    world.refused(SessionPaused, SetItems(items={"a": "1"}), "s-ann")
    world.refused(SessionPaused, ClearItems(all=True), "s-ann")


def test_requirement_3_above_the_budget_older_items_are_cut_before_any_is_dropped() -> None:
    world = world_of("ann", working_memory=1000)
    keep(world, a="a" * 300)
    keep(world, b="b" * 300)
    keep(world, c="c" * 300)
    answer = keep(world, d="d" * 190)
    # One cut is enough; the others are whole.
    assert (answer.shortened, answer.dropped) == (("a",), ())
    assert texts(world)["a"] == "a" * (GIST - 1) + "…"
    assert texts(world)["b"] == "b" * 300
    answer = keep(world, e="e" * 600)
    assert (answer.shortened, answer.dropped) == (("c",), ("a", "b"))
    assert set(texts(world)) == {"c", "d", "e"}
    assert answer.size == of(world.state(), "s-ann").size <= 1000


def test_an_item_that_is_set_again_is_a_new_one() -> None:
    world = world_of("ann", working_memory=700)
    keep(world, a="a" * 300)
    keep(world, b="b" * 300)
    keep(world, a="A" * 300)
    assert keep(world, c="c" * 150).shortened == ("b",)


def test_without_a_budget_nothing_is_kept() -> None:
    world = world_of("ann", working_memory=0)
    world.refused(LimitReached, SetItems(items={"a": ""}), "s-ann")


steps = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.text("xé\n ", max_size=260), min_size=1),
    min_size=1,
    max_size=8,
)


@given(steps, st.integers(1, 1500))
def test_whatever_is_set_it_fits_and_what_was_set_last_is_whole(
    calls: list[dict[str, str]], budget: int
) -> None:
    world = world_of("ann", working_memory=budget)
    for items in calls:
        needed = sum(cost(name, text) for name, text in items.items())
        if needed > budget:
            world.refused(LimitReached, SetItems(items=items), "s-ann")
            continue
        before = texts(world)
        answer = keep(world, **items)
        after = texts(world)
        assert of(world.state(), "s-ann").size == answer.size <= budget
        assert items.items() <= after.items()
        assert set(after) == set(answer.names) == (set(before) | set(items)) - set(answer.dropped)
        for name in set(after) - set(items):
            if name in answer.shortened:
                assert len(after[name].encode()) < len(before[name].encode())
                assert before[name].startswith(after[name].removesuffix("…"))
            else:
                assert after[name] == before[name]
