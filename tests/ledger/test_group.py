"""Group commit: many ask at once, one leads, and everybody learns what came of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import ChangeSettings
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.locks import Lock
from gitcoord.errors import Contended, LockHeld, NotInitialised, OutcomeUnknown
from gitcoord.ledger import group as groups
from gitcoord.ledger.committer import Committer
from gitcoord.ledger.group import ROUNDS, Group
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.queue import Queue, Taken, Ticket
from gitcoord.ledger.request import Reply, Request
from gitcoord.storage.oslock import OsLock
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session


def wish(number: int) -> Request:
    """Return a request that changes something."""
    return Request([ChangeSettings(values={"changes_kept": number})], id=f"o-{number}")


def leading(house: House) -> OsLock:
    """Return the leader's lock, held as by another process."""
    lock = OsLock(os.path.join(house.home, "lead.lock"))
    assert lock.try_acquire()
    return lock


class Worker(threading.Thread):
    """A thread that keeps what its work returned or raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.work = work
        self.found: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.found = self.work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.found = error

    def result(self) -> Any:
        self.join(30)
        assert not self.is_alive()
        return self.found


def until(ready: Callable[[], object]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < ends
        time.sleep(0.002)


def ask(house: House, number: int) -> list[Reply]:
    """Ask for what `wish` says, as a front door does."""
    return house.coordinator.run(*wish(number).operations)


def requests_waiting(house: House) -> int:
    try:
        names = os.listdir(os.path.join(house.home, "queue"))
    except FileNotFoundError:
        return 0
    return sum(name.endswith(".req") for name in names)


def count(repo: str) -> int:
    return int(git(repo, "rev-list", "--count", STATE))


class Slow(Committer):
    """A committer that says when it begins and goes on when it is told to."""

    def __init__(self, house: House) -> None:
        super().__init__(house.ledger, house.presence, house.spool)
        self.begins, self.goes_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def commit(self, requests: Sequence[Request]) -> list[Reply]:
        self.sizes.append(len(requests))
        self.begins.set()
        assert self.goes_on.wait(30)
        return super().commit(requests)


def test_threads_that_wait_while_a_swap_is_under_way_share_the_next_one(repo: str) -> None:
    house = begun(repo)
    before = count(repo)
    slow = Slow(house)
    group = Group(house.home, slow)
    first = Worker(lambda: group.submit([wish(1)], 20))
    assert slow.begins.wait(30)
    others = [Worker(partial(group.submit, [wish(n)], 20)) for n in range(2, 12)]
    until(lambda: len(group._pending) == 10)
    slow.goes_on.set()
    for worker in [first, *others]:
        (reply,) = worker.result()
        assert reply.error is None
    assert slow.sizes == [1, 10]
    assert count(repo) == before + 2


def test_everybody_gets_the_replies_to_its_own_wishes(repo: str) -> None:
    house = begun(repo)
    ada, bob = session(house), session(house, "bob")
    slow = Slow(house)
    group = Group(house.home, slow)
    first = Worker(lambda: group.submit([wish(1)], 20))
    assert slow.begins.wait(30)

    def ask(who: str, *keys: str) -> list[Reply]:
        return group.submit([Request([AcquireLocks(keys=(k,))], session=who) for k in keys], 20)

    second = Worker(lambda: ask(ada.id, "a", "b"))
    until(lambda: len(group._pending) == 1)
    third = Worker(lambda: ask(bob.id, "c", "b", "d"))
    until(lambda: len(group._pending) == 2)
    slow.goes_on.set()
    first.result()
    assert [[lock.key for lock in r.answers[0].locks] for r in second.result()] == [["a"], ["b"]]
    assert [r.error and r.error.code for r in third.result()] == [None, "lock_held", None]
    assert [r.answers[0].locks[0].key for r in third.result() if not r.error] == ["c", "d"]


def test_when_nobody_decides_in_time_it_is_contended_and_nothing_happened(repo: str) -> None:
    house = begun(repo)
    head = git(repo, "rev-parse", STATE)
    lock = leading(house)
    with pytest.raises(Contended) as refused:
        Group(house.home, Committer(house.ledger, house.presence, house.spool)).submit(
            [wish(1)], 0.05
        )
    assert refused.value.code == "contended"
    assert requests_waiting(house) == 0
    lock.release()
    house.coordinator.run(ChangeSettings(values={"lock_ttl": 60}))
    assert git(repo, "rev-list", "--count", f"{head}..{STATE}") == "1"
    assert "changes_kept" not in git(repo, "show", f"{STATE}:settings.json")
    assert os.listdir(os.path.join(house.home, "queue")) == []


class Grabbed(Queue):
    """A queue whose tickets are taken at once by a leader that never answers."""

    taken: list[Taken]

    def publish(self, requests: Sequence[Request]) -> Ticket:
        ticket = super().publish(requests)
        self.taken = self.take(time.time())
        return ticket


def test_when_a_leader_has_taken_it_and_does_not_answer_the_outcome_is_unknown(repo: str) -> None:
    house = begun(repo)
    lock = leading(house)
    queue = Grabbed(house.home)
    committer = Committer(house.ledger, house.presence, house.spool)
    with pytest.raises(OutcomeUnknown) as refused:
        # The ten seconds of grace that a leader has are over from the start.
        Group(house.home, committer, queue).submit([wish(7)], -10)
    assert refused.value.details["operation"] == "o-7"
    for each in queue.taken:
        assert each.bell is not None
        os.close(each.bell)
    lock.release()


def test_a_request_of_unknown_outcome_asked_again_is_applied_once(repo: str) -> None:
    house = begun(repo)
    lock = leading(house)
    queue = Grabbed(house.home)
    committer = Committer(house.ledger, house.presence, house.spool)
    with pytest.raises(OutcomeUnknown):
        Group(house.home, committer, queue).submit([wish(7)], -10)
    before = count(repo)
    committer.commit(queue.taken[0].requests)
    queue.answer(queue.taken[0], [])
    lock.release()
    (again,) = Group(house.home, committer).submit([wish(7)], 20)
    assert again.repeated
    assert count(repo) == before + 1


def test_a_waiter_is_decided_by_the_leader_that_comes_along(repo: str) -> None:
    house, other = begun(repo), opened(repo)
    ada = session(house)
    lock = leading(house)
    # Nobody but a leader decides: the waiter's own look at the lock comes too late.
    waiter = Worker(lambda: acquire(house, ada, "a"))
    until(lambda: requests_waiting(house) == 1)
    queue = Queue(house.home)
    (taken,) = queue.take(time.time())
    replies = Committer(other.ledger, other.presence, other.spool).commit(taken.requests)
    queue.answer(taken, replies)
    assert [lock.key for lock in waiter.result().locks] == ["a"]
    lock.release()
    with other.ledger.state() as state:
        assert [each.key for each in state.all(Lock)] == ["a"]


def test_a_waiter_takes_over_when_the_leader_has_left(repo: str) -> None:
    house = begun(repo)
    lock = leading(house)
    waiters = [Worker(partial(ask, opened(repo), n)) for n in range(1, 4)]
    until(lambda: requests_waiting(house) == 3)
    lock.release()
    assert [worker.result()[0].error for worker in waiters] == [None] * 3
    assert os.listdir(os.path.join(house.home, "queue")) == []


def test_a_waiter_takes_over_what_a_dead_leader_had_taken(repo: str) -> None:
    house = begun(repo)
    lock = leading(house)
    before = count(repo)
    waiter = Worker(lambda: ask(house, 9))
    until(lambda: requests_waiting(house) == 1)
    (taken,) = Queue(house.home).take(time.time())
    assert taken.bell is not None
    os.close(taken.bell)
    lock.release()
    assert waiter.result()[0].error is None
    assert count(repo) == before + 1


class Endless(Queue):
    """A queue in which somebody new waits in every round."""

    rounds = 0

    def take(self, now: float) -> list[Taken]:
        self.rounds += 1
        return [Taken("", [wish(100 + self.rounds)], None)]

    def answer(self, ticket: Taken, replies: Sequence[Reply]) -> None:
        assert [reply.error for reply in replies] == [None]


def test_a_leader_leaves_after_its_rounds_though_others_still_wait(repo: str) -> None:
    house = begun(repo)
    before = count(repo)
    queue = Endless(house.home)
    os.makedirs(queue.folder)
    open(os.path.join(queue.folder, "somebody.tmp"), "w").close()
    committer = Committer(house.ledger, house.presence, house.spool)
    (reply,) = Group(house.home, committer, queue).submit([wish(1)], 20)
    assert reply.error is None
    assert queue.rounds == 1 + ROUNDS
    assert count(repo) == before + 1 + ROUNDS
    lock = OsLock(os.path.join(house.home, "lead.lock"))
    assert lock.try_acquire()
    lock.release()


def test_when_nothing_can_be_decided_waiters_and_leader_are_told_the_same(repo: str) -> None:
    house = opened(repo)
    lock = leading(house)
    asks = [Worker(partial(ask, opened(repo), n)) for n in range(1, 4)]
    until(lambda: requests_waiting(house) == 3)
    lock.release()
    results = [ask.result() for ask in asks]
    found = [x if isinstance(x, BaseException) else x[0].error for x in results]
    assert [type(error) for error in found] == [NotInitialised] * 3
    assert git(repo, "for-each-ref", "refs/coord") == ""


def test_two_houses_in_one_process_share_a_ledger_and_refuse_each_other(repo: str) -> None:
    one, two = begun(repo), opened(repo)
    ada, bob = session(one), session(two, "bob")
    acquire(one, ada, "src/")
    with pytest.raises(LockHeld):
        acquire(two, bob, "src/a.py")
    acquire(two, bob, "docs/")
    for house in (one, two):
        with house.ledger.state() as state:
            assert [lock.key for lock in state.all(Lock)] == ["docs/**", "src/**"]


def test_threads_of_two_houses_lose_nothing_and_grant_nothing_twice(repo: str) -> None:
    pair = [begun(repo), opened(repo)]
    holders = [session(house, f"agent-{at}") for at, house in enumerate(pair)]
    gate = threading.Barrier(8)

    def work(number: int) -> list[str]:
        at = number % 2
        gate.wait()
        won = []
        for turn in range(4):
            wishes = (
                AcquireLocks(keys=(f"own-{number}-{turn}",)),
                AcquireLocks(keys=(f"r{turn}",)),
            )
            replies = pair[at].coordinator.run(*wishes, session=holders[at].id)
            assert replies[0].error is None
            if replies[1].error is None:
                won.append(f"r{turn}")
        return won

    workers = [Worker(partial(work, n)) for n in range(8)]
    wins = [(number % 2, key) for number, worker in enumerate(workers) for key in worker.result()]
    with pair[0].ledger.state() as state:
        locks = list(state.all(Lock))
    assert sum(lock.key.startswith("own-") for lock in locks) == 32
    contested = [lock for lock in locks if lock.key.startswith("r")]
    assert [lock.key for lock in contested] == ["r0", "r1", "r2", "r3"]
    assert {(holders[at].id, key) for at, key in wins} == {(x.session, x.key) for x in contested}
    assert len({lock.token for lock in locks}) == len(locks) == 36


def test_a_bug_in_one_decision_is_raised_to_all_who_share_it_and_the_lock_is_let_go(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(repo)

    class Broken(Committer):
        def commit(self, requests: Sequence[Request]) -> list[Reply]:
            raise ZeroDivisionError

    monkeypatch.setattr(groups, "_LOOK", 0.01)
    group = Group(house.home, Broken(house.ledger, house.presence, house.spool))
    with pytest.raises(ZeroDivisionError):
        group.submit([wish(1)], 1)
    assert house.coordinator.run(ChangeSettings(values={"lock_ttl": 60}))[0].error is None
