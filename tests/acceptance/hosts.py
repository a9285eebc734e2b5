"""One repository at a real host on loopback, and clones of it that are machines of their own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import Released, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.operation import Operation
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from gitcoord.errors import GitcoordError
from gitcoord.ledger.ledger import STATE
from gitcoord.ledger.presence import PREFIX
from tests.gitrun import git
from tests.ledger.houses import opened
from tests.servers.git_http import GitHost

T = TypeVar("T")
R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=GitcoordError)

HOUR, YEAR = 3600.0, 365.25 * 86400
#: After so many seconds without a sign of life a session at a host is dead.
TTL = remote_defaults()["beat_ttl"]


class Clock:
    """A clock that runs as the real one does, and that can be wrong, or be moved on."""

    def __init__(self, wrong_by: float = 0.0) -> None:
        self._wall = wrong_by
        self._monotonic = 0.0

    def wall(self) -> float:
        return time.time() + self._wall

    def monotonic(self) -> float:
        return time.monotonic() + self._monotonic

    def pass_(self, seconds: float) -> None:
        """Let time pass on this machine, which is awake."""
        self._wall += seconds
        self._monotonic += seconds

    def set(self, seconds: float) -> None:
        """Set the wall clock forward by so much."""
        self._wall += seconds


class Hub:
    """The repository `hub` at the host, with one commit on main, and its clones by name."""

    name = "hub"

    def __init__(self, host: GitHost, folder: Path, repo: str) -> None:
        self.host = host
        self.path = str(host.seed(self.name, repo))
        self._folder = folder

    def clone(self, name: str, *options: str) -> str:
        """Return the path of a clone of this name, made if there is none."""
        path = self._folder / name
        if not path.exists():
            url = self.host.url(self.name)
            if options:
                git(str(self._folder), "clone", "-q", *options, url, str(path))
            else:
                self.host.clone(self.name, url, path)
            git(str(path), "config", "coord.remote", "origin")
            self.host.clear()
        return str(path)

    def house(self, name: str, clock: Clock | None = None, patience: float = 5.0) -> House:
        """Return the house of that clone as a fresh process sees it, its host not yet asked."""
        return opened(self.clone(name), clock, patience=patience)

    def begun(self, name: str, clock: Clock | None = None, **settings: Any) -> House:
        """Return the house of that clone, from which the ledger at the host has been made."""
        house = self.house(name, clock)
        house.coordinator.begin(Begin(settings=remote_defaults() | settings))
        return house

    @property
    def refs(self) -> dict[str, str]:
        return self.host.refs(self.name)

    @property
    def head(self) -> str:
        return self.refs[STATE]

    @property
    def meta(self) -> dict[str, Any]:
        """The counters of the ledger as the host has them."""
        found: dict[str, Any] = json.loads(self.host.git(self.name, "show", f"{STATE}:meta.json"))
        return found

    def subjects(self) -> list[str]:
        """Return the first line of every transaction, newest first."""
        return self.host.git(self.name, "log", "--format=%s", STATE).splitlines()

    @contextmanager
    def still(self, *names: str) -> Iterator[None]:
        """See that no ref moves at the host, and nothing of the user's in these clones."""
        before = self.refs, [surroundings(self.clone(name)) for name in names]
        yield
        assert (self.refs, [surroundings(self.clone(name)) for name in names]) == before

    def forge(self, files: dict[str, bytes | None] | None = None, **meta: Any) -> str:
        """Put a transaction on the ledger with git alone, as another program; return it."""
        changed = dict(files or {})
        counters = self.meta
        counters |= {"seq": counters["seq"] + 1} | meta
        index = {**os.environ, "GIT_INDEX_FILE": os.path.join(self.path, "forged-index")}

        def plumb(*words: str) -> str:
            command = ["git", "-C", self.path, *words]
            done = subprocess.run(command, env=index, capture_output=True, check=True)
            return done.stdout.decode().strip()

        head = self.head
        plumb("read-tree", head)
        for path, data in (changed | {"meta.json": json.dumps(counters).encode()}).items():
            blob = git(self.path, "hash-object", "-w", "--stdin", stdin=data)
            plumb("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        commit = plumb("commit-tree", plumb("write-tree"), "-p", head, "-m", "another program")
        git(self.path, "update-ref", STATE, commit, head)
        return commit


@pytest.fixture
def hub(git_host: GitHost, tmp_path: Path, repo: str) -> Hub:
    """Make the host."""
    return Hub(git_host, tmp_path, repo)


def surroundings(path: str) -> str:
    """Return what a user sees of a clone: refs, branch, changes, configuration."""
    asked = (("for-each-ref",), ("status", "-b", "--porcelain=v2"), ("config", "--local", "-l"))
    return "\n".join(git(path, *words) for words in asked)


def presence_of(house: House) -> str:
    """Return the ref under which this machine publishes its signs of life."""
    return PREFIX + house.ledger.machine


def beat(house: House, who: Session) -> Beaten:
    return house.coordinator.do(Heartbeat(), Beaten, session=who.id)


def release(house: House, who: Session, *keys: str) -> Released:
    return house.coordinator.do(ReleaseLocks(keys=keys), Released, session=who.id)


def refusal(house: House, wish: Operation, who: Session | None, kind: type[E]) -> E:
    """Return the refusal of a wish, which must be exactly of this kind."""
    error = house.coordinator.run(wish, session=who.id if who else None)[0].error
    assert type(error) is kind, error
    return error


def record(house: House, kind: type[R], name: str) -> R:
    """Return one record as the host has it at this moment."""
    house.store.refresh()
    with house.ledger.state() as state:
        found = state.get(kind, name)
    assert found is not None
    return found


def holders(house: House) -> dict[str, str]:
    """Return the agents that hold keys at this moment, by key."""
    house.store.refresh()
    with house.ledger.state() as state:
        return {lock.key: lock.agent for lock in state.all(Lock)}


def beside(work: Callable[[], T]) -> Future[T]:
    """Begin something that goes on beside the test; `result()` of it waits."""
    pool = ThreadPoolExecutor(1)
    begun = pool.submit(work)
    pool.shutdown(wait=False)
    return begun
