"""What agents wanted to reach, and whether they might: a ring, the newest are kept.

Checks are noted with the next decision of a machine and cost none of their own. Not here: what
decides (`network`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from gitcoord.domain.hosts import host_of
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import known, root
from gitcoord.domain.time import EPOCH, Time, happened, plus
from gitcoord.errors import LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most accesses in one call.
CALL_LIMIT = 100


class Access(Record, frozen=True, kw_only=True):
    """One time that somebody wanted to reach a domain."""

    table = "accesses"

    #: The operation that recorded it, and its place therein.
    id: str
    domain: str
    allowed: bool
    #: The rule that decided; empty: none was about it.
    rule: str = ""
    reason: str = ""
    #: Whose it was; empty: a person without a session.
    session: str = ""
    agent: str = ""
    at: Time

    @property
    def name(self) -> str:
        """The access's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its time, its session, and that it was blocked."""
        yield f"at:{self.at}:{self.id}"
        if self.session:
            yield f"by:{root(self.session)}"
        if not self.allowed:
            yield f"alert:{self.at}:{self.id}"


class AccessDraft(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An access as the door saw it."""

    domain: str
    allowed: bool
    rule: str = ""
    reason: str = ""
    #: When it happened; empty, or a time that has not come yet: when it is recorded.
    at: Time = ""


class Accessed(Answer, frozen=True, kw_only=True):
    """Ids of the accesses that are kept."""

    ids: list[str] = []


class RecordAccesses(Operation, frozen=True, kw_only=True):
    """Note what was reached or blocked. A fact: it is kept whatever became of the session."""

    tag = "network.record"
    answer = Accessed
    acting: ClassVar[bool] = False
    commutes: ClassVar[bool] = True

    accesses: tuple[AccessDraft, ...]

    def apply(self, state: State, context: Context) -> Accessed:
        """Store them and forget the oldest, by number and by age.

        Raises `InvalidUrl` for what is no domain, `InvalidValue` for what is no time,
        `LimitReached`, and `SessionNotFound` for a session that there never was.
        """
        agent = known(state, context).agent if context.session else context.agent
        if len(self.accesses) > CALL_LIMIT:
            raise LimitReached(
                f"at most {CALL_LIMIT} accesses in one call", count=len(self.accesses)
            )
        new = [
            Access(
                id=f"{context.op_id}.{number:03d}",
                domain=host_of(draft.domain).name,
                allowed=draft.allowed,
                rule=draft.rule[:128],
                reason=draft.reason[:128],
                session=context.session or "",
                agent=agent,
                at=happened(draft.at, context.now),
            )
            for number, draft in enumerate(self.accesses)
        ]
        for access in new:
            state.put(access)
        settings = state.settings
        _forget(state, settings.accesses_kept, plus(context.now, -settings.accesses_age))
        return Accessed(ids=[access.id for access in new])

    def subject(self, answer: Accessed, agent: str) -> str:
        """Return the diary line."""
        said = ", ".join(
            f"{'reaches' if one.allowed else 'may not reach'} {one.domain}"
            for one in self.accesses[:3]
        )
        return one_line(f"network: {agent or 'somebody'} {said or 'reaches nothing'}")


def accessed(
    state: State,
    *,
    session: str = "",
    blocked: bool = False,
    since: Time = EPOCH,
    limit: int = 50,
) -> list[Access]:
    """Return accesses from `since` on, the newest first: of a session, only those blocked, or all.

    Sub-agents count to their session.
    """
    if session:
        found: Iterable[Access] = state.find(Access, f"by:{root(session)}")
    else:
        found = state.scan(Access, "alert:" if blocked else "at:")
    wanted = [one for one in found if one.at >= since and not (blocked and one.allowed)]
    return sorted(wanted, key=lambda one: (one.at, one.id), reverse=True)[:limit]


def _forget(state: State, kept: int, before: Time) -> None:
    surplus = state.count(Access, "at:") - kept
    old = []
    for number, access in enumerate(state.scan(Access, "at:")):
        if number >= surplus and access.at >= before:
            break
        old.append(access)
    for access in old:
        state.remove(access)
