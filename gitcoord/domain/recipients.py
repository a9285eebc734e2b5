"""Whom a message reaches: the session that is meant, and whether there is room for it.

Who does not read is not written to without end: messages to one session are refused, and of
those to everybody the oldest are closed. Not here: what is said, and whether it was heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.mailbox import Message
from gitcoord.domain.sessions import Session, root
from gitcoord.errors import InvalidValue, LimitReached, RecipientAmbiguous, RecipientNotFound

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most messages to one session that it has not read or not acknowledged.
OPEN_LIMIT = 100
#: Messages to everybody that are open at a time; a newer one closes the oldest.
BROADCASTS = 100


def recipient(to: str, own: str, others: list[Session]) -> Session:
    """Return which of the other live sessions `to` names: by its id, or by its agent's name.

    Raises `InvalidValue` for the own session, `RecipientNotFound` and `RecipientAmbiguous`,
    both with the live sessions.
    """
    if own and root(to) == own:
        raise InvalidValue("this is your own session; its sub-agents read with it", to=to)
    found = [each for each in others if each.id == root(to)]
    found = found or [each for each in others if each.agent == to]
    if len(found) == 1:
        return found[0]
    shown = found or others
    live = [{"session": each.id, "agent": each.agent} for each in shown]
    names = ", ".join(f"{each.id} ({each.agent})" for each in shown[:20]) or "nobody else"
    if found:
        raise RecipientAmbiguous(
            f"several live sessions are called {to}: {names}",
            hint="Name one of the sessions.",
            to=to,
            sessions=live,
        )
    raise RecipientNotFound(
        f"no other live session is called {to!r}",
        hint=f"Live: {names}. Without a recipient a message is for everybody.",
        to=to,
        sessions=live,
    )


def check_room(state: State, to: Session) -> None:
    """Raise `LimitReached` where a session has left `OPEN_LIMIT` messages unheeded."""
    count = len(state.find(Message, f"open:{to.id}"))
    if count >= OPEN_LIMIT:
        raise LimitReached(
            f"{to.agent} ({to.id}) has not read or acknowledged {count} messages",
            hint="Wait until it has, or leave a note on its task.",
            session=to.id,
            count=count,
        )


def make_room(state: State) -> None:
    """Close the oldest messages to everybody so that with a new one `BROADCASTS` are open."""
    open_ones = list(state.scan(Message, "all:"))
    for oldest in open_ones[: max(0, len(open_ones) - BROADCASTS + 1)]:
        state.put(msgspec.structs.replace(oldest, closed=True))
