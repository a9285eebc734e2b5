"""One repository, two processes that work in it, and a time of day that the test sets."""

from __future__ import annotations

from gitcoord.bootstrap import House
from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.lock_operations import Renewed, RenewLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.new_tasks import Added, AddTasks, NewTask
from gitcoord.domain.notices import told
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import from_epoch, seconds_between
from gitcoord.errors import GitcoordError
from gitcoord.ledger.ledger import STATE
from tests.gitrun import git
from tests.ledger.houses import Hands, begun, opened


class World:
    """What a scenario does and looks at, in few words."""

    def __init__(self, repo: str) -> None:
        self.repo = repo
        self.hands = Hands()
        self.house = begun(repo, self.hands)
        self.other = opened(repo, self.hands)

    @property
    def now(self) -> str:
        return from_epoch(self.hands.wall())

    def beat(self, who: Session) -> Beaten:
        return self.house.coordinator.do(Heartbeat(), Beaten, session=who.id)

    def beat_and_renew(self, who: Session) -> None:
        """Do what a process that looks after a command does now and then."""
        self.beat(who)
        old = [
            lock.key
            for lock in self.locks(who)
            if seconds_between(self.now, lock.expires_at) < lock.ttl / 2
        ]
        if old:
            self.house.coordinator.do(RenewLocks(keys=tuple(old)), Renewed, session=who.id)

    def look(self) -> list[str]:
        """Let somebody else's command look for the dead; returns whom it swept."""
        return self.other.judge().look().swept

    def locks(self, who: Session) -> list[Lock]:
        with self.house.ledger.state() as state:
            return [lock for lock in state.all(Lock) if lock.session == who.id]

    def keys(self, who: Session) -> list[str]:
        return [lock.key for lock in self.locks(who)]

    def session(self, who: Session) -> Session:
        with self.house.ledger.state() as state:
            found = state.get(Session, who.id)
        assert found is not None
        return found

    def task(self, name: str) -> Task:
        with self.house.ledger.state() as state:
            found = state.get(Task, name)
        assert found is not None
        return found

    def notices(self, who: Session) -> list[str]:
        with self.house.ledger.state() as state:
            return [notice.text for notice in told(state, who.id)]

    def add(self, name: str, *keys: str) -> None:
        wish = AddTasks(tasks=(NewTask(id=name, title=f"Do {name}", keys=keys),))
        self.house.coordinator.do(wish, Added)

    def claim(self, house: House, who: Session, name: str) -> Claimed:
        return house.coordinator.do(ClaimTask(id=name), Claimed, session=who.id)

    def refused(
        self, kind: type[GitcoordError], wish: Operation, who: Session, house: House | None = None
    ) -> GitcoordError:
        """Return the refusal of a wish, which has moved nothing."""
        before = git(self.repo, "rev-parse", STATE)
        error = (house or self.house).coordinator.run(wish, session=who.id)[0].error
        assert type(error) is kind
        assert git(self.repo, "rev-parse", STATE) == before
        return error
