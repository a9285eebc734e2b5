"""What agents have learned is kept, united where it is the same, used and forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.memories import CALL_LIMIT, LESSONS, MEMORY_LIMIT, TAGS, Memory
from gitcoord.domain.operation import packed
from gitcoord.domain.pausing import PauseSession
from gitcoord.domain.remembering import (
    SAME,
    USERS,
    ForgetMemories,
    Remember,
    UseMemories,
)
from gitcoord.domain.time import plus
from gitcoord.domain.transfer import ImportRecords
from gitcoord.errors import (
    GitcoordError,
    IdTaken,
    InvalidFile,
    InvalidId,
    InvalidValue,
    LimitReached,
    MemoryNotFound,
    SessionNotFound,
    SessionPaused,
    SummaryRequired,
    TextTooLong,
)
from tests.domain.test_transfer import exported
from tests.domain.world import START, World


def world_of(*agents: str, **settings: Any) -> World:
    world = World(**settings)
    for agent in agents:
        world.session(f"s-{agent}", agent=agent)
    return world


def learn(world: World, name: str, agent: str = "ann", **fields: Any) -> Memory:
    wish = Remember(**({"id": name, "summary": f"about {name}"} | fields))
    found: Memory = world.run(wish, f"s-{agent}").memory
    return found


def test_a_memory_is_kept_as_it_was_said() -> None:
    world = world_of("ann")
    wish = Remember(
        id="k-1",
        summary=" uploads hang ",
        type="error",
        details="over 2 GB",
        outcome="negative",
        lessons=("split them", "", " split them "),
        tags=("S3", "s3", "uploads", " "),
    )
    answer = world.run(wish, "s-ann/sub")
    assert answer.memory == world.get(Memory, "k-1")
    assert answer.memory == Memory(
        id="k-1",
        agent="ann",
        session="s-ann/sub",
        type="error",
        summary="uploads hang",
        details="over 2 GB",
        outcome="negative",
        lessons=("split them",),
        tags=("S3", "uploads"),
        at=world.now,
    )
    assert not answer.merged
    assert wish.subject(answer, "ann") == "memory: ann remembers uploads hang"
    world.check()


def test_people_remember_without_a_session() -> None:
    world = World()
    answer = world.run(Remember(id="k-1", summary="x"))
    assert (answer.memory.agent, answer.memory.session) == ("somebody", "")


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (SummaryRequired, Remember(id="k-2", summary=" \n")),
        (IdTaken, Remember(id="k-1", summary="x")),
        (InvalidId, Remember(id="k 2", summary="x")),
        (InvalidValue, Remember(id="k-2", summary="x", tags=("a" * 101,))),
        (InvalidValue, Remember(id="k-2", summary="x", tags=("a\nb",))),
        (LimitReached, Remember(id="k-2", summary="x", tags=tuple(map(str, range(TAGS + 1))))),
        (
            LimitReached,
            Remember(id="k-2", summary="x", lessons=tuple(map(str, range(LESSONS + 1)))),
        ),
        (TextTooLong, Remember(id="k-2", summary="x", details="é" * (MEMORY_LIMIT // 2))),
        (
            TextTooLong,
            Remember(id="k-2", summary="x" * 1000, lessons=("y" * (MEMORY_LIMIT - 999),)),
        ),
        (MemoryNotFound, Remember(id="k-2", summary="x", used=("k-1", "k-none"))),
        (
            LimitReached,
            Remember(id="k-2", summary="x", used=tuple(map(str, range(CALL_LIMIT + 1)))),
        ),
    ],
)
def test_what_is_no_memory_is_refused(error: type[GitcoordError], wish: Remember) -> None:
    world = world_of("ann")
    learn(world, "k-1")
    world.refused(error, wish, "s-ann")


def test_a_memory_of_a_megabyte_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TextTooLong):
        packed(Remember(id="k-1", summary="x", details="x" * 2**20))


def test_a_memory_may_be_as_long_as_the_limit() -> None:
    world = world_of("ann")
    learn(world, "k-1", summary="x", details="y" * (MEMORY_LIMIT - 1))


@pytest.mark.parametrize(
    "wish",
    [Remember(id="k-2", summary="x"), UseMemories(ids=("k-1",)), ForgetMemories(ids=("k-1",))],
)
def test_who_is_named_has_to_be_there_and_not_paused(wish: Any) -> None:
    world = world_of("ann", "bob")
    learn(world, "k-1")
    world.refused(SessionNotFound, wish, "s-nobody")
    world.run(PauseSession(id="s-bob", reason="lunch"))
    world.refused(SessionPaused, wish, "s-bob")


def test_requirement_2_the_same_within_an_hour_is_merged_with_all_tags_and_lessons() -> None:
    world = world_of("ann")
    same = {"summary": "uploads hang", "type": "error"}
    first = learn(world, "k-1", tags=("s3",), lessons=("split",), details="big ones", **same)
    world.pass_time(SAME)
    wish = Remember(
        id="k-2", tags=("S3", "http"), lessons=("wait", "split"), outcome="negative", **same
    )
    answer = world.run(wish, "s-ann")
    assert answer.merged
    assert [memory.id for memory in world.all(Memory)] == ["k-1"]
    assert answer.memory == world.get(Memory, "k-1")
    assert answer.memory == Memory(
        id="k-1",
        agent="ann",
        session="s-ann",
        type="error",
        summary="uploads hang",
        details="big ones",
        outcome="negative",
        lessons=("split", "wait"),
        tags=("s3", "http"),
        at=first.at,
        times=2,
    )
    assert wish.subject(answer, "ann") == "memory: ann remembers again uploads hang"
    again = learn(world, "k-3", details="all of them", **same)
    assert (again.id, again.times, again.details, again.outcome) == (
        "k-1", 3, "all of them", "negative",
    )  # fmt: skip
    world.check()


@pytest.mark.parametrize(
    ("agent", "later", "change"),
    [
        ("bob", 0, {}),
        ("ann", 0, {"type": "success"}),
        ("ann", 0, {"summary": "uploads hang."}),
        ("ann", SAME + 0.001, {}),
    ],
)
def test_what_is_not_the_same_is_a_memory_of_its_own(
    agent: str, later: float, change: dict[str, Any]
) -> None:
    world = world_of("ann", "bob")
    fields = {"summary": "uploads hang", "type": "error"}
    learn(world, "k-1", **fields)
    world.pass_time(later)
    assert learn(world, "k-2", agent, **(fields | change)).id == "k-2"
    assert len(world.all(Memory)) == 2


def test_after_an_hour_the_next_one_is_united_with_the_newer_of_both() -> None:
    world = world_of("ann")
    learn(world, "k-1", summary="x")
    world.pass_time(SAME + 1)
    learn(world, "k-2", summary="x")
    world.pass_time(SAME)
    assert learn(world, "k-3", summary="x").id == "k-2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"lessons": ("x" * 40_000,)}, {"lessons": ("y" * 40_000,)}),
        ({"tags": tuple(f"a{n}" for n in range(TAGS))}, {"tags": ("b",)}),
    ],
)
def test_what_does_not_fit_into_one_memory_becomes_another(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    world = world_of("ann")
    before = learn(world, "k-1", summary="x", **old)
    assert learn(world, "k-2", summary="x", **new).id == "k-2"
    assert world.get(Memory, "k-1") == before


def test_a_session_counts_once_when_a_memory_has_helped() -> None:
    world = world_of("ann", "bob")
    learn(world, "k-1")
    learn(world, "k-2")
    world.pass_time(5)
    wish = UseMemories(ids=("k-1", "k-gone", "k-2", "k-1"))
    answer = world.run(wish, "s-bob/sub")
    assert answer.noted == ("k-1", "k-2")
    assert wish.subject(answer, "bob") == "memory: k-1, k-2 helped bob"
    world.unchanged(UseMemories(ids=("k-1",)), "s-bob")
    world.run(UseMemories(ids=("k-1",)), "s-ann")
    found = world.get(Memory, "k-1")
    assert (found.used, found.used_by, found.used_at) == (2, ("s-bob", "s-ann"), world.now)
    world.run(UseMemories(ids=("k-2",)))
    assert world.get(Memory, "k-2").used_by == ("s-bob", "somebody")
    world.check()


def test_only_the_latest_users_are_known_by_name() -> None:
    world = World()
    world.run(Remember(id="k-1", summary="x"))
    for number in range(USERS + 2):
        world.session(f"s-{number:02d}")
        world.run(UseMemories(ids=("k-1",)), f"s-{number:02d}")
    found = world.get(Memory, "k-1")
    assert found.used == USERS + 2
    assert found.used_by == tuple(f"s-{number:02d}" for number in range(2, USERS + 2))


def test_remembering_says_which_memories_have_helped() -> None:
    world = world_of("ann", "bob")
    learn(world, "k-1")
    learn(world, "k-2", "bob", used=("k-1", "k-1"))
    assert world.get(Memory, "k-1").used_by == ("s-bob",)


def test_a_memory_may_help_itself_to_be_remembered_again() -> None:
    world = world_of("ann")
    learn(world, "k-1", summary="x")
    found = learn(world, "k-2", summary="x", used=("k-1",), tags=("a",))
    assert (found.id, found.used, found.tags, found.times) == ("k-1", 1, ("a",), 2)


def test_what_is_forgotten_is_out_of_the_way_and_not_united_with() -> None:
    world = world_of("ann", "bob")
    learn(world, "k-1", summary="x", tags=("a",))
    learn(world, "k-2")
    wish = ForgetMemories(ids=("k-1", "k-1"))
    answer = world.run(wish, "s-bob")
    assert [one.id for one in answer.memories] == ["k-1"]
    assert wish.subject(answer, "bob") == "memory: bob forgets k-1"
    (gone,) = world.all(Memory, archived=True)
    assert (gone.id, gone.forgotten_at) == ("k-1", world.now)
    assert [one.id for one in world.all(Memory)] == ["k-2"]
    assert learn(world, "k-3", summary="x").id == "k-3"
    world.refused(MemoryNotFound, ForgetMemories(ids=("k-2", "k-1")), "s-bob")
    world.refused(IdTaken, Remember(id="k-1", summary="y"), "s-ann")
    assert world.run(ForgetMemories(ids=("k-3",))).memories[0].summary == "x"
    world.check()


def test_compaction_takes_what_has_neither_come_nor_helped_for_long() -> None:
    world = world_of("ann")
    for name in ("k-old", "k-used", "k-wrong", "k-wrong-too"):
        learn(world, name)
    world.run(ForgetMemories(ids=("k-wrong",)), "s-ann")
    world.pass_time(1)
    learn(world, "k-new")
    world.run(UseMemories(ids=("k-used",)), "s-ann")
    world.run(ForgetMemories(ids=("k-wrong-too",)), "s-ann")
    world.now = plus(START, 180 * DAY + 0.5)
    world.unchanged(Compact(memories=181 * DAY, memories_kept=0))
    assert world.run(Compact(memories_kept=3)).removed == {"memories": 1}
    assert [one.id for one in world.all(Memory, archived=True)] == ["k-wrong-too"]
    assert world.run(Compact(memories_kept=1)).removed == {"memories": 1}
    assert sorted(one.id for one in world.all(Memory)) == ["k-new", "k-used"]
    world.refused(InvalidValue, Compact(memories_kept=-1))


MEMORY = Memory(id="k-1", agent="ann", session="s", summary="x", at=START, used=2, used_at=START)


def test_memories_travel_to_another_ledger_with_what_became_of_them() -> None:
    gone = Memory(id="k-2", agent="ann", summary="y", at=START, forgotten_at=START)
    world = World()
    answer = world.run(ImportRecords(records=exported(MEMORY, gone)))
    assert answer.added == {"memories": 2}
    assert world.all(Memory) == [MEMORY]
    assert world.all(Memory, archived=True) == [gone]
    world.run(UseMemories(ids=("k-1",)))
    answer = world.unchanged(ImportRecords(records=exported(MEMORY, gone)))
    assert answer.present == {"memories": 2}
    assert world.get(Memory, "k-1").used == 3


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (IdTaken, {"summary": "other words"}),
        (InvalidFile, {"id": "k-2", "summary": " "}),
        (InvalidFile, {"id": "k-2", "details": "x" * 40_000, "lessons": ["y" * 40_000]}),
        (InvalidFile, {"id": "k-2", "used_at": "yesterday"}),
        (InvalidFile, {"id": "k-2", "type": "dream"}),
    ],
)
def test_what_is_no_memory_does_not_travel(
    error: type[GitcoordError], fields: dict[str, Any]
) -> None:
    world = World()
    world.run(ImportRecords(records=exported(MEMORY)))
    (line,) = exported(MEMORY)
    line["record"] |= fields
    world.refused(error, ImportRecords(records=[line]))
