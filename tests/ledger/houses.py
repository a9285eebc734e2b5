"""A real ledger in a real repository for tests, with a clock that the test sets."""

from __future__ import annotations

import os
from typing import Any

from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.sessions import Session, Started, StartSession
from gitcoord.domain.time import to_epoch
from gitcoord.ledger.request import fresh_id

#: Houses that the running test has opened; closed after it by the fixture in conftest.
OPENED: list[House] = []

START = "2026-01-05T08:00:00.000Z"


class Hands:
    """A clock whose hands the test moves: wall and monotonic time together, or one of them."""

    def __init__(self, start: str = START) -> None:
        self._wall = to_epoch(start)
        self._monotonic = 1000.0

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def pass_(self, seconds: float) -> None:
        """Let time pass while the machine is awake."""
        self._wall += seconds
        self._monotonic += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass while the machine is asleep: its monotonic clock stands still."""
        self._wall += seconds


def begun(path: str, clock: Any = None, **settings: Any) -> House:
    """Return the house of a repository that has got a ledger."""
    house = opened(path, clock)
    house.coordinator.begin(Begin(settings=settings))
    return house


def opened(path: str, clock: Any = None, **options: Any) -> House:
    """Return the house of a repository as a fresh process would see it."""
    house = open_house(path, os.environ, clock=clock, **options)
    OPENED.append(house)
    return house


def session(house: House, agent: str = "ada", **fields: Any) -> Session:
    """Return a new session."""
    wish = StartSession(id=fresh_id("s-"), agent=agent, machine=house.ledger.machine, **fields)
    return house.coordinator.do(wish, Started).session


def acquire(house: House, holder: Session, *keys: str, **fields: Any) -> Locked:
    """Return the answer to taking the keys, or raise."""
    return house.coordinator.do(AcquireLocks(keys=keys, **fields), Locked, session=holder.id)
