"""What is closed and old is forgotten; what is open, young or needed never is."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.changes import Change
from gitcoord.domain.compact import DAY, Compact
from gitcoord.domain.handoffs import Handoff
from gitcoord.domain.mailbox import Message, Receipt
from gitcoord.domain.notices import Notice
from gitcoord.domain.ops import Op, prune
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Attempt, Note, Task
from gitcoord.domain.time import plus
from gitcoord.domain.violations import Violation
from gitcoord.errors import InvalidValue
from tests.domain.world import START, World


def session(name: str, **fields: Any) -> Session:
    return Session(id=name, agent="ann", started_at=START, seen_at=START, **fields)


def task(name: str, **fields: Any) -> Task:
    return Task(**({"id": name, "title": name, "created_at": START} | fields))


def handoff(name: str, at: str) -> Handoff:
    return Handoff(id=name, agent="ann", session="s", summary="x", at=at)


def change(name: str, at: str) -> Change:
    return Change(id=name, path="a", session="s", agent="ann", at=at)


def op(name: str, at: str) -> Op:
    return Op(id=name, digest="d", seq=1, at=at, outcome=[])


def names(world: World, kind: type[Any]) -> list[str]:
    return sorted(x.id for x in (*world.all(kind), *world.all(kind, archived=True)))


def test_old_ended_sessions_go_and_live_ones_stay_whatever_their_age() -> None:
    world = World()
    late = plus(START, 10)
    world.put(
        session("s-live"),
        session("s-paused", status="paused"),
        session("s-old", status="ended", ended_at=START),
        session("s-dead", status="timed_out", ended_at=START),
        session("s-young", status="killed", ended_at=late),
    )
    world.now = plus(late, 30 * DAY)
    answer = world.run(Compact())
    assert answer.removed == {"sessions": 2}
    assert not answer.more
    assert names(world, Session) == ["s-live", "s-paused", "s-young"]
    world.unchanged(Compact())


def test_old_closed_tasks_go_with_their_notes_unless_an_open_task_needs_them() -> None:
    world = World()
    done = {"status": "completed", "completed_at": START}
    world.put(
        task("t-open"),
        task("t-failed", status="failed"),
        task("t-done", **done),
        task("t-needed", **done),
        task("t-parent", **done),
        task("t-child", depends_on=("t-needed",), parent="t-parent"),
        task("t-cancelled", status="cancelled"),
        task("t-noted", status="cancelled"),
        task(
            "t-tried",
            status="cancelled",
            attempts=(Attempt(n=1, session="s", started_at=START, ended_at=plus(START, 9)),),
        ),
        Note(id="n-1", task="t-done", text="x", at=START),
        Note(id="n-2", task="t-open", text="x", at=START),
        Note(id="n-3", task="t-noted", text="x", at=plus(START, 9)),
    )
    world.now = plus(START, 90 * DAY + 5)
    assert world.run(Compact()).removed == {"tasks": 2, "notes": 1}
    kept = ["t-child", "t-failed", "t-needed", "t-noted", "t-open", "t-parent", "t-tried"]
    assert names(world, Task) == kept
    assert names(world, Note) == ["n-2", "n-3"]


def test_the_newest_handoffs_are_kept_whatever_their_age() -> None:
    world = World()
    world.put(*(handoff(f"h-{n}", plus(START, n)) for n in range(5)))
    world.now = plus(START, 90 * DAY + 3)
    assert world.run(Compact(handoffs_kept=1)).removed == {"handoffs": 3}
    assert names(world, Handoff) == ["h-3", "h-4"]
    world.now = plus(START, 900 * DAY)
    assert world.run(Compact(handoffs_kept=1)).removed == {"handoffs": 1}


def test_old_changes_notices_and_answers_of_operations_go() -> None:
    world = World(ops_kept=60)
    for name, at in (("old", START), ("new", plus(START, 60 * DAY))):
        notice = Notice(id=name, to="s", kind="lapsed", text="x", at=at)
        world.put(change(name, at), op(name, at), notice)
    world.now = plus(START, 60 * DAY)
    answer = world.run(Compact())
    assert answer.removed == {"changes": 1, "notices": 1, "ops": 1}
    assert names(world, Op) == names(world, Change) == names(world, Notice) == ["new"]


def test_read_messages_go_when_asked_open_ones_after_their_life_and_old_violations_too() -> None:
    world = World(messages_kept=10 * DAY)
    heard = Receipt(session="s-bob", delivered_at=START, read_at=START)
    for day in (0, 5, 9):
        at = plus(START, day * DAY)
        fields: dict[str, Any] = {"text": "x", "to": "s-bob", "at": at}
        world.put(
            Message(id=f"m-read-{day}", receipts=(heard,), **fields),
            Message(id=f"m-open-{day}", **fields),
            Violation(
                id=f"v-{day}", rule="r", category="c", severity="log", action="logged", at=at
            ),
        )
    world.now = plus(START, 9 * DAY + 1)
    world.unchanged(Compact())
    answer = world.run(Compact(messages=3 * DAY, violations=5 * DAY))
    assert answer.removed == {"messages": 2, "violations": 1}
    assert names(world, Message) == ["m-open-0", "m-open-5", "m-open-9", "m-read-9"]
    assert names(world, Violation) == ["v-5", "v-9"]
    world.now = plus(START, 18 * DAY)
    assert world.run(Compact()).removed == {"messages": 2}
    assert names(world, Message) == ["m-open-9", "m-read-9"]
    world.check()


def test_one_call_is_bounded_and_says_that_there_is_more() -> None:
    world = World()
    ended = {"status": "ended", "ended_at": START}
    world.put(*(session(f"s-{n}", **ended) for n in range(5)))
    world.now = plus(START, 60 * DAY)
    wish = Compact(limit=3)
    first = world.run(wish)
    assert (first.removed, first.more) == ({"sessions": 3}, True)
    second = world.run(wish)
    assert (second.removed, second.more) == ({"sessions": 2}, False)
    assert wish.subject(second, "") == "ledger: compacted, 2 sessions forgotten"
    assert wish.subject(world.run(wish), "") == "ledger: compacted, nothing forgotten"


def test_zero_is_a_number_to_keep_or_to_forget_and_the_limit_of_age_is_still_young() -> None:
    world = World()
    world.put(handoff("h-1", START), change("c-1", START))
    world.now = plus(START, 30 * DAY)
    world.unchanged(Compact())
    world.now = plus(START, 91 * DAY)
    assert world.unchanged(Compact(limit=0)).more
    assert world.run(Compact(handoffs_kept=0)).removed == {"changes": 1, "handoffs": 1}


@pytest.mark.parametrize("wish", [Compact(limit=-1), Compact(handoffs_kept=-1)])
def test_negative_numbers_are_refused(wish: Compact) -> None:
    World().refused(InvalidValue, wish)


def test_each_transaction_forgets_a_few_old_answers_and_never_a_young_one() -> None:
    world = World(ops_kept=60)
    world.put(*(op(f"o-{n}", START) for n in range(8)), op("o-young", plus(START, 1)))
    state = world.state()
    now = plus(START, 60.5)
    prune(state, now, 1)
    assert len(list(state.all(Op))) == 3
    prune(state, now, 1)
    prune(state, now, 1)
    assert [each.id for each in state.all(Op)] == ["o-young"]
    prune(state, plus(START, 60), 1)
    assert [each.id for each in state.all(Op)] == ["o-young"]
