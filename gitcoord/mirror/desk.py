"""The ledger as this room uses it: one look at its state, and operations in others' names.

GitHub has said who somebody is; the desk checks that session in and lets the ledger decide.
Every wish goes through `Coordinator.run`, like those of all doors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.sessions import Started, StartSession
from gitcoord.domain.time import Time
from gitcoord.ledger.clock import reading
from gitcoord.ledger.request import Reply, fresh_id
from gitcoord.mirror.effects import Stamp
from gitcoord.mirror.seats import CLIENT

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.settings import Settings
    from gitcoord.domain.state import State
    from gitcoord.ledger.coordinator import Coordinator
    from gitcoord.mirror.facts import Hosted

#: In whose name the ledger's diary has what GitHub itself has made known.
ACTOR = "github"


class Look(NamedTuple):
    """The state at one head, and how it is to be judged."""

    state: State
    context: Context
    stamp: Stamp

    @property
    def settings(self) -> Settings:
        """What all have agreed on."""
        return self.state.settings

    @property
    def now(self) -> Time:
        """The time at which leases are judged."""
        return self.context.now


class Desk:
    """The ledger of one repository, for what comes from GitHub."""

    def __init__(self, coordinator: Coordinator, hosted: Hosted) -> None:
        self.hosted = hosted
        self._coordinator = coordinator

    @contextmanager
    def look(self) -> Iterator[Look]:
        """Yield the newest state that is known here."""
        ledger = self._coordinator.ledger
        head = ledger.head()
        with ledger.state(head) as state:
            now = reading(ledger.clock, state.meta.time)
            context = Context(now=now.now, op_id="", clock_trusted=now.trusted)
            yield Look(state, context, Stamp(state.meta.epoch, state.meta.seq, str(head)))

    def check_in(
        self, place: str, agent: str, kind: str, *, branch: str = "", task: str = ""
    ) -> Session:
        """Return the live session of a place, begun where there is none."""
        wish = StartSession(
            id=fresh_id("gh-"),
            agent=agent,
            type=kind,
            client=CLIENT,
            client_session=place,
            branch=branch,
            task=task,
            mode="warn",
        )
        return self._coordinator.do(wish, Started, agent=agent).session

    def run(
        self, *wishes: Operation, session: str | None = None, agent: str = ACTOR, id: str = ""
    ) -> list[Reply]:
        """Decide the wishes, each for itself, in one transaction; none costs nothing.

        `id` is the idempotency key of what can come twice.
        """
        if not wishes:
            return []
        return self._coordinator.run(*wishes, session=session, agent=agent, id=id or None)


def answers(replies: Sequence[Reply]) -> list[Answer]:
    """Return the answers of the wishes that were accepted."""
    return [answer for reply in replies if reply.error is None for answer in reply.answers]
