"""Task records, priorities, notes and worktrees."""

from __future__ import annotations

import pytest

from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.settings import Settings
from gitcoord.domain.tasks import (
    Attempt,
    Note,
    NoteTask,
    RecordWorktree,
    Task,
    WorktreeRecorded,
    needs_of,
    notes_of,
    priority_of,
    task_of,
)
from gitcoord.errors import InvalidId, InvalidValue, NotAssigned, TaskNotFound
from tests.domain.world import START, World


@pytest.fixture
def world() -> World:
    world = World()
    world.session("s-1")
    world.session("s-2")
    world.run(AddTasks(tasks=(NewTask(id="t-1", title="One"),)), "s-1")
    return world


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("critical", 1),
        ("High", 3),
        (" medium ", 5),
        ("low", 8),
        ("7", 7),
        (1, 1),
        (10, 10),
    ],
)
def test_a_priority_is_a_number_or_a_word(value: str | int, number: int) -> None:
    assert priority_of(value) == number


@pytest.mark.parametrize("value", [0, 11, -1, "0", "11", "urgent", "", "1.5", True, "\u0661"])
def test_what_is_no_priority_is_refused(value: str | int) -> None:
    with pytest.raises(InvalidValue, match="not a priority"):
        priority_of(value)


def test_a_task_sorts_by_urgency_then_age_then_place() -> None:
    late = "2026-01-05T09:00:00.000Z"
    tasks = [
        Task(id="d", title="T", created_at=late, priority=1),
        Task(id="c", title="T", created_at=START, place=2),
        Task(id="b", title="T", created_at=START, place=11),
        Task(id="a", title="T", created_at=late),
        Task(id="0", title="T", created_at=START, priority=10),
    ]
    assert [task.id for task in sorted(tasks, key=lambda t: t.order)] == ["d", "c", "b", "a", "0"]


def test_only_final_statuses_are_archived() -> None:
    archived = [
        status
        for status in (
            "pending",
            "assigned",
            "in_progress",
            "blocked",
            "completed",
            "failed",
            "cancelled",
        )
        if Task(id="t", title="T", created_at=START, status=status).archived  # type: ignore[arg-type]
    ]
    assert archived == ["completed", "cancelled"]


def test_a_task_is_found_by_what_it_is_and_not_by_what_it_was() -> None:
    order = f"05:{START}:00000:t"
    relatives = {"needs:d", "on:d", "on:e", "feature:login", "parent:p"}
    task = Task(
        id="t",
        title="T",
        created_at=START,
        depends_on=("d", "e"),
        waiting_for=("d",),
        feature="login",
        parent="p",
        deadline=START,
        session="s-1/sub",
        lease_until=START,
    )

    def terms(**fields: object) -> set[str]:
        import msgspec

        return set(msgspec.structs.replace(task, **fields).terms())

    assert terms() == relatives | {f"status:pending:{order}", f"later:{order}", f"deadline:{START}"}
    assert terms(waiting_for=()) == relatives - {"needs:d"} | {
        f"status:pending:{order}",
        f"ready:{order}",
        f"ready-type:task\t{order}",
        f"ready-feature:login\t{order}",
        f"deadline:{START}",
    }
    able = terms(waiting_for=(), requires=("a b", "c"))
    ready = {term for term in able if term.startswith("ready")}
    assert len(ready) == 3
    assert all(needs_of(term) == ["a b", "c"] for term in ready)
    assert all(needs_of(term) == [] for term in terms(waiting_for=()))
    assert terms(status="blocked") == relatives | {
        f"status:blocked:{order}",
        "by:s-1",
        f"lease:{START}",
        f"deadline:{START}",
    }
    assert terms(status="assigned", lease_until="") >= {"by:s-1"}
    assert terms(status="failed") == relatives | {f"status:failed:{order}"}


def test_only_some_attempts_count_towards_the_limit() -> None:
    outcomes = ("failed", "released", "timed_out", "deadline_exceeded", "cancelled", "")
    attempts = tuple(
        Attempt(n=n, session="s", started_at=START, outcome=outcome)  # type: ignore[arg-type]
        for n, outcome in enumerate(outcomes, 1)
    )
    task = Task(id="t", title="T", created_at=START, attempts=attempts)
    assert task.used() == 3
    assert task.limit(Settings(max_attempts=7)) == 7
    assert Task(id="t", title="T", created_at=START, max_attempts=2).limit(Settings()) == 2


def test_a_task_is_looked_up_by_a_well_formed_id(world: World) -> None:
    assert task_of(world.state(), "t-1").title == "One"
    with pytest.raises(TaskNotFound) as refusal:
        task_of(world.state(), "t-2")
    assert refusal.value.details == {"task": "t-2"}
    with pytest.raises(InvalidId):
        task_of(world.state(), "../t")


def test_anybody_who_is_checked_in_may_note_and_notes_come_in_order(world: World) -> None:
    first = world.run(NoteTask(id="t-1", text="began"), "s-2").note
    assert (first.text, first.kind, first.agent, first.session) == ("began", "progress", "2", "s-2")
    world.pass_time(1)
    world.run(NoteTask(id="t-1", text="why\nso", kind="decision"), "s-1")
    assert [note.text for note in notes_of(world.state(), "t-1")] == ["began", "why\nso"]
    by_hand = world.run(NoteTask(id="t-1", text="x"), agent="Alice").note
    assert (by_hand.agent, by_hand.session) == ("Alice", "")
    world.check()


def test_notes_are_those_of_this_task_even_where_another_id_begins_like_it(world: World) -> None:
    world.run(AddTasks(tasks=(NewTask(id="t-1:b", title="B"),)), "s-1")
    world.run(NoteTask(id="t-1:b", text="other"), "s-1")
    assert notes_of(world.state(), "t-1") == []
    assert [note.text for note in notes_of(world.state(), "t-1:b")] == ["other"]


def test_two_notes_of_one_operation_are_two_notes(world: World) -> None:
    from gitcoord.domain.tasks import write_note

    state, context = world.state(), world.context("s-1")
    notes = [write_note(state, context, "t-1", text) for text in ("a", "b", "c")]
    assert [note.text for note in notes_of(state, "t-1")] == ["a", "b", "c"]
    assert len({note.id for note in notes}) == 3
    assert state.get(Note, notes[2].id) == notes[2]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (NoteTask(id="t-1", text=" "), InvalidValue),
        (NoteTask(id="t-1", text="x", kind="system"), InvalidValue),
        (NoteTask(id="t-1", text="x", kind=""), InvalidValue),
        (NoteTask(id="t-9", text="x"), TaskNotFound),
        (RecordWorktree(id="t-9"), TaskNotFound),
        (RecordWorktree(id="t-1"), NotAssigned),
    ],
)
def test_wrong_notes_and_worktrees_are_refused(
    world: World, operation: NoteTask | RecordWorktree, error: type[Exception]
) -> None:
    world.refused(error, operation, "s-1")  # type: ignore[arg-type]


def test_the_claimant_records_its_worktree_and_forgets_it(world: World) -> None:
    from gitcoord.domain.claiming import ClaimTask

    world.run(ClaimTask(id="t-1"), "s-1")
    there = RecordWorktree(id="t-1", worktree="../wt", branch="agent/1/t-1")
    assert world.run(there, "s-1").task.branch == "agent/1/t-1"
    assert world.get(Task, "t-1").worktree == "../wt"
    world.unchanged(there, "s-1")
    world.refused(NotAssigned, there, "s-2")
    assert world.run(RecordWorktree(id="t-1"), "s-1").task.worktree == ""


def test_the_diary_says_who_noted_and_who_works_where(world: World) -> None:
    note = NoteTask(id="t-1", text="two\nlines")
    answer = world.run(note, "s-1")
    assert note.subject(answer, "ann") == "task: ann notes on t-1: two lines"
    assert note.subject(answer, "") == "task: somebody notes on t-1: two lines"
    there = RecordWorktree(id="t-1", worktree="../wt")
    shown = WorktreeRecorded(task=world.get(Task, "t-1"))
    assert there.subject(shown, "ann") == "task: ann works on t-1 in ../wt"
    assert RecordWorktree(id="t-1").subject(shown, "") == (
        "task: somebody works on t-1 in no worktree"
    )
