"""What goes wrong between machines that share a ledger, against a real host over HTTP."""

from __future__ import annotations

import time
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import to_epoch
from gitcoord.errors import (
    AlreadyInitialised,
    FormatTooNew,
    GitcoordError,
    LockHeld,
    SessionEnded,
    WriterTooOld,
)
from gitcoord.ledger.clock import HostClock
from gitcoord.ledger.ledger import STATE
from tests.acceptance.hosts import (
    HOUR,
    TTL,
    YEAR,
    Clock,
    Hub,
    beat,
    beside,
    holders,
    hub,
    presence_of,
    record,
    refusal,
    release,
)
from tests.ledger.houses import acquire, session
from tests.servers.faults import Fault, hold
from tests.servers.fixtures import git_host

__all__ = ["git_host", "hub"]


class Silence:
    """ada holds a.py and has been silent for a whole TTL in the eyes of the judge elsewhere."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.clock = hub, Clock()
        self.hers = hub.begun("hers", self.clock)
        self.ada = session(self.hers, life="beat")
        self.token = acquire(self.hers, self.ada, "a.py").locks[0].token
        self.mine = hub.house("mine", self.clock)
        self.judge = self.mine.judge()
        assert self.judge.look().swept == []
        self.clock.pass_(TTL)

    def holding(self) -> Fault:
        """Have the next push that arrives wait at the host, before git sees it."""
        fault = hold(command="push")
        self.hub.host.faults.append(fault)
        return fault

    def status(self, house: House) -> str:
        return record(house, Session, self.ada.id).status


@pytest.fixture
def silence(hub: Hub) -> Silence:
    return Silence(hub)


@pytest.mark.parametrize("pruned", [False, True], ids=["kept", "pruned"])
def test_a_heartbeat_that_overtakes_the_sweep_saves_its_session(
    silence: Silence, pruned: bool
) -> None:
    """Pruned: the host has dropped the presence that the sweep verifies when it arrives."""
    judged = silence.hub.refs[presence_of(silence.hers)]
    sweep = silence.holding()
    look = beside(silence.judge.look)
    assert sweep.reached.wait(10)
    beat(silence.hers, silence.ada)
    assert silence.hub.refs[presence_of(silence.hers)] != judged
    if pruned:
        silence.hub.host.prune("hub")
        with pytest.raises(AssertionError, match="could not get object info"):
            silence.hub.host.git("hub", "cat-file", "-s", judged)
    sweep.release()
    assert look.result().swept == []
    for house in (silence.hers, silence.mine):
        assert silence.status(house) == "active"
        assert holders(house) == {"a.py": "ada"}
    assert release(silence.hers, silence.ada, "a.py").keys == ["a.py"]


def test_signs_of_life_that_are_replaced_while_they_are_fetched_are_fetched_anew(hub: Hub) -> None:
    clock = Clock()
    hers = hub.begun("hers", clock)
    ada = session(hers, life="beat")
    mine = hub.house("mine")
    mine.store.refresh()
    clock.pass_(TTL)
    beat(hers, ada)
    fetch = hold(command="fetch")
    hub.host.faults.append(fetch)
    look = beside(mine.store.refresh)
    assert fetch.reached.wait(10)
    listed = hub.refs[presence_of(hers)]
    clock.pass_(TTL)
    beat(hers, ada)
    hub.host.prune("hub")
    assert hub.refs[presence_of(hers)] != listed
    fetch.release()
    look.result()
    assert mine.store.read_ref(presence_of(hers)) == hub.refs[presence_of(hers)]


def test_a_heartbeat_that_the_sweep_overtakes_revives_nobody(silence: Silence) -> None:
    late = silence.holding()
    beating = beside(partial(beat, silence.hers, silence.ada))
    assert late.reached.wait(10)
    assert silence.judge.look().swept == [silence.ada.id]
    swept = silence.hub.head
    late.release()
    with pytest.raises(SessionEnded):
        beating.result()
    for house in (silence.hers, silence.mine):
        assert silence.status(house) == "timed_out"
        assert holders(house) == {}
    refusal(silence.hers, Heartbeat(), silence.ada, SessionEnded)
    assert silence.hub.head == swept


def test_a_first_heartbeat_that_the_sweep_overtakes_learns_of_it(silence: Silence) -> None:
    silence.hub.host.git("hub", "update-ref", "-d", presence_of(silence.hers))
    assert silence.judge.look().swept == []
    silence.clock.pass_(TTL)
    late = silence.holding()
    beating = beside(partial(beat, silence.hers, silence.ada))
    assert late.reached.wait(10)
    assert silence.judge.look().swept == [silence.ada.id]
    late.release()
    with pytest.raises(SessionEnded):
        beating.result()
    assert silence.status(silence.hers) == "timed_out"
    assert holders(silence.mine) == {}


@pytest.mark.parametrize("beaten", [False, True], ids=["silent", "beaten"])
def test_where_refs_do_not_move_as_one_a_suspicion_comes_first_and_a_heartbeat_ends_it(
    hub: Hub, beaten: bool
) -> None:
    hub.host.no_atomic("hub")
    silence = Silence(hub)
    assert silence.judge.look().swept == []
    assert record(silence.mine, Session, silence.ada.id).suspect_since
    assert silence.judge.look().swept == []
    if beaten:
        beat(silence.hers, silence.ada)
    silence.clock.pass_(TTL)
    assert silence.judge.look().swept == ([] if beaten else [silence.ada.id])
    assert silence.status(silence.hers) == ("active" if beaten else "timed_out")
    assert holders(silence.hers) == ({"a.py": "ada"} if beaten else {})


def test_two_judges_sweep_a_session_once(silence: Silence) -> None:
    third = silence.hub.house("third", silence.clock).judge()
    assert third.look().swept == []
    silence.clock.pass_(TTL)
    held = silence.holding()
    look = beside(silence.judge.look)
    assert held.reached.wait(10)
    assert third.look().swept == [silence.ada.id]
    held.release()
    assert look.result().swept == []
    assert [line for line in silence.hub.subjects() if "timed out" in line] == [
        f"session: {silence.ada.id} of ada timed out"
    ]


def test_a_suspended_holder_that_wakes_up_has_lost_and_is_told_what_and_to_whom(
    hub: Hub,
) -> None:
    clock = Clock()
    hers, mine = hub.begun("hers", clock), hub.house("mine", clock)
    ada = session(hers, life="beat")
    task = NewTask(id="t-1", title="Do it", keys=("src/a.py",))
    hers.coordinator.do(AddTasks(tasks=(task,)), Added)
    old = hers.coordinator.do(ClaimTask(id="t-1"), Claimed, session=ada.id)
    acquire(hers, ada, "b.py")
    mine.judge().look()
    clock.pass_(TTL)
    assert mine.judge().look().swept == [ada.id]
    eve = session(mine, "eve", life="beat")
    new = mine.coordinator.do(ClaimTask(id="t-1"), Claimed, session=eve.id)
    assert new.locks[0].token > old.locks[0].token

    lost = [
        ("b.py", None),
        ("src/a.py", "eve"),
    ]
    wishes = [
        ReleaseLocks(keys=("src/a.py",)),
        ReleaseLocks(all=True),
        RenewLocks(),
        AcquireLocks(keys=("b.py",)),
        MoveTask(id="t-1", move="complete"),
        Heartbeat(),
    ]
    for wish in wishes:
        with hub.still("hers", "mine"):
            error = refusal(hub.house("hers", clock), wish, ada, SessionEnded)
        assert error.details["outcome"] == "timed_out"
        told = [
            (one["key"], one["held_by"] and one["held_by"]["agent"])
            for one in error.details["lost"]
        ]
        assert sorted(told) == lost
        assert error.hint
    assert holders(mine) == {"src/a.py": "eve"}
    assert record(hers, Task, "t-1").agent == "eve"


@pytest.mark.parametrize("wrong_by", [HOUR, -HOUR, 9 * YEAR, -9 * YEAR])
def test_a_clock_that_is_wrong_is_put_right_by_the_date_of_the_host(
    hub: Hub, wrong_by: float
) -> None:
    right = hub.begun("right")
    bob = session(right, "bob", life="beat")
    acquire(right, bob, "a.py")
    wrong = hub.house("wrong", Clock(wrong_by))
    eve = session(wrong, "eve", life="beat")
    assert abs(to_epoch(hub.meta["time"]) - time.time()) < HOUR / 2
    held = acquire(wrong, eve, "b.py").locks[0]
    assert abs(to_epoch(held.acquired_at) - time.time()) < HOUR / 2
    refusal(wrong, AcquireLocks(keys=("a.py",)), eve, LockHeld)
    for house in (right, wrong, hub.house("wrong", Clock(wrong_by))):
        verdicts = house.judge().look()
        assert (verdicts.swept, verdicts.lapsed) == ([], False)
        assert holders(house) == {"a.py": "bob", "b.py": "eve"}
    clock = hub.house("wrong", Clock(wrong_by)).ledger.clock
    assert isinstance(clock, HostClock)
    assert clock.offset == pytest.approx(-wrong_by, abs=60)


def test_a_clock_that_is_set_while_it_is_used_is_compared_anew(hub: Hub) -> None:
    clock = Clock()
    house = hub.begun("one", clock)
    ada = session(house)
    clock.set(9 * YEAR)
    acquire(house, ada, "a.py")
    assert abs(to_epoch(hub.meta["time"]) - time.time()) < HOUR / 2


def test_where_the_host_names_no_date_a_ledger_nine_years_ahead_ends_no_lease(hub: Hub) -> None:
    hub.host.date_offset = None
    wrong = hub.begun("wrong", Clock(9 * YEAR))
    eve = session(wrong, "eve")
    acquire(wrong, eve, "a.py")
    assert to_epoch(hub.meta["time"]) - time.time() > 8 * YEAR
    right = hub.house("right")
    assert right.judge().look().lapsed is False
    bob = session(right, "bob")
    refusal(right, AcquireLocks(keys=("a.py",)), bob, LockHeld)
    acquire(right, bob, "b.py")
    assert abs(to_epoch(hub.meta["time"]) - time.time()) < HOUR / 2
    assert holders(right) == {"a.py": "eve", "b.py": "bob"}


def test_of_two_first_inits_at_once_one_makes_the_ledger_and_both_use_it(hub: Hub) -> None:
    houses = [hub.house("one"), hub.house("two")]
    held = [hold(command="push") for _ in houses]
    hub.host.faults.extend(held)
    wish = Begin(settings=remote_defaults())
    begins = [beside(partial(house.coordinator.begin, wish)) for house in houses]
    for fault in held:
        assert fault.reached.wait(10)
    for fault in held:
        fault.release()
    outcomes = [_outcome(begin) for begin in begins]
    assert sorted(map(str, outcomes)) == ["already_initialised", "done"]
    assert len(hub.subjects()) == 1
    ada, bob = session(houses[0], "ada"), session(houses[1], "bob")
    acquire(houses[0], ada, "a.py")
    refusal(houses[1], AcquireLocks(keys=("a.py",)), bob, LockHeld)
    with pytest.raises(AlreadyInitialised):
        hub.house("three").coordinator.begin(wish)


def _outcome(begin: Future[Any]) -> str:
    try:
        begin.result()
    except GitcoordError as error:
        return error.code
    return "done"


def test_an_older_program_only_reads_once_a_newer_one_asks_for_newer_writers(hub: Hub) -> None:
    house = hub.begun("seen")
    ada = session(house)
    acquire(house, ada, "a.py")
    hub.forge(min_writer=99)
    for name in ("seen", "fresh"):
        for old in (house, hub.house(name)):
            with hub.still(name), pytest.raises(WriterTooOld) as caught:
                release(old, ada, "a.py")
            assert caught.value.hint == "Upgrade gitcoord."
            assert holders(old) == {"a.py": "ada"}


@pytest.mark.parametrize("file", ["meta.json", "settings.json"])
def test_an_older_program_does_not_touch_a_format_that_it_does_not_know(
    hub: Hub, file: str
) -> None:
    house = hub.begun("seen")
    ada = session(house)
    if file == "meta.json":
        hub.forge(format=2)
    else:
        hub.forge({file: b'{"format": 2, "conflict_mode": "perhaps"}'})
    for one in (house, hub.house("seen"), hub.house("fresh")):
        with hub.still("seen", "fresh"):
            with pytest.raises(FormatTooNew):
                acquire(one, ada, "a.py")
            one.follow()
            with pytest.raises(FormatTooNew) as caught, one.ledger.state():
                pass
            with pytest.raises((AlreadyInitialised, FormatTooNew)):
                one.coordinator.begin(Begin())
        assert caught.value.hint == "Upgrade gitcoord."
        assert STATE in hub.refs


def test_what_a_newer_program_wrote_beside_survives_an_older_one(hub: Hub) -> None:
    house = hub.begun("one")
    hub.forge({"dreams/r.m-1.json": b'{"format": 1}'}, owl="wise")
    acquire(house, session(house), "a.py")
    assert hub.meta["owl"] == "wise"
    assert hub.host.git("hub", "show", f"{STATE}:dreams/r.m-1.json") == '{"format": 1}'
