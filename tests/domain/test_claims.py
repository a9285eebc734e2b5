"""Claims while they last: extended with their locks, ended with their locks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.claims import give_back, lapse
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.sweep import LapseLeases
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import NoteTask, Task, notes_of
from gitcoord.domain.time import plus
from gitcoord.errors import ClaimFailed
from tests.domain.world import World


def worlds(**settings: Any) -> World:
    world = World(**({"claim_ttl": 100, "lock_ttl": 50} | settings))
    for id in ("s-1", "s-2"):
        world.session(id)
    new = NewTask(id="t-1", title="One", keys=("src/a.py", "api:x"))
    world.run(AddTasks(tasks=(new, NewTask(id="t-2", title="Two"))), "s-1")
    return world


def claim(world: World, id: str = "t-1", session: str = "s-1", **fields: Any) -> Task:
    task: Task = world.run(ClaimTask(id=id, **fields), session).task
    return task


def ends(world: World) -> set[str]:
    """Return the ends of all claims and locks."""
    leases = {task.lease_until for task in world.all(Task) if task.lease_until}
    return leases | {lock.expires_at for lock in world.all(Lock)}


def test_a_claim_and_its_locks_end_at_one_time_and_are_extended_together() -> None:
    world = worlds()
    claim(world)
    first = plus(world.now, 100)
    assert ends(world) == {first}
    world.pass_time(50)
    world.run(NoteTask(id="t-2", text="half of the time is left"), "s-1")
    assert ends(world) == {first}
    world.pass_time(1)
    world.run(NoteTask(id="t-2", text="less"), "s-1")
    assert ends(world) == {plus(world.now, 100)}
    world.check()


def test_a_sub_agents_claim_is_extended_by_its_session() -> None:
    world = worlds()
    claim(world, session="s-1/sub")
    world.pass_time(60)
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert ends(world) == {plus(world.now, 100)}


def test_a_late_claim_that_nobody_touched_goes_on() -> None:
    world = worlds()
    claim(world)
    world.pass_time(500)
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert ends(world) == {plus(world.now, 100)}


def test_a_late_claim_whose_key_others_took_is_over() -> None:
    world = worlds()
    claim(world)
    world.pass_time(500)
    world.run(AcquireLocks(keys=("api:x",)), "s-2")
    before = world.get(Task, "t-1")
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert world.get(Task, "t-1") == before
    world.run(LapseLeases())
    assert world.get(Task, "t-1").status == "pending"
    assert {lock.session for lock in world.all(Lock)} == {"s-2"}


def test_a_lock_that_ends_later_than_its_claim_is_not_cut_short() -> None:
    world = worlds()
    world.run(AcquireLocks(keys=("api:x",), ttl=1000, reason="mine"), "s-1")
    later = plus(world.now, 1000)
    claim(world)
    world.pass_time(60)
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert {lock.key: (lock.expires_at, lock.reason) for lock in world.all(Lock)} == {
        "api:x": (later, "mine"),
        "src/a.py": (plus(world.now, 100), "One"),
    }
    world.run(MoveTask(id="t-1", move="complete"), "s-1")
    assert [lock.key for lock in world.all(Lock)] == ["api:x"]


def test_a_key_that_its_holder_released_does_not_end_the_claim() -> None:
    world = worlds()
    claim(world)
    world.run(ReleaseLocks(keys=("api:x",)), "s-1")
    world.pass_time(60)
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert ends(world) == {plus(world.now, 100)}


def test_a_lapsed_claim_is_pending_again_counts_and_is_told() -> None:
    world = worlds()
    claim(world)
    world.pass_time(99)
    world.unchanged(LapseLeases())
    world.pass_time(1)
    assert world.run(LapseLeases()).tasks == ("t-1",)
    task = world.get(Task, "t-1")
    assert (task.status, task.session, task.used()) == ("pending", "", 1)
    assert task.attempts[0].outcome == "timed_out"
    assert world.all(Lock) == []
    (notice,) = told(world.state(), "s-1")
    assert notice.kind == "lapsed"
    assert notice.keys == ("api:x", "src/a.py")
    assert notice.text.startswith("Task t-1 is no longer yours, nor are its keys api:x, src/a.py")
    assert "assigned -> pending: the claim of 1 ended at" in notes_of(world.state(), "t-1")[-1].text
    world.unchanged(LapseLeases())
    world.check()


def test_the_tolerance_for_clocks_delays_the_end_and_a_doubtful_clock_ends_nothing() -> None:
    world = worlds(clock_tolerance=10)
    claim(world)
    world.pass_time(109)
    world.unchanged(LapseLeases())
    world.pass_time(1)
    world.clock_trusted = False
    world.unchanged(LapseLeases())
    assert lapse(world.state(), world.context()) == []
    world.clock_trusted = True
    assert world.run(LapseLeases()).tasks == ("t-1",)


def test_the_last_attempt_that_times_out_fails_the_task() -> None:
    world = worlds(max_attempts=2)
    for _ in range(2):
        claim(world)
        world.pass_time(100)
        world.run(LapseLeases())
    task = world.get(Task, "t-1")
    assert (task.status, task.error_code) == ("failed", "attempts_exhausted")
    assert [attempt.outcome for attempt in task.attempts] == ["timed_out", "timed_out"]
    assert world.all(Lock) == []
    world.check()


@pytest.mark.parametrize("status", ["pending", "assigned", "in_progress", "blocked"])
def test_a_passed_deadline_fails_an_open_task(status: str) -> None:
    world = worlds()
    deadline = plus(world.now, 30)
    new = NewTask(id="t-3", title="Three", keys=("c.py",), deadline=deadline)
    world.run(AddTasks(tasks=(new,)), "s-1")
    if status != "pending":
        claim(world, "t-3")
    for move in {"in_progress": ["start"], "blocked": ["block"]}.get(status, []):
        world.run(MoveTask(id="t-3", move=move, reason="r"), "s-1")  # type: ignore[arg-type]
    world.pass_time(29.999)
    world.unchanged(LapseLeases())
    world.pass_time(0.001)
    assert world.run(LapseLeases()).tasks == ("t-3",)
    task = world.get(Task, "t-3")
    assert (task.status, task.error_code) == ("failed", "deadline_exceeded")
    outcomes = [attempt.outcome for attempt in task.attempts]
    assert outcomes == ([] if status == "pending" else ["deadline_exceeded"])
    assert len(told(world.state(), "s-1")) == len(outcomes)
    assert world.all(Lock) == []
    world.unchanged(LapseLeases())
    world.check()


def test_a_lapse_is_bounded_and_takes_the_earliest_first() -> None:
    world = worlds()
    claim(world, "t-2", ttl=20)
    claim(world, "t-1", ttl=10)
    world.pass_time(100)
    state = world.state()
    assert [task.id for task in lapse(state, world.context(), 1)] == ["t-1"]
    assert [task.id for task in lapse(state, world.context(), 1)] == ["t-2"]


def test_a_claim_lapses_for_others_but_not_for_its_own_session() -> None:
    world = worlds()
    claim(world)
    world.pass_time(100)
    assert lapse(world.state(), world.context(), but="s-1") == []
    assert [task.id for task in lapse(world.state(), world.context(), but="s-2")] == ["t-1"]


def test_a_task_is_given_back_as_released_or_timed_out() -> None:
    world = worlds()
    task = claim(world)
    state, context = world.state(), world.context()
    after = give_back(state, context, task, "released", "went home")
    assert (after.status, after.used(), after.attempts[0].outcome) == ("pending", 0, "released")
    assert notes_of(state, "t-1")[-1].text == "assigned -> pending: went home"
    assert list(state.all(Lock)) == []
    state = world.state()
    after = give_back(state, context, task, "timed_out")
    assert (after.status, after.used()) == ("pending", 1)


@pytest.mark.parametrize("note", ["gone", ""])
def test_tasks_of_the_dead_can_stay_theirs_as_stale(note: str) -> None:
    world = worlds(stale_tasks="mark")
    task = claim(world)
    state, context = world.state(), world.context()
    stale = give_back(state, context, task, "timed_out", note)
    assert state.get(Task, "t-1") == stale
    assert (stale.status, stale.session, stale.stale_since) == ("assigned", "s-1", world.now)
    assert notes_of(state, "t-1")[-1].text == ("stale: gone" if note else "stale")
    assert list(state.all(Lock)) == []
    world.put(stale, *state.all(Lock))
    world.remove(*world.all(Lock))
    world.pass_time(10_000)
    world.unchanged(LapseLeases())
    before = world.get(Task, "t-1")
    world.run(NoteTask(id="t-2", text="x"), "s-1")
    assert world.get(Task, "t-1") == before
    world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-2")
    state = world.state()
    assert give_back(state, context, task, "released").status == "pending"


def test_a_stale_task_that_is_released_after_its_last_attempt_has_failed() -> None:
    world = worlds(max_attempts=1)
    stale = msgspec.structs.replace(claim(world, "t-2"), stale_since=world.now, lease_until="")
    world.put(stale)
    task = world.run(MoveTask(id="t-2", move="release"), "s-2").task
    assert (task.status, task.error_code) == ("failed", "attempts_exhausted")
