"""How often something that waits looks at the ledger: at once here, patiently at a host.

Looking at a local ledger is reading a file. At a git host it is a request, so that the
pauses grow while nothing happens, differ between those who wait, and shrink when
something does.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from gitcoord.errors import Unavailable

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.storage.store import Oid

#: Seconds between two looks at a git host: at first, and at most; and how a pause grows.
FIRST, LAST, GROWTH = 1.0, 15.0, 1.5


class Waiting(Protocol):
    """Whoever waits: where, and how it says something on the side."""

    @property
    def house(self) -> House:
        """Return gitcoord, put together for its repository."""
        ...

    def note(self, text: str) -> None:
        """Say something on the side."""
        ...


class Pace:
    """The looks of one waiting command. `soon` and `late` are its pauses at a local ledger.

    Unless `silent`, it says on the side that a host does not answer.
    """

    def __init__(self, desk: Waiting, soon: float, late: float, *, silent: bool = False) -> None:
        self._desk = desk
        self._house: House = desk.house
        remote = self._house.wire is not None
        self._soon, self._late = (FIRST, LAST) if remote else (soon, late)
        self._pause = self._soon
        self._silent = silent
        self._told = silent

    def sleep(self, longest: float) -> None:
        """Sleep until the next look, at most `longest` seconds; the pause after it is longer."""
        time.sleep(self.pause(longest))

    def pause(self, longest: float) -> float:
        """Return the seconds until the next look, at most `longest`; the pause after is longer."""
        pause = self._pause
        self._pause = min(self._late, pause * GROWTH)
        if self._house.wire is not None:
            pause *= 0.75 + os.urandom(1)[0] / 510
        return max(0.0, min(pause, longest))

    def head(self) -> Oid:
        """Return the ledger's head as its arbiter has it, or as it was last known.

        That a host does not answer is said once, and again after it has answered.
        """
        if self._house.wire is not None:
            try:
                self._house.store.refresh()
                self._told = self._silent
            except Unavailable as trouble:
                if not self._told:
                    self._desk.note(f"{trouble.code}: {trouble.message}; trying on")
                self._told = True
        return self._house.ledger.head()

    def moved(self) -> None:
        """Look again soon: something has happened."""
        self._pause = self._soon
