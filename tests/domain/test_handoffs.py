"""Handoffs are kept as written and found newest first."""

from __future__ import annotations

import pytest

from gitcoord.domain.handoffs import Facts, Handoff, WriteHandoff, newest
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.errors import (
    GitcoordError,
    IdTaken,
    InvalidId,
    InvalidValue,
    SessionRequired,
    SummaryRequired,
    TaskNotFound,
)
from tests.domain.world import World


def world_of(*agents: str) -> World:
    world = World()
    for agent in agents:
        world.session(f"s-{agent}", agent=agent)
    return world


def write(world: World, name: str, agent: str, **fields: str) -> None:
    world.pass_time(1)
    world.run(WriteHandoff(id=name, summary=f"by {agent}", **fields), f"s-{agent}")


def test_a_handoff_is_kept_with_its_words_and_facts() -> None:
    world = world_of("ann")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-ann")
    facts = Facts(branch="topic", head="0" * 40, dirty=("a.py",), held_keys=("src/**",))
    wish = WriteHandoff(
        id="h-1",
        summary="half of it",
        completed=("parser",),
        in_progress=("printer",),
        decisions=("no cache",),
        next_steps=("test it",),
        relevant_files=("src/a.py",),
        task="t-1",
        facts=facts,
    )
    answer = world.run(wish, "s-ann/sub")
    assert answer.handoff == world.get(Handoff, "h-1")
    assert answer.handoff == Handoff(
        id="h-1",
        agent="ann",
        session="s-ann/sub",
        summary="half of it",
        completed=("parser",),
        in_progress=("printer",),
        decisions=("no cache",),
        next_steps=("test it",),
        relevant_files=("src/a.py",),
        task="t-1",
        at=world.now,
        facts=facts,
    )
    assert wish.subject(answer, "") == "handoff: ann leaves half of it"
    world.check()


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (SummaryRequired, WriteHandoff(id="h-2", summary=" \n")),
        (IdTaken, WriteHandoff(id="h-1", summary="x")),
        (InvalidId, WriteHandoff(id="h 2", summary="x")),
        (TaskNotFound, WriteHandoff(id="h-2", summary="x", task="t-none")),
    ],
)
def test_a_wrong_handoff_is_refused(error: type[GitcoordError], wish: WriteHandoff) -> None:
    world = world_of("ann")
    write(world, "h-1", "ann")
    world.refused(error, wish, "s-ann")


def test_only_a_session_leaves_handoffs() -> None:
    World().refused(SessionRequired, WriteHandoff(id="h-1", summary="x"))


def test_the_newest_comes_first_of_all_of_an_agent_and_of_a_task() -> None:
    world = world_of("ann", "bob")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-ann")
    write(world, "h-1", "ann")
    write(world, "h-2", "bob", task="t-1")
    write(world, "h-3", "ann", task="t-1")
    state = world.state()

    def names(**query: str | int) -> list[str]:
        return [each.id for each in newest(state, **query)]  # type: ignore[arg-type]

    assert names() == ["h-3"]
    assert names(limit=9) == ["h-3", "h-2", "h-1"]
    assert names(agent="ann", limit=9) == ["h-3", "h-1"]
    assert names(task="t-1", limit=9) == ["h-3", "h-2"]
    assert names(task="t-1", agent="bob", limit=9) == ["h-2"]
    assert names(agent="cid") == []
    assert names(limit=0) == []


def test_an_agent_whose_name_begins_like_anothers_is_not_mistaken_for_it() -> None:
    world = World()
    world.session("s-1", agent="ann")
    world.session("s-2", agent="ann:2")
    world.run(WriteHandoff(id="h-1", summary="x"), "s-2")
    assert newest(world.state(), agent="ann") == []


def test_finding_the_newest_of_many_reads_only_that() -> None:
    world = world_of("ann")
    for number in range(30):
        write(world, f"h-{number}", "ann")
    world.shelf.loads.clear()
    newest(world.state(), agent="ann")
    assert world.shelf.loads == [("handoffs", "h-29")]


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(InvalidValue):
        newest(World().state(), limit=-1)
