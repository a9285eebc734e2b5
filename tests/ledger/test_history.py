"""The past: filters, what is read for an answer, and the state of a point in time."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import LapseLeases
from gitcoord.domain.time import from_epoch, plus
from gitcoord.errors import InvalidKey, InvalidValue, LockHeld
from gitcoord.ledger import history
from gitcoord.ledger.history import Filter
from tests.ledger.houses import START, Hands, acquire, begun, session


class Diary:
    """A ledger with some past, a minute between the transactions."""

    def __init__(self, path: str) -> None:
        self.clock = Hands()
        self.house: House = begun(path, self.clock)
        self.ada = self.later(session, self.house)
        self.bob = self.later(session, self.house, "bob")

    def later(self, doing: Any, *arguments: Any, **fields: Any) -> Any:
        self.clock.pass_(60)
        return doing(*arguments, **fields)

    def acquire(self, who: Session, *keys: str, **fields: Any) -> None:
        self.later(acquire, self.house, who, *keys, **fields)

    def release(self, who: Session, *keys: str) -> None:
        wish = ReleaseLocks(keys=keys, all=not keys)
        self.later(self.house.coordinator.run, wish, session=who.id)

    def find(self, limit: int | None = None, **fields: Any) -> list[str]:
        wish = Filter(**fields)
        found = history.transactions(self.house.ledger, wish, limit=limit)
        return [" ".join(line["op"] for line in one.lines) for one in found]


@pytest.fixture
def diary(repo: str) -> Diary:
    return Diary(repo)


def test_transactions_come_newest_first(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    assert diary.find() == ["lock.acquire", "session.start", "session.start", "ledger.init"]
    assert diary.find(limit=2) == ["lock.acquire", "session.start"]
    assert diary.find(limit=0) == []


def test_filters_by_agent_session_and_beginning_of_the_operation(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    diary.acquire(diary.bob, "b.py")
    diary.release(diary.bob)
    assert diary.find(agent="ada") == ["lock.acquire", "session.start"]
    assert diary.find(operation="lock.") == ["lock.release", "lock.acquire", "lock.acquire"]
    assert diary.find(session=diary.bob.id) == ["lock.release", "lock.acquire", "session.start"]
    assert diary.find(operation="lock.release", agent="ada") == []


def test_of_a_shared_commit_only_the_admitted_lines_are_shown(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    with pytest.raises(LockHeld):
        diary.acquire(diary.bob, "a.py")
    diary.acquire(diary.ada, "c.py")
    (first, *_) = history.transactions(diary.house.ledger)
    assert [line["outcome"] for line in first.lines] == ["done", "lock_held"]
    (shown,) = history.transactions(diary.house.ledger, Filter(agent="bob", operation="lock"))
    assert [line["outcome"] for line in shown.lines] == ["lock_held"]
    assert shown.oid == first.oid


def test_a_key_finds_what_overlaps_it_also_where_no_argument_names_it(diary: Diary) -> None:
    diary.acquire(diary.ada, "src/**")
    diary.acquire(diary.bob, "docs/")
    diary.acquire(diary.bob, "api:users")
    diary.release(diary.ada)
    assert diary.find(key="src/x/y.py") == ["lock.release", "lock.acquire"]
    assert diary.find(key="**/*.md") == ["lock.release", "lock.acquire", "lock.acquire"]
    assert diary.find(key="api:users") == ["lock.acquire"]
    assert diary.find(key="api:other") == []
    with pytest.raises(InvalidKey):
        diary.find(key="/absolute")


def test_a_key_finds_the_lapse_of_its_lock(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py", ttl=30)
    diary.later(diary.house.coordinator.run, LapseLeases())
    assert diary.find(key="a.py") == ["lease.lapse", "lock.acquire"]


def test_of_several_operations_a_key_shows_those_of_its_holder(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    wish = AcquireLocks(keys=("b.py",))
    diary.house.coordinator.later(wish, session=diary.bob.id)
    diary.release(diary.ada)
    assert diary.find(limit=1) == ["lock.release lock.acquire"]
    assert diary.find(key="a.py") == ["lock.release", "lock.acquire"]


def test_long_keys_are_found_although_their_entries_are_hashes(diary: Diary) -> None:
    key = "deep/" * 40 + "file.py"
    diary.acquire(diary.ada, key)
    diary.release(diary.ada)
    assert diary.find(key=key) == ["lock.release", "lock.acquire"]


def test_since_and_until_are_inclusive(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    at = [plus(START, 60 * minutes) for minutes in range(5)]
    assert diary.find(since=at[2]) == ["lock.acquire", "session.start"]
    assert diary.find(until=at[1]) == ["session.start", "ledger.init"]
    assert diary.find(since=at[1], until=at[1]) == ["session.start"]
    assert diary.find(since=at[4]) == []


def test_a_machine_with_a_wrong_date_does_not_hide_what_was_before_it(diary: Diary) -> None:
    diary.clock.sleep(-3 * 365 * 86400)
    diary.acquire(diary.ada, "old.py")
    diary.clock.sleep(3 * 365 * 86400)
    diary.acquire(diary.ada, "a.py")
    assert diary.find(since=START) == [
        "lock.acquire",
        "session.start",
        "session.start",
        "ledger.init",
    ]


def test_a_short_answer_reads_little(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        diary.acquire(diary.ada, f"f{number}.py")
    read = []
    store = diary.house.store
    chain = store.chain

    def counted(start: str, limit: int | None = None) -> Any:
        for one in chain(start, limit):
            read.append(one[0])
            yield one

    monkeypatch.setattr(store, "chain", counted)
    assert len(list(islice(history.transactions(diary.house.ledger), 3))) == 3
    assert len(read) == 3
    read.clear()
    assert diary.find(limit=1, key="f28.py") == ["lock.acquire"]
    assert len(read) == 2


def test_the_state_of_the_past_is_that_of_its_time(diary: Diary) -> None:
    diary.acquire(diary.ada, "a.py")
    during = from_epoch(diary.clock.wall())
    diary.release(diary.ada)
    ledger = diary.house.ledger

    def held(time: str) -> list[str]:
        with ledger.state(history.at(ledger, time)) as state:
            return [lock.key for lock in state.all(Lock)]

    assert held(plus(during, -1)) == []
    assert held(during) == ["a.py"]
    assert held(plus(during, 59)) == ["a.py"]
    assert held(plus(during, 60)) == []
    assert history.at(ledger, "2999-01-01T00:00:00.000Z") == ledger.head()


def test_within_a_second_the_milliseconds_decide(diary: Diary) -> None:
    ledger = diary.house.ledger
    before = ledger.head()
    diary.clock.pass_(0.3)
    acquire(diary.house, diary.ada, "a.py")
    now = from_epoch(diary.clock.wall())
    assert history.at(ledger, plus(now, -0.001)) == before
    assert history.at(ledger, now) == ledger.head()


def test_before_the_beginning_there_is_no_state(diary: Diary) -> None:
    with pytest.raises(InvalidValue, match="begins at 2026-01-05T08:00:00"):
        history.at(diary.house.ledger, plus(START, -1))
