"""Of several services on one ledger only one shows GitHub what the ledger has: it leads.

The lead is a lock like any other, on `env:gitcoord-mirror`, so that it passes on when its holder
is gone. What GitHub itself asks is heard by all: that does no harm twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitcoord.domain.departure import Ended, EndSession
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock, over
from gitcoord.domain.operation import Context
from gitcoord.domain.sessions import Started, StartSession
from gitcoord.domain.time import seconds_between
from gitcoord.errors import Contended, Refused, Unavailable
from gitcoord.ledger import machine
from gitcoord.ledger.clock import reading
from gitcoord.ledger.request import fresh_id

if TYPE_CHECKING:
    from gitcoord.bootstrap import House

KEY = "env:gitcoord-mirror"
#: Seconds for which it is had without a word.
TTL = 900.0
AGENT = "gitcoord-mirror"


class Lead:
    """One service's part in it. For one thread at a time."""

    def __init__(self) -> None:
        self._session = ""

    def have(self, house: House) -> bool:
        """Say whether we lead; take the lead where nobody has it. Costs a decision now and then."""
        with house.ledger.state() as state:
            now = reading(house.ledger.clock, state.meta.time)
            context = Context(now=now.now, op_id="", clock_trusted=now.trusted)
            found = next((x for x in state.find(Lock, f"at:{KEY}") if x.key == KEY), None)
            mine = found is not None and found.session == self._session
            if found is not None and not mine and not over(state, context, found):
                return False
            if found is not None and mine and seconds_between(now.now, found.expires_at) > TTL / 2:
                return True
        try:
            if not mine:
                self._session = self._checked_in(house)
            wish = AcquireLocks(keys=(KEY,), ttl=TTL, reason="shows the ledger at GitHub")
            house.coordinator.do(wish, Locked, session=self._session, agent=AGENT)
        except Refused:
            # Another was faster, or this session was ended: whoever leads next is decided anew.
            self._session = ""
            return False
        return True

    def leave(self, house: House) -> None:
        """Give the lead back, as far as anybody answers."""
        if not self._session:
            return
        wish = EndSession(outcome="completed", summary="the service ends")
        try:
            house.coordinator.do(wish, Ended, session=self._session, agent=AGENT)
        except (Refused, Contended, Unavailable):
            # It ends by itself.
            return
        finally:
            self._session = ""

    def _checked_in(self, house: House) -> str:
        me = machine.process(os.getpid())
        wish = StartSession(
            id=fresh_id("gh-"),
            agent=AGENT,
            type="service",
            client=AGENT,
            client_session=f"{house.ledger.machine}:{os.getpid()}",
            machine=house.ledger.machine,
            life="process" if me is not None else "lease",
            process=me,
        )
        return house.coordinator.do(wish, Started, agent=AGENT).session.id
