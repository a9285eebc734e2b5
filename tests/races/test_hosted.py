"""Eight processes in four clones race at one git host, in calm and while connections are cut."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.departure import EndSession
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.sweep import SweepSession
from gitcoord.errors import OutcomeUnknown, SessionAlive, SessionEnded
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.signs import survey
from tests.ledger.houses import session
from tests.races import swapping, test_rules
from tests.races.beginning import asking, beginner
from tests.races.field import RACERS, crowd, recorded
from tests.races.hosted import (
    CLONES,
    WEATHER,
    Course,
    HostedRace,
    Log,
    course,
    placed,
    struck,
)
from tests.servers.faults import hold
from tests.servers.git_http import serving


def a_sweep_and_a_heartbeat(race: HostedRace, rounds: int) -> None:
    """Race signs of life in the victim's clone against sweeps in the others."""
    home, away = (open_house(clone, os.environ) for clone in race.spot.clones[:2])
    beating = [racer % CLONES == 0 for racer in range(RACERS)]
    for number in range(rounds):
        home.store.refresh()
        victim = session(home, f"victim-{number}", life="beat")
        home.coordinator.run(AcquireLocks(keys=("a.py",)), session=victim.id)
        away.store.refresh()
        seen = away.presence.counted(victim, survey(away.store))
        with away.ledger.state() as state:
            now = state.get(Session, victim.id)
        assert now is not None
        sweep = SweepSession(id=victim.id, beat=seen, seen_at=now.seen_at, why="silent")
        wishes: list[Operation] = [Heartbeat() if beats else sweep for beats in beating]
        codes = race.run(number, wishes, [victim.id if beats else None for beats in beating])
        told = {
            kind: [code for code, beats in zip(codes, beating, strict=True) if beats == kind]
            for kind in (True, False)
        }
        if "done" in told[False]:
            # A beat that was decided before may be told so after it.
            assert Counter(told[False]) == {"done": 1, "session_ended": RACERS - 3}
            assert race.locks() == []
            late = home.coordinator.run(Heartbeat(), session=victim.id)[0].error
            assert isinstance(late, SessionEnded)
        else:
            assert set(told[False]) == {"session_alive"}
            assert set(told[True]) == {"done"}
            assert len(race.locks()) == 1
            race.house.coordinator.run(EndSession(), session=victim.id)
        # A heartbeat leaves no trace in the chain.
        race.accepted = [
            name
            for name in race.accepted
            if not (name.startswith(f"o-{number}-") and beating[int(name[-1])])
        ]
    home.close()
    away.close()


Kind = Callable[[HostedRace, int], None]

#: Kinds of races, those of one machine among them, by what is raced for.
KINDS: dict[str, Kind] = {
    "key": test_rules.test_one_of_eight_gets_the_same_key,
    "globs": test_rules.test_one_of_eight_gets_overlapping_globs,
    "sets": test_rules.test_crossing_sets_are_given_whole_and_never_twice,
    "next": test_rules.test_eight_who_ask_for_the_next_task_get_three_different_ones,
    "takeover": test_rules.test_a_take_over_and_a_renewal_leave_one_holder,
    "sweep": a_sweep_and_a_heartbeat,
}

FULL = 200

weather = pytest.mark.parametrize("weather", WEATHER)


def volume(usual: int) -> pytest.MarkDecorator:
    """Return the rounds of a test: as usual, or the full volume."""
    return pytest.mark.parametrize("rounds", [usual, pytest.param(FULL, marks=pytest.mark.soak)])


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print a row for docs/races.md when the full volume was run."""

    def row(rounds: int, *cells: object) -> None:
        if rounds == FULL:
            with capsys.disabled():
                print("\n|", *cells, "|", sep=" ")

    return row


def again(untold: Counter[str]) -> str:
    """Return in words how often somebody was told no decision, and why."""
    told = ", ".join(f"{number} {code}" for code, number in sorted(untold.items()))
    return f"told no decision and asked again: {told or 'nobody'}"


@pytest.fixture(scope="module")
def courses(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, int], Course]]:
    """Set up one course for each weather and volume, when it is first asked for."""
    made: dict[tuple[str, int], Course] = {}
    with ExitStack() as stack:

        def find(name: str, rounds: int) -> Course:
            if (name, rounds) not in made:
                folder = tmp_path_factory.mktemp(name)
                made[name, rounds] = stack.enter_context(course(folder, WEATHER[name]))
            return made[name, rounds]

        yield find


@volume(20)
@weather
@pytest.mark.parametrize("kind", KINDS)
def test_a_race_at_a_host_has_one_winner_and_loses_nothing(
    courses: Callable[[str, int], Course],
    kind: str,
    weather: str,
    rounds: int,
    report: Callable[..., None],
) -> None:
    race = HostedRace(courses(weather, rounds), kind)
    before = Log.of(race.spot.host)
    race.free()
    KINDS[kind](race, rounds)
    race.judge()
    log = Log.of(race.spot.host).since(before)
    assert bool(log.cut) == bool(WEATHER[weather].cuts)
    assert log.cut or not race.untold
    found = f"accepted before: {race.found}"
    report(rounds, f"{kind}, {weather} | {rounds} rounds, {log}; {again(race.untold)}; {found}")


@volume(20)
@weather
def test_exactly_one_push_wins_each_create_and_each_update(
    weather: str, rounds: int, tmp_path: Path, report: Callable[..., None]
) -> None:
    with placed(tmp_path) as spot:
        shared = "refs/coord/presence/race"
        with struck(spot.host, WEATHER[weather], seed=rounds):
            claims = swapping.raced(spot.clones, [asking], rounds, shared)
        swapping.one_winner_each(claims, rounds, spot.hub)
        log = Log.of(spot.host)
    assert bool(log.cut) == bool(WEATHER[weather].cuts)
    report(rounds, f"create and update one ref, {weather} | {rounds} rounds, {log}")


@volume(20)
@weather
def test_of_eight_who_begin_a_ledger_one_does(
    weather: str, rounds: int, tmp_path: Path, report: Callable[..., None]
) -> None:
    untold: Counter[str] = Counter()
    with placed(tmp_path) as spot, crowd(beginner, spot.clones) as pipes:
        for number in range(rounds):
            name = f"new-{number}"
            hub = str(spot.host.create(name))
            with struck(spot.host, WEATHER[weather], seed=number):
                for pipe in pipes:
                    pipe.send(spot.host.url(name))
                answers = [pipe.recv() for pipe in pipes]
            referee = open_house(hub, os.environ, remote="local")
            chain = list(referee.store.chain(referee.ledger.head()))
            referee.close()
            assert len(chain) == 1
            assert {head for _, _, head in answers} == {chain[0][0]}
            codes = Counter(code for code, _, _ in answers)
            assert set(codes) <= {"done", "already_initialised"}
            untold.update(told for _, before, _ in answers for told in before)
            # A beginning has no id: who never heard of its own finds only that there is one.
            unheard = any("outcome_unknown" in before for _, before, _ in answers)
            assert codes["done"] == 1 or (unheard and not codes["done"])
        log = Log.of(spot.host)
    assert log.cut or not untold
    report(rounds, f"begin, {weather} | {rounds} rounds, {log}; {again(untold)}")


@pytest.mark.parametrize(("cut", "landed"), [("cut_before", False), ("cut_after", True)])
def test_an_outcome_that_nobody_told_is_found_by_asking_again(
    cut: str, landed: bool, tmp_path: Path
) -> None:
    with placed(tmp_path) as spot:
        house = open_house(spot.clones[0], os.environ, patience=0.3)
        house.coordinator.begin(Begin())
        ada = session(house)
        spot.host.random_faults(1.0, kinds=[{"kind": cut}])
        wish = AcquireLocks(keys=("a.py",))
        with pytest.raises(OutcomeUnknown):
            house.coordinator.run(wish, session=ada.id, id="o-lost")
        spot.host.random_faults(0.0)
        (reply,) = house.coordinator.run(wish, session=ada.id, id="o-lost")
        assert reply.error is None
        assert reply.repeated == landed
        assert recorded(house).count("o-lost") == 1
        house.close()


def test_a_sweep_that_has_not_heard_of_the_last_beat_is_refused(tmp_path: Path) -> None:
    with placed(tmp_path) as spot:
        home, away = (open_house(clone, os.environ) for clone in spot.clones[:2])
        home.coordinator.begin(Begin(settings={"beat_interval": 0.01}))
        victim = session(home, "victim", life="beat")
        away.store.refresh()
        seen = away.presence.counted(victim, survey(away.store))
        sweep = SweepSession(id=victim.id, beat=seen, seen_at=victim.seen_at, why="silent")
        time.sleep(0.02)  # longer than the interval, so that the beat is published
        assert home.coordinator.run(Heartbeat(), session=victim.id)[0].error is None
        assert away.presence.counted(victim, survey(away.store)) == seen
        assert isinstance(away.coordinator.run(sweep)[0].error, SessionAlive)
        home.close()
        away.close()


def test_a_first_look_whose_answer_is_late_undoes_nothing_in_its_clone(
    tmp_path: Path, repo: str
) -> None:
    with serving(tmp_path / "host") as host:
        host.create("hub")
        one, two = (open_house(repo, os.environ, remote=host.url("hub")) for _ in range(2))
        late = hold(after=True, command="ls-refs")
        host.faults.append(late)
        reading = threading.Thread(target=lambda: two.store.read_ref(STATE))
        reading.start()
        assert late.reached.wait(30)
        one.coordinator.begin(Begin())
        head = one.ledger.head()
        late.release()
        reading.join()
        assert one.ledger.head() == head
        one.close()
        two.close()
