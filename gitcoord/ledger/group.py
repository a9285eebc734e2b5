"""Group commit: all requests that wait while a swap is under way share the next one.

Inside a process threads hand their requests to whichever of them serves;
between processes the holder of one OS file lock leads and commits for all.
Nobody blocks in that lock: waiters wait for their answer, and take the lead
when the leader leaves or dies. There is no daemon.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from gitcoord.errors import Contended, GitcoordError, OutcomeUnknown
from gitcoord.ledger.committer import Carrier, Committer, answered
from gitcoord.ledger.request import Reply, Request
from gitcoord.storage.oslock import OsLock

if TYPE_CHECKING:
    from gitcoord.ledger.queue import Queue, Taken

#: Rounds that a leader commits for others after its own, so that no command leads for long.
ROUNDS = 4
#: The same where each round is a request to a host, which nobody should wait for twice.
ROUNDS_REMOTE = 0
#: Longest sleep of a waiter between two looks; bells usually wake it much earlier.
_LOOK = 0.05


class _Pending:
    """Requests of one thread, and what came of them."""

    def __init__(self, requests: Sequence[Request], *, alone: bool = False) -> None:
        self.requests = requests
        #: Whether nobody else may decide them.
        self.alone = alone
        self.replies: list[Reply] | None = None
        self.error: BaseException | None = None
        #: Whether it is this thread's turn to serve.
        self.serves = False
        #: Held until there is an answer, or it is the thread's turn.
        self.waits = allocate_lock()
        self.waits.acquire()


class Group:
    """The one door to the committer for all threads and processes of a machine."""

    def __init__(
        self,
        home: str,
        committer: Committer,
        queue: Queue | None = None,
        *,
        rounds: int = ROUNDS,
    ) -> None:
        self._rounds = rounds
        self._home = home
        self._committer = committer
        self._given = queue
        self._lead = OsLock(os.path.join(home, "lead.lock"))
        self._pending: list[_Pending] = []
        self._adding = allocate_lock()
        #: Whether a thread of this process serves; the next one is called by it.
        self._busy = False

    @cached_property
    def _queue(self) -> Queue:
        from gitcoord.ledger.queue import Queue  # most commands are alone and never need one

        return self._given or Queue(self._home)

    def _somebody_waits(self) -> bool:
        """Say whether there is anything in the queue, whoever left it there."""
        try:
            return bool(os.listdir(os.path.join(self._home, "queue")))
        except FileNotFoundError:
            return False

    def submit(self, requests: Sequence[Request], patience: float) -> list[Reply]:
        """Return a reply to each request; waits at most `patience` seconds to be decided.

        Raises `Contended` when nobody decided in time (nothing happened), and
        `OutcomeUnknown` when a leader took the requests and did not answer.
        """
        mine = _Pending(requests)
        if self._turn(mine):
            try:
                self._serve(patience)
            finally:
                self._pass_on()
        if mine.error is not None:
            raise mine.error
        assert mine.replies is not None
        return mine.replies

    def _turn(self, mine: _Pending) -> bool:
        """Return True when it is this thread's turn to serve, False when it was served.

        Nobody who has an answer waits for anything else, however many threads there are.
        """
        with self._adding:
            self._pending.append(mine)
            if not self._busy:
                self._busy = mine.serves = True
        if not mine.serves:
            try:
                mine.waits.acquire()
            except BaseException:
                with self._adding:
                    if mine in self._pending:
                        self._pending.remove(mine)
                if mine.serves:
                    self._pass_on()
                raise
        return mine.serves

    def _pass_on(self) -> None:
        """Call the thread that has waited longest to serve, if there is one."""
        with self._adding:
            self._busy = bool(self._pending)
            if self._pending:
                self._pending[0].serves = True
                self._pending[0].waits.release()

    def alone(self, request: Request, carrier: Carrier, patience: float) -> Reply:
        """Return the reply to a request whose swap `carrier` makes, with nobody beside it.

        Raises `Contended` when others lead for longer than `patience` seconds.
        """
        deadline = time.monotonic() + patience
        mine = _Pending([request], alone=True)
        self._turn(mine)
        try:
            with self._adding:
                self._pending.remove(mine)
            while not self._lead.try_acquire():
                if time.monotonic() > deadline:
                    raise Contended("others decide without a break; nothing was changed")
                time.sleep(_LOOK)
            try:
                return self._committer.commit([request], carrier)[0]
            finally:
                self._leave()
        finally:
            self._pass_on()

    def _serve(self, patience: float) -> None:
        """Decide for all threads that wait, this one among them."""
        with self._adding:
            group = [one for one in self._pending if not one.alone]
            self._pending = [one for one in self._pending if one.alone]
        try:
            self._decide_for(group, patience)
        finally:
            for one in group:
                if not one.serves:
                    one.waits.release()

    def _decide_for(self, group: Sequence[_Pending], patience: float) -> None:
        requests = [request for one in group for request in one.requests]
        try:
            replies = self._decide(requests, time.monotonic() + patience)
        except BaseException as error:
            for one in group:
                one.error = error
            if not isinstance(error, GitcoordError):
                raise
            return
        at = 0
        for one in group:
            one.replies = replies[at : at + len(one.requests)]
            at += len(one.requests)

    def _decide(self, requests: list[Request], deadline: float) -> list[Reply]:
        if self._lead.try_acquire():
            return self._lead_with(requests)
        ticket = self._queue.publish(requests)
        try:
            while True:
                ticket.wait(_LOOK)
                replies = ticket.answer()
                if replies is not None:
                    return replies
                if self._lead.try_acquire():
                    # Under the lock nobody else can be answering: either the answer
                    # is there by now, or the ticket is ours to take back.
                    replies = ticket.answer()
                    if replies is None and ticket.withdraw(leading=True):
                        return self._lead_with(requests)
                    self._leave()
                    if replies is not None:
                        return replies
                if time.monotonic() > deadline:
                    if ticket.withdraw():
                        raise Contended("nobody decided this in time; nothing was changed")
                    if time.monotonic() > deadline + 10:
                        raise OutcomeUnknown(operation=requests[0].id)
        finally:
            ticket.close()

    def _lead_with(self, requests: list[Request]) -> list[Reply]:
        """Commit our requests together with those that wait. The lock is held, and let go."""
        try:
            replies = self._round(requests)
            for _ in range(self._rounds):
                if not self._round([], waiting_only=True):
                    break
            if self._somebody_waits():
                self._queue.sweep(time.time())
            return replies
        finally:
            self._leave()

    def _round(self, own: list[Request], *, waiting_only: bool = False) -> list[Reply]:
        taken = self._queue.take(time.time()) if self._somebody_waits() else []
        if waiting_only and not taken:
            return []
        requests = [*own, *(request for ticket in taken for request in ticket.requests)]
        try:
            replies = self._committer.commit(requests)
        except GitcoordError as error:
            self._hand_out(taken, answered(requests[len(own) :], error))
            if own:
                raise
            return []
        self._hand_out(taken, replies[len(own) :])
        return replies

    def _hand_out(self, taken: Sequence[Taken], replies: Sequence[Reply]) -> None:
        at = 0
        for ticket in taken:
            self._queue.answer(ticket, replies[at : at + len(ticket.requests)])
            at += len(ticket.requests)

    def _leave(self) -> None:
        self._lead.release()
        if self._somebody_waits():
            self._queue.wake_next()
