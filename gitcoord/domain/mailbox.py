"""Messages as they are kept, and who has heard what of them.

A message is for one session or for everybody: for every session but its sender's that is
live at some time of its life. Its receipts tell apart, for each recipient, what is known:
nothing, that a door has put it before the agent, that the agent has read it, that it has
acknowledged it. Each of them keeps its earliest time, so that receipts mean the same in
whatever order they come. Sub-agents write and read with their session.
Not here: how messages are sent (`messages`), and what rules tell holders (`notices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal

import msgspec

from gitcoord.domain.operation import Context
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.time import Time, plus
from gitcoord.errors import InvalidValue

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What agents and people write, and what only rules write.
Sendable = Literal["text", "status", "request"]
Type = Literal["text", "status", "request", "system", "task_assignment"]
Priority = Literal["low", "normal", "high", "urgent"]
#: What is known of a message and one session.
Heard = Literal["unknown", "delivered", "read", "acknowledged"]

_RANKS: dict[Priority, int] = {"urgent": 0, "high": 1, "normal": 2, "low": 3}


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a message and one recipient; a time that is empty is not known."""

    session: str
    agent: str = ""
    #: When a door has put it before the agent.
    delivered_at: Time = ""
    #: When the agent asked for it.
    read_at: Time = ""
    acked_at: Time = ""


class Message(Record, frozen=True, kw_only=True):
    """What one holder, a person or a rule wrote to a session or to everybody."""

    table = "messages"

    #: Made by the sender.
    id: str
    type: Type = "text"
    priority: Priority = "normal"
    text: str
    #: The holder that sent it; empty: a person without a session, or a rule.
    sender: str = ""
    #: The sender's name; empty: a rule.
    agent: str = ""
    #: The session that it is for; empty: everybody.
    to: str = ""
    at: Time
    needs_ack: bool = False
    #: Those who were live when it was sent and those who have heard of it, by session id.
    receipts: tuple[Receipt, ...] = ()
    #: Whether a message to everybody had to make room for newer ones.
    closed: bool = False

    @property
    def name(self) -> str:
        """The message's id."""
        return self.id

    @property
    def archived(self) -> bool:
        """Whether nothing more is expected: its recipient has read it, and acknowledged if asked.

        A message to everybody waits for those who are still to come, until it is closed.
        """
        return self.closed if not self.to else not awaited(self, self.to)

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its time, its sender, its recipient, being open or new."""
        when = f"{self.at}:{self.id}"
        yield f"at:{when}"
        if not self.archived:
            yield "open"
        if self.sender:
            yield f"from:{root(self.sender)}:{when}"
        if not self.to:
            yield f"all:{when}"
            return
        yield f"to:{self.to}:{when}"
        if not self.archived:
            yield f"open:{self.to}"
        if not receipt_of(self, self.to).delivered_at:
            yield f"new:{self.to}:{when}"


def receipt_of(message: Message, session: str) -> Receipt:
    """Return what is known of the message and that session; an empty receipt for nothing."""
    for receipt in message.receipts:
        if receipt.session == session:
            return receipt
    return Receipt(session=session)


def status_of(message: Message, session: str) -> Heard:
    """Return how far the message has come with that session, in one word."""
    receipt = receipt_of(message, session)
    if receipt.acked_at:
        return "acknowledged"
    if receipt.read_at:
        return "read"
    return "delivered" if receipt.delivered_at else "unknown"


def concerns(message: Message, session: str) -> bool:
    """Say whether the message is for that session; nobody gets what it has sent to everybody."""
    return message.to == session if message.to else root(message.sender) != session


def awaited(message: Message, session: str) -> bool:
    """Say whether that session has still to read the message, or to acknowledge it."""
    receipt = receipt_of(message, session)
    return not receipt.read_at or (message.needs_ack and not receipt.acked_at)


def unread(state: State, holder: str, now: Time) -> list[Message]:
    """Return what no door has yet put before the session, the most urgent and oldest first.

    What is past its life (setting `messages_kept`) is left out, trimmed or not.
    """
    session, since = root(holder), plus(now, -state.settings.messages_kept)
    found = chain(state.scan(Message, f"new:{session}:"), state.scan(Message, "all:"))
    return sorted(
        (
            message
            for message in found
            if message.at > since
            and concerns(message, session)
            and not receipt_of(message, session).delivered_at
        ),
        key=_urgency,
    )


def inbox(
    state: State, holder: str, *, include_read: bool = False, limit: int = 50
) -> list[Message]:
    """Return messages for the session: what it has to read or acknowledge, most urgent first.

    With `include_read` all that are kept, the newest first. Raises `InvalidValue` for a
    negative limit.
    """
    session = root(holder)
    shelves = (False, True) if include_read else (False,)
    found = [
        message
        for archived in shelves
        for prefix in (f"to:{session}:", "all:")
        for message in state.scan(Message, prefix, archived=archived)
        if concerns(message, session) and (include_read or awaited(message, session))
    ]
    if not include_read:
        return sorted(found, key=_urgency)[: _checked(limit)]
    return _newest(found, limit)


def sent(state: State, holder: str, *, limit: int = 50) -> list[Message]:
    """Return what the session has sent, the newest first; its receipts say who has heard it.

    Raises `InvalidValue` for a negative limit.
    """
    session = root(holder)
    found = [
        message
        for archived in (False, True)
        for message in state.scan(Message, f"from:{session}:", archived=archived)
        if root(message.sender) == session
    ]
    return _newest(found, limit)


def post(
    state: State,
    context: Context,
    to: Session,
    text: str,
    kind: Literal["system", "task_assignment"] = "system",
) -> Message:
    """Leave a message of a rule for a session and return it; no limit keeps it out."""
    number = 1
    while state.get(Message, f"{context.op_id}.{number}") is not None:
        number += 1
    message = Message(
        id=f"{context.op_id}.{number}",
        type=kind,
        text=text,
        to=to.id,
        at=context.now,
        receipts=(Receipt(session=to.id, agent=to.agent),),
    )
    state.put(message)
    return message


def tell_senders(state: State, context: Context, gone: Session) -> None:
    """Let the live senders know which of their messages a session left unread at its end."""
    unheard: dict[str, list[str]] = {}
    for message in state.find(Message, f"open:{gone.id}"):
        if message.sender and not receipt_of(message, gone.id).read_at:
            unheard.setdefault(root(message.sender), []).append(message.id)
    for sender, ids in unheard.items():
        session = state.get(Session, sender, archived=False)
        if session is not None:
            text = f"{gone.agent} ({gone.id}) has left and has not read {', '.join(ids)}"
            post(state, context, session, text)


def prune(state: State, before: Time) -> int:
    """Forget the messages from before that time, heard or not, and return how many there were."""
    old = list(past(state, before, before))
    for message in old:
        state.remove(message)
    return len(old)


def past(state: State, before: Time, archived_before: Time) -> Iterator[Message]:
    """Yield the open messages from before one time, then the archived ones from before another."""
    for archived, limit in ((False, before), (True, archived_before)):
        for message in state.scan(Message, "at:", archived=archived):
            if message.at >= limit:
                break
            yield message


def _urgency(message: Message) -> tuple[int, Time, str]:
    return _RANKS[message.priority], message.at, message.id


def _newest(found: list[Message], limit: int) -> list[Message]:
    ordered = sorted(found, key=lambda message: (message.at, message.id), reverse=True)
    return ordered[: _checked(limit)]


def _checked(limit: int) -> int:
    if limit < 0:
        raise InvalidValue("the limit is not negative", limit=limit)
    return limit
