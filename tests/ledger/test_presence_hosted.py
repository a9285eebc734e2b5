"""Signs of life where a git host decides: each publication costs a push, unless it rides."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.operation import Beat
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from gitcoord.domain.sweep import SuspectSession, SweepSession
from gitcoord.domain.time import from_epoch, plus, to_epoch
from gitcoord.ledger import machine
from gitcoord.ledger.budget import Allowance, Delay
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX, published
from gitcoord.ledger.request import Request
from gitcoord.ledger.signs import survey
from gitcoord.storage.memory import MemoryStore
from gitcoord.storage.store import Move
from tests.ledger.hosted import Hosted, clone
from tests.ledger.houses import START, Hands, acquire, begun, session

SPENT = Allowance(0, to_epoch(START) + 1000)


class Two:
    """Two machines that follow one host."""

    def __init__(self, folder: Path, *, atomic: bool = True, **settings: object) -> None:
        self.host = MemoryStore()
        self.hands = Hands()
        self.here = clone(folder / "here", self.host, self.hands, atomic=atomic)
        self.here.coordinator.begin(Begin(settings=remote_defaults() | settings))
        self.there = clone(folder / "there", self.host, self.hands, atomic=atomic)

    def now(self) -> str:
        return from_epoch(self.hands.wall())


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def ref(house: House) -> str:
    return PREFIX + house.ledger.machine


def store(house: House) -> Hosted:
    assert isinstance(house.store, Hosted)
    return house.store


def beat(house: House, who: Session) -> None:
    house.coordinator.do(Heartbeat(), Beaten, session=who.id)


def pending(two: Two, after: float, **fields: object) -> Delay | bool:
    with two.here.ledger.state() as state:
        now = plus(START, after)
        return two.here.presence.pending(state, now, **fields)  # type: ignore[arg-type]


def test_machines_read_one_another_s_presence(two: Two) -> None:
    ada, bob = session(two.here, life="beat"), session(two.there, "bob", life="beat")
    two.here.store.refresh()
    assert set(published(two.here.store)) == {two.here.ledger.machine, two.there.ledger.machine}
    assert set(two.here.presence.everybody()) == {ada.id, bob.id}
    two.hands.pass_(10)
    beat(two.here, ada)
    assert two.here.presence.everybody()[ada.id] == Beat(2, two.now())


def test_it_is_published_every_interval_while_there_are_beats(two: Two) -> None:
    ada = session(two.here, life="beat")
    before = two.host.read_ref(ref(two.here))
    assert pending(two, 53) is False
    assert pending(two, 54) is False
    two.hands.pass_(53)
    beat(two.here, ada)
    assert two.host.read_ref(ref(two.here)) == before
    assert pending(two, 53.9) is False
    assert pending(two, 54) is True
    two.hands.pass_(1)
    beat(two.here, ada)
    assert two.host.read_ref(ref(two.here)) != before
    assert pending(two, 1000) is False


def test_it_rides_earlier_on_a_push_that_is_made_anyway(two: Two) -> None:
    ada = session(two.here, life="beat")
    two.here.presence.count([ada.id], START)
    assert pending(two, 29, riding=True) is False
    assert pending(two, 30, riding=True, left=SPENT) is True
    assert pending(two, 30) is False


def test_when_the_budget_is_spent_it_waits_for_a_third_of_the_ttl(two: Two) -> None:
    ada = session(two.here, life="beat")
    two.here.presence.count([ada.id], START)
    assert pending(two, 60, left=SPENT) == Delay(plus(START, 100))
    assert pending(two, 100, left=SPENT) is True
    assert pending(two, 60, left=Allowance(1, to_epoch(START))) is True


def test_the_shortest_life_that_hangs_on_it_decides(two: Two) -> None:
    ada = session(two.here, life="beat", ttl=60)
    two.here.presence.count([ada.id], START)
    assert pending(two, 15, left=SPENT) == Delay(plus(START, 20))
    assert pending(two, 20, left=SPENT) is True


def test_where_no_life_hangs_on_it_no_presence_is_published(two: Two) -> None:
    ada = session(two.here)
    two.here.presence.count([ada.id], START)
    for riding in (True, False):
        assert pending(two, 10_000, riding=riding) is False
    assert two.here.store.list_refs("refs/coord/presence/") == {}


def test_a_presence_of_a_wrong_future_is_published_again(two: Two) -> None:
    ada = session(two.here, life="beat")
    two.here.presence.count([ada.id], START)
    assert pending(two, -10_000, left=SPENT) is True


def test_pushes_of_presence_alone_are_counted_against_the_budget(tmp_path: Path) -> None:
    two = Two(tmp_path, push_budget=3)
    ada = session(two.here, life="beat")

    def left() -> Allowance:
        two.here.presence.beats()
        with two.here.ledger.state() as state:
            return two.here.presence.allowance(state, two.now())

    assert left().left == 1
    two.hands.pass_(60)
    beat(two.here, ada)
    assert left() == Allowance(2, two.hands.wall())
    two.hands.pass_(60)
    beat(two.here, ada)
    assert left() == Allowance(2, two.hands.wall())


def test_without_a_budget_or_a_host_nothing_is_counted(two: Two, repo: str) -> None:
    for house in (two.here, begun(repo, two.hands, push_budget=1)):
        with house.ledger.state() as state:
            assert house.presence.allowance(state, START).left is None


def test_the_process_of_a_session_beats_by_living(two: Two) -> None:
    mine = machine.process()
    assert mine is not None
    ada = session(two.here, life="process", process=mine)
    bob = session(
        two.here, "bob", life="process", process=msgspec.structs.replace(mine, started="1")
    )
    counts = []
    for _ in range(2):
        two.hands.pass_(60)
        two.here.coordinator.run()
        found = published(two.host)[two.here.ledger.machine].sessions
        counts.append((found[ada.id].count, found[bob.id].count))
    assert counts == [(3, 1), (4, 1)]


def test_presence_that_did_not_land_is_due_again(two: Two) -> None:
    ada = session(two.here, life="beat")
    presence = two.here.presence
    presence.count([ada.id], START)
    with two.here.ledger.state() as state:
        now = plus(START, 60)
        extra = presence.due(state, now)
        assert extra[1]
        presence.beats()
        assert presence.due(state, now) == extra
        presence.published(extra)
        presence.count([ada.id], now)
        assert presence.due(state, now) == ((), ())


def sweep(who: Session, beat: int = 0, **fields: str) -> SweepSession:
    return SweepSession(id=who.id, beat=beat, seen_at=who.seen_at, **fields)  # type: ignore[arg-type]


def witnessed(house: House, *wishes: SweepSession | SuspectSession) -> object:
    house.store.refresh()
    house.presence.beats()
    with house.ledger.state() as state:
        return house.presence.witnessed(state, [Request([wish]) for wish in wishes])


def test_a_sweep_of_another_machine_s_session_verifies_its_presence(two: Two) -> None:
    ada, eve = session(two.here, life="beat"), session(two.here, "eve", life="beat")
    bob = session(two.there, "bob", life="beat")
    beats, (objects, moves) = witnessed(  # type: ignore[misc]
        two.there, sweep(ada), sweep(eve), sweep(bob)
    )
    oid = two.host.list_refs(ref(two.here))[ref(two.here)]
    assert beats == {ada.id: Beat(1), eve.id: Beat(0)}
    assert moves == (Move(ref(two.here), oid, oid),)
    assert [one.kind for one in objects] == [b"commit", b"tree", b"blob"]
    assert objects[0].oid == oid


def test_a_suspicion_reads_the_beats_and_verifies_nothing(two: Two) -> None:
    ada = session(two.here, life="beat")
    wish = SuspectSession(id=ada.id, beat=1, seen_at=START)
    assert witnessed(two.there, wish) == ({ada.id: Beat(1)}, ((), ()))


def test_a_sweep_that_nothing_can_verify_rests_on_a_suspicion_or_is_refused(
    tmp_path: Path,
) -> None:
    two = Two(tmp_path, atomic=False)
    ada = session(two.here, life="beat")
    assert witnessed(two.there, sweep(ada)) == ({ada.id: Beat(-1)}, ((), ()))
    assert witnessed(two.there, sweep(ada, suspected=START)) == ({ada.id: Beat(1)}, ((), ()))
    two.there.coordinator.run(sweep(ada))
    assert two.there.coordinator.run(sweep(ada))[0].error is not None


def test_nothing_is_witnessed_without_sweeps_or_a_host_or_a_session(two: Two, repo: str) -> None:
    ada = session(two.here, life="beat")
    assert witnessed(two.there) == ({}, ((), ()))
    nobody = msgspec.structs.replace(ada, id="s-none")
    assert witnessed(two.there, sweep(nobody)) == ({}, ((), ()))
    house = begun(repo)
    away = session(house, life="beat")
    assert witnessed(house, sweep(away)) == ({}, ((), ()))


def test_a_session_that_acts_through_several_machines_beats_on_each(two: Two) -> None:
    ada = session(two.here, life="beat")
    two.there.store.refresh()
    acquire(two.there, ada, "a.py")
    two.there.presence.beats()
    found = two.there.presence.counted(ada, survey(two.there.store))
    assert found == 2
    two.hands.pass_(1)
    beat(two.there, ada)
    two.there.presence.beats()
    assert two.there.presence.counted(ada, survey(two.there.store)) == found + 1


def test_replaced_presence_is_dropped_where_the_mirror_keeps_it(two: Two) -> None:
    objects = Path(two.here.home, "ledger.git", "objects")
    ada = session(two.here, life="beat")
    oid = two.host.read_ref(ref(two.here))
    assert isinstance(oid, str)
    os.makedirs(objects / oid[:2])
    Path(objects, oid[:2], oid[2:]).write_bytes(b"an object")
    for _ in range(2):
        assert Path(objects, oid[:2], oid[2:]).exists()
        two.hands.pass_(60)
        beat(two.here, ada)
    assert not Path(objects, oid[:2], oid[2:]).exists()


def test_heartbeats_move_no_ledger_at_the_host(two: Two) -> None:
    ada = session(two.here, life="beat")
    head = two.host.read_ref(STATE)
    for _ in range(4):
        two.hands.pass_(60)
        beat(two.here, ada)
    assert two.host.read_ref(STATE) == head
    assert published(two.host)[two.here.ledger.machine].sessions[ada.id].count == 5
