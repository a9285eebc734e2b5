"""Rules of taking over: it works against everyone, with a reason, and is told."""

from __future__ import annotations

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.notices import KEPT, Notice, prune, tell, told
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.time import plus
from gitcoord.domain.waiting import queue
from gitcoord.errors import (
    InvalidKey,
    InvalidValue,
    NotLockHolder,
    ReasonRequired,
    SessionNotFound,
    TtlOutOfRange,
)
from tests.domain.world import START, World


def world(**settings: object) -> World:
    made = World(**settings)
    for session in ("s-a", "s-b", "s-c"):
        made.session(session)
    return made


def take_over(*keys: str, **fields: object) -> TakeOverLocks:
    return TakeOverLocks(keys=keys, **({"reason": "it hangs"} | fields))  # type: ignore[arg-type]


def test_every_overlapping_lock_goes_whole_and_the_new_token_is_higher() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/", "doc/a.md", "other")), "s-a")
    answer = w.run(take_over("src/a.py", "doc/*", ttl=60), "s-b")
    assert [x.key for x in answer.taken] == ["doc/a.md", "src/**"]
    assert [(x.key, x.token, x.expires_at) for x in answer.locks] == [
        ("doc/*", 4, plus(START, 60)),
        ("src/a.py", 5, plus(START, 60)),
    ]
    assert [x.name for x in w.all(Lock)] == ["doc/*@s-b", "other@s-a", "src/a.py@s-b"]
    w.check()


def test_the_old_holder_is_told_who_took_what_and_why() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a", "b")), "s-a/sub")
    w.run(take_over("a", "b", reason="  it hangs "), "s-b")
    (notice,) = told(w.state(), "s-a")
    assert notice.text == "b took over a, b: it hangs"
    assert (notice.to, notice.kind, notice.at) == ("s-a/sub", "takeover", START)
    refusal = w.refused(NotLockHolder, RenewLocks(keys=("a",)), "s-a/sub")
    assert refusal.hint == "b took over a, b: it hangs"
    assert told(w.state(), "s-b") == []


def test_each_old_holder_gets_a_notice_of_its_own() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(AcquireLocks(keys=("b",)), "s-b")
    w.run(take_over("a", "b"), "s-c")
    assert [(x.to, x.keys) for x in w.all(Notice)] == [("s-a", ("a",)), ("s-b", ("b",))]


def test_taking_over_what_is_free_is_an_ordinary_grant_that_tells_nobody() -> None:
    w = world()
    answer = w.run(take_over("a"), "s-a")
    assert (answer.taken, [x.token for x in answer.locks]) == ([], [1])
    assert w.all(Notice) == []


def test_taking_over_what_ended_tells_nobody() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=5), "s-a")
    w.pass_time(6)
    assert w.run(take_over("a"), "s-b").taken == []
    assert w.all(Notice) == []
    assert [x.session for x in w.all(Lock)] == ["s-b"]


def test_a_take_over_passes_those_who_wait_and_serves_them_with_the_rest() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/",)), "s-a")
    w.run(AcquireLocks(keys=("src/a", "src/b"), wait=60), "s-b")
    w.session("s-d")
    w.run(AcquireLocks(keys=("src/d",), wait=60), "s-d")
    w.run(take_over("src/a"), "s-c")
    assert [x.name for x in w.all(Lock)] == ["src/a@s-c", "src/d@s-d"]
    assert [x.session for x in queue(w.state())] == ["s-b"]
    w.run(ReleaseLocks(all=True), "s-c")
    assert [x.session for x in queue(w.state())] == []
    w.check()


def test_a_shared_take_over_leaves_shared_locks() -> None:
    w = world(ignore=("x.lock",))
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-a")
    w.run(AcquireLocks(keys=("b",)), "s-a")
    answer = w.run(take_over("a", "b", "x.lock", mode="shared"), "s-b")
    assert [x.key for x in answer.taken] == ["b"]
    assert answer.ignored == ["x.lock"]
    assert len(w.all(Lock)) == 3
    w.check()


def test_ones_own_lock_is_kept_with_its_token() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.pass_time(1)
    assert [x.token for x in w.run(take_over("a"), "s-a").locks] == [1]


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_a_take_over_without_a_reason_is_refused(reason: str) -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.refused(ReasonRequired, take_over("a", reason=reason), "s-b")


def test_wrong_take_overs_change_nothing() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.refused(TtlOutOfRange, take_over("a", ttl=0.1), "s-b")
    w.refused(InvalidKey, take_over("a", "/x"), "s-b")
    w.refused(InvalidValue, take_over(), "s-b")
    w.refused(SessionNotFound, take_over("a"), "s-x")


def test_the_diary_says_who_took_over() -> None:
    w = world()
    wish = take_over("a")
    assert wish.subject(w.run(wish, "s-a"), "amy") == "lock: amy takes over a (token 1/1)"


def test_notices_are_told_in_order_from_a_time_on_and_forgotten_after_a_week() -> None:
    w = world()
    state = w.state()
    for number in range(3):
        tell(state, w.context(), "s-a", "note", f"n{number}")
        w.pass_time(60)
    tell(state, w.context(op_id="same"), "s-a", "note", "n3")
    tell(state, w.context(op_id="same"), "s-a/x", "note", "n4")
    assert [x.text for x in told(state, "s-a/y")] == ["n0", "n1", "n2", "n3", "n4"]
    assert [x.text for x in told(state, "s-a", plus(START, 60))] == ["n1", "n2", "n3", "n4"]
    w.now = plus(START, KEPT + 60)
    tell(state, w.context(), "s-b", "note", "later")
    assert [x.text for x in told(state, "s-a")] == ["n1", "n2", "n3", "n4"]
    assert prune(state, plus(w.now, 1)) == 5
    assert prune(state, plus(w.now, 1)) == 0
