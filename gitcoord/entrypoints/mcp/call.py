"""One call of a tool or a resource: the desk of the command line, for a session of this server.

It finds the house, acts for the caller's session and collects what has to be said on the side.
Runs in a thread of its own. Not here: who the caller is, or how it is answered.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from gitcoord.domain.operation import UNKNOWN
from gitcoord.entrypoints.cli.desk import Desk
from gitcoord.entrypoints.cli.keys import named, typed
from gitcoord.errors import SessionRequired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.bootstrap import House
    from gitcoord.entrypoints.mcp.seat import Seat

#: Seconds for which what a git host has said is new enough for a question.
FRESH = 1.0
#: Seconds between two reports of progress.
REPORT = 1.0


class Withdrawn(BaseException):
    """Whoever asked does not want the answer any more."""


class Call(Desk):
    """The surroundings of one call.

    `report` takes seconds waited, seconds in all and a line of text; it must not block.
    """

    def __init__(
        self,
        directory: str,
        environ: Mapping[str, str],
        house: Callable[[], House],
        seat: Seat,
        report: Callable[[float, float, str], None] | None = None,
    ) -> None:
        super().__init__(directory, as_json=False, session=None)
        self.environ = dict(environ)
        self.seat = seat
        self.notes: list[str] = []
        #: Set when the answer is not wanted any more.
        self.withdrawn = threading.Event()
        self._open = house
        self._report = report

    @cached_property
    def house(self) -> House:
        """The server's house; raises what keeps it closed."""
        return self._open()

    @cached_property
    def holder(self) -> str:
        """The caller's session, or a sub-agent of it; raises where it is not checked in."""
        if self.seat.holder is None:
            raise SessionRequired(
                "You are not checked in yet.",
                hint="The first tool that changes something does that by itself.",
            )
        return self.seat.holder

    def nobody(self) -> str | None:
        """Return who asks where no session does: an agent, never a person."""
        return UNKNOWN

    def typist(self) -> str | None:
        """Return who asks: here nobody stands at a terminal."""
        return self.asker()

    def note(self, text: str) -> None:
        """Say something on the side, with the answer."""
        self.notes.append(text)

    def reading(self) -> None:
        """See what a git host has decided lately, before a question is answered."""
        self.follow(FRESH)

    def keys(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return the keys that the words mean; an absolute path is one of this worktree."""
        repository = self.house.repository
        return tuple(typed(map(self.inside, words), repository, self.directory))

    def paths(self, words: Iterable[str]) -> list[str]:
        """Return the paths that the words name."""
        return named(map(self.inside, words), self.house.repository, self.directory)

    def inside(self, word: str) -> str:
        """Return an absolute path as one from the root of the repository; others stay."""
        from gitcoord.entrypoints.cli.facts import inside

        return inside(self, word) if os.path.isabs(word) else word

    def pausing(self, total: float, text: str) -> Callable[[float], None]:
        """Return a sleep that reports progress, and raises `Withdrawn` when nobody waits."""
        began = time.monotonic()
        told = [-REPORT]

        def sleep(seconds: float) -> None:
            end = time.monotonic() + seconds
            while True:
                now = time.monotonic()
                if now - began - told[0] >= REPORT and self._report is not None:
                    told[0] = now - began
                    self._report(min(now - began, total), total, text)
                if self.withdrawn.wait(max(0.0, min(end - now, REPORT))):
                    raise Withdrawn
                if now >= end:
                    return

        return sleep
