"""Decide a group of requests on the head and store the outcome in one commit.

Whoever calls `commit` leads: on one machine that is the holder of the queue's
lock. A lost swap is decided again on the new head, a bounded number of times; what
changes nothing is answered only from a head that the arbiter has confirmed.
Signs of life are counted here, because here is where sweeps are decided too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gitcoord.domain.operation import Operation
from gitcoord.errors import Contended, GitcoordError, NotInitialised, Unavailable
from gitcoord.ledger.clock import reading
from gitcoord.ledger.decide import Decision, decide
from gitcoord.ledger.journal import diary_lines
from gitcoord.ledger.ledger import Ledger, fresh_state
from gitcoord.ledger.presence import Extra, Presence
from gitcoord.ledger.request import Reply, Request
from gitcoord.ledger.spool import Spool
from gitcoord.storage.store import ABSENT, GitObject, Move, SwapLost

ATTEMPTS = 12
#: With a host between, rivals are on other machines and a round takes longer than a pause.
ATTEMPTS_REMOTE = 60

#: Makes the swap: stores the objects and makes the moves, as `Store.commit` does.
Carrier = Callable[[Sequence[GitObject], Sequence[Move]], None]


NOTHING: Extra = ((), ())


class Committer:
    """Turns groups of requests into transactions of one ledger."""

    def __init__(self, ledger: Ledger, presence: Presence, spool: Spool) -> None:
        self._ledger = ledger
        self._presence = presence
        self._spool = spool

    def commit(self, requests: Sequence[Request], carrier: Carrier | None = None) -> list[Reply]:
        """Return a reply to each request; every success among them is stored durably.

        `carrier` makes the swap in the store's place. Raises what keeps the whole group from
        being decided: `Unavailable`, `Damaged`, `NotInitialised`, or `Contended` when every
        swap was lost.
        """
        riding = self._spool.take()
        store = self._ledger.store
        attempts = ATTEMPTS_REMOTE if store.remote else ATTEMPTS
        confirmed = not store.remote
        if not getattr(self._ledger.clock, "known", True):
            # The host's answer tells the time, without which nothing should be stamped.
            store.refresh()
            confirmed = True
        for attempt in range(attempts):
            try:
                decision = self._attempt(riding, requests, carrier, confirmed=confirmed)
            except SwapLost:
                # Whoever has lost at a host has fetched what won, and decides on it at once.
                confirmed = True
                if attempt or not store.remote:
                    time.sleep(_pause(attempt))
                continue
            self._spool.settle(riding)
            return decision.replies
        raise Contended(f"the ledger moved {attempts} times while this was decided")

    def _attempt(
        self,
        riders: Sequence[Request],
        requests: Sequence[Request],
        carrier: Carrier | None,
        *,
        confirmed: bool,
    ) -> Decision:
        """Decide once, and return the replies to `requests`.

        Riders come first, as they were wished: who leaves must not lose what it noted before.
        """
        group = [*riders, *requests]
        ledger, presence = self._ledger, self._presence
        head = ledger.head()
        beats = presence.beats()
        with ledger.state(head) as state:
            now = reading(ledger.clock, state.meta.time)
            others, guard = presence.witnessed(state, group)
            left = presence.allowance(state, now.now)
            decision = decide(state, group, now, {**beats, **others}, frugal=left.spent)
            decision = _riders_last(decision, riders)
            if not decision.entries and not confirmed:
                ledger.store.refresh()
                if ledger.head() != head:
                    return self._attempt(riders, requests, carrier, confirmed=True)
            # It is told by a later transaction, perhaps, and was refused now.
            refused = [
                line | {"at": now.now} for entry in decision.refusals for line in diary_lines(entry)
            ]
            presence.count(decision.alive, now.now)
            riding = bool(decision.entries) and carrier is None
            extra = presence.due(state, now.now, riding=riding, left=left)
            riding = riding and bool(extra[1]) and ledger.store.atomic
            if decision.entries:
                noted = self._spool.refusals()
                along = _both(extra if riding else NOTHING, guard)
                ledger.commit(head, state, decision, [*noted, *refused], along, carrier)
                self._spool.refusals_stored(noted)
            else:
                self._spool.note_refusals(refused)
            if extra[1]:
                self._publish(extra, done=riding, needed=not decision.entries)
            if extra[1] and not decision.entries and ledger.store.remote:
                # A sweep may have landed just before; whoever beats has to hear of it.
                ledger.store.refresh()
                if ledger.head() != head:
                    return self._attempt(riders, requests, carrier, confirmed=True)
        return decision

    def _publish(self, extra: Extra, *, done: bool, needed: bool) -> None:
        """Publish the presence unless it is `done`, and remember that; raise where it is needed.

        Beside a swap that has landed, its success must be told, whatever became of this.
        """
        try:
            if not done:
                self._ledger.store.commit(*extra)
        except (SwapLost, Contended, Unavailable):
            if needed:
                raise
            return
        try:
            self._presence.published(extra)
        except Unavailable:
            # The disk is full or closed. What was not remembered is only published once more.
            return

    def begin(self, operation: Operation, agent: str) -> Reply:
        """Create the ledger with `operation` as its first transaction.

        Raises `SwapLost` when somebody else was faster.
        """
        ledger = self._ledger
        ledger.store.refresh()
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


def _riders_last(decision: Decision, riders: Sequence[Request]) -> Decision:
    """Return the decision as it is told: what was asked for now, then what rides along."""
    along = {request.id for request in riders}
    return decision._replace(
        replies=decision.replies[len(riders) :],
        entries=sorted(decision.entries, key=lambda entry: entry.request.id in along),
        refusals=sorted(decision.refusals, key=lambda entry: entry.request.id in along),
    )


def _both(one: Extra, other: Extra) -> Extra:
    """Return the objects and moves of both; of two moves of a ref, the later one."""
    moved = {move.ref: move for move in (*one[1], *other[1])}
    return (*one[0], *other[0]), tuple(moved.values())


def _pause(attempt: int) -> float:
    """Return the seconds to wait after a lost swap: jittered, growing, at most 0.2."""
    import os

    share = os.urandom(1)[0] / 255
    return float(min(0.2, 0.002 * 2**attempt) * share)


def answered(requests: Sequence[Request], error: GitcoordError) -> list[Reply]:
    """Return the same refusal for every request."""
    return [Reply(error=error) for _ in requests]
