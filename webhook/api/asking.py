"""One request: the desk of the command line, for whoever asks the service.

Runs in a thread. What a command would say on the side is dropped here: an answer says it all.
"""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING

from gitcoord.domain.operation import UNKNOWN
from gitcoord.entrypoints.cli.desk import Desk
from gitcoord.errors import SessionRequired, WaitTimedOut
from webhook.access import SESSION_HEADER

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from webhook.access import Caller

#: Longest time that a request may wait for something, in seconds.
LONGEST = 60.0


class Asking(Desk):
    """The surroundings of one request."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller.project.place, as_json=True, session=None)
        self.environ = {}
        self.caller = caller
        #: Set when nobody waits for the answer any more.
        self.gone = threading.Event()

    @cached_property
    def house(self) -> House:
        """The project's house; raises what keeps it closed."""
        return self.caller.project.house()

    @cached_property
    def holder(self) -> str:
        """The session that was proved; raises where there is none."""
        if self.caller.session is None:
            raise SessionRequired(
                "this is done in the name of a session, and none was named",
                hint=f"Send its token as {SESSION_HEADER}; POST /api/v1/sessions gives one.",
            )
        return self.caller.session

    def nobody(self) -> str | None:
        """Return who asks where no session does: a person is who has an admin's key."""
        return None if self.caller.scope == "admin" else UNKNOWN

    def typist(self) -> str | None:
        """Return who asks: here nobody stands at a terminal."""
        return self.asker()

    def named_for(self, session: str | None) -> str:
        """Return the name of whoever asks, which the key has proved."""
        return self.person

    @property
    def person(self) -> str:
        """The name of whoever asks, for what is done without a session."""
        return self.caller.agent or self.caller.name

    def note(self, text: str) -> None:
        """Say nothing on the side."""

    def pause(self, seconds: float) -> None:
        """Sleep, and raise `WaitTimedOut` as soon as nobody waits any more."""
        if self.gone.wait(seconds):
            raise WaitTimedOut(
                "nobody waits any more: the client has gone, or the service ends",
                hint="Send it again.",
            )

    def moved(self, head: str, seconds: float) -> None:
        """Return when the ledger's head is another one, the time is over, or nobody waits."""
        from gitcoord.entrypoints.cli.pace import Pace

        pace, end = Pace(self, 0.05, 0.25, silent=True), time.monotonic() + seconds
        while self.house.ledger.head() == head and (left := end - time.monotonic()) > 0:
            if self.gone.wait(pace.pause(left)):
                return
            # However many wait, a git host is asked once for all.
            self.caller.project.fresh()
