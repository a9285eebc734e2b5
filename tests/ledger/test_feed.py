"""The feed: order, ids, resumption, other writers, restored and shallow ledgers, what it reads."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.compact import Compact
from gitcoord.domain.departure import EndSession
from gitcoord.domain.event import Event
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.sessions import StartSession
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.errors import InvalidId, NotInitialised, PositionGone
from gitcoord.ledger import feed, remedies
from gitcoord.ledger.feed import ALL, Happening, Position
from gitcoord.ledger.request import fresh_id
from tests.domain.telling import Reader
from tests.gitrun import git
from tests.ledger.houses import Hands, acquire, begun, opened, session

STATE = "refs/coord/state"


def kinds_of(found: Any) -> list[str]:
    return [each.event.type for each in found]


def told(house: House, after: Position | None = None, **fields: Any) -> list[Happening]:
    return list(feed.since(house.ledger, after, **fields))


def test_without_a_ledger_there_are_no_events(repo: str) -> None:
    with pytest.raises(NotInitialised):
        told(opened(repo))


def test_events_come_in_the_order_of_the_chain_with_ids_that_grow(repo: str) -> None:
    house = begun(repo)
    ada = session(house, "ada", area="api")
    session(house, "bob", area="api")
    acquire(house, ada, "a.py")
    house.coordinator.run(EndSession(), session=ada.id)
    found = told(house)
    assert kinds_of(found) == [
        "ledger.began",
        "agent.checkin",
        "agent.checkin",
        "agent.conflict",
        "lock.acquired",
        "lock.released",
        "agent.checkout",
    ]
    assert [str(each.at) for each in found] == [
        "1.1.1",
        "1.2.1",
        "1.3.1",
        "1.3.2",
        "1.4.1",
        "1.5.1",
        "1.5.2",
    ]
    assert [each.at for each in found] == sorted(each.at for each in found)
    body = found[4].body()
    assert body["id"] == "1.4.1"
    assert body["type"] == "lock.acquired"
    assert body["data"]["key"] == "a.py"
    assert body["time"] == found[4].time


def test_the_conflict_of_the_past_is_told_as_it_was_then(repo: str) -> None:
    house = begun(repo)
    ada = session(house, "ada", area="api")
    session(house, "bob", area="api")
    house.coordinator.run(EndSession(), session=ada.id)
    (conflict,) = [x for x in told(house) if x.event.type == "agent.conflict"]
    assert conflict.event.data["conflicts"][0]["session_id"] == ada.id


def test_after_any_event_come_exactly_those_behind_it(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    for name in ("a", "b"):
        acquire(house, ada, name, f"{name}/x", f"{name}/y")
    everything = told(house)
    for place, each in enumerate(everything):
        assert told(house, each.at) == everything[place + 1 :]
        assert told(house, feed.parsed(str(each.at))) == everything[place + 1 :]
    assert told(house, Position(1, 3, 0)) == [x for x in everything if x.at.seq >= 3]
    assert told(house, Position(1, 3, ALL)) == [x for x in everything if x.at.seq > 3]
    assert told(house, limit=3) == everything[:3]
    assert told(house, feed.end(house.ledger)) == []
    assert told(house, head=house.ledger.head(), limit=0) == []


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "a.b.c", "-1.2.3", "1.2.3\n", "1.2.3\u0661", "9" * 30]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidId):
        feed.parsed(text)


@pytest.mark.parametrize("where", [Position(1, 99, 1), Position(2, 2, 1), Position(0, 2, 1)])
def test_a_position_of_no_transaction_here_is_said_to_be_gone(repo: str, where: Position) -> None:
    house = begun(repo)
    session(house)
    with pytest.raises(PositionGone) as gone:
        feed.since(house.ledger, where)
    assert gone.value.details["after"] == str(where)


def test_a_compaction_is_one_event(repo: str) -> None:
    clock = Hands()
    house = begun(repo, clock)
    for _ in range(3):
        house.coordinator.run(EndSession(), session=session(house).id)
    clock.pass_(90 * 86400)
    before = feed.end(house.ledger)
    house.coordinator.run(Compact())
    (event,) = told(house, before)
    assert event.event == Event("ledger.compacted", {"removed": {"sessions": 3}})


def test_a_restored_ledger_goes_on_in_a_new_epoch_and_what_was_lost_is_gone(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    acquire(house, ada, "a.py")
    kept = told(house)[-1].at
    git(repo, "update-ref", "-d", STATE)
    remedies.restore(house)
    acquire(house, ada, "b.py")
    found = told(house, kept)
    assert kinds_of(found) == ["ledger.restored", "lock.acquired"]
    assert found[0].event.data == {"epoch": 2, "epoch_before": 1}
    assert [str(each.at) for each in found] == ["2.4.1", "2.5.1"]
    with pytest.raises(PositionGone, match="is of epoch 2 here"):
        told(house, Position(1, 4, 1))


def test_a_shallow_history_says_where_it_is_cut(repo: str, tmp_path: Path) -> None:
    house = begun(repo)
    ada = session(house)
    for name in "abcd":
        acquire(house, ada, name)
    whole = told(house)
    place = str(tmp_path / "shallow")
    git(repo, "init", "-q", place)
    git(place, "fetch", "-q", "--depth=3", f"file://{repo}", f"{STATE}:{STATE}")
    here = opened(place)
    # The oldest commit here is transaction 4; against what it was decided on is not known.
    assert told(here) == [x for x in whole if x.at.seq > 4]
    assert told(here, Position(1, 4, ALL)) == [x for x in whole if x.at.seq > 4]
    for gone in (Position(1, 4, 1), Position(1, 3, 1), Position(1, 1, 1)):
        with pytest.raises(PositionGone, match=r"begins behind 1\.4 here"):
            feed.since(here.ledger, gone)


def test_a_ledger_whose_past_is_lost_does_not_tell_all_of_it_as_new(repo: str) -> None:
    house = begun(repo)
    ada = session(house)
    acquire(house, ada, "a.py")
    tree = git(repo, "rev-parse", f"{STATE}^{{tree}}").strip()
    alone = git(repo, "commit-tree", "-m", "x", tree).strip()
    store = house.store
    assert kinds_of(feed.since(house.ledger, None, head=alone)) == ["ledger.restored"]
    assert store.read_ref(STATE) != alone


def test_a_transaction_costs_what_it_has_changed(
    repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(repo)
    ada = session(house)
    house.coordinator.run(
        AddTasks(tasks=tuple(NewTask(id=f"t-{n}", title="x") for n in range(500)))
    )
    acquire(house, ada, "a.py")
    before = feed.end(house.ledger)
    acquire(house, ada, "b.py")
    read: list[str] = []
    one, many = house.store.read, house.store.read_many

    def read_one(oid: str) -> Any:
        read.append(oid)
        return one(oid)

    def read_several(oids: Any) -> Any:
        read.extend(oids)
        return many(oids)

    monkeypatch.setattr(house.store, "read", read_one)
    monkeypatch.setattr(house.store, "read_many", read_several)
    assert kinds_of(told(house, before)) == ["lock.acquired"]

    assert len(read) < 20


def _write(place: str, name: str, count: int, gate: Any) -> None:
    house = open_house(place, os.environ)
    try:
        own = house.coordinator.do(
            StartSession(id=fresh_id("s-"), agent=name, machine=house.ledger.machine),
            StartSession.answer,
        )
        gate.wait()
        for number in range(count):
            wish = AcquireLocks(keys=(f"shared/{number % 3}", f"{name}/{number}"))
            house.coordinator.run(wish, session=own.session.id)
            if number % 2:
                house.coordinator.run(ReleaseLocks(all=True), session=own.session.id)
    finally:
        house.close()


def test_with_writers_in_other_processes_a_follower_hears_each_thing_once(repo: str) -> None:
    house = begun(repo)
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(3)
    writers = [
        context.Process(target=_write, args=(repo, f"w{number}", 15, gate)) for number in range(3)
    ]
    for writer in writers:
        writer.start()
    heard: list[Happening] = []
    last: Position | None = None
    while True:
        over = not any(writer.is_alive() for writer in writers)
        # A few at a time, as somebody who is cut off again and again.
        for each in feed.since(house.ledger, last, limit=5):
            heard.append(each)
            last = each.at
        if over and last is not None and not told(house, last, limit=1):
            break
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert heard == told(house)
    assert len({each.at for each in heard}) == len(heard)
    assert {each.at.seq for each in heard} <= set(range(1, heard[-1].at.seq + 1))
    reader = Reader()
    for each in heard:
        reader.hear(each.event.type, each.event.data)
    with house.ledger.state() as state:
        assert reader.locks == {
            (x.key, x.session): (x.mode, x.token, x.expires_at) for x in state.all(Lock)
        }
        assert len(reader.sessions) == 3


moves = st.lists(
    st.tuples(st.sampled_from(["lock", "free", "task", "cancel"]), st.integers(0, 3)), max_size=8
)


@given(moves=moves, cut=st.integers(0, 30))
@hypothesis_settings(max_examples=12)
def test_two_halves_of_the_feed_are_the_whole_and_lead_to_the_state(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]], cut: int
) -> None:
    place = str(tmp_path_factory.mktemp("repo"))
    git(place, "init", "-q")
    house = begun(place)
    ada = session(house)
    for kind, number in moves:
        wishes: dict[str, Any] = {
            "lock": AcquireLocks(keys=(f"k{number}",)),
            "free": ReleaseLocks(keys=(f"k{number}",)),
            "task": AddTasks(tasks=(NewTask(id=f"t-{number}", title="x"),)),
            "cancel": MoveTask(id=f"t-{number}", move="cancel"),
        }
        house.coordinator.run(wishes[kind], session=ada.id)
    whole = told(house)
    first = told(house, limit=cut)
    second = told(house, first[-1].at if first else None)
    assert first + second == whole
    reader = Reader()
    for each in first + second:
        reader.hear(each.event.type, each.event.data)
    with house.ledger.state() as state:
        assert {key for key, _ in reader.locks} == {lock.key for lock in state.all(Lock)}
        known = [*state.all(Task), *state.all(Task, archived=True)]
        assert {n: s for n, (s, _) in reader.tasks.items()} == {x.id: x.status for x in known}
