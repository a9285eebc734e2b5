"""Ledgers at a git host: smart HTTP around `git http-backend`, on loopback, in its own process.

The host is the one that the tests use (`tests.servers`); it can add time to every request
and counts them. Promises that it ends with the block. Not here: what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

from bench.commits import run
from bench.ratio import Timed
from bench.scratch import Place, Scratch, check_in, git, process
from gitcoord.bootstrap import House
from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks
from gitcoord.domain.settings import remote_defaults
from gitcoord.ledger.ledger import STATE
from tests.servers.control import HostProcess, host_process

#: Seconds that a request to a host far away takes longer.
FAR = 0.05
#: `receive.unpackLimit`: the host keeps each push as a pack, as GitHub does, see
#: https://github.com/github/spokes-receive-pack. By git's default it would write a push of
#: less than 100 objects as so many files, which costs it twice the time for a group of 16.
PACKS = "1"


class Hosted(NamedTuple):
    """A host, and clones of repositories there."""

    scratch: Scratch
    host: HostProcess

    def create(self, name: str) -> None:
        """Make an empty repository at the host."""
        self.host.create(name, receive_unpackLimit=PACKS)

    def ledger(self, name: str) -> Place:
        """Return a new clone whose ledger is at the host, with one session."""
        self.create(name)
        path = self.scratch.repository(name)
        for words in (
            ("remote", "add", "origin", self.host.url(name)),
            ("push", "--quiet", "origin", "HEAD:refs/heads/main"),
            ("config", "coord.remote", "origin"),
        ):
            git(path, self.scratch.environ, *words)
        place = Place(path, "", self.scratch.environ)
        house = place.house()
        try:
            house.coordinator.begin(Begin(settings=remote_defaults()), agent="bench")
            session = check_in(house, "bench", worktree=path)
        finally:
            house.close()
        return Place(path, session, self.scratch.environ | {"GITCOORD_SESSION": session})

    def counted(self, work: Timed) -> tuple[float, list[dict[str, Any]]]:
        """Run a piece of work; return its seconds and the requests that it made."""
        self.host.requests(clear=True)
        return work(), self.host.requests()


@contextmanager
def hosting(scratch: Scratch) -> Iterator[Hosted]:
    """Run a host for as long as the block runs."""
    with host_process(scratch.path("host")) as host:
        yield Hosted(scratch, host)


class Copyist:
    """Does with `git push --force-with-lease` what one decision after the other has done.

    At the same host, into a repository of its own, with the objects that the decision has
    made; they are there before the clock runs.
    """

    def __init__(self, hosted: Hosted, name: str) -> None:
        self._source = str(hosted.host.path(name))
        self._target = hosted.host.url(f"{name}-copy")
        self._environ = hosted.scratch.environ
        self._path = hosted.scratch.path("copyist")
        hosted.create(f"{name}-copy")
        git(hosted.scratch.folder, self._environ, "init", "--quiet", "--bare", self._path)
        self._old = self._fetched()
        git(self._path, self._environ, "push", "--quiet", self._target, f"{self._old}:{STATE}")

    def push(self) -> float:
        """Push what the ledger has become since the last time; return the seconds."""
        new, old = self._fetched(), self._old
        self._old = new
        lease = f"--force-with-lease={STATE}:{old}"
        words = ("git", "push", "--quiet", lease, self._target, f"{new}:{STATE}")
        return process(words, self._path, self._environ)

    def _fetched(self) -> str:
        git(self._path, self._environ, "fetch", "--quiet", self._source, f"+{STATE}:{STATE}")
        return git(self._path, self._environ, "rev-parse", STATE).decode().strip()


class Decider:
    """Takes key after key, one decision each."""

    def __init__(self, place: Place, house: House) -> None:
        self._place = place
        self._house = house
        self._number = count()

    def decide(self) -> float:
        """Take a new key in this process; return the seconds."""
        wish = AcquireLocks(keys=(f"src/here{next(self._number)}.py",))
        begun = time.perf_counter()
        run(self._house, self._place.session, wish)
        return time.perf_counter() - begun

    def command(self) -> float:
        """Take a new key with a command; return the seconds of its process."""
        return self._place.gitcoord("lock", "acquire", f"src/there{next(self._number)}.py")


def fill_with_branches(place: str, environ: dict[str, str], branches: int) -> None:
    """Give the repository so many branches at the commit of `main`, packed as hosts have them."""
    tip = git(place, environ, "rev-parse", "refs/heads/main").decode().strip()
    lines = "".join(f"create refs/heads/topic/{n:06d} {tip}\n" for n in range(branches))
    git(place, environ, "update-ref", "--stdin", send=lines.encode())
    git(place, environ, "pack-refs", "--all")
