"""Eight processes, one barrier, one invariant: exactly one winner, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import NextTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import AddTasks, NewTask
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import SweepSession
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.domain.task_moves import MoveTask
from tests.ledger.houses import begun, session
from tests.races.field import RACERS, Field, Try, field, recorded

#: Every two of them overlap.
OVERLAPPING = (
    "src/**",
    "src/*.py",
    "src/a.*",
    "src/{a,b}.py",
    "src/a.py",
    "**/a.py",
    "s?c/a.py",
    "src/[a-c].py",
)

rounds = pytest.mark.parametrize(
    "rounds", [pytest.param(20), pytest.param(300, marks=pytest.mark.soak)]
)


class Race:
    """One test's ledger, racers and sessions."""

    def __init__(self, house: House, racing: Field, people: list[Session]) -> None:
        self.house = house
        self.racing = racing
        self.people = people
        self.accepted: list[str] = []

    def run(self, number: int, operations: list[Operation], who: list[str | None]) -> list[str]:
        """Race the operations, remember what was accepted, and return the codes."""
        tries = [
            Try(operation, name, f"o-{number}-{racer}")
            for racer, (operation, name) in enumerate(zip(operations, who, strict=True))
        ]
        self.outcomes = self.racing.race(tries)
        self.accepted += [
            each.id for each, out in zip(tries, self.outcomes, strict=True) if out.code == "done"
        ]
        return [outcome.code for outcome in self.outcomes]

    def locks(self) -> list[Lock]:
        with self.house.ledger.state() as state:
            return list(state.all(Lock))

    def free(self) -> None:
        for person in self.people:
            self.house.coordinator.run(ReleaseLocks(all=True), session=person.id)


@pytest.fixture
def race(repo: str) -> Iterator[Race]:
    """Eight racers with a session each; at the end every success is in the chain once."""
    house = begun(repo)
    people = [session(house, f"agent-{n}") for n in range(RACERS)]
    with field(house, repo) as racing:
        made = Race(house, racing, people)
        yield made
    written = recorded(house)
    assert len(written) == len(set(written))
    assert set(made.accepted) - set(written) == set()
    house.close()


@rounds
def test_one_of_eight_gets_the_same_key(race: Race, rounds: int) -> None:
    who = [person.id for person in race.people]
    for number in range(rounds):
        codes = race.run(number, [AcquireLocks(keys=("a.py",))] * RACERS, [*who])
        assert sorted(codes) == ["done"] + ["lock_held"] * (RACERS - 1)
        (lock,) = race.locks()
        assert lock.session == who[codes.index("done")]
        assert {o.details["conflicts"][0]["session"] for o in race.outcomes if o.details} == {
            lock.session
        }
        race.free()


@rounds
def test_one_of_eight_gets_overlapping_globs(race: Race, rounds: int) -> None:
    who = [person.id for person in race.people]
    for number in range(rounds):
        wishes: list[Operation] = [
            AcquireLocks(keys=(OVERLAPPING[(racer + number) % RACERS],)) for racer in range(RACERS)
        ]
        codes = race.run(number, wishes, [*who])
        assert sorted(codes) == ["done"] + ["lock_held"] * (RACERS - 1)
        assert len(race.locks()) == 1
        race.free()


@rounds
def test_crossing_sets_are_given_whole_and_never_twice(race: Race, rounds: int) -> None:
    who = [person.id for person in race.people]
    for number in range(rounds):
        wishes: list[Operation] = [
            AcquireLocks(keys=(f"f{racer}", f"f{(racer + 1) % RACERS}")) for racer in range(RACERS)
        ]
        codes = race.run(number, wishes, [*who])
        winners = {racer for racer, code in enumerate(codes) if code == "done"}
        held = {lock.key: lock.session for lock in race.locks()}
        assert len(held) == 2 * len(winners)
        for racer in range(RACERS):
            sides = {(racer - 1) % RACERS, (racer + 1) % RACERS}
            assert (racer in winners) != bool(sides & winners)
        race.free()


@rounds
def test_eight_who_ask_for_the_next_task_get_three_different_ones(race: Race, rounds: int) -> None:
    who = [person.id for person in race.people]
    for number in range(rounds):
        new = tuple(NewTask(id=f"t-{number}-{n}", title=f"task {n}") for n in range(3))
        race.house.coordinator.run(AddTasks(tasks=new))
        assert race.run(number, [NextTask()] * RACERS, [*who]) == ["done"] * RACERS
        got = [outcome.answer.task for outcome in race.outcomes]
        claimed = {task.id: task.session for task in got if task is not None}
        assert len(claimed) == 3
        assert sum(task is not None for task in got) == 3
        for name, holder in claimed.items():
            move = MoveTask(id=name, move="complete")
            assert race.house.coordinator.run(move, session=holder)[0].error is None
        # An answer without a task changes nothing, so it leaves no trace in the chain.
        race.accepted = [
            name
            for name in race.accepted
            if not name.startswith(f"o-{number}-") or got[int(name.rpartition("-")[2])] is not None
        ]


@rounds
def test_a_take_over_and_a_renewal_leave_one_holder(race: Race, rounds: int) -> None:
    owner, who = race.people[0], [person.id for person in race.people]
    for number in range(rounds):
        race.house.coordinator.run(AcquireLocks(keys=("a.py",)), session=owner.id)
        before = race.locks()[0].token
        wishes: list[Operation] = [RenewLocks(keys=("a.py",), ttl=3600.0)]
        wishes += [TakeOverLocks(keys=("*.py",), reason="race")] * (RACERS - 1)
        codes = race.run(number, wishes, [*who])
        assert codes[0] in ("done", "lock_not_found_or_not_owner")
        assert codes[1:] == ["done"] * (RACERS - 1)
        tokens = [outcome.answer.locks[0].token for outcome in race.outcomes[1:]]
        assert len(set(tokens)) == RACERS - 1
        (left,) = race.locks()
        assert left.token == max(tokens) > before
        assert left.session == who[1 + tokens.index(left.token)]
        race.free()


@rounds
def test_a_sweep_and_a_heartbeat_never_both_win(race: Race, rounds: int) -> None:
    for number in range(rounds):
        victim = session(race.house, f"victim-{number}", life="beat")
        race.house.coordinator.run(AcquireLocks(keys=("a.py",)), session=victim.id)
        beat = race.house.presence.beats()[victim.id].count
        with race.house.ledger.state() as state:
            now = state.get(Session, victim.id)
        assert now is not None
        sweep = SweepSession(id=victim.id, beat=beat, seen_at=now.seen_at, why="silent")
        wishes: list[Operation] = [Heartbeat(), sweep] * (RACERS // 2)
        who: list[str | None] = [victim.id, None] * (RACERS // 2)
        codes = race.run(number, wishes, who)
        beats, sweeps = codes[::2], codes[1::2]
        if "done" in sweeps:
            assert sorted(sweeps) == ["done", *["session_ended"] * 3]
            assert beats == ["session_ended"] * 4
            assert race.locks() == []
        else:
            assert sweeps == ["session_alive"] * 4
            assert beats == ["done"] * 4
            assert len(race.locks()) == 1
            race.house.coordinator.run(EndSession(), session=victim.id)
        # A heartbeat need not leave a trace in the chain.
        race.accepted = [
            n for n in race.accepted if not n.startswith(f"o-{number}-") or int(n[-1]) % 2
        ]
