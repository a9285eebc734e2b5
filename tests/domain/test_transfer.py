"""Records of another ledger are taken over, all or none, without anybody's claims."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gitcoord.domain.changes import Change
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.mailbox import Message, Receipt
from gitcoord.domain.messages import ReceiveMessages
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Attempt, Note, Task
from gitcoord.domain.transfer import CALL_LIMIT, ImportRecords
from gitcoord.domain.unlanded import Mark
from gitcoord.domain.violations import Violation
from gitcoord.errors import (
    DependencyCycle,
    DependencyNotFound,
    GitcoordError,
    IdTaken,
    InvalidFile,
    LimitReached,
)
from tests.domain.world import START, World


def exported(*records: Record) -> list[dict[str, Any]]:
    return [
        {
            "table": ("archive/" if record.archived else "") + record.table,
            "record": msgspec.to_builtins(record),
        }
        for record in records
    ]


def task(name: str, **fields: Any) -> Task:
    return Task(**({"id": name, "title": name, "created_at": START} | fields))


LETTER = Message(
    id="m-1",
    text="x",
    to="s-bob",
    at=START,
    receipts=(Receipt(session="s-bob", agent="bob", delivered_at=START),),
)
HANDOFF = Handoff(id="h-1", agent="ann", session="s", summary="x", at=START)


def test_everything_that_can_travel_is_added() -> None:
    records = (
        task("t-1", keys=("src/**",)),
        task("t-2", status="completed", completed_at=START),
        Note(id="n-1", task="t-1", text="x", at=START),
        HANDOFF,
        Change(id="o-1.000", path="a", session="s", agent="ann", at=START),
        Mark(key="src/**", branch="topic", head="0", agent="ann", session="s", at=START),
        LETTER,
        Violation(
            id="o-2.000", rule="r", category="git", severity="block", action="blocked", at=START
        ),
    )
    world = World()
    wish = ImportRecords(records=exported(*records))
    answer = world.run(wish)
    assert answer.added == {
        "tasks": 2,
        "notes": 1,
        "handoffs": 1,
        "changes": 1,
        "unlanded": 1,
        "messages": 1,
        "violations": 1,
    }
    for record in records:
        assert world.get(type(record), record.name) == record
    assert [each.id for each in world.all(Task, archived=True)] == ["t-2"]
    assert wish.subject(answer, "ann").startswith("ledger: ann imports 2 tasks, 1 notes")
    world.check()


def test_importing_again_adds_nothing() -> None:
    world = World()
    wish = ImportRecords(records=exported(task("t-1"), HANDOFF))
    world.run(wish)
    again = world.unchanged(wish)
    assert again.present == {"tasks": 1, "handoffs": 1}
    assert wish.subject(again, "") == "ledger: somebody imports nothing"


def test_a_message_that_was_heard_since_is_the_same_message() -> None:
    world = World()
    world.session("s-bob")
    wish = ImportRecords(records=exported(LETTER))
    world.run(wish)
    world.run(ReceiveMessages(ids=("m-1",)), "s-bob")
    assert world.unchanged(wish).present == {"messages": 1}
    other = msgspec.structs.replace(LETTER, text="other")
    world.refused(IdTaken, ImportRecords(records=exported(other)))


def test_a_receipt_with_a_wrong_time_is_refused() -> None:
    wrong = Receipt(session="s-bob", delivered_at="yesterday")
    letter = msgspec.structs.replace(LETTER, receipts=(wrong,))
    error = World().refused(InvalidFile, ImportRecords(records=exported(letter)))
    assert "delivered_at is not a time" in error.message


def test_sessions_and_what_they_hold_stay_behind() -> None:
    session = Session(id="s-1", agent="ann", started_at=START, seen_at=START)
    world = World()
    answer = world.unchanged(ImportRecords(records=[*exported(session), {"table": "locks"}]))
    assert answer.left_behind == {"sessions": 1, "locks": 1}


def test_a_task_that_was_claimed_there_is_open_here() -> None:
    closed = Attempt(n=1, session="s-0", started_at=START, ended_at=START, outcome="failed")
    claimed = task(
        "t-1",
        status="in_progress",
        session="s-1",
        agent="ann",
        claimed_at=START,
        lease_until=START,
        ttl=60.0,
        claimed_keys=("a",),
        attempts=(closed, Attempt(n=2, session="s-1", started_at=START)),
    )
    world = World()
    world.run(ImportRecords(records=exported(claimed)))
    found = world.get(Task, "t-1")
    assert found == task(
        "t-1",
        attempts=(
            closed,
            Attempt(n=2, session="s-1", started_at=START, ended_at=START, outcome="released"),
        ),
    )
    assert [each.id for each in world.state().scan(Task, "ready:")] == ["t-1"]


def test_a_task_waits_for_what_is_not_completed_here() -> None:
    world = World()
    world.put(task("t-done", status="completed", completed_at=START), task("t-open"))
    needs = ("t-done", "t-open", "t-new")
    other = ("t-done",)
    records = exported(
        task("t-1", depends_on=needs, waiting_for=("t-done",)),
        task("t-2", depends_on=other, waiting_for=other),
        task("t-3", status="cancelled", depends_on=("t-gone",), waiting_for=("t-gone",)),
        task("t-new"),
    )
    world.run(ImportRecords(records=records))
    assert world.get(Task, "t-1").waiting_for == ("t-open", "t-new")
    assert world.get(Task, "t-2").waiting_for == ()
    assert world.get(Task, "t-3").waiting_for == ()


def entry(**fields: Any) -> list[dict[str, Any]]:
    return [{"table": "tasks", "record": msgspec.to_builtins(task("t-1")) | fields}]


@pytest.mark.parametrize(
    ("error", "records", "text"),
    [
        (InvalidFile, [{"table": "secrets", "record": {}}], "known are changes"),
        (InvalidFile, [{}], "no table"),
        (InvalidFile, [{"table": "tasks"}], "record 1 (tasks)"),
        (InvalidFile, entry(status="lost"), "status"),
        (InvalidFile, entry(id="../x"), "id"),
        (InvalidFile, entry(keys=["../x"]), ".."),
        (InvalidFile, entry(created_at="yesterday"), "created_at"),
        (InvalidFile, entry(deadline="2026-13-01T00:00:00.000Z"), "deadline"),
        (IdTaken, exported(task("t-here")), "t-here"),
        (IdTaken, exported(task("t-1"), task("t-1", title="other")), "t-1"),
        (DependencyNotFound, entry(depends_on=["t-none"]), "t-none"),
        (
            DependencyCycle,
            exported(task("t-1", depends_on=("t-2",)), task("t-2", depends_on=("t-1",))),
            "t-1",
        ),
        (DependencyCycle, entry(depends_on=["t-1"]), "t-1"),
        (LimitReached, [{"table": "locks"}] * (CALL_LIMIT + 1), "at most"),
    ],
)
def test_one_wrong_record_refuses_all_and_says_which_it_is(
    error: type[GitcoordError], records: list[dict[str, Any]], text: str
) -> None:
    world = World()
    world.put(task("t-here", title="something else"))
    refusal = world.refused(error, ImportRecords(records=records))
    assert text in refusal.message


def test_a_wrong_record_after_good_ones_is_counted_from_one() -> None:
    records = [*exported(HANDOFF, task("t-1")), {"table": "x"}]
    refusal = World().refused(InvalidFile, ImportRecords(records=records))
    assert refusal.details["record"] == 3
