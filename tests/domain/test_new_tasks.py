"""Adding tasks: all or none, without cycles, with waves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain import new_tasks
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    GitcoordError,
    IdTaken,
    InvalidId,
    InvalidKey,
    InvalidValue,
    LimitReached,
    TaskNotFound,
    UnknownNamespace,
)
from tests.domain.world import START, World


def new(id: str, *depends_on: str, **fields: Any) -> NewTask:
    return NewTask(id=id, depends_on=depends_on, **({"title": f"Title {id}"} | fields))


@pytest.fixture
def world() -> World:
    world = World()
    world.session("s-1")
    world.run(AddTasks(tasks=(new("t-0"),)), "s-1")
    return world


def add(world: World, *tasks: NewTask) -> list[Task]:
    added: list[Task] = world.run(AddTasks(tasks=tasks), "s-1").tasks
    for task in added:
        assert world.get(Task, task.id) == task
    world.check()
    return added


def test_a_task_is_stored_in_canonical_form(world: World) -> None:
    (task,) = add(
        world,
        NewTask(
            id="t-1",
            title="  Fix\n the\u00a0login ",
            description="Long\ntext",
            type="bug",
            priority="high",
            depends_on=("t-0", "t-0"),
            keys=("./src//login.py", "src/login.py", "api:login"),
            requires=("python", "python"),
            feature="login",
            deadline="2026-01-06T09:00:00+01:00",
            not_before="2026-01-05",
            max_attempts=2,
        ),
    )
    assert task == Task(
        id="t-1",
        title="Fix the login",
        description="Long\ntext",
        type="bug",
        priority=3,
        depends_on=("t-0",),
        waiting_for=("t-0",),
        keys=("src/login.py", "api:login"),
        requires=("python",),
        feature="login",
        deadline="2026-01-06T08:00:00.000Z",
        not_before="2026-01-05T00:00:00.000Z",
        wave=1,
        created_at=START,
        created_by="1",
        max_attempts=2,
    )


def test_a_call_may_name_its_own_tasks_by_ref_in_any_order(world: World) -> None:
    tasks = add(
        world,
        new("t-1", "two", "t-0", ref="one", parent="two"),
        new("t-2", ref="two"),
    )
    assert tasks[0].depends_on == tasks[0].waiting_for == ("t-2", "t-0")
    assert tasks[0].parent == "t-2"
    assert [task.place for task in tasks] == [0, 1]


def test_a_dependency_that_is_completed_is_not_waited_for(world: World) -> None:
    from gitcoord.domain.claiming import ClaimTask

    world.run(ClaimTask(id="t-0"), "s-1")
    world.run(MoveTask(id="t-0", move="complete"), "s-1")
    (task,) = add(world, new("t-1", "t-0"))
    assert (task.depends_on, task.waiting_for, task.wave) == (("t-0",), (), 1)


def test_waves_count_only_dependencies_within_the_parent(world: World) -> None:
    add(world, new("a"), new("b", "a"))
    family = add(
        world,
        new("c1", "b", parent="t-0"),
        new("c2", "c1", parent="t-0"),
        new("c3", "c2", "b", parent="t-0"),
        new("d", "b", "c3"),
    )
    assert [task.wave for task in family] == [0, 1, 2, 2]
    assert add(world, new("c4", "c3", parent="t-0"))[0].wave == 3


REFUSALS: list[tuple[type[GitcoordError], str, dict[str, Any]]] = [
    (InvalidValue, "a title has 1 to 255 characters, not 0", {"title": " \n "}),
    (InvalidValue, "a title has 1 to 255 characters, not 256", {"title": "x" * 256}),
    (InvalidValue, "the title holds control characters: 'a\\x1bb'", {"title": "a\x1bb"}),
    (InvalidValue, "not a priority: 'soon'", {"priority": "soon"}),
    (InvalidValue, "not a priority: 11", {"priority": 11}),
    (InvalidValue, "a name has 1 to 100 characters", {"type": ""}),
    (InvalidValue, "not the name of a(n) task type: 'a\\tb'", {"type": "a\tb"}),
    (InvalidValue, "a name has 1 to 100 characters", {"requires": ("",)}),
    (InvalidValue, "not the name of a(n) feature: 'a<b'", {"feature": "a<b"}),
    (InvalidValue, "not a time: 'soon'", {"deadline": "soon"}),
    (InvalidValue, f"the deadline {START} has passed", {"deadline": START}),
    (InvalidValue, "not a time: 'soon'", {"not_before": "soon"}),
    (InvalidValue, "max_attempts lies between 0 and 1000", {"max_attempts": -1}),
    (InvalidValue, "max_attempts lies between 0 and 1000", {"max_attempts": 1001}),
    (InvalidId, "not the id of a task: 'a b'", {"id": "a b"}),
    (InvalidId, "not the id of a task: 'a b'", {"depends_on": ("a b",)}),
    (InvalidId, "not the id of a task: 'a b'", {"parent": "a b"}),
    (IdTaken, "there is a task t-0 already", {"id": "t-0"}),
    (IdTaken, "there is a task t-ok already", {"id": "t-ok"}),
    (IdTaken, "another task of this call has the same name", {"ref": "t-ok"}),
    (IdTaken, "another task of this call has the same name", {"ref": "ok"}),
    (DependencyNotFound, "it depends on t-9, which does not exist", {"depends_on": ("t-9",)}),
    (TaskNotFound, "its parent t-9 does not exist", {"parent": "t-9"}),
    (UnknownNamespace, "", {"keys": ("nope:x",)}),
    (InvalidKey, "", {"keys": ("../x",)}),
    (InvalidKey, "", {"feature": " "}),
]


@pytest.mark.parametrize(("error", "message", "fields"), REFUSALS)
def test_one_wrong_task_refuses_the_whole_call_and_is_named(
    world: World, error: type[GitcoordError], message: str, fields: dict[str, Any]
) -> None:
    wrong = NewTask(**({"id": "t-wrong", "title": "Wrong"} | fields))
    call = AddTasks(tasks=(new("t-ok", ref="ok"), wrong))
    refusal = world.refused(error, call, "s-1")
    label = wrong.ref or repr(wrong.title[:60])
    assert refusal.details["task"] == label
    assert refusal.message.startswith(f"task {label}: {message}")


@pytest.mark.parametrize(
    ("tasks", "loop", "what"),
    [
        ((new("a", "a"),), ["a", "a"], "dependencies"),
        ((new("a", "y", ref="x"), new("b", "x", ref="y")), ["x", "y", "x"], "dependencies"),
        ((new("a", parent="a"),), ["a", "a"], "parents"),
        ((new("a", parent="b"), new("b", parent="a")), ["a", "b", "a"], "parents"),
    ],
)
def test_cycles_are_refused_and_shown(
    world: World, tasks: tuple[NewTask, ...], loop: list[str], what: str
) -> None:
    refusal = world.refused(DependencyCycle, AddTasks(tasks=tasks), "s-1")
    assert refusal.message == f"the {what} form a cycle: {' -> '.join(loop)}"
    assert refusal.details == {"cycle": loop}


def test_empty_and_excessive_calls_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.refused(InvalidValue, AddTasks(tasks=()), "s-1")
    monkeypatch.setattr(new_tasks, "ADD_LIMIT", 2)
    world.refused(LimitReached, AddTasks(tasks=tuple(new(f"t-{n}") for n in range(1, 4))), "s-1")
    monkeypatch.setattr(new_tasks, "LIST_LIMIT", 1)
    world.refused(LimitReached, AddTasks(tasks=(new("t-1", keys=("a", "b")),)), "s-1")
    two = AddTasks(tasks=(new("t-1", "t-0", "t-2"), new("t-2")))
    world.refused(LimitReached, two, "s-1")
    assert len(add(world, new("t-1", "t-0", keys=("a",)), new("t-2"))) == 2


def test_people_may_add_without_a_session(world: World) -> None:
    world.run(AddTasks(tasks=(new("t-1"),)), agent="Alice")
    assert world.get(Task, "t-1").created_by == "Alice"


def test_the_diary_names_the_first_task_and_counts_the_others(world: World) -> None:
    call = AddTasks(tasks=(new("a", title="First\u200dtask"), new("b"), new("c")))
    answer = world.run(call, "s-1")
    assert call.subject(answer, "ann") == "task: ann adds a and 2 more First task"
    one = AddTasks(tasks=(new("d"),))
    assert one.subject(world.run(one, "s-1"), "") == "task: somebody adds d Title d"


@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7), max_size=4), max_size=8))
def test_a_graph_is_added_with_its_waves_or_refused_whole(graph: dict[int, set[int]]) -> None:
    world = World()
    world.session("s-1")
    call = AddTasks(
        tasks=tuple(new(f"t-{n}", *(f"t-{m}" for m in sorted(names))) for n, names in graph.items())
    )
    closed = all(names <= graph.keys() for names in graph.values())
    (outcome,) = world.run_together((call, "s-1"))
    if isinstance(outcome, GitcoordError):
        assert world.all(Task) == []
        assert not graph or not closed or type(outcome) is DependencyCycle
        return
    assert closed
    tasks = {task.id: task for task in world.all(Task)}
    for task in tasks.values():
        below = [tasks[name].wave for name in task.depends_on]
        assert task.wave == (max(below) + 1 if below else 0)
        assert task.waiting_for == task.depends_on
    world.check()
