"""Where it is measured: scratch repositories, a world without the user's git settings, sizes.

Promises that the user's repositories, home and configuration are neither read nor
changed, and that everything is gone afterwards. Not here: what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.ratio import Wrong
from gitcoord.bootstrap import House, open_house
from gitcoord.domain.configure import Begin
from gitcoord.domain.sessions import Started, StartSession
from gitcoord.ledger.request import fresh_id

_CONFIG = """[user]
\tname = Bench
\temail = bench@example.invalid
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
"""

# What would change how git, gitcoord or Python work. Without compiled modules, for one, every
# start would compile them.
_DROPPED = ("GIT", "GITCOORD_", "XDG_", "PYTHON", "COV_", "CLAUDE", "CODEX", "GEMINI")

#: A process that starts Python and does nothing: the measure of start-up.
BARE = (sys.executable, "-c", "pass")


class Volume(NamedTuple):
    """How much is done of everything."""

    #: Pairs of whole processes, and of pieces of work in one process.
    starts: int
    rounds: int
    #: Acquire and release so often in one piece of work.
    pairs: int
    #: Records of the smaller and the larger ledger on which groups are measured.
    small: int
    medium: int
    locks: int
    tasks: int
    history: int
    #: Real transactions after which objects and packs are counted.
    transactions: int
    processes: int
    #: Seconds for which the processes write, and how often each way.
    seconds: float
    turns: int
    #: Agents that land, their tasks, seconds of their work, and for which a check computes.
    crew: int
    chores: int
    crew_work: float
    crew_check: float
    #: Of `tests.landing.chores.SEEDS`.
    crew_seed: str


FULL = Volume(
    starts=25,
    rounds=9,
    pairs=20,
    small=1_000,
    medium=10_000,
    locks=10_000,
    tasks=100_000,
    history=100_000,
    transactions=3_000,
    processes=16,
    seconds=6,
    turns=3,
    crew=8,
    chores=60,
    crew_work=1,
    crew_check=0.5,
    crew_seed="whole",
)
#: Only shows that every row works; its numbers say nothing.
QUICK = Volume(
    starts=3,
    rounds=2,
    pairs=2,
    small=100,
    medium=200,
    locks=100,
    tasks=500,
    history=300,
    transactions=60,
    processes=3,
    seconds=0.5,
    turns=1,
    crew=2,
    chores=6,
    crew_work=0,
    crew_check=0,
    crew_seed="small",
)


class Place(NamedTuple):
    """A repository with a ledger, and a session that is checked in to it."""

    path: str
    session: str
    environ: dict[str, str]

    def house(self, engine: str = "plumbing") -> House:
        """Return gitcoord for it, in this process; whoever asks closes it."""
        return open_house(self.path, self.environ, engine=engine)

    def gitcoord(self, *words: str) -> float:
        """Run one gitcoord command as a process and return its seconds."""
        return process((*command(), *words), self.path, self.environ)

    def bare(self) -> float:
        """Run a Python that does nothing, from the same place; return its seconds."""
        return process(BARE, self.path, self.environ)

    def git(self, *words: str, send: bytes = b"") -> bytes:
        """Return what git prints in the repository."""
        return git(self.path, self.environ, *words, send=send)


class Scratch:
    """The folder of one run; rows that share a ledger find it by the same `Scratch`."""

    def __init__(self, folder: str, volume: Volume) -> None:
        self.folder = folder
        self.volume = volume
        self._count = 0
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_DROPPED) or name == "PYTHONPATH"
        }
        config = os.path.join(folder, "gitconfig")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CONFIG)
        self.environ = kept | {
            "HOME": folder,
            "USERPROFILE": folder,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": config,
        }

    def path(self, name: str) -> str:
        """Return a path in the scratch folder that nothing has used."""
        self._count += 1
        return os.path.join(self.folder, f"{self._count:03d}-{name}")

    def repository(self, name: str) -> str:
        """Return the path of a new repository with one commit."""
        path = self.path(name)
        git(self.folder, self.environ, "init", "--quiet", path)
        git(path, self.environ, "commit", "--quiet", "--allow-empty", "--message", "first")
        return path

    def ledger(self, name: str) -> Place:
        """Return a new repository with an empty ledger and one session."""
        path = self.repository(name)
        house = open_house(path, self.environ)
        try:
            house.coordinator.begin(Begin(), agent="bench")
            return Place(path, *self._checked_in(house, path))
        finally:
            house.close()

    def _checked_in(self, house: House, path: str) -> tuple[str, dict[str, str]]:
        session = check_in(house, "bench", worktree=path)
        return session, self.environ | {"GITCOORD_SESSION": session}


def check_in(house: House, agent: str, worktree: str = "") -> str:
    """Return the id of a new session, which lives as long as its leases."""
    wish = StartSession(
        id=fresh_id("s-"), agent=agent, machine=house.ledger.machine, worktree=worktree
    )
    return house.coordinator.do(wish, Started).session.id


def command() -> tuple[str, ...]:
    """Return how the command line is started: its script, as users do, where it is installed."""
    script = os.path.join(os.path.dirname(sys.executable), "gitcoord")
    return (script,) if os.access(script, os.X_OK) else (sys.executable, "-m", "gitcoord")


def process(words: Sequence[str], cwd: str, environ: dict[str, str]) -> float:
    """Run a process to its end and return its seconds. Raises `Wrong` when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise Wrong(f"{' '.join(words[1:])}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return seconds


def git(cwd: str, environ: dict[str, str], *words: str, send: bytes = b"") -> bytes:
    """Return what git prints. Raises `Wrong` with its words when it fails."""
    done = subprocess.run(
        ["git", *words], cwd=cwd, env=environ, input=send, capture_output=True, check=False
    )
    if done.returncode:
        raise Wrong(f"git {words[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
