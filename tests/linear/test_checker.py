"""The checker accepts what can have happened and rejects what cannot."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.linear.checker import Model, check
from tests.linear.history import NEVER, NOTHING, UNKNOWN, Call, Recorder, by_key, merged
from tests.linear.models import SWEEP, LockKey, TaskClaim
from tests.linear.playing import (
    BEAT,
    KEY,
    LOCK_OPS,
    TASK_OPS,
    Ask,
    Lock,
    Task,
    asks,
    played,
)

KINDS: dict[str, tuple[type[Lock | Task], Model, tuple[str, ...]]] = {
    "lock": (Lock, LockKey(), LOCK_OPS),
    "task": (Task, TaskClaim(), TASK_OPS),
}
both = pytest.mark.parametrize("kind", KINDS)
FATES = ("told", "told", "told", "told", "lost", "dropped")


def asked(
    op: str, session: str, outcome: str, at: tuple[int, int], told: Any = None, mode: str = ""
) -> Call:
    """Return one call; `at`: when it was made and answered."""
    args = {"mode": mode or "exclusive"} if op == "acquire" else {}
    return Call(session, *at, op, KEY, session, outcome, args, told or {})


def granted(session: str, token: int, at: tuple[int, int], *, renewed: bool = False) -> Call:
    return asked("acquire", session, "granted", at, {"token": token, "renewed": renewed})


def refused(session: str, holder: str, token: int, at: tuple[int, int]) -> Call:
    told = {"holders": ((holder, "exclusive", token),)}
    return asked("acquire", session, "refused", at, told)


def claimed(session: str, attempt: int, at: tuple[int, int]) -> Call:
    return asked("claim", session, "claimed", at, {"attempt": attempt, "renewed": False})


@both
@given(st.data())
def test_what_was_answered_in_some_order_is_accepted(kind: str, data: st.DataObject) -> None:
    answers, model, ops = KINDS[kind]
    wishes = data.draw(st.lists(asks(*ops, stretch=4 * BEAT), max_size=40))
    verdict = check(played(wishes, answers()), model)
    assert verdict.outcome == "ok", verdict.explanation


@both
@given(st.data())
def test_lost_answers_and_calls_that_never_happened_are_accepted(
    kind: str, data: st.DataObject
) -> None:
    answers, model, ops = KINDS[kind]
    wishes = data.draw(st.lists(asks(*ops, fates=FATES, stretch=3 * BEAT), max_size=25))
    verdict = check(played(wishes, answers()), model)
    assert verdict.outcome == "ok", verdict.explanation


@both
@given(st.data())
def test_the_search_agrees_with_trying_every_order(kind: str, data: st.DataObject) -> None:
    answers, model, ops = KINDS[kind]
    wish = asks(*ops, fates=FATES, stretch=2 * BEAT)
    calls = played(data.draw(st.lists(wish, min_size=3, max_size=5)), answers())
    # Half of the histories are spoilt: some calls are told what others were told.
    for at, other in data.draw(st.lists(st.tuples(*[st.integers(0, 4)] * 2), max_size=6)):
        if max(at, other) < len(calls) and calls[at].op == calls[other].op:
            one, two = calls[at], calls[other]
            if one.pending == two.pending:
                calls[at] = one._replace(outcome=two.outcome, told=two.told)
    verdict = check(calls, model).outcome
    event(verdict)
    assert verdict == ("ok" if _any_order(calls, model) else "wrong")


def _any_order(calls: Sequence[Call], model: Model) -> bool:
    """Try all orders of all subsets that hold every answered call."""
    known = [call for call in calls if not call.pending]
    open_ = [call for call in calls if call.pending]
    subsets = [
        [call for at, call in enumerate(open_) if chosen >> at & 1]
        for chosen in range(1 << len(open_))
    ]
    return any(_fits(order, model) for some in subsets for order in permutations([*known, *some]))


def _fits(order: Sequence[Call], model: Model) -> bool:
    state = model.initial
    for at, call in enumerate(order):
        if any(later.replied < call.called for later in order[at + 1 :]):
            return False
        state = model.step(state, call)
        if isinstance(state, str):
            return False
    return True


OUTCOMES = {
    "acquire": ("granted", "refused", "ended"),
    "claim": ("claimed", "refused", "ended"),
    "sweep": ("swept", "ended"),
    "complete": ("done", "refused", "not_possible", "ended"),
    "return": ("done", "refused", "not_possible", "ended"),
    "release": ("released", "not_holder", "ended"),
}


@both
@given(st.data())
def test_one_changed_answer_among_calls_that_do_not_overlap_is_rejected(
    kind: str, data: st.DataObject
) -> None:
    answers, model, ops = KINDS[kind]
    calls = played(data.draw(st.lists(asks(*ops), min_size=1, max_size=20)), answers())
    assert check(calls, model).outcome == "ok"
    at = data.draw(st.integers(0, len(calls) - 1))
    before = calls[at].outcome
    others = [each for each in OUTCOMES[calls[at].op] if each != before]
    other = data.draw(st.sampled_from(others))
    told = {"token": 10_000, "renewed": False, "attempt": 1, "holders": (), "freed": ()}
    told |= {"status": "pending", "holder": ""}
    calls[at] = calls[at]._replace(outcome=other, told=told)
    verdict = check(calls, model)
    assert verdict.outcome == "wrong"
    # What was told before the changed answer is explained at least.
    assert verdict.order[:at] == tuple(calls[:at])


@given(st.lists(asks(*LOCK_OPS), max_size=20), st.data())
def test_a_token_that_is_not_higher_is_rejected(wishes: list[Ask], data: st.DataObject) -> None:
    calls = played(wishes, Lock())
    grants = [
        at
        for at, call in enumerate(calls)
        if call.outcome == "granted" and not call.told["renewed"]
    ]
    if len(grants) < 2:
        return
    at = data.draw(st.integers(1, len(grants) - 1))
    lower = calls[grants[at - 1]].told["token"] - data.draw(st.integers(0, 1))
    calls[grants[at]] = calls[grants[at]]._replace(told={"token": lower, "renewed": False})
    assert check(calls, LockKey()).outcome == "wrong"


BAD: dict[str, list[Call]] = {
    "a key granted twice": [granted("s-a", 1, (0, 10)), granted("s-b", 2, (5, 15))],
    "a success that was lost": [
        granted("s-a", 1, (0, 1)),
        granted("s-b", 2, (10, 11)),
        asked("release", "s-b", "released", (20, 21)),
        asked("release", "s-a", "not_holder", (30, 31), {"holders": ()}),
    ],
    "a token that goes back": [
        granted("s-a", 7, (0, 1)),
        asked("release", "s-a", "released", (2, 3)),
        granted("s-b", 5, (4, 5)),
    ],
    "a refusal by a holder that had released": [
        granted("s-a", 1, (0, 1)),
        asked("release", "s-a", "released", (2, 3)),
        refused("s-b", "s-a", 1, (4, 5)),
    ],
    "a refusal that names the wrong holder": [
        granted("s-a", 1, (0, 1)),
        refused("s-b", "s-c", 1, (2, 3)),
    ],
    "an answer from the future": [
        refused("s-b", "s-a", 1, (0, 5)),
        granted("s-a", 1, (6, 9)),
    ],
    "a release from the future": [
        granted("s-a", 1, (0, 1)),
        granted("s-b", 2, (2, 3)),
        asked("release", "s-a", "released", (4, 5)),
    ],
    "a holder that loses its key to nobody": [
        granted("s-a", 1, (0, 1)),
        granted("s-a", 2, (2, 3)),
    ],
    "a renewal with another token": [
        granted("s-a", 1, (0, 1)),
        granted("s-a", 2, (2, 3), renewed=True),
    ],
    "a shared key beside an exclusive one": [
        granted("s-a", 1, (0, 9)),
        asked("acquire", "s-b", "granted", (0, 9), {"token": 2, "renewed": False}, "shared"),
    ],
    "a key that the dead keep": [
        granted("s-a", 1, (0, 1)),
        asked(SWEEP, "s-a", "swept", (2, 3), {"freed": (KEY,)}),
        refused("s-b", "s-a", 1, (4, 5)),
    ],
    "a key granted to the dead": [
        asked(SWEEP, "s-a", "swept", (0, 1), {"freed": ()}),
        granted("s-a", 1, (2, 3)),
    ],
    "a lost grant that happened twice": [
        asked("acquire", "s-a", UNKNOWN, (0, NEVER)),
        refused("s-b", "s-a", 1, (2, 3)),
        asked("release", "s-a", "released", (4, 5)),
        refused("s-b", "s-a", 2, (6, 7)),
    ],
    "a lost grant with two tokens": [
        asked("acquire", "s-a", UNKNOWN, (0, NEVER)),
        refused("s-b", "s-a", 1, (2, 3)),
        refused("s-b", "s-a", 2, (4, 5)),
    ],
    "a task claimed twice": [claimed("s-a", 1, (0, 10)), claimed("s-b", 1, (5, 15))],
    "a task claimed again after its completion": [
        claimed("s-a", 1, (0, 1)),
        asked("complete", "s-a", "done", (2, 3)),
        claimed("s-b", 2, (4, 5)),
    ],
    "a task completed twice": [
        claimed("s-a", 1, (0, 1)),
        asked("complete", "s-a", "done", (2, 9)),
        asked("complete", "s-a", "done", (3, 9)),
    ],
    "an attempt that is not counted": [
        claimed("s-a", 1, (0, 1)),
        asked("return", "s-a", "done", (2, 3)),
        claimed("s-b", 1, (4, 5)),
    ],
    "a claim refused by a holder of long ago": [
        claimed("s-a", 1, (0, 1)),
        asked("return", "s-a", "done", (2, 3)),
        asked("claim", "s-b", "refused", (4, 5), {"status": "assigned", "holder": "s-a"}),
    ],
}


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_cannot_be_is_rejected(name: str) -> None:
    calls = BAD[name]
    model = TaskClaim() if "claim" in {call.op for call in calls} else LockKey()
    verdict = check(calls, model)
    assert verdict.outcome == "wrong"
    assert len(verdict.order) < len(calls)
    assert check(calls[:1], model).outcome == "ok" or name == "an answer from the future"


def test_the_same_calls_are_fine_where_they_overlap() -> None:
    calls = [
        granted("s-a", 1, (0, 1)),
        asked("release", "s-a", "released", (2, 5)),
        refused("s-b", "s-a", 1, (4, 6)),
        granted("s-c", 2, (3, 7)),
    ]
    assert check(calls, LockKey()).outcome == "ok"


def test_a_lost_grant_explains_a_refusal_long_after() -> None:
    calls = [
        asked("acquire", "s-a", UNKNOWN, (0, NEVER)),
        granted("s-b", 1, (1, 2)),
        asked("release", "s-b", "released", (3, 4)),
        refused("s-b", "s-a", 4, (500, 501)),
        asked(SWEEP, "s-a", "swept", (600, 601), {"freed": (KEY,)}),
        granted("s-b", 5, (700, 701)),
    ]
    verdict = check(calls, LockKey())
    assert verdict.outcome == "ok"
    assert [call.called for call in verdict.order] == [1, 3, 0, 500, 600, 700]


def test_an_explanation_names_what_does_not_fit_and_why() -> None:
    calls = [granted("s-a", 1, (0, 1_000_000)), granted("s-b", 2, (5_000_000, 6_000_000))]
    text = check(calls, LockKey()).explanation
    assert "1 of 2 answered calls" in text
    assert "[5.000 .. 6.000 ms] s-b s-b: acquire key mode=exclusive -> granted token=2" in text
    assert "but: it is refused: held by s-a (exclusive, 1)" in text


def test_a_search_that_costs_too_much_gives_up() -> None:
    told = [{"token": 50 - n, "renewed": False} for n in range(20)]
    calls = [
        asked("acquire", f"s-{n}", "granted", (0, 100), each, "shared")
        for n, each in enumerate(told)
    ]
    calls.append(refused("s-x", "s-y", 1, (0, 100)))
    verdict = check(calls, LockKey(), budget=15)
    assert verdict.outcome == "gave up"
    assert verdict.cost == 15
    assert "gave up after 15 configurations" in verdict.explanation


def test_long_histories_cost_little_more_than_their_length() -> None:
    chance = random.Random(1)
    wishes = [
        Ask(
            op=chance.choice(("acquire", "acquire", "release")),
            session=f"s-{chance.randrange(12)}",
            mode=chance.choice(("exclusive", "shared")),
            fate="lost" if chance.random() < 0.01 else "told",
            before=chance.randrange(4 * BEAT),
            after=chance.randrange(4 * BEAT),
        )
        for _ in range(2000)
    ]
    verdict = check(played(wishes, Lock()), LockKey())
    assert verdict.outcome == "ok", verdict.explanation
    assert verdict.cost < 20_000


def test_files_of_killed_processes_become_one_history(tmp_path: Path) -> None:
    first, second = Recorder(tmp_path / "one.jsonl"), Recorder(tmp_path / "two.jsonl")
    asking = first.call("acquire", "k1", "s-a", mode="exclusive")
    first.reply(asking, "granted", token=1, renewed=False)
    second.reply(second.call("acquire", "k2", "s-b", mode="exclusive"), NOTHING)
    second.reply(second.call("sweep", "", "s-a"), "swept", freed=["k1"])
    second.call("acquire", "k2", "s-b", mode="shared")
    for each in (first, second):
        each.close()
    with (tmp_path / "two.jsonl").open("a") as file:
        file.write('{"n": 3, "replied": 99')
    histories = by_key(merged(sorted(tmp_path.iterdir())), (SWEEP,))
    assert {key: [call.op for call in each] for key, each in histories.items()} == {
        "k1": ["acquire", "sweep"],
        "k2": ["sweep", "acquire"],
    }
    (sweep, lost) = histories["k2"]
    assert (lost.outcome, lost.replied, lost.args) == (UNKNOWN, NEVER, {"mode": "shared"})
    assert sweep.told == {"freed": ("k1",)}
    assert (histories["k1"][0].called, histories["k1"][0].process) == (0, "one")
    assert check(histories["k1"], LockKey()).outcome == "ok"
