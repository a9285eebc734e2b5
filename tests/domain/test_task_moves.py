"""The table of moves, what each move does, and random walks over it."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Operation
from gitcoord.domain.sweep import LapseLeases
from gitcoord.domain.task_moves import MOVES, MoveTask, Retried, RetryTask, Wish
from gitcoord.domain.tasks import CLAIMED, Attempt, Status, Task, notes_of
from gitcoord.domain.time import plus
from gitcoord.domain.unlanded import Mark, MarkDraft
from gitcoord.errors import (
    AttemptsExhausted,
    ClaimFailed,
    GitcoordError,
    InvalidTransition,
    InvalidValue,
    LockHeld,
    NotAssigned,
    ReasonRequired,
    TaskNotFound,
)
from tests.domain.world import World

WISHES = get_args(Wish)
STATUSES = get_args(Status)


@pytest.fixture
def world() -> World:
    world = World(max_attempts=2)
    for id in ("s-1", "s-2", "s-boss"):
        world.session(id)
    new = NewTask(id="t-1", title="One", keys=("src/a.py", "api:x"))
    world.run(AddTasks(tasks=(new,)), "s-boss")
    return world


def move(world: World, wish: Any, session: str = "s-1", **fields: Any) -> Any:
    if wish == "block":
        fields = {"reason": "no access"} | fields
    answer = world.run(MoveTask(id="t-1", move=wish, **fields), session)
    assert world.get(Task, "t-1") == answer.task
    world.check()
    return answer


def bring(world: World, status: str) -> Task:
    """Bring t-1 into a status by legal moves of session s-1."""
    if status not in ("pending", "cancelled"):
        world.run(ClaimTask(id="t-1"), "s-1")
    path = {
        "in_progress": ["start"],
        "blocked": ["start", "block"],
        "completed": ["start", "complete"],
        "failed": ["fail"],
        "cancelled": ["cancel"],
    }
    for wish in path.get(status, []):
        move(world, wish)
    task: Task = world.get(Task, "t-1")
    assert task.status == status
    return task


def keys(world: World, session: str = "s-1") -> list[str]:
    return sorted(lock.key for lock in world.all(Lock) if lock.session == session)


def test_every_status_is_reached_and_only_two_are_final() -> None:
    assert set(MOVES.values()) == set(STATUSES)
    assert set(STATUSES) - {status for status, _ in MOVES} == {"completed", "cancelled"}


def test_the_table_allows_these_wishes_and_no_others() -> None:
    allowed = {s: {m for (status, m) in MOVES if status == s} & set(WISHES) for s in STATUSES}
    assert allowed == {
        "pending": {"cancel"},
        "assigned": {"start", "block", "complete", "fail", "cancel", "release"},
        "in_progress": {"block", "complete", "fail", "cancel", "release"},
        "blocked": {"start", "cancel", "release"},
        "completed": set(),
        "failed": {"cancel"},
        "cancelled": set(),
    }
    assert [status for (status, m) in MOVES if m == "claim"] == ["pending"]
    assert [status for (status, m) in MOVES if m == "retry"] == ["failed"]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("status", STATUSES)
def test_legal_moves_are_made_and_illegal_ones_change_nothing(
    world: World, status: Any, wish: Any
) -> None:
    before = bring(world, status)
    to = MOVES.get((status, wish))
    if to is None:
        wished = MoveTask(id="t-1", move=wish, reason="r")
        refusal = world.refused(InvalidTransition, wished, "s-1")
        assert refusal.details["status"] == status
        assert wish not in refusal.details["allowed"]
        assert refusal.hint.startswith("Possible: " if refusal.details["allowed"] else "This")
        return
    after = move(world, wish, reason="because").task
    assert after.status == to
    assert notes_of(world.state(), "t-1")[-1].text == f"{status} -> {to}: because"
    assert bool(after.lease_until) == (to in CLAIMED)
    assert (keys(world) != []) == (to in CLAIMED)
    assert before.title == after.title


def test_a_task_is_worked_on_from_claim_to_result(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    world.pass_time(5)
    assert move(world, "start").task.status == "in_progress"
    blocked = move(world, "block", reason="needs a key").task
    assert blocked.blocked_reason == "needs a key"
    assert keys(world) == ["api:x", "src/a.py"]
    assert move(world, "start").task.blocked_reason == ""
    answer = move(world, "complete", result="done", files=("src/a.py", "src/a.py"))
    assert answer.released == ["api:x", "src/a.py"]
    task = answer.task
    assert (task.status, task.result, task.files_changed) == ("completed", "done", ("src/a.py",))
    assert (task.session, task.agent, task.completed_at) == ("s-1", "1", world.now)
    assert task.attempts == (
        Attempt(
            n=1,
            session="s-1",
            agent="1",
            started_at=plus(world.now, -5),
            ended_at=world.now,
            outcome="completed",
            result="done",
            files=("src/a.py",),
        ),
    )
    assert [note.text for note in notes_of(world.state(), "t-1")] == [
        "pending -> assigned: by 1",
        "assigned -> in_progress",
        "in_progress -> blocked: needs a key",
        "blocked -> in_progress",
        "in_progress -> completed",
    ]


def test_only_the_claimant_moves_a_task_but_anybody_cancels_it(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1/sub")
    for wish in ("start", "block", "complete", "fail", "release"):
        wished = MoveTask(id="t-1", move=wish, reason="r")  # type: ignore[arg-type]
        refusal = world.refused(NotAssigned, wished, "s-2")
        assert refusal.details["session"] == "s-1/sub"
        assert refusal.message == "task t-1 is assigned and not yours: 1 holds it"
        world.refused(NotAssigned, wished, "s-1/other")
    assert move(world, "start", "s-1").task.session == "s-1/sub"
    task = move(world, "cancel", "s-boss", reason="not needed").task
    assert (task.status, task.error_code) == ("cancelled", "cancelled_by_orchestrator")
    assert task.error == "not needed"
    assert task.attempts[0].outcome == "cancelled"
    assert task.attempts[0].error_code == "cancelled_by_orchestrator"
    assert keys(world, "s-1/sub") == []
    (notice,) = told(world.state(), "s-1")
    assert notice.text == "boss cancelled your task t-1: not needed"


def test_a_claimant_that_cancels_is_no_orchestrator(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    task = move(world, "cancel").task
    assert (task.error_code, task.attempts[0].error_code) == ("", "")
    assert told(world.state(), "s-1") == []


def test_a_pending_task_is_cancelled_with_a_code_of_ones_own(world: World) -> None:
    task = move(world, "cancel", "s-boss", error_code="duplicate").task
    assert (task.error_code, task.attempts) == ("duplicate", ())
    assert world.state().get(Task, "t-1", archived=False) is None


def test_an_orchestrator_may_cancel_without_a_reason(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    move(world, "cancel", "s-boss")
    assert told(world.state(), "s-1")[0].text == "boss cancelled your task t-1"


def test_blocking_needs_a_reason(world: World) -> None:
    bring(world, "assigned")
    world.refused(ReasonRequired, MoveTask(id="t-1", move="block", reason=" "), "s-1")


def test_an_unknown_task_is_refused(world: World) -> None:
    world.refused(TaskNotFound, MoveTask(id="t-9", move="cancel"), "s-1")
    world.refused(TaskNotFound, RetryTask(id="t-9"), "s-1")


def test_a_release_opens_the_task_again_and_does_not_count(world: World) -> None:
    for n in range(1, 4):
        world.run(ClaimTask(id="t-1"), "s-1")
        task = move(world, "release", result="half done", files=("a",)).task
        assert (task.status, task.session, task.result, task.files_changed) == (
            "pending",
            "",
            "",
            (),
        )
        assert (len(task.attempts), task.used()) == (n, 0)
        assert task.attempts[-1].result == "half done"


def test_a_failure_is_kept_retried_and_limited(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    task = move(world, "fail", error="tests red", error_code="E1", result="log").task
    assert (task.status, task.error, task.error_code, task.result) == (
        "failed",
        "tests red",
        "E1",
        "log",
    )
    world.refused(ClaimFailed, ClaimTask(id="t-1"), "s-1")
    again = world.run(RetryTask(id="t-1", reason="flaky"), "s-boss").task
    assert (again.status, again.error, again.error_code, again.result) == ("pending", "", "", "")
    assert again.attempts == task.attempts
    world.run(ClaimTask(id="t-1"), "s-2")
    move(world, "fail", "s-2", reason="still red")
    assert world.get(Task, "t-1").error == "still red"
    refusal = world.refused(AttemptsExhausted, RetryTask(id="t-1"), "s-boss")
    assert (refusal.details["used"], refusal.details["limit"]) == (2, 2)
    assert "gitcoord task retry t-1 --max-attempts 3" in refusal.hint
    assert world.run(RetryTask(id="t-1", max_attempts=3), "s-boss").task.status == "pending"
    world.check()


@pytest.mark.parametrize("status", sorted(set(STATUSES) - {"failed"}))
def test_only_a_failed_task_is_retried(world: World, status: str) -> None:
    bring(world, status)
    world.refused(InvalidTransition, RetryTask(id="t-1"), "s-1")


def test_a_retry_drops_a_deadline_that_has_passed_and_keeps_one_that_has_not(world: World) -> None:
    bring(world, "failed")
    stored = world.get(Task, "t-1")
    later = plus(world.now, 60)
    world.put(msgspec.structs.replace(stored, deadline=later))
    assert world.state().get(Task, "t-1").deadline == later  # type: ignore[union-attr]
    retry = RetryTask(id="t-1", deadline=plus(world.now, 90))
    state = world.state()
    assert retry.apply(state, world.context("s-1")).task.deadline == plus(world.now, 90)
    state = world.state()
    assert RetryTask(id="t-1").apply(state, world.context("s-1")).task.deadline == later
    world.pass_time(60)
    world.refused(InvalidValue, RetryTask(id="t-1", deadline=later), "s-1")
    world.refused(InvalidValue, RetryTask(id="t-1", max_attempts=-1), "s-1")
    assert world.run(RetryTask(id="t-1"), "s-1").task.deadline == ""


def test_completing_readies_those_whose_last_dependency_it_was(world: World) -> None:
    world.run(
        AddTasks(
            tasks=(
                NewTask(id="t-2", title="Two", depends_on=("t-1",)),
                NewTask(id="t-3", title="Three", depends_on=("t-1", "t-2")),
                NewTask(id="t-4", title="Four", depends_on=("t-1",)),
            )
        ),
        "s-boss",
    )
    failed = msgspec.structs.replace(world.get(Task, "t-4"), status="failed")
    world.put(failed)
    world.run(ClaimTask(id="t-1"), "s-1")
    assert move(world, "complete").ready == ["t-2"]
    assert world.get(Task, "t-3").waiting_for == ("t-2",)
    assert world.get(Task, "t-4").waiting_for == ()


def test_the_keys_of_a_claim_can_outlive_it_in_the_hands_of_the_session(world: World) -> None:
    world.run(
        AddTasks(tasks=(NewTask(id="t-2", title="Two", keys=("src/a.py",)),)),
        "s-boss",
    )
    world.run(ClaimTask(id="t-1"), "s-1")
    world.run(ClaimTask(id="t-2"), "s-1")
    answer = move(world, "complete", release_locks=False)
    assert answer.released == []
    assert keys(world) == ["api:x", "src/a.py"]
    assert {lock.key: (lock.task, lock.also_for) for lock in world.all(Lock)} == {
        "api:x": ("", ()),
        "src/a.py": ("", ("t-2",)),
    }


def test_a_key_that_another_claim_needs_stays_with_it(world: World) -> None:
    more = (
        NewTask(id="t-2", title="Two", keys=("src/a.py",)),
        NewTask(id="t-3", title="Three", keys=("src/a.py",)),
    )
    world.run(AddTasks(tasks=more), "s-boss")
    for id in ("t-1", "t-2", "t-3"):
        world.run(ClaimTask(id=id), "s-1")
    world.run(MoveTask(id="t-2", move="complete", release_locks=False), "s-1")
    assert move(world, "complete").released == ["api:x"]
    assert keys(world) == ["src/a.py"]
    world.refused(LockHeld, AcquireLocks(keys=("src/**",)), "s-2")


def test_marks_are_left_for_the_keys_that_are_released(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    drafts = (
        MarkDraft(key="./src/a.py", branch="agent/1/t-1", head="abc"),
        MarkDraft(key="src/other.py", branch="agent/1/t-1", head="abc"),
    )
    answer = move(world, "complete", marks=drafts)
    assert [mark.name for mark in answer.unlanded] == ["src/a.py@agent/1/t-1"]
    assert world.all(Mark) == answer.unlanded


def test_a_late_claimant_may_complete_until_others_have_taken_its_keys(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    world.pass_time(3600)
    assert move(world, "start").task.lease_until > world.now
    world.pass_time(3600)
    world.run(AcquireLocks(keys=("src/**",)), "s-2")
    refusal = world.refused(NotAssigned, MoveTask(id="t-1", move="complete"), "s-1")
    assert refusal.details["lost"] == ["src/a.py"]
    assert move(world, "release").task.status == "pending"


def test_what_a_dead_session_has_left_is_released_by_anybody(world: World) -> None:
    stale = msgspec.structs.replace(
        bring(world, "assigned"), stale_since=world.now, lease_until="", claimed_keys=()
    )
    world.put(stale)
    world.refused(NotAssigned, MoveTask(id="t-1", move="fail"), "s-2")
    task = move(world, "release", "s-2").task
    assert (task.status, task.stale_since, task.attempts[0].outcome) == ("pending", "", "timed_out")


def test_the_diary_says_who_moved_what(world: World) -> None:
    world.run(ClaimTask(id="t-1"), "s-1")
    wish = MoveTask(id="t-1", move="complete")
    assert wish.subject(world.run(wish, "s-1"), "ann") == "task: ann completes t-1 One"
    retry = RetryTask(id="t-1")
    task = world.get(Task, "t-1")
    assert retry.subject(Retried(task=task), "") == "task: somebody retries t-1 One"


WALKS = st.lists(
    st.tuples(
        st.sampled_from([*WISHES, "claim", "retry", "wait"]),
        st.sampled_from(["s-1", "s-2", "s-1/sub"]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(WALKS)
def test_random_walks_obey_the_table_and_never_touch_an_attempt_that_has_ended(
    walk: list[tuple[str, str]],
) -> None:
    world = World(max_attempts=2, claim_ttl=60)
    for id in ("s-1", "s-2"):
        world.session(id)
    new = NewTask(id="t-1", title="One", keys=("src/a.py",))
    world.run(AddTasks(tasks=(new,)), "s-1")
    for wish, session in walk:
        before: Task = world.get(Task, "t-1")
        operation: Operation
        if wish == "wait":
            world.pass_time(61)
            world.run(LapseLeases())
        else:
            if wish == "claim":
                operation = ClaimTask(id="t-1")
            elif wish == "retry":
                operation = RetryTask(id="t-1")
            else:
                operation = MoveTask(id="t-1", move=wish, reason="r")  # type: ignore[arg-type]
            contents = world.shelf.contents()
            try:
                world.run(operation, session)
            except GitcoordError:
                assert world.shelf.contents() == contents
        after: Task = world.get(Task, "t-1")
        if after.status != before.status:
            ways = {m for (s, m), to in MOVES.items() if (s, to) == (before.status, after.status)}
            assert ways & ({wish} if wish != "wait" else {"lapse", "expire"})
            if before.status in CLAIMED and wish not in ("cancel", "wait"):
                assert session in (before.session, before.session.split("/")[0])
        assert before.status not in ("completed", "cancelled") or after == before
        ended = [attempt for attempt in before.attempts if attempt.ended_at]
        assert list(after.attempts[: len(ended)]) == ended
        assert after.used() <= 2
        held = after.status in CLAIMED
        assert held == bool(after.lease_until)
        assert held == (bool(after.attempts) and not after.attempts[-1].ended_at)
        assert [lock.session for lock in world.all(Lock)] == ([after.session] if held else [])
        world.check()
