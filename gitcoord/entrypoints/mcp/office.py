"""What the connections of one server share: the house, the seats, and the threads they work in.

The event loop never waits for the ledger: every call, beat and check-out runs in a thread. One
house serves them all, which is safe; it is opened at the first call, because a server has to
answer its client before anything is known about the repository. Not here: the protocol.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.entrypoints.announced import announced
from gitcoord.entrypoints.cli.actor import CLIENTS
from gitcoord.entrypoints.cli.desk import Desk
from gitcoord.entrypoints.mcp.bugs import contained, report
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.identity import Caller, Identity, identify
from gitcoord.entrypoints.mcp.seat import Seat
from gitcoord.errors import GitcoordError, LedgerMissing, NotInitialised, UsageError
from gitcoord.ledger.request import fresh_id
from gitcoord.storage.repository import find, home

if TYPE_CHECKING:
    from gitcoord.bootstrap import House

#: Seconds after which a client that HTTP only hears from is taken to be gone.
IDLE = 1800.0
#: Folders that clients name, for when the server is started elsewhere.
_PROJECTS = ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "GEMINI_CWD")


class Placed(NamedTuple):
    """A seat, and whether it was new."""

    seat: Seat
    new: bool


class Office:
    """One server. `several`: it serves many clients over HTTP, not the one that started it."""

    def __init__(
        self,
        directory: str | None,
        environ: Mapping[str, str],
        *,
        several: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.several = several
        self.seats: dict[tuple[str, ...], Seat] = {}
        self._given = directory
        self._environ = dict(environ)
        # Who a call acts for is decided here, so that nothing below finds another answer.
        self._calls = {
            name: value
            for name, value in self._environ.items()
            if name != "GITCOORD_SESSION" and name not in CLIENTS
        }
        self._clock = clock
        self._nonce = fresh_id()
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._desk: Desk | None = None
        self._closed: list[House] = []

    @property
    def named(self) -> bool:
        """Whether the environment says which session the only client's is."""
        return not self.several and self._identity(Caller()).shared

    def seat(self, caller: Caller) -> Placed:
        """Return the place of whoever calls, made for it if need be."""
        who = self._identity(caller)
        with self._lock:
            found = self.seats.get(who.key)
            if found is None:
                found = self.seats[who.key] = Seat(who, agent=caller.agent)
                return Placed(found, new=True)
            return Placed(found, new=False)

    def call(
        self, seat: Seat, report_progress: Callable[[float, float, str], None] | None = None
    ) -> Call:
        """Return the surroundings of one call for a seat."""
        return Call(self.directory, self._calls, self.house, seat, report_progress)

    @cached_property
    def directory(self) -> str:
        """Where the repository is: what was given, here, or what the client names."""
        if self._given:
            return os.path.abspath(self._given)
        here = os.getcwd()
        named = [self._environ[name] for name in _PROJECTS if self._environ.get(name)]
        return next(filter(self._versioned, [here, *named]), here)

    def house(self) -> House:
        """Return the house, opened once. Raises what keeps it closed."""
        with self._opening:
            if self._desk is None:
                self._desk = _Opener(self.directory, as_json=False, session=None)
            return self._desk.house

    def told(self, error: GitcoordError) -> None:
        """See to it that a ledger which was not there is looked for anew by the next call."""
        if not isinstance(error, (NotInitialised, LedgerMissing)):
            return
        with self._opening:
            if self._desk is not None:
                house: House | None = self._desk.__dict__.get("house")
                if house is not None:
                    # Other threads may still be in it.
                    self._closed.append(house)
                self._desk = None

    def beat(self, seat: Seat) -> None:
        """Beat once for a seat; what goes wrong is written down, or told at its next call."""
        try:
            trouble = contained(lambda: seat.beat(self.call(seat)))
            if trouble is not None:
                self.told(trouble)
        except GitcoordError as bug:
            report(bug)

    def idle(self) -> list[Seat]:
        """Return the seats of clients that have not been heard of for too long."""
        now = self._clock()
        with self._lock:
            return [
                seat for seat in self.seats.values() if not seat.busy and now - seat.used > IDLE
            ]

    def used(self, seat: Seat, change: int) -> None:
        """Note that a call or stream of a seat begins (1) or ends (-1)."""
        with self._lock:
            seat.busy += change
            seat.used = self._clock()

    def leave(self, seat: Seat) -> None:
        """Check a seat out, and forget it."""
        with self._lock:
            if self.seats.get(seat.who.key) is seat:
                del self.seats[seat.who.key]
        try:
            if (trouble := contained(lambda: seat.leave(self.call(seat)))) is not None:
                report(trouble)
        except GitcoordError as bug:
            report(bug)

    def _identity(self, caller: Caller) -> Identity:
        if self.several:
            return identify(caller, None, self._nonce)
        found = None if self._home is None else announced(self._home)
        return identify(caller, self._environ, self._nonce, found)

    @cached_property
    def _home(self) -> str | None:
        """Where this clone's private files are; None outside of a repository."""
        try:
            return home(find(self.directory, self._environ))
        except UsageError:
            return None

    def _versioned(self, folder: str) -> bool:
        try:
            find(folder, self._environ)
        except UsageError:
            return False
        return True

    def close(self) -> None:
        """Let go of the repository. Nobody calls any more."""
        with self._opening:
            house: House | None = self._desk.__dict__.get("house") if self._desk else None
            self._desk = None
        for one in [*self._closed, *([house] if house else ())]:
            one.close()


class _Opener(Desk):
    """Opens the house; what has to be said then goes into the log."""

    def note(self, text: str) -> None:
        report(text)
