"""Choosing and claiming tasks, against a brute-force choice and with counted loads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain import claiming
from gitcoord.domain.claiming import Claimed, ClaimTask, NextTask
from gitcoord.domain.key_index import stored
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.obstacles import obstacles
from gitcoord.domain.overlap import overlap
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import LapseLeases
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Attempt, Task
from gitcoord.domain.time import plus
from gitcoord.domain.unlanded import Mark
from gitcoord.errors import (
    AttemptsExhausted,
    ClaimFailed,
    FeaturePaused,
    InvalidKey,
    LimitReached,
    LockHeld,
    QueuedBehind,
    SessionRequired,
    TaskNotFound,
    TtlOutOfRange,
)
from tests.domain.world import START, World


def worlds(*tasks: NewTask, **settings: Any) -> World:
    world = World(**settings)
    world.session("s-1", capabilities=("python", "sql"))
    world.session("s-2")
    world.session("s-boss")
    if tasks:
        world.run(AddTasks(tasks=tasks), "s-boss")
    return world


def new(id: str, *depends_on: str, **fields: Any) -> NewTask:
    return NewTask(id=id, depends_on=depends_on, **({"title": f"Title {id}"} | fields))


def put(world: World, id: str, **fields: Any) -> None:
    world.put(msgspec.structs.replace(world.get(Task, id), **fields))


def reasons(answer: Claimed) -> dict[str, list[str]]:
    return {task.id: [reason.code for reason in task.reasons] for task in answer.waiting}


def test_a_claim_takes_the_task_and_its_keys_in_one_operation() -> None:
    world = worlds(new("t-1", keys=("src/a.py", "api:x")))
    answer = world.run(ClaimTask(id="t-1", keys=("./docs/",), ttl=60), "s-1")
    task = answer.task
    assert (task.status, task.session, task.agent) == ("assigned", "s-1", "1")
    assert (task.claimed_at, task.lease_until, task.ttl) == (START, plus(START, 60), 60)
    assert task.attempts == (Attempt(n=1, session="s-1", agent="1", started_at=START),)
    assert [lock.key for lock in answer.locks] == list(task.claimed_keys)
    assert task.claimed_keys == ("api:x", "docs/**", "src/a.py")
    assert {lock.task for lock in answer.locks} == {"t-1"}
    assert {lock.expires_at for lock in answer.locks} == {task.lease_until}
    assert world.get(Task, "t-1") == task
    world.check()


def test_a_held_key_refuses_the_claim_and_nothing_changes() -> None:
    world = worlds(new("t-1", keys=("api:x", "src/a.py")))
    world.run(AcquireLocks(keys=("src/**",), reason="big move"), "s-2")
    refusal = world.refused(LockHeld, ClaimTask(id="t-1"), "s-1")
    assert refusal.details["conflicts"][0]["agent"] == "2"


def test_a_claim_queues_behind_those_who_wait_for_its_keys() -> None:
    world = worlds(new("t-1", keys=("src/a.py",)), new("t-2"))
    world.run(AcquireLocks(keys=("src/b.py",)), "s-2")
    world.run(AcquireLocks(keys=("src/**",), wait=10), "s-boss")
    world.refused(QueuedBehind, ClaimTask(id="t-1"), "s-1")
    answer = world.run(NextTask(), "s-1")
    assert answer.task.id == "t-2"
    assert reasons(answer) == {"t-1": ["queued_behind"]}
    shown = obstacles(world.state(), world.context("s-1"), world.get(Task, "t-1"))
    assert [each.code for each in shown] == ["queued_behind"]


@pytest.mark.parametrize("status", ["assigned", "completed", "cancelled", "failed"])
def test_what_is_not_pending_is_not_claimed(status: str) -> None:
    world = worlds(new("t-1"))
    moves = {"completed": "complete", "cancelled": "cancel", "failed": "fail"}
    world.run(ClaimTask(id="t-1"), "s-2")
    if status in moves:
        world.run(MoveTask(id="t-1", move=moves[status]), "s-2")  # type: ignore[arg-type]
    refusal = world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-1")
    assert refusal.details["status"] == status
    assert refusal.details["session"] == "s-2"


def test_a_task_that_was_cancelled_before_anybody_had_it_is_not_claimed() -> None:
    world = worlds(new("t-1"))
    world.run(MoveTask(id="t-1", move="cancel"), "s-2")
    assert world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-1").message == "task t-1 is cancelled"


@pytest.mark.parametrize(
    ("fields", "stored_fields", "error", "code"),
    [
        ({"requires": ("python", "rust")}, {}, ClaimFailed, "capability"),
        ({"not_before": plus(START, 1)}, {}, ClaimFailed, "not_before"),
        ({}, {"max_attempts": 1, "failed": 1}, AttemptsExhausted, "attempts"),
        ({"depends_on": ("t-0",)}, {}, ClaimFailed, "depends"),
        ({"feature": "login"}, {}, FeaturePaused, "paused"),
    ],
)
def test_every_obstacle_refuses_a_claim_and_is_shown_by_next(
    fields: dict[str, Any], stored_fields: dict[str, Any], error: Any, code: str
) -> None:
    world = worlds(new("t-0", priority=10), NewTask(id="t-1", title="One", priority=1, **fields))
    world.run(AcquireLocks(keys=("feature:login:pause",), reason="freeze"), "s-2")
    if stored_fields:
        attempt = Attempt(n=1, session="s-2", started_at=START, ended_at=START, outcome="failed")
        put(world, "t-1", max_attempts=1, attempts=(attempt,))
    refusal = world.refused(error, ClaimTask(id="t-1"), "s-1")
    if error is not AttemptsExhausted:
        assert [reason["code"] for reason in refusal.details["reasons"]] == [code]
    else:
        assert "gitcoord config --shared max_attempts 2" in refusal.hint
    context = world.context("s-1")
    shown = obstacles(world.state(), context, world.get(Task, "t-1"), world.get(Session, "s-1"))
    assert [each.code for each in shown] == [code]
    answer = world.run(NextTask(), "s-1")
    assert answer.task.id == "t-0"
    assert reasons(answer) == ({} if code == "depends" else {"t-1": [code]})
    if code == "depends":
        assert reasons(world.run(NextTask(), "s-1")) == {"t-1": ["depends"]}


def test_a_pause_without_a_reason_names_who_paused() -> None:
    world = worlds(new("t-1", feature="login"))
    world.run(AcquireLocks(keys=("feature:login:pause",)), "s-2")
    (waiting,) = world.run(NextTask(), "s-1").waiting
    assert waiting.reasons[0].detail == "feature login is paused by 2"
    assert waiting.reasons[0].about == ("s-2",)


def test_a_feature_is_paused_and_asked_for_however_its_letters_are_composed() -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    world = worlds(new("t-1", feature=apart))
    assert world.get(Task, "t-1").feature == composed
    world.run(AcquireLocks(keys=(f"feature:{apart}:pause",)), "s-2")
    answer = world.run(NextTask(feature=apart), "s-1")
    assert reasons(answer) == {"t-1": ["paused"]}
    world.refused(InvalidKey, NextTask(feature=" "), "s-1")


def test_a_deadline_that_has_passed_ends_a_task_at_the_next_choice() -> None:
    world = worlds(new("t-1", deadline=plus(START, 5)), new("t-2", "t-1"))
    world.pass_time(5)
    shown = obstacles(world.state(), world.context(), world.get(Task, "t-1"))
    assert [each.code for each in shown] == ["deadline_passed"]
    answer = world.run(NextTask(), "s-1")
    assert answer.task is None
    assert reasons(answer) == {"t-2": ["dependency_failed"]}
    assert world.get(Task, "t-1").status == "failed"


def test_failed_cancelled_and_pruned_dependencies_show_on_their_dependants() -> None:
    world = worlds(
        new("t-a"), new("t-b"), new("t-c"), new("t-d"), new("t-1", "t-a", "t-b", "t-c", "t-d")
    )
    for id in ("t-a", "t-d"):
        world.run(ClaimTask(id=id), "s-2")
        world.run(MoveTask(id=id, move="fail"), "s-2")
    world.run(MoveTask(id="t-b", move="cancel"), "s-2")
    world.remove(world.get(Task, "t-d"))
    failed, unfinished = obstacles(world.state(), world.context(), world.get(Task, "t-1"))
    assert (failed.code, failed.about) == ("dependency_failed", ("t-a", "t-b", "t-d"))
    assert (unfinished.code, unfinished.about) == ("depends", ("t-c",))
    refusal = world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-1")
    assert "t-a, t-b, t-d" in refusal.message


def test_a_task_in_another_status_has_no_obstacles() -> None:
    world = worlds(new("t-1", requires=("rust",), keys=("a",)))
    world.run(AcquireLocks(keys=("a",)), "s-2")
    put(world, "t-1", status="failed")
    assert obstacles(world.state(), world.context("s-1"), world.get(Task, "t-1")) == []


def test_obstacles_of_keys_are_shown_to_people_too() -> None:
    world = worlds(new("t-1", keys=("a", "b", "ignored.lock")), ignore=["*.lock"])
    world.run(AcquireLocks(keys=("a", "b"), ttl=60), "s-2")
    task = world.get(Task, "t-1")
    for context, session in (
        (world.context(), None),
        (world.context(), world.get(Session, "s-1")),
        (world.context("s-1"), None),
    ):
        (shown,) = obstacles(world.state(), context, task, session)
        assert (shown.code, shown.about, shown.until) == ("keys_held", ("s-2",), plus(START, 60))
    assert obstacles(world.state(), world.context("s-2"), task) == []
    world.run(AcquireLocks(keys=("nothing",)), "s-2")
    assert obstacles(world.state(), world.context("s-2"), task) == []


def test_a_key_whose_namespace_is_gone_stops_only_its_task() -> None:
    world = worlds(new("t-1", keys=("team:x",)), new("t-2"), namespaces=["team"])
    world.settings = msgspec.structs.replace(world.settings, namespaces=())
    shown = obstacles(world.state(), world.context(), world.get(Task, "t-1"))
    assert [each.code for each in shown] == ["keys_invalid"]
    answer = world.run(NextTask(), "s-1")
    assert answer.task.id == "t-2"
    assert reasons(answer) == {"t-1": ["keys_invalid"]}


def test_wrong_requests_are_refused() -> None:
    world = worlds(new("t-1"), lock_ttl_max=3600)
    for operation in (ClaimTask(id="t-1", ttl=3601), NextTask(ttl=0)):
        world.refused(TtlOutOfRange, operation, "s-1")
    world.refused(InvalidKey, ClaimTask(id="t-1", keys=("../x",)), "s-1")
    world.refused(TaskNotFound, ClaimTask(id="t-9"), "s-1")
    world.refused(SessionRequired, NextTask())


def test_the_default_time_of_a_claim_stays_within_the_bounds_of_locks() -> None:
    world = worlds(new("t-1"), lock_ttl=10, lock_ttl_max=20)
    assert world.run(NextTask(), "s-1").task.lease_until == plus(START, 20)


def test_a_session_holds_no_more_tasks_than_the_settings_allow() -> None:
    world = worlds(new("t-1"), new("t-2"), new("t-3"), tasks_per_session=2)
    world.run(NextTask(), "s-1")
    world.run(NextTask(), "s-1/sub")
    for operation in (NextTask(), ClaimTask(id="t-3")):
        refusal = world.refused(LimitReached, operation, "s-1/other")
        assert refusal.details == {"tasks": ["t-1", "t-2"], "limit": 2}
    world.run(MoveTask(id="t-1", move="complete"), "s-1")
    assert world.run(ClaimTask(id="t-3"), "s-1").task.id == "t-3"


def test_claiming_again_renews_the_claim_and_takes_back_free_keys() -> None:
    world = worlds(new("t-1", keys=("a",)), tasks_per_session=1)
    first = world.run(ClaimTask(id="t-1", keys=("b",)), "s-1")
    world.run(MoveTask(id="t-1", move="start"), "s-1")
    world.remove(world.get(Lock, "b@s-1"))
    world.pass_time(5)
    call = ClaimTask(id="t-1", ttl=60, keys=("c",))
    again = world.run(call, "s-1")
    assert again.renewed
    assert (again.task.status, again.task.lease_until) == ("in_progress", plus(world.now, 60))
    assert again.task.claimed_keys == ("a", "b", "c")
    assert again.task.attempts == first.task.attempts
    assert call.subject(again, "ann") == "task: ann renews t-1 Title t-1 with a, b, c"
    world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-1/sub")
    world.remove(world.get(Lock, "c@s-1"))
    world.run(AcquireLocks(keys=("c",)), "s-2")
    world.refused(LockHeld, ClaimTask(id="t-1"), "s-1")
    world.check()


def test_a_claim_whose_time_is_over_can_be_claimed_by_others() -> None:
    world = worlds(new("t-1", keys=("a",)), claim_ttl=60)
    world.run(ClaimTask(id="t-1"), "s-1")
    world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-2")
    world.pass_time(60)
    task = world.run(ClaimTask(id="t-1"), "s-2").task
    assert [attempt.outcome for attempt in task.attempts] == ["timed_out", ""]
    assert [lock.session for lock in world.all(Lock)] == ["s-2"]
    world.check()


def test_a_session_that_was_late_gets_its_own_task_again_with_next() -> None:
    world = worlds(new("t-1", keys=("a",)), claim_ttl=60)
    world.run(NextTask(), "s-1")
    world.pass_time(60)
    assert world.run(NextTask(), "s-1").task is None
    assert world.get(Task, "t-1").lease_until == plus(world.now, 60)


def test_next_shows_what_others_left_on_branches_under_the_keys() -> None:
    world = worlds(new("t-1", keys=("src/a.py",)), new("t-2", keys=("docs/x.md",)))
    mark = Mark(key="src/**", branch="b", head="abc", agent="2", session="s-2", at=START)
    world.put(mark)
    assert world.run(NextTask(), "s-1").unlanded == [mark]
    assert world.run(NextTask(), "s-1").unlanded == []


def test_next_with_nothing_ready_shows_why_and_changes_nothing() -> None:
    world = worlds(
        *(new(f"t-{n}", "t-x") for n in range(15)),
        new("t-x", requires=("rust",)),
        new("t-bug", "t-x", type="bug"),
    )
    call = NextTask()
    answer = world.unchanged(call, "s-1")
    assert answer.task is None
    assert len(answer.waiting) == 10
    assert reasons(answer)["t-x"] == ["capability"]
    assert call.subject(answer, "ann") == "task: ann finds nothing to do"
    assert reasons(world.unchanged(NextTask(types=("bug",)), "s-1")) == {"t-bug": ["depends"]}
    assert worlds().unchanged(NextTask(), "s-1") == Claimed()


def test_at_most_ten_tasks_are_shown_as_passed_over() -> None:
    world = worlds(*(new(f"t-{n:02}", keys=("a",)) for n in range(12)), new("u", priority=9))
    world.run(AcquireLocks(keys=("a",)), "s-2")
    call = NextTask()
    answer = world.run(call, "s-1")
    assert answer.task.id == "u"
    assert list(reasons(answer)) == [f"t-{n:02}" for n in range(10)]
    assert call.subject(answer, "") == "task: somebody claims u Title u"
    assert claiming.SHOWN_LIMIT == 10


def test_next_keeps_to_the_types_and_the_feature_that_are_asked_for() -> None:
    world = worlds(
        new("a", type="bug", priority=1),
        new("b", type="doc", feature="login"),
        new("c", type="task", feature="login", priority=2),
        new("d", type="doc", priority=3),
    )
    state = world.state()

    def chosen(**fields: Any) -> str:
        mark = state.savepoint()
        answer = NextTask(**fields).apply(state, world.context("s-1"))
        state.rollback(mark)
        return answer.task.id if answer.task else ""

    assert chosen() == "a"
    assert chosen(feature="login") == "c"
    assert chosen(types=("doc", "bug")) == "a"
    assert chosen(types=("doc",)) == "d"
    assert chosen(types=("doc", "task"), feature="login") == "c"
    assert chosen(types=("doc",), feature="login") == "b"
    assert chosen(types=("none",)) == ""
    assert chosen(feature="none") == ""


def test_next_and_claim_load_only_what_they_need_among_5000_tasks() -> None:
    world = worlds()
    later = [
        Task(
            id=f"t-{n}",
            title="Later",
            created_at=START,
            depends_on=("t-root",),
            waiting_for=("t-root",),
            priority=1,
        )
        for n in range(2000)
    ]
    closed = [
        Task(id=f"c-{n}", title="C", created_at=START, status="completed") for n in range(900)
    ]
    failed = [Task(id=f"f-{n}", title="F", created_at=START, status="failed") for n in range(900)]
    bugs: list[Record] = [
        Task(id=f"b-{n}", title="B", created_at=START, type="bug", feature="x") for n in range(1200)
    ]
    root = Task(
        id="t-root", title="Root", created_at=START, priority=9, keys=("a",), feature="login"
    )
    world.put(*later, *closed, *failed, *bugs, root)
    calls: tuple[Any, ...] = (
        NextTask(types=("task",)),
        NextTask(feature="login"),
        ClaimTask(id="t-root"),
    )
    for call in calls:
        state = world.state()
        world.shelf.loads.clear()
        assert call.apply(state, world.context("s-1")).task.id == "t-root"
        tasks = [name for table, name in world.shelf.loads if table.endswith("tasks")]
        assert len(tasks) <= 3, tasks
        assert len(world.shelf.loads) <= 12
    state = world.state()
    world.shelf.loads.clear()
    assert NextTask().apply(state, world.context("s-1")).task.id == "b-0"  # type: ignore[union-attr]
    assert len(world.shelf.loads) <= 12
    state = world.state()
    world.shelf.loads.clear()
    answer = NextTask(types=("none",)).apply(state, world.context("s-1"))
    assert answer.task is None
    assert len(world.shelf.loads) <= 2 + claiming.LOOKED_AT


def test_next_loads_no_more_tasks_than_it_shows_of_those_that_it_lacks_a_capability_for() -> None:
    world = worlds()
    above: list[Record] = [
        Task(id=f"t-{n}", title="T", created_at=START, requires=("python", "rust"), feature="login")
        for n in range(500)
    ]
    last = Task(id="u", title="U", created_at=START, priority=9, requires=("sql", "python"))
    world.put(*above, msgspec.structs.replace(last, feature="login"))
    for call in (NextTask(), NextTask(types=("task",)), NextTask(feature="login")):
        state = world.state()
        world.shelf.loads.clear()
        answer = call.apply(state, world.context("s-1"))
        assert answer.task is not None
        assert answer.task.id == "u"
        assert set(map(tuple, reasons(answer).values())) == {("capability",)}
        assert len(answer.waiting) == claiming.SHOWN_LIMIT
        tasks = [name for table, name in world.shelf.loads if table.endswith("tasks")]
        assert len(tasks) <= claiming.SHOWN_LIMIT + 2, tasks


KEYS = ("src/a.py", "src/*.py", "src/**", "docs/x", "api:x")


FAILURE = Attempt(n=1, session="s", started_at=START, ended_at=START, outcome="failed")
TASKS = st.builds(
    Task,
    id=st.just("t"),
    title=st.just("T"),
    created_at=st.sampled_from([plus(START, -seconds) for seconds in range(3)]),
    place=st.integers(0, 2),
    priority=st.integers(1, 3),
    status=st.sampled_from(["pending"] * 5 + ["completed", "failed"]),
    type=st.sampled_from(["task", "bug"]),
    feature=st.sampled_from(["", "", "frozen", "open"]),
    requires=st.sampled_from([(), (), ("sql",), ("rust",)]),
    keys=st.sampled_from([(), *((key,) for key in KEYS), ("src/a.py", "api:x")]),
    not_before=st.sampled_from(["", "", plus(START, 1), START]),
    deadline=st.sampled_from(["", "", plus(START, 1)]),
    attempts=st.sampled_from([(), (), (), (FAILURE,)]),
)
#: Tasks with the numbers, as bits, of the earlier tasks that each depends on.
QUEUES = st.lists(st.tuples(TASKS, st.sampled_from([0, 0, 0, 1, 2, 5, 8])), max_size=9)


def linked(queue: list[tuple[Task, int]]) -> list[Task]:
    """Return the tasks with ids and dependencies."""
    tasks: list[Task] = []
    for n, (task, bits) in enumerate(queue):
        before = [tasks[m] for m in range(n) if bits >> m & 1]
        links = {
            "id": f"t-{n}",
            "depends_on": tuple(other.id for other in before),
            "waiting_for": tuple(other.id for other in before if other.status != "completed"),
        }
        tasks.append(msgspec.structs.replace(task, **links))
    return tasks


@settings(max_examples=200, deadline=None)
@given(
    QUEUES,
    st.sampled_from([(), (), ("bug",), ("bug", "task")]),
    st.sampled_from(["", "", "", "open", "frozen"]),
    st.sampled_from([(), *((key,) for key in KEYS), ("docs/x", "api:x")]),
)
def test_next_chooses_the_best_task_that_brute_force_finds(
    queue: list[tuple[Task, int]], types: tuple[str, ...], feature: str, held: tuple[str, ...]
) -> None:
    tasks = linked(queue)
    world = worlds(max_attempts=1)
    world.put(*tasks)
    world.run(AcquireLocks(keys=("feature:frozen:pause", *held)), "s-2")
    by_id = {task.id: task for task in tasks}

    def free(task: Task) -> bool:
        return not any(overlap(stored(a), stored(b)) for a in task.keys for b in held)

    possible = [
        task
        for task in tasks
        if task.status == "pending"
        and all(by_id[name].status == "completed" for name in task.depends_on)
        and set(task.requires) <= {"python", "sql"}
        and (not types or task.type in types)
        and (not feature or task.feature == feature)
        and task.feature != "frozen"
        and task.not_before <= world.now
        and (not task.deadline or task.deadline > world.now)
        and not task.attempts
        and free(task)
    ]
    best = min(possible, key=lambda t: (t.priority, t.created_at, t.place, t.id), default=None)
    answer = world.run(NextTask(types=types, feature=feature), "s-1")
    assert (answer.task.id if answer.task else None) == (best.id if best else None)
    if best is not None:
        assert {lock.key for lock in answer.locks} == set(best.keys)
        passed = {task.id for task in answer.waiting}
        assert passed.isdisjoint(task.id for task in possible)
    world.run(LapseLeases())
    world.check()
