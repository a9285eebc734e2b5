"""Decide a group of requests on the head and store the outcome in one commit.

Whoever calls `commit` leads: on one machine that is the holder of the queue's
lock. A lost swap is decided again on the new head, a bounded number of times.
Signs of life are counted here, because here is where sweeps are decided too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from gitcoord.domain.operation import Operation
from gitcoord.errors import Contended, GitcoordError, NotInitialised, Unavailable
from gitcoord.ledger.clock import reading
from gitcoord.ledger.decide import Decision, decide
from gitcoord.ledger.journal import diary_lines
from gitcoord.ledger.ledger import Ledger, fresh_state
from gitcoord.ledger.presence import Extra, Presence
from gitcoord.ledger.request import Reply, Request
from gitcoord.ledger.spool import Spool
from gitcoord.storage.store import ABSENT, SwapLost

ATTEMPTS = 12


class Committer:
    """Turns groups of requests into transactions of one ledger."""

    def __init__(self, ledger: Ledger, presence: Presence, spool: Spool) -> None:
        self._ledger = ledger
        self._presence = presence
        self._spool = spool

    def commit(self, requests: Sequence[Request]) -> list[Reply]:
        """Return a reply to each request; every success among them is stored durably.

        Raises what keeps the whole group from being decided: `Unavailable`, `Damaged`,
        `NotInitialised`, or `Contended` when every swap was lost.
        """
        riding = self._spool.take()
        group = [*requests, *riding]
        for attempt in range(ATTEMPTS):
            try:
                decision = self._attempt(group)
            except SwapLost:
                time.sleep(_pause(attempt))
                continue
            self._spool.settle(riding)
            return decision.replies[: len(requests)]
        raise Contended(f"the ledger moved {ATTEMPTS} times while this was decided")

    def _attempt(self, group: Sequence[Request]) -> Decision:
        ledger = self._ledger
        head = ledger.head()
        beats = self._presence.beats()
        with ledger.state(head) as state:
            now = reading(ledger.clock, state.meta.time)
            decision = decide(state, group, now, beats)
            refused = [line for entry in decision.refusals for line in diary_lines(entry)]
            self._presence.count(decision.alive, now.now)
            extra = self._presence.due(state, now.now)
            if decision.entries:
                noted = self._spool.refusals()
                ledger.commit(head, state, decision, [*noted, *refused], extra)
                self._spool.refusals_stored(noted)
            else:
                self._spool.note_refusals(refused)
                if extra[1]:
                    ledger.store.commit(*extra)
            if extra[1]:
                self._published(extra)
        return decision

    def _published(self, extra: Extra) -> None:
        try:
            self._presence.published(extra)
        except Unavailable:
            # The disk is full or closed, but the swap has landed and its success must be
            # told. What was not remembered is only published once more.
            return

    def begin(self, operation: Operation, agent: str) -> Reply:
        """Create the ledger with `operation` as its first transaction.

        Raises `SwapLost` when somebody else was faster.
        """
        ledger = self._ledger
        try:
            ledger.head()
        except NotInitialised:
            pass
        else:
            raise SwapLost(ref="", found=None)
        state = fresh_state()
        request = Request([operation], agent=agent)
        decision = decide(state, [request], reading(ledger.clock, ""), {}, begin=True)
        error: GitcoordError | None = decision.replies[0].error
        if error is not None:
            raise error
        ledger.commit(ABSENT, state, decision)
        return decision.replies[0]


def _pause(attempt: int) -> float:
    """Return the seconds to wait after a lost swap: jittered, growing, at most 0.2."""
    import os

    share = os.urandom(1)[0] / 255
    return float(min(0.2, 0.002 * 2**attempt) * share)


def answered(requests: Sequence[Request], error: GitcoordError) -> list[Reply]:
    """Return the same refusal for every request."""
    return [Reply(error=error) for _ in requests]
