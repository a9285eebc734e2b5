"""The order of the merge queue and its batches: properties over queues of every shape."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.graph import cycle
from gitcoord.domain.merge_landing import SettleMerges
from gitcoord.domain.merge_order import Ground, arranged, batch, edges, folded, ordered, unmet
from gitcoord.domain.merges import Merge
from gitcoord.domain.merging import EjectMerge, RemoveMerge
from gitcoord.domain.registering import DeregisterFeature, RegisterFeature
from gitcoord.domain.time import plus
from gitcoord.errors import GitcoordError
from tests.domain.crew import crew
from tests.domain.queueing import RESULT, Queue, oid
from tests.domain.world import START, World

NAMES = tuple(f"q-{n}" for n in range(8))
FEATURES = ("", "", "red", "blue")
PATHS = ("src/a", "src/b", "src/c", "SRC/a", "src/a/x", "src", "docs/é", "docs/e\u0301", "z")


def entry(id: str, **said: Any) -> Merge:
    fields: dict[str, Any] = {
        "branch": f"b/{id}", "head": oid(1), "target": "main", "status": "ready",
        "agent": "ann", "session": "s-ann", "queued_at": START, "updated_at": START,
    }  # fmt: skip
    return Merge(id=id, **fields | said)


@st.composite
def queues(draw: st.DrawFn) -> list[Merge]:
    """Return entries that do not need each other in a circle, as `merge.enqueue` lets in."""
    found: list[Merge] = []
    for name in draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]:
        one = entry(
            name,
            priority=draw(st.integers(1, 3)),
            queued_at=plus(START, draw(st.integers(0, 3))),
            feature=draw(st.sampled_from(FEATURES)),
            needs=tuple(draw(st.lists(st.sampled_from((*NAMES, "red", "blue")), max_size=2))),
            paths=tuple(draw(st.lists(st.sampled_from(PATHS), max_size=2, unique=True))),
            wide=draw(st.integers(0, 9)) == 0,
            status=draw(st.sampled_from(("ready", "ready", "ready", "queued", "blocked"))),
        )
        if not cycle(edges([*found, one])):
            found.append(one)
    return found


def stored(entries: list[Merge]) -> World:
    world = crew()
    for name in ("red", "blue"):
        world.run(RegisterFeature(id=name, claims=(name,)), "s-ann")
    world.put(*entries)
    return world


@given(queues())
def test_nothing_comes_before_what_it_needs(entries: list[Merge]) -> None:
    found = arranged(entries)
    place = {one.id: number for number, one in enumerate(found)}
    assert sorted(place) == sorted(one.id for one in entries)
    assert len(found) == len(entries)
    for name, needed in edges(entries).items():
        for other in needed:
            assert place[other] < place[name]


@given(queues())
def test_of_two_that_could_come_next_the_more_urgent_and_older_does(entries: list[Merge]) -> None:
    missing = {name: set(needed) for name, needed in edges(entries).items()}
    known = {one.id: one for one in entries}
    for one in arranged(entries):
        free = [known[name] for name, needed in missing.items() if not needed]
        assert one == min(free, key=lambda each: each.order)
        del missing[one.id]
        for needed in missing.values():
            needed.discard(one.id)


@settings(max_examples=60)
@given(queues(), st.randoms(use_true_random=False))
def test_the_order_is_the_same_whoever_asks(entries: list[Merge], random: Any) -> None:
    other = list(entries)
    random.shuffle(other)
    assert arranged(other) == arranged(entries)
    assert ordered(stored(entries).state()) == arranged(entries)


@settings(max_examples=60)
@given(queues(), st.integers(1, 4))
def test_a_batch_has_no_overlap_and_nothing_before_its_need(
    entries: list[Merge], limit: int
) -> None:
    world = stored(entries)
    state = world.state()
    found = batch(state, "main", limit)
    assert len(found) <= limit
    open_ = {one.id: one for one in entries}
    got: set[str] = set()
    changed: list[tuple[str, ...]] = []
    for one in found:
        assert one.status == "ready"
        for name in one.needs:
            if name in open_:
                assert name in got
            else:
                carrying = [each.id for each in entries if each.feature == name]
                assert carrying
                assert got.issuperset(carrying)
        got.add(one.id)
        parts = [tuple(folded(path).split("/")) for path in one.paths]
        for mine in parts:
            for theirs in changed:
                short = min(len(mine), len(theirs))
                assert mine[:short] != theirs[:short]
        changed += parts
    assert len(found) == 1 or not any(one.wide for one in found)
    # Nothing more would have fitted in.
    if len(found) < limit:
        for one in ordered(state):
            if one in found or one.status != "ready" or unmet(state, one, found):
                continue
            ground = Ground(state)
            for other in found:
                ground.add(other)
            assert ground.met(one)
    assert not list(state.changes())


@settings(max_examples=60)
@given(queues())
def test_the_first_that_is_ready_and_has_what_it_needs_is_in_the_batch(
    entries: list[Merge],
) -> None:
    state = stored(entries).state()
    can = [one for one in ordered(state) if one.status == "ready" and not unmet(state, one)]
    found = batch(state, "main")
    assert found[:1] == can[:1]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PATHS), max_size=4), st.lists(st.sampled_from(PATHS), max_size=4))
def test_overlap_is_the_same_from_both_sides(one: list[str], other: list[str]) -> None:
    state = crew().state()
    entries = entry("q-1", paths=tuple(one)), entry("q-2", paths=tuple(other))
    answers = []
    for first, second in (entries, entries[::-1]):
        ground = Ground(state)
        ground.add(first)
        answers.append(bool(ground.met(second)))
    assert answers[0] == answers[1]


def test_entries_that_need_each_other_all_the_same_come_last_and_never_land() -> None:
    # No operation makes these; a ledger that others wrote may hold them.
    world = crew()
    world.put(entry("q-1", needs=("q-2",)), entry("q-2", needs=("q-1",)), entry("q-3", priority=9))
    assert [one.id for one in ordered(world.state())] == ["q-3", "q-1", "q-2"]
    assert [one.id for one in batch(world.state(), "main")] == ["q-3"]


def test_a_batch_is_of_one_target_and_as_large_as_the_settings_say() -> None:
    world = crew(merge_batch=2)
    world.put(*(entry(f"q-{n}", paths=(f"f{n}",)) for n in range(4)))
    world.put(entry("q-9", target="release", paths=("f9",)))
    assert [one.id for one in batch(world.state(), "main")] == ["q-0", "q-1"]
    assert [one.id for one in batch(world.state(), "main", 3)] == ["q-0", "q-1", "q-2"]
    assert batch(world.state(), "main", 0) == []
    assert [one.id for one in batch(world.state(), "release")] == ["q-9"]
    odd = batch(world.state(), "main", 9, lambda one: one.id in ("q-1", "q-3", "q-9"))
    assert [one.id for one in odd] == ["q-1", "q-3"]


def test_what_is_not_ready_does_not_hold_up_what_is() -> None:
    world = crew()
    world.put(entry("q-1", status="blocked", paths=("a",)), entry("q-2", paths=("a",)))
    world.put(entry("q-3", paths=("a",)), entry("q-4", paths=("b",)))
    assert [one.id for one in batch(world.state(), "main")] == ["q-2", "q-4"]


def test_a_need_lands_in_the_same_batch_if_it_comes_before() -> None:
    world = crew()
    world.put(entry("q-1", needs=("q-2",), paths=("a",)), entry("q-2", priority=9, paths=("b",)))
    assert [one.id for one in batch(world.state(), "main")] == ["q-2", "q-1"]
    world.put(entry("q-2", priority=9, status="blocked"))
    assert batch(world.state(), "main") == []


def test_a_needed_feature_may_land_whole_in_the_same_batch_before() -> None:
    carrying = [entry(id, feature="red", paths=(id,)) for id in ("q-2", "q-3")]
    world = stored([entry("q-1", needs=("red",), paths=("a",)), *carrying])
    assert [one.id for one in batch(world.state(), "main")] == ["q-2", "q-3", "q-1"]
    assert [one.id for one in batch(world.state(), "main", 2)] == ["q-2", "q-3"]
    world.put(msgspec.structs.replace(carrying[1], status="blocked"))
    assert [one.id for one in batch(world.state(), "main")] == ["q-2"]


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        (("src/a",), ("src/a",), True),
        (("src/a",), ("src/A",), True),
        (("docs/é",), ("docs/E\u0301",), True),
        (("src",), ("src/a/b",), True),
        (("src/a/b",), ("SRC",), True),
        (("src/a",), ("src/ab",), False),
        (("/x",), ("/y",), False),
        ((), ("a",), False),
    ],
)
def test_paths_overlap_where_a_file_system_could_confuse_them(
    one: tuple[str, ...], other: tuple[str, ...], overlaps: bool
) -> None:
    ground = Ground(crew().state())
    ground.add(entry("q-1", paths=one))
    assert ground.met(entry("q-2", paths=other)) == ("q-1" if overlaps else "")


def test_sequential_features_and_exclusive_slots_do_not_land_together() -> None:
    world = crew(exclusive_slots=("db:migration-slot", "schema.sql", "migrations/"))
    for name, claims in (("red", ("x", "y")), ("blue", ("x", "z")), ("far", ("w",))):
        world.run(RegisterFeature(id=name, claims=claims), "s-ann")
    world.run(RegisterFeature(id="near", claims=("x",)), "s-ann")
    ground = Ground(world.state())
    ground.add(entry("q-1", feature="red", paths=("migrations/1.sql",)))
    # Half of the claims is PARTIAL; all of them, of the small one, is SEQUENTIAL.
    assert ground.met(entry("q-2", feature="blue")) == ""
    assert ground.met(entry("q-2", feature="near")) == "q-1"
    assert ground.met(entry("q-2", feature="red")) == ""
    assert ground.met(entry("q-2", feature="gone")) == ""
    assert ground.met(entry("q-2", feature="far", paths=("migrations/2.sql",))) == "q-1"
    assert ground.met(entry("q-2", paths=("src/migrations/2.sql",))) == ""
    assert ground.met(entry("q-2", paths=("schema.sql",))) == ""
    assert ground.met(entry("q-2", paths=("schema.sql", "migrations/2.sql"))) == "q-1"


@pytest.fixture
def queue() -> Queue:
    return Queue()


def lacks(queue: Queue, *needs: str) -> list[tuple[str, bool]]:
    """Return what an entry with these needs lacks, and whether that comes."""
    found = unmet(queue.world.state(), entry("q-9", needs=needs))
    return [(why, comes) for _, why, comes in found]


def test_a_needed_entry_is_met_once_it_is_merged(queue: Queue) -> None:
    queue.add("q-1")
    assert lacks(queue, "q-1") == [("q-1, which is queued", True)]
    queue.world.run(EjectMerge(id="q-1", reason="x"), "s-bob")
    assert lacks(queue, "q-1") == [("q-1, which is ejected", False)]
    queue.add("q-1")
    queue.world.run(SettleMerges(ids=("q-1",), result=RESULT), "s-bob")
    assert lacks(queue, "q-1") == []
    queue.add("q-2")
    queue.world.run(RemoveMerge(id="q-2"), "s-ann")
    assert lacks(queue, "q-2") == [("q-2, which is removed", False)]


def test_a_needed_feature_is_met_once_it_is_completed(queue: Queue) -> None:
    assert lacks(queue, "red") == [("feature red, which is not there any more", False)]
    queue.world.run(RegisterFeature(id="red"), "s-ann")
    assert lacks(queue, "red") == [("feature red, which is active", False)]
    queue.add("q-1", feature="red")
    queue.add("q-2", feature="red")
    assert lacks(queue, "red") == [("feature red, of which q-1, q-2 is queued", True)]
    queue.world.run(SettleMerges(ids=("q-1",), result=RESULT), "s-bob")
    assert lacks(queue, "red") == [("feature red, of which q-2 is queued", True)]
    queue.world.run(SettleMerges(ids=("q-2",), result=RESULT), "s-bob")
    assert lacks(queue, "red") == []
    queue.world.run(RegisterFeature(id="blue"), "s-ann")
    queue.world.run(DeregisterFeature(id="blue", status="cancelled"), "s-ann")
    assert lacks(queue, "blue") == [("feature blue, which is cancelled", False)]


def test_what_an_open_entry_needs_is_not_forgotten(queue: Queue) -> None:
    world = queue.world
    world.run(RegisterFeature(id="red"), "s-ann")
    queue.add("q-1", feature="red")
    queue.add("q-2")
    world.run(SettleMerges(ids=("q-1", "q-2"), result=RESULT), "s-bob")
    queue.add("q-3", needs=("q-1", "red"))
    world.pass_time(100 * DAY)
    assert world.run(Compact()).removed == {"merges": 1, "notices": 2}
    assert lacks(queue, "q-1", "red") == []
    world.run(RemoveMerge(id="q-3"), None)
    assert world.run(Compact()).removed == {"features": 1, "merges": 1}
    world.pass_time(100 * DAY)
    assert world.run(Compact()).removed["merges"] == 1
    assert world.all(Merge, archived=True) == []
    with pytest.raises(GitcoordError):
        world.run(RemoveMerge(id="q-3"), None)
