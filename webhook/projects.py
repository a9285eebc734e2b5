"""The repositories that are served: a house each, opened when it is needed, apart from the others.

All work on a ledger is done in threads, so that nothing waits in the event loop, and what waits
together is decided together (`deciding`). Not here: who may ask for what.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import TypeVar

import anyio
import anyio.to_thread

from gitcoord.bootstrap import House, open_house
from gitcoord.errors import GitcoordError, LedgerMissing, NotInitialised, Unavailable
from webhook.deciding import Deciding
from webhook.settings import is_url

T = TypeVar("T")

#: Seconds for which what a git host has said is new enough for a question.
FRESH = 1.0
#: Seconds for which a refusal is no reason to look for dead sessions once more.
LOOKED = 1.0
#: Seconds for which a question waits for a host; then it is answered with what was last known.
PATIENCE = 2.0
#: Requests of one project that are worked on at once, and that wait at once for something.
THREADS = 256


class Project:
    """One repository. Safe between threads."""

    def __init__(
        self,
        name: str,
        place: str,
        state: str,
        environ: Mapping[str, str],
        *,
        runs_checks: bool = False,
    ) -> None:
        """`state`: the folder of the service's own files, where clones of URLs are kept.

        `runs_checks`: whether the commands of verification run here.
        """
        self.name = name
        self.runs_checks = runs_checks
        self.place = place
        self._state = state
        self._environ = environ
        self._house: House | None = None
        self._closed: list[House] = []
        self._opening = threading.Lock()
        self._asking = threading.Lock()
        #: The last question to a host: when it was put, and what becomes of it.
        self._asked: tuple[float, Future[None]] | None = None
        self._asker = ThreadPoolExecutor(1, thread_name_prefix=f"host of {name}")
        self._looking = threading.Lock()
        self._looked = -LOOKED
        self._limits: dict[str, anyio.CapacityLimiter] = {}
        self.deciding = Deciding(self.house)

    def house(self) -> House:
        """Return gitcoord for this repository, opened once. Raises what keeps it closed."""
        with self._opening:
            if self._house is None:
                self._house = self._open()
            return self._house

    async def work(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what the function returns; it runs in a thread."""
        return await self._threaded("work", function, *arguments)

    async def wait(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what the function returns, which may take long and keeps nobody from working."""
        return await self._threaded("wait", function, *arguments)

    async def _threaded(self, what: str, function: Callable[..., T], *arguments: object) -> T:
        if what not in self._limits:
            self._limits[what] = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limits[what])

    def fresh(self) -> None:
        """See what a git host has decided, unless it was heard of, or asked, just now.

        Where it does not answer, what is shown is what was last known; of a silent one that is
        seen once, not by everybody who asks meanwhile.
        """
        house = self.house()
        if house.wire is None:
            return
        with self._asking:
            age, now = house.wire.contact.age, time.monotonic()
            if age is not None and age < FRESH:
                return
            asked = self._asked
            if asked is None or (asked[1].done() and now >= asked[0] + FRESH):
                # Many ask at once; one thread asks the host for all.
                asked = self._asked = (now, self._asker.submit(house.follow))
        with suppress(TimeoutError):
            asked[1].result(max(0.0, asked[0] + PATIENCE - now))

    @property
    def doubts(self) -> bool:
        """Whether it is worth the effort to look for dead sessions: that was not done just now."""
        return time.monotonic() - self._looked >= LOOKED

    def swept(self) -> bool:
        """Look for dead sessions, unless that was done just now; whether any was ended.

        While one thread looks, others do not.
        """
        if not self._looking.acquire(blocking=False):
            return False
        try:
            self._looked = time.monotonic()
            return bool(self.house().judge().look_if_due().swept)
        finally:
            self._looking.release()

    def told(self, error: GitcoordError) -> None:
        """See to it that a ledger which was not there is looked for anew by the next request."""
        if not isinstance(error, (NotInitialised, LedgerMissing)):
            return
        with self._opening:
            if self._house is not None:
                # Other threads may still be in it.
                self._closed.append(self._house)
                self._house = None

    def close(self) -> None:
        """Let go of the repository. Nobody asks any more."""
        self.deciding.close()
        self._asker.shutdown(wait=False, cancel_futures=True)
        with self._opening:
            for house in [*self._closed, *([self._house] if self._house else ())]:
                house.close()
            self._house, self._closed = None, []

    def _open(self) -> House:
        # What lives long is served best by libgit2, where it is installed.
        engine = "libgit2" if find_spec("pygit2") is not None else "plumbing"
        if not is_url(self.place):
            return open_house(self.place, self._environ, engine=engine)
        folder = os.path.join(self._state, "repositories", f"{self.name}.git")
        if not os.path.isdir(folder):
            _made(folder)
        return open_house(folder, self._environ, remote=self.place)


def _made(folder: str) -> None:
    """Make an empty repository for what is fetched from a URL. Raises `Unavailable`."""
    interim = f"{folder}.{os.getpid()}.{time.monotonic_ns()}"
    done = subprocess.run(
        ["git", "init", "--quiet", "--bare", interim], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"cannot make {folder}: {done.stderr.strip()}")
    try:
        os.rename(interim, folder)
    except OSError as wrong:
        # Another service may have been faster; theirs is as good.
        if not os.path.isdir(folder):
            raise Unavailable(f"cannot make {folder}: {wrong.strerror}") from wrong
