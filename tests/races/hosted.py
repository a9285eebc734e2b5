"""Races at a git host: one host in a process of its own, four clones, two racers in each.

The referee looks at the host's repository itself and decides there without the host between,
so that what it sees is what was agreed, whatever the racers were told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.operation import Operation
from gitcoord.domain.sessions import Session
from gitcoord.ledger.invariants import broken
from tests.conftest import first_commit
from tests.gitrun import git
from tests.ledger.houses import session
from tests.races.beginning import UNTOLD
from tests.races.field import RACERS, Field, Outcome, Try, field, recorded
from tests.races.test_rules import Race
from tests.servers.control import HostProcess, host_process

CLONES = 4


class Weather(NamedTuple):
    """What the host does to requests, and how the racers take it."""

    #: Share of the requests whose connection is cut before, after or in the middle.
    cuts: float
    #: Times that a racer asks, and seconds that it tries each time.
    attempts: int
    patience: float


WEATHER = {"calm": Weather(0.0, 1, 20.0), "cut": Weather(0.2, 200, 0.3)}


class Place(NamedTuple):
    """A host with one repository, `hub`, and clones whose ledger is there."""

    host: HostProcess
    hub: str
    clones: list[str]


@contextmanager
def placed(folder: Path) -> Iterator[Place]:
    """Serve a hub, and clone it; there is no ledger yet."""
    with host_process(folder / "host") as host:
        hub = str(host.seed("hub", first_commit(folder / "seed")))
        clones = [str(folder / f"clone{n}") for n in range(CLONES)]
        for clone in clones:
            host.clone("hub", host.url("hub"), clone)
            git(clone, "config", "coord.remote", "origin")
        yield Place(host, hub, clones)


@contextmanager
def struck(host: HostProcess, weather: Weather, seed: int) -> Iterator[None]:
    """Have the weather while the block runs."""
    host.random_faults(weather.cuts, seed=seed)
    yield
    host.random_faults(0.0)


class Log(NamedTuple):
    """What a host has been asked so far."""

    requests: int
    cut: int

    @classmethod
    def of(cls, host: HostProcess) -> Log:
        """Return what the host says of itself."""
        told = host.tell({})
        return cls(told["count"], told["struck"])

    def since(self, before: Log) -> Log:
        """Return what has come to that."""
        return Log(self.requests - before.requests, self.cut - before.cut)

    def __str__(self) -> str:
        return f"{self.requests:,} requests, {self.cut:,} of them cut"


class HostedField(Field):
    """Racers in clones. Every second round they know the head, in the others it has moved on."""

    def __init__(self, racing: Field, spot: Place, weather: Weather) -> None:
        super().__init__(racing.house, racing._pipes)
        self._spot = spot
        self._weather = weather
        self._rounds = 0
        #: Goes before every id, so that each kind of race has its own.
        self.prefix = ""

    def race(self, tries: Sequence[Try], *, follow: bool = False) -> list[Outcome]:
        """Race in this field's weather."""
        self._rounds += 1
        named = [each._replace(id=self.prefix + each.id) for each in tries]
        with struck(self._spot.host, self._weather, self._rounds):
            return super().race(named, follow=follow or self._rounds % 2 == 0)


class Course(NamedTuple):
    """A place with a ledger, eight people with sessions, and a field of racers."""

    spot: Place
    referee: House
    people: list[Session]
    racing: HostedField


class HostedRace(Race):
    """A race whose every round leaves the ledger right and everybody told what is true."""

    def __init__(self, course: Course, kind: str) -> None:
        super().__init__(course.referee, course.racing, course.people)
        self.spot = course.spot
        self.prefix = course.racing.prefix = f"{kind}-"
        self.refused: list[str] = []
        #: What was told where nothing was decided.
        self.untold: Counter[str] = Counter()
        #: Answers that were lost and found by asking again.
        self.found = 0

    def run(self, number: int, operations: list[Operation], who: list[str | None]) -> list[str]:
        """Race, and look at the state that was agreed and at what each was told on the way."""
        codes = super().run(number, operations, who)
        with self.house.ledger.state() as state:
            assert list(broken(state)) == []
        for racer, outcome in enumerate(self.outcomes):
            assert set(outcome.untold) <= UNTOLD, outcome.untold
            if outcome.repeated:
                # Whoever is told that nothing has changed must not find it done.
                assert "outcome_unknown" in outcome.untold, outcome
                self.found += 1
            if outcome.code != "done":
                self.refused.append(f"o-{number}-{racer}")
            self.untold.update(outcome.untold)
        return codes

    def judge(self) -> None:
        """Find every success in the chain once, and no refusal."""
        written = recorded(self.house)
        assert len(written) == len(set(written))
        mine = {name.removeprefix(self.prefix) for name in written if name.startswith(self.prefix)}
        assert set(self.accepted) - mine == set()
        assert set(self.refused) & mine == set()


@contextmanager
def course(folder: Path, weather: Weather) -> Iterator[Course]:
    """Set up races, and see at the end that all clones and the host agree."""
    with placed(folder) as spot:
        first = open_house(spot.clones[0], os.environ)
        # So short that signs of life are published at every chance.
        first.coordinator.begin(Begin(settings={"beat_interval": 0.01}))
        first.close()
        referee = open_house(spot.hub, os.environ, remote="local")
        people = [session(referee, f"agent-{n}") for n in range(RACERS)]
        attempts, patience = weather.attempts, weather.patience
        with field(referee, spot.clones, attempts=attempts, patience=patience) as racing:
            yield Course(spot, referee, people, HostedField(racing, spot, weather))
        agree(spot, referee)
        referee.close()


def agree(spot: Place, referee: House) -> None:
    """See that every clone follows the host to the same head, and that all objects are sound."""
    for clone in spot.clones:
        house = open_house(clone, os.environ)
        house.store.refresh()
        assert house.ledger.head() == referee.ledger.head()
        git(house.objects.common_dir, "fsck", "--strict", "--no-dangling")
        house.close()
    git(spot.hub, "fsck", "--strict", "--no-dangling")
