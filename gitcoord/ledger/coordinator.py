"""`Coordinator.run`: the one path on which anything in the ledger changes.

Front doors build operations, hand them over here and show what comes back.
Accepted means durable: whatever returns an answer is in the chain. Refused
means that nothing has changed. Not here: any rule, any format, any waiting for
keys to become free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitcoord.domain.operation import Answer, Operation, packed, unpacked
from gitcoord.domain.secrets import hide
from gitcoord.errors import (
    AlreadyInitialised,
    InvalidValue,
    OutcomeUnknown,
    Unavailable,
    UsageError,
)
from gitcoord.ledger.request import Batch, Reply, Request, fresh_id
from gitcoord.storage.store import SwapLost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitcoord.ledger.committer import Carrier, Committer
    from gitcoord.ledger.group import Group
    from gitcoord.ledger.ledger import Ledger
    from gitcoord.ledger.packing import Packing
    from gitcoord.ledger.spool import Spool

A = TypeVar("A", bound=Answer)

#: Seconds that a caller waits for a decision before it gives up.
PATIENCE = 20.0


class Coordinator:
    """Runs operations on one ledger."""

    def __init__(
        self,
        ledger: Ledger,
        group: Group,
        committer: Committer,
        spool: Spool,
        *,
        packing: Packing | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.ledger = ledger
        self._group = group
        self._committer = committer
        self._spool = spool
        self._packing = packing
        self._patience = patience

    def run(
        self,
        *wishes: Operation | Batch,
        session: str | None = None,
        agent: str = "",
        id: str | None = None,
    ) -> list[Reply]:
        """Decide the wishes one after the other in one transaction; one reply to each.

        A `Batch` is accepted or refused as a whole. `id` is the idempotency key of
        the first wish (others get keys derived from it): the same key with the same
        arguments gets the first answer again. Raises `Unavailable`, `Damaged`,
        `Contended` or `NotInitialised` when nothing could be decided.
        """
        requests = [
            Request(
                [cleaned(one) for one in (wish.operations if isinstance(wish, Batch) else (wish,))],
                session=session,
                agent=agent,
                id=None if id is None else (id if at == 0 else f"{id}.{at}"),
                deadline=self.ledger.clock.wall() + self._patience,
            )
            for at, wish in enumerate(wishes)
        ]
        replies = self._group.submit(requests, self._patience)
        self.tidied(1)
        return replies

    def together(self, requests: Sequence[Request]) -> list[Reply]:
        """Decide requests of many who ask in one transaction; one reply to each, in order.

        What is wrong with one of them is in its reply, not in the way of the others. Raises as
        `run`. For callers that pack by themselves: `tidied`.
        """
        deadline = self.ledger.clock.wall() + self._patience
        replies: dict[int, Reply] = {}
        fit: dict[int, Request] = {}
        for at, request in enumerate(requests):
            try:
                fit[at] = Request(
                    [cleaned(one) for one in request.operations],
                    session=request.session,
                    agent=request.agent,
                    id=request.id,
                    deadline=deadline,
                )
            except UsageError as error:
                replies[at] = Reply(error=error)
        if fit:
            decided = self._group.submit(list(fit.values()), self._patience)
            replies.update(zip(fit, decided, strict=True))
        return [replies[at] for at in range(len(requests))]

    def tidied(self, decisions: int) -> None:
        """Count decisions, and pack git's objects if they have become too many."""
        if self._packing is not None:
            self._packing.decided(decisions)

    def do(
        self,
        operation: Operation,
        answer: type[A],
        *,
        session: str | None = None,
        agent: str = "",
        id: str | None = None,
    ) -> A:
        """Decide one operation and return its answer, or raise its refusal."""
        reply = self.run(operation, session=session, agent=agent, id=id)[0]
        if reply.error is not None:
            raise reply.error
        found = reply.answers[0]
        assert isinstance(found, answer)
        return found

    def do_or_keep(
        self, operation: Operation, answer: type[A], *, session: str | None = None, agent: str = ""
    ) -> A | None:
        """Decide an operation that commutes; None when it waits for the next transaction.

        It is kept when the arbiter cannot be reached or its answer was lost, provided that
        the last known state would accept it: else its refusal is raised, as in `do`.
        """
        id = fresh_id("o-")
        try:
            return self.do(operation, answer, session=session, agent=agent, id=id)
        except (Unavailable, OutcomeUnknown):
            if not (operation.commutes and self.ledger.store.remote):
                raise
            kept = Request([cleaned(operation)], session=session, agent=agent, id=id)
            self._rehearse(kept)
            self._spool.add(kept)
            return None

    def _rehearse(self, request: Request) -> None:
        """Raise what the last known state has against the request."""
        from gitcoord.ledger.clock import reading
        from gitcoord.ledger.decide import decide

        with self.ledger.state() as state:
            now = reading(self.ledger.clock, state.meta.time)
            error = decide(state, [request], now, {}).replies[0].error
        if error is not None:
            raise error

    def land(
        self,
        operation: Operation,
        answer: type[A],
        carrier: Carrier,
        *,
        session: str | None,
        agent: str,
    ) -> A:
        """Decide one operation in a swap that `carrier` makes, alone; as `do` otherwise."""
        request = Request([cleaned(operation)], session=session, agent=agent)
        reply = self._group.alone(request, carrier, self._patience)
        if reply.error is not None:
            raise reply.error
        found = reply.answers[0]
        assert isinstance(found, answer)
        return found

    def later(self, operation: Operation, *, session: str | None, agent: str = "") -> None:
        """Let the operation ride on this machine's next transaction."""
        self._spool.add(Request([cleaned(operation)], session=session, agent=agent))

    def begin(self, operation: Operation, agent: str = "") -> Answer:
        """Create the ledger, with `operation` in its first transaction.

        Raises `AlreadyInitialised` when there is one, also when another was faster.
        """
        try:
            return self._committer.begin(operation, agent).answers[0]
        except SwapLost:
            raise AlreadyInitialised from None


def cleaned(operation: Operation) -> Operation:
    """Return the operation with secrets in its texts made unreadable.

    Raises `TextTooLong` and `InvalidValue`, the same for every door.
    """
    try:
        body = packed(operation)
    except UnicodeEncodeError as wrong:
        shown = wrong.object.encode("utf-8", "backslashreplace").decode()[:80]
        raise InvalidValue(f"{operation.tag}: '{shown}' is not valid UTF-8") from wrong
    hidden = hide(body)
    return operation if hidden == body else unpacked(hidden)
