"""Forecast: rounds without overlap, the calmest task of a priority first, the matrix."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.claiming import Claimed, NextTask
from gitcoord.domain.collisions import CHANGES_LIMIT, CHOICE, calm_first, collisions, wants
from gitcoord.domain.departure import EndSession
from gitcoord.domain.forecast import Forecast, forecast, matrix
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.registering import PauseFeature, RegisterFeature
from gitcoord.domain.tasks import Task
from gitcoord.domain.unlanded import Mark
from tests.domain.crew import crew
from tests.domain.test_feasibility import KEYS, LOGICAL, meet
from tests.domain.world import START, World


def add(world: World, *tasks: dict[str, Any]) -> None:
    for fields in tasks:
        world.run(AddTasks(tasks=(NewTask(title=fields["id"], **fields),)), "s-ann")
        world.pass_time(1)


def changed(world: World, session: str, *paths: str) -> None:
    drafts = tuple(ChangeDraft(path=path) for path in paths)
    world.run(RecordChanges(changes=drafts), session)


def left(world: World, key: str, session: str, branch: str = "feat/x") -> None:
    world.put(Mark(key=key, branch=branch, head="abc", agent="x", session=session, at=START))


def names(found: Forecast) -> list[list[str]]:
    return [[one.id for one in each] for each in found.rounds]


def seen(world: World, **said: Any) -> Forecast:
    return forecast(world.state(), world.context(), **said)


def following(world: World, session: str = "s-ann") -> str:
    answer: Claimed = world.run(NextTask(), session)
    return answer.task.id if answer.task else ""


def test_rounds_are_filled_in_the_order_of_the_queue() -> None:
    world = crew()
    add(
        world,
        {"id": "t-low", "priority": 8, "keys": ("src/b.py",)},
        {"id": "t-a", "keys": ("src/a*",)},
        {"id": "t-all", "keys": ("src/**",)},
        {"id": "t-docs", "keys": ("docs/**",)},
        {"id": "t-free"},
    )
    found = seen(world)
    assert names(found) == [["t-a", "t-docs", "t-free", "t-low"], ["t-all"]]
    (late,) = found.rounds[1]
    assert [(one.task, one.keys) for one in late.after] == [("t-a", [("src/**", "src/a*")])]
    assert (found.held, found.more) == ([], False)


def test_what_cannot_be_claimed_now_stands_apart_with_the_reason() -> None:
    world = crew()
    add(world, {"id": "t-1", "keys": ("a",)}, {"id": "t-2", "keys": ("b",)}, {"id": "t-3"})
    world.run(AcquireLocks(keys=("a",)), "s-bob")
    found = seen(world)
    assert names(found) == [["t-2", "t-3"]]
    assert [(one.id, one.obstacles[0].code) for one in found.held] == [("t-1", "keys_held")]
    # For whoever holds it nothing is in the way.
    bob = next(one for one in world.all(type(world.session("s-x"))) if one.id == "s-bob")
    mine = forecast(world.state(), world.context("s-bob"), bob)
    assert names(mine) == [["t-1", "t-2", "t-3"]]
    assert seen(world, limit=1).more


def test_a_task_without_keys_wants_what_its_feature_claims_but_not_against_its_own() -> None:
    world = crew()
    world.run(RegisterFeature(id="login", claims=("src/auth/**",), slots=("a/",)), "s-ann")
    world.run(RegisterFeature(id="other", claims=("x",)), "s-ann")
    add(
        world,
        {"id": "t-1", "feature": "login"},
        {"id": "t-2", "feature": "login"},
        {"id": "t-3", "feature": "other", "keys": ("src/auth/x",)},
        {"id": "t-4", "feature": "login", "keys": ("src/auth/y",)},
        {"id": "t-5", "feature": "login", "keys": ("src/auth/*",)},
        {"id": "t-6", "feature": "nobody-knows"},
    )
    found = seen(world)
    assert found.rounds[0][0].keys == ("src/auth/**", "a/**")
    assert names(found) == [["t-1", "t-2", "t-4", "t-6"], ["t-3"], ["t-5"]]
    assert [one.task for one in found.rounds[2][0].after] == ["t-4", "t-3"]


def test_keys_that_are_never_locked_are_in_nobodys_way() -> None:
    world = crew(ignore=["*.lock"], shared=["docs/**"])
    add(world, {"id": "t-1", "keys": ("uv.lock", "docs/a")}, {"id": "t-2", "keys": ("uv.lock",)})
    assert names(seen(world)) == [["t-1", "t-2"]]
    assert wants(world.state(), world.get(Task, "t-1")) == ()


@examples(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.sampled_from((*KEYS, *LOGICAL)), max_size=3)),
        max_size=7,
    )
)
def test_no_two_of_a_round_overlap_and_every_round_is_full(wishes: Any) -> None:
    world = crew()
    add(
        world,
        *({"id": f"t-{n}", "priority": p, "keys": tuple(keys)}
          for n, (p, keys) in enumerate(wishes)),
    )  # fmt: skip
    found = seen(world)
    tasks = {task.id: task for task in world.all(Task)}
    order = sorted(tasks.values(), key=lambda task: task.order)
    assert sorted(itertools.chain(*names(found))) == sorted(tasks)

    def clash(one: str, other: str) -> bool:
        return any(meet(x, y) for x in tasks[one].keys for y in tasks[other].keys)

    for number, group in enumerate(names(found)):
        assert not any(clash(one, other) for one, other in itertools.combinations(group, 2))
        # Whoever stands later meets somebody here who is at least as urgent.
        for later in itertools.chain(*names(found)[number + 1 :]):
            met = [one for one in group if clash(one, later)]
            assert any(order.index(tasks[one]) < order.index(tasks[later]) for one in met)


def test_collisions_name_marks_changes_of_the_living_and_other_features() -> None:
    world = crew()
    world.session("s-gone")
    add(world, {"id": "t-1", "feature": "login", "keys": ("src/**", "api:GET /x")})
    world.run(RegisterFeature(id="login", claims=("src/**",)), "s-ann")
    world.run(RegisterFeature(id="api", claims=("src/api/*", "docs/x")), "s-bob")
    world.run(RegisterFeature(id="beside", claims=("src",)), "s-bob")
    world.run(RegisterFeature(id="paused", claims=("src/api/*",)), "s-bob")
    world.run(PauseFeature(id="paused"), "s-bob")
    left(world, "src/a.py", "s-old")
    left(world, "src/mine.py", "s-ann/sub", "feat/mine")
    changed(world, "s-bob", "src/b.py", "src/c.py", "docs/d.md")
    changed(world, "s-ann", "src/e.py")
    changed(world, "s-gone", "src/f.py")
    world.run(EndSession(), "s-gone")
    found = collisions(world.state(), world.get(Task, "t-1"), "s-ann")
    assert [(one.kind, one.name, one.agent, one.keys) for one in found] == [
        ("changed", "s-bob", "bob", ("src/**",)),
        ("feature", "api", "bob", ("src/**",)),
        ("unlanded", "feat/x", "x", ("src/**",)),
    ]
    assert [one.kind for one in seen(world).rounds[0][0].collisions] == [
        "changed", "changed", "feature", "unlanded", "unlanded",
    ]  # fmt: skip
    add(world, {"id": "t-2"}, {"id": "t-3", "feature": "login", "keys": ("src/*.txt",)})
    assert collisions(world.state(), world.get(Task, "t-2")) == []
    # What only stands near in the index is not met.
    assert collisions(world.state(), world.get(Task, "t-3")) == []


def test_changes_are_found_whatever_the_case_where_case_does_not_matter() -> None:
    world = crew(case_folding=True)
    add(world, {"id": "t-1", "keys": ("src/a.py",)})
    changed(world, "s-bob", "SRC/A.py")
    assert [one.name for one in collisions(world.state(), world.get(Task, "t-1"))] == ["s-bob"]


def test_only_so_many_changes_are_looked_at() -> None:
    world = crew(changes_kept=1000)
    add(world, {"id": "t-1", "keys": ("**",)})
    changed(world, "s-bob", *(f"a/{n:03d}" for n in range(CHANGES_LIMIT + 20)))
    state = world.state()
    world.shelf.loads.clear()
    assert len(collisions(state, world.get(Task, "t-1"))) == 1
    loads = [name for table, name in world.shelf.loads if table == "changes"]
    assert len(loads) == CHANGES_LIMIT


def test_next_prefers_what_collides_least_within_one_priority() -> None:
    world = crew()
    add(
        world,
        {"id": "t-two", "keys": ("src/x",)},
        {"id": "t-one", "keys": ("src/y",)},
        {"id": "t-same", "keys": ("src/z",)},
        {"id": "t-urgent", "priority": 1, "keys": ("src/x/1",)},
        {"id": "t-none", "keys": ("docs/x",)},
        {"id": "t-later", "priority": 9, "keys": ("docs/y",)},
    )
    left(world, "src/x", "s-old")
    left(world, "src/x/1", "s-old")
    changed(world, "s-bob", "src/x", "src/y", "src/z")
    expected = ["t-urgent", "t-none", "t-one", "t-same", "t-two", "t-later", ""]
    assert [following(world) for _ in expected] == expected


def test_without_anything_to_collide_with_the_order_is_that_of_the_queue() -> None:
    world = crew()
    add(world, {"id": "t-b", "keys": ("b",)}, {"id": "t-a"})
    assert [following(world), following(world)] == ["t-b", "t-a"]


def test_the_calmer_task_whose_keys_are_held_gives_way_to_the_next() -> None:
    world = crew()
    add(world, {"id": "t-1", "keys": ("src/x",)}, {"id": "t-2", "keys": ("docs/x",)})
    left(world, "src/x", "s-old")
    world.run(AcquireLocks(keys=("docs/x",)), "s-bob")
    answer = world.run(NextTask(), "s-ann")
    assert answer.task.id == "t-1"
    assert [(one.id, one.reasons[0].code) for one in answer.waiting] == [("t-2", "keys_held")]


def test_only_the_first_of_the_queue_are_compared() -> None:
    world = crew()
    add(world, *({"id": f"t-{n:02d}", "keys": (f"src/{n}",)} for n in range(CHOICE)))
    add(world, {"id": "t-calm", "keys": ("docs/x",)})
    changed(world, "s-bob", *(f"src/{n}" for n in range(CHOICE)))
    state = world.state()
    tasks = list(state.scan(Task, "ready:"))
    order = [task.id for task in calm_first(state, tasks, "s-ann")]
    assert order == [*(f"t-{n:02d}" for n in range(CHOICE)), "t-calm"]
    shorter = [task.id for task in calm_first(state, tasks[1:], "s-ann")]
    assert shorter[0] == "t-calm"


def test_the_matrix_has_every_open_feature_and_the_pairs_that_overlap() -> None:
    world = crew()
    world.run(RegisterFeature(id="c", claims=("docs/x",), priority=9), "s-ann")
    world.run(RegisterFeature(id="a", claims=("src/**", "q", "r")), "s-ann")
    world.run(RegisterFeature(id="b", claims=("src/x", "s", "t"), priority=1), "s-bob")
    found = matrix(world.state())
    assert [one.id for one in found.features] == ["b", "a", "c"]
    (pair,) = found.pairs
    assert (pair.features, pair.feasibility) == (("b", "a"), "PARTIAL")
    assert (pair.overlapping_keys, pair.their_keys) == (("src/x",), ("src/**",))


def test_index_terms_are_seen_without_loading_a_record() -> None:
    world = crew()
    add(world, {"id": "t-1"}, {"id": "t-2"})
    state = world.state()
    state.put(world.get(Task, "t-2"))
    world.shelf.loads.clear()
    assert [name for _, name in state.places(Task, "ready:")] == ["t-1", "t-2"]
    assert world.shelf.loads == []
    assert (state.holds("tasks"), state.holds("features"), state.holds("features")) == (
        True, False, False,
    )  # fmt: skip
    for name in ("t-1", "t-2"):
        state.remove(world.get(Task, name))
    assert not state.holds("tasks")
    assert list(state.places(Task, "ready:")) == []
