"""Rules of the queue: whose turn it is, who lost its place, and who gets what is freed."""

from __future__ import annotations

import pytest

from gitcoord.domain.lock_operations import AcquireLocks, LeaveQueue, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.domain.time import plus
from gitcoord.domain.waiting import Waiter, leave, queue, waiting
from gitcoord.errors import InvalidKey, LockHeld, QueuedBehind, SessionNotFound, TtlOutOfRange
from tests.domain.world import START, World


def world(**settings: object) -> World:
    made = World(**settings)
    for session in ("s-a", "s-b", "s-c", "s-d"):
        made.session(session)
    return made


def wait(*keys: str, mode: str = "exclusive", **fields: object) -> AcquireLocks:
    return AcquireLocks(keys=keys, wait=60, mode=mode, **fields)  # type: ignore[arg-type]


def holders(w: World) -> dict[str, list[str]]:
    """Return who holds what."""
    found: dict[str, list[str]] = {}
    for lock in w.all(Lock):
        found.setdefault(lock.session, []).append(lock.key)
    return found


def waiters(w: World) -> list[str]:
    return [waiter.session for waiter in queue(w.state())]


def test_who_is_ready_to_wait_gets_a_place_and_is_told_what_is_in_the_way() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    answer = w.run(wait("b", "a", ttl=77, reason="why"), "s-b")
    assert answer.locks == []
    assert answer.queued.keys == ("a", "b")
    assert (answer.queued.ticket, answer.queued.since) == (1, START)
    assert answer.queued.lease_until == plus(START, 30)
    assert [x["session"] for x in answer.conflicts] == ["s-a"]
    assert holders(w) == {"s-a": ["a"]}
    w.check()


def test_a_wait_that_is_not_needed_is_not_queued() -> None:
    w = world()
    answer = w.run(wait("a"), "s-a")
    assert answer.queued is None
    assert [x.key for x in answer.locks] == ["a"]
    assert waiters(w) == []


def test_the_releasing_transaction_grants_what_was_asked_for() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a", ttl=77, reason="why"), "s-b")
    w.pass_time(5)
    seq = w.meta.seq
    w.run(ReleaseLocks(all=True), "s-a")
    assert w.meta.seq == seq + 1
    (lock,) = w.all(Lock)
    assert (lock.session, lock.agent, lock.token) == ("s-b", "b", 2)
    assert (lock.expires_at, lock.ttl) == (plus(w.now, 77), 77)
    assert (lock.reason, lock.task) == ("why", "")
    assert waiters(w) == []
    w.check()


def test_a_grant_does_not_shorten_what_the_waiter_holds_already() -> None:
    w = world(lock_ttl=60)
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(AcquireLocks(keys=("b",), ttl=1000), "s-b")
    w.run(wait("a", "b"), "s-b")
    w.run(ReleaseLocks(all=True), "s-a")
    assert [(x.key, x.token, x.expires_at) for x in w.all(Lock)] == [
        ("a", 3, plus(START, 60)),
        ("b", 2, plus(START, 1000)),
    ]


def test_asking_again_after_the_grant_is_a_renewal() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.run(ReleaseLocks(all=True), "s-a")
    answer = w.run(wait("a"), "s-b")
    assert answer.renewed
    assert answer.queued is None


def test_the_first_waiter_whose_whole_set_is_free_is_served() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(AcquireLocks(keys=("b",)), "s-b")
    w.run(wait("a", "b"), "s-c")
    w.run(wait("x", "a"), "s-d")
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["b"]}, "s-d may not pass s-c"
    w.run(ReleaseLocks(all=True), "s-b")
    assert holders(w) == {"s-c": ["a", "b"]}
    w.run(ReleaseLocks(all=True), "s-c")
    assert holders(w) == {"s-d": ["a", "x"]}
    w.check()


def test_one_release_serves_all_whose_sets_are_free() -> None:
    w = world()
    w.run(AcquireLocks(keys=("src/",)), "s-a")
    w.run(wait("src/b"), "s-b")
    w.run(wait("src/*"), "s-c")
    w.run(wait("src/d/x"), "s-d")
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["src/b"], "s-d": ["src/d/x"]}
    assert waiters(w) == ["s-c"]
    w.check()


def test_shared_waiters_are_served_together() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    for session in ("s-b", "s-c"):
        w.run(wait("a", mode="shared"), session)
    w.run(wait("a"), "s-d")
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["a"], "s-c": ["a"]}
    assert waiters(w) == ["s-d"]
    w.check()


def test_a_newcomer_does_not_pass_an_earlier_waiter_whose_keys_overlap() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a", "src/"), "s-b")
    refusal = w.refused(QueuedBehind, AcquireLocks(keys=("src/x.py",)), "s-c")
    (conflict,) = refusal.details["conflicts"]
    assert (conflict["wanted"], conflict["keys"]) == ("src/x.py", ["a", "src/**"])
    assert (conflict["session"], conflict["agent"], conflict["since"]) == ("s-b", "b", START)
    w.run(AcquireLocks(keys=("other",)), "s-c")
    answer = w.run(wait("src/x.py"), "s-c")
    assert answer.queued.ticket == 2
    assert answer.conflicts == refusal.details["conflicts"]
    refusal = w.refused(QueuedBehind, AcquireLocks(keys=("src/**",)), "s-d")
    assert refusal.message.endswith("and 1 more")
    w.check()


def test_readers_do_not_starve_a_writer_that_waits() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-a")
    w.run(wait("a"), "s-b")
    w.refused(QueuedBehind, AcquireLocks(keys=("a",), mode="shared"), "s-c")


def test_a_shared_newcomer_passes_a_shared_waiter() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("a", "x", mode="shared"), "s-b")
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-c")
    w.check()


def test_who_holds_what_the_waiter_waits_for_is_not_queued_behind_it() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("x", "y"), "s-b")
    w.run(AcquireLocks(keys=("y",)), "s-a")
    w.refused(LockHeld, AcquireLocks(keys=("y",)), "s-c")
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["x", "y"]}
    w.check()


def test_an_upgrade_is_not_queued_behind_those_who_wait_for_it() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-a")
    w.run(wait("a"), "s-b")
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.check()


def test_a_renewal_is_not_queued_behind_those_who_wait_for_it() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=100), "s-a")
    w.run(wait("a"), "s-b")
    w.pass_time(5)
    assert w.run(AcquireLocks(keys=("a",)), "s-a").renewed
    assert w.run(RenewLocks(), "s-a").locks[0].expires_at == plus(w.now, 100)


def test_waiters_of_one_session_do_not_hinder_each_other() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a", "b"), "s-b/x")
    w.run(AcquireLocks(keys=("b",)), "s-b/y")
    w.run(wait("a"), "s-b/y")
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b/x": ["a", "b"], "s-b/y": ["a", "b"]}
    w.check()


def test_asking_again_keeps_the_place_and_extends_the_lease_below_its_half() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.run(wait("a"), "s-c")
    w.pass_time(14)
    w.unchanged(wait("a"), "s-b")
    w.pass_time(1)
    queued = w.run(wait("a"), "s-b").queued
    assert (queued.ticket, queued.since) == (1, START)
    assert queued.lease_until == plus(w.now, 30)
    assert waiters(w) == ["s-b", "s-c"]
    assert w.run(wait("a", ttl=99, reason="new"), "s-b").queued.reason == "new"
    assert w.get(Waiter, waiting(w.state(), "s-b")[0].name).ttl == 99


def test_a_waiter_is_not_queued_behind_later_ones_and_may_ask_for_a_part() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("a", "x"), "s-b")
    w.run(wait("a", "x"), "s-c")
    w.refused(QueuedBehind, AcquireLocks(keys=("a",)), "s-c")
    w.refused(QueuedBehind, AcquireLocks(keys=("a", "z")), "s-c")
    (taken,) = w.run(AcquireLocks(keys=("a",)), "s-b").locks
    assert taken.key == "a"
    assert waiters(w) == ["s-b", "s-c"]


def test_a_place_in_the_queue_counts_also_when_more_is_asked_for_that_is_held() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(AcquireLocks(keys=("a",)), "s-b")
    w.run(wait("b", "x"), "s-b")
    w.run(wait("b", "x"), "s-c")
    assert [x.key for x in w.run(AcquireLocks(keys=("a", "b")), "s-b").locks] == ["a", "b"]


def test_a_silent_waiter_loses_its_place() -> None:
    w = world(waiter_ttl=30)
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.pass_time(20)
    w.run(wait("a"), "s-c")
    w.pass_time(10)
    assert w.run(wait("a"), "s-b").queued.ticket == 3
    assert waiters(w) == ["s-c", "s-b"]
    w.pass_time(15)
    w.run(wait("a"), "s-b")
    w.pass_time(10)
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["a"]}
    assert waiters(w) == []


def test_a_dead_waiter_hinders_nobody() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("a", "x"), "s-b")
    w.pass_time(31)
    w.run(AcquireLocks(keys=("a",)), "s-c")


def test_a_waiter_whose_session_has_ended_is_passed_over() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.run(wait("a"), "s-c")
    w.put(w.session("s-b", status="killed"))
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-c": ["a"]}
    assert waiters(w) == []


def test_a_waiter_counts_until_the_clock_tolerance_is_over() -> None:
    w = world(clock_tolerance=5, waiter_ttl=30)
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.pass_time(34)
    w.run(ReleaseLocks(all=True), "s-a")
    assert holders(w) == {"s-b": ["a"]}


def test_a_lock_that_ends_goes_to_its_waiter_with_the_next_transaction_that_meets_it() -> None:
    w = world(waiter_ttl=100)
    w.run(AcquireLocks(keys=("src/",), ttl=10), "s-a")
    w.run(wait("src/b"), "s-b")
    w.pass_time(11)
    w.refused(QueuedBehind, AcquireLocks(keys=("src/b",)), "s-c")
    w.run(AcquireLocks(keys=("src/c",)), "s-c")
    assert holders(w) == {"s-b": ["src/b"], "s-c": ["src/c"]}
    w.check()


def test_queueing_up_behind_an_ended_lock_serves_those_before() -> None:
    w = world(waiter_ttl=100)
    w.run(AcquireLocks(keys=("a",), ttl=10), "s-a")
    w.run(wait("a"), "s-b")
    w.pass_time(11)
    w.run(wait("a"), "s-c")
    assert holders(w) == {"s-b": ["a"]}
    assert waiters(w) == ["s-c"]
    w.check()


def test_taking_a_set_in_another_way_gives_the_place_up() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a", mode="shared"), "s-b")
    w.run(wait("a"), "s-b")
    w.run(wait("a"), "s-b/sub")
    w.run(ReleaseLocks(all=True), "s-a")
    w.check()
    assert holders(w) == {"s-b": ["a"], "s-b/sub": ["a"]}
    assert waiters(w) == []


def test_a_waiter_that_gets_everything_by_a_wider_set_leaves_the_queue() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), ttl=10), "s-a")
    w.run(wait("a"), "s-b")
    w.pass_time(11)
    w.run(AcquireLocks(keys=("a", "b")), "s-b")
    assert holders(w) == {"s-b": ["a", "b"]}
    assert waiters(w) == []


def test_who_waits_to_write_keeps_the_place_while_it_reads() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-a")
    w.run(wait("a"), "s-b")
    w.run(wait("a"), "s-b/sub")
    w.run(AcquireLocks(keys=("a",), mode="shared"), "s-b")
    assert waiters(w) == ["s-b", "s-b/sub"]
    w.run(ReleaseLocks(all=True), "s-a")
    assert {(x.session, x.mode) for x in w.all(Lock)} == {
        ("s-b", "exclusive"),
        ("s-b/sub", "exclusive"),
    }


def test_a_place_in_the_queue_counts_only_for_what_is_waited_for() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("x"), "s-b")
    w.run(wait("x", "y"), "s-c")
    w.refused(QueuedBehind, AcquireLocks(keys=("y",)), "s-b")


def test_the_settings_of_the_day_of_the_grant_decide_what_is_shared() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a"), "s-b")
    w.settings = World(shared=("a",)).settings
    w.run(ReleaseLocks(all=True), "s-a")
    assert w.all(Lock)[0].mode == "shared"


def test_leaving_serves_those_behind() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    w.run(wait("a", "x"), "s-b")
    w.run(wait("a"), "s-c")
    answer = w.run(LeaveQueue(keys=("x", "a")), "s-b")
    assert (answer.left, answer.locks) == ([("a", "x")], [])
    assert holders(w) == {"s-a": ["x"], "s-c": ["a"]}
    wish = LeaveQueue(keys=("a",))
    assert wish.subject(answer, "b") == "lock: b no longer waits for a, x"
    w.check()


def test_leaving_without_keys_leaves_everything_that_this_holder_waits_for() -> None:
    w = world()
    w.run(AcquireLocks(keys=("x",)), "s-a")
    for keys, holder in ((("x",), "s-b"), (("x", "y"), "s-b"), (("x",), "s-b/sub")):
        w.run(wait(*keys), holder)
    assert len(waiting(w.state(), "s-b")) == 3
    assert sorted(w.run(LeaveQueue(), "s-b").left) == [("x",), ("x", "y")]
    assert [x.session for x in waiting(w.state(), "s-b/sub")] == ["s-b/sub"]
    w.unchanged(LeaveQueue(), "s-b")


def test_leaving_too_late_shows_what_was_granted_in_the_meantime() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.run(wait("a", "b"), "s-b")
    w.run(ReleaseLocks(all=True), "s-a")
    answer = w.unchanged(LeaveQueue(keys=("b", "a", "c")), "s-b")
    assert answer.left == []
    assert [(x.key, x.session) for x in answer.locks] == [("a", "s-b"), ("b", "s-b")]
    assert w.unchanged(LeaveQueue(keys=("a", "b")), "s-c").locks == []


def test_wrong_wishes_to_wait_or_leave_change_nothing() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    w.refused(TtlOutOfRange, wait("a", ttl=1e9), "s-b")
    w.refused(InvalidKey, wait("a", "/x"), "s-b")
    w.refused(InvalidKey, LeaveQueue(keys=("/x",)), "s-b")
    w.refused(SessionNotFound, LeaveQueue(), "s-x")


def test_leaving_with_nobody_changes_nothing() -> None:
    w = world()
    state = w.state()
    leave(state, w.context(), [])
    assert not list(state.changes())


def test_the_diary_says_who_waits() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    wish = wait("a")
    assert wish.subject(w.run(wish, "s-b"), "bob") == "lock: bob waits for a"


def test_a_refusal_lists_twenty_waiters_and_counts_the_others() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a",)), "s-a")
    for n in range(22):
        w.session(f"s-{n:02d}")
        w.run(wait("a", f"b{n}"), f"s-{n:02d}")
    refusal = w.refused(QueuedBehind, AcquireLocks(keys=("b*",)), "s-d")
    assert len(refusal.details["conflicts"]) == 20
    assert refusal.details["others"] == 2
    assert [x["ticket"] for x in refusal.details["conflicts"]] == list(range(1, 21))


@pytest.mark.parametrize("first", ["s-a", "s-b"])
def test_two_that_upgrade_at_once_are_refused_and_not_lost(first: str) -> None:
    second = "s-b" if first == "s-a" else "s-a"
    w = world()
    for session in (first, second):
        w.run(AcquireLocks(keys=("a",), mode="shared"), session)
    for session in (first, second):
        assert w.run(wait("a"), session).queued is not None
    w.run(ReleaseLocks(all=True), second)
    (lock,) = w.all(Lock)
    assert (lock.session, lock.mode) == (first, "exclusive")
    w.check()


def test_every_waiter_is_found_by_turn_session_and_places() -> None:
    w = world()
    w.run(AcquireLocks(keys=("a/b",)), "s-a")
    w.run(wait("a/b", "c/*"), "s-b/x")
    (waiter,) = w.all(Waiter)
    assert list(waiter.terms()) == [
        "turn:000000000001",
        "by:s-b",
        "at:file:a/b",
        "at:file:c/",
    ]
    assert w.get(Session, "s-b").status == "active"
