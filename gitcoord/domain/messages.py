"""What sessions write to each other: sending, receipts, acknowledgements.

Promises that the same id is sent once, that a message for one session reaches no other
through `inbox` and `unread`, and that receipts may come twice, late and in any order.
A message to everybody also reaches sessions that check in later, while it is among the
newest `BROADCASTS` of its life. What is told here is told in the ledger: whoever can read
the repository can read it; the diary only leaves out the text that is for one session.
Not here: the records and the questions about them (`mailbox`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from gitcoord.domain.mailbox import (
    Heard,
    Message,
    Priority,
    Receipt,
    Sendable,
    concerns,
    inbox,
    prune,
    receipt_of,
    sent,
    status_of,
    unread,
)
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation, checked_id
from gitcoord.domain.recipients import check_room, make_room, recipient
from gitcoord.domain.sessions import Session, acting, known, root
from gitcoord.domain.time import Time, happened, plus
from gitcoord.errors import (
    IdTaken,
    InvalidValue,
    LimitReached,
    MessageNotFound,
)

if TYPE_CHECKING:
    from gitcoord.domain.state import State

__all__ = [
    "AckMessages", "Acked", "Heard", "Message", "Receipt", "ReceiveMessages", "Received",
    "SendMessage", "Sent", "inbox", "sent", "status_of", "unread",
]  # fmt: skip

#: Most messages that one receipt or acknowledgement names.
CALL_LIMIT = 1000


class Sent(Answer, frozen=True, kw_only=True):
    """The message as it is kept."""

    message: Message


class SendMessage(Operation, frozen=True, kw_only=True):
    """Write to one session or to everybody; people may without being checked in."""

    tag = "message.send"
    answer = Sent
    sessionless: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    id: str
    text: str
    #: A session, or the name of an agent with one other live session; empty: everybody.
    to: str = ""
    type: Sendable = "text"
    priority: Priority = "normal"
    needs_ack: bool = False

    def apply(self, state: State, context: Context) -> Sent:
        """Keep the message for whom it is for; the same one sent again changes nothing.

        Raises `InvalidValue` for an empty text or the own session, `IdTaken`,
        `RecipientNotFound` and `RecipientAmbiguous` with the live sessions, `LimitReached`
        when the recipient has `OPEN_LIMIT` open messages, and what `acting` raises.
        """
        if context.session:
            acting(state, context)
        if not self.text.strip():
            raise InvalidValue("a message needs a text")
        before = state.get(Message, checked_id(self.id, "message"))
        if before is not None:
            return self._again(before, context)
        own = root(context.session or "")
        others = [x for x in state.find(Session, "live") if x.id != own]
        to = recipient(self.to, own, others) if self.to else None
        if to is not None:
            check_room(state, to)
        else:
            make_room(state)
        prune(state, plus(context.now, -state.settings.messages_kept))
        message = Message(
            id=self.id,
            type=self.type,
            priority=self.priority,
            text=self.text,
            sender=context.session or "",
            agent=context.agent or "somebody",
            to="" if to is None else to.id,
            at=context.now,
            needs_ack=self.needs_ack,
            receipts=tuple(
                Receipt(session=each.id, agent=each.agent)
                for each in (others if to is None else (to,))
            ),
        )
        state.put(message)
        return Sent(message=message)

    def subject(self, answer: Sent, agent: str) -> str:
        """Return the diary line; what is for one session keeps its text to itself."""
        message = answer.message
        urgency = "" if self.priority == "normal" else f"{self.priority} "
        if message.to:
            to = message.receipts[0].agent
            return one_line(f"message: {message.agent} to {to} ({urgency}{self.type})")
        return one_line(f"message: {message.agent} to all ({urgency}{self.type}): {self.text}")

    def diary(self) -> dict[str, Any]:
        """Return the arguments without the text of what is for one session."""
        body = super().diary()
        return body | {"text": f"({len(self.text)} characters)"} if self.to else body

    def _again(self, before: Message, context: Context) -> Sent:
        known_as = (before.to, *(x.agent for x in before.receipts)) if before.to else ("",)
        mine = (context.session or "", self.text, self.type, self.priority, self.needs_ack)
        kept = (before.sender, before.text, before.type, before.priority, before.needs_ack)
        if mine != kept or not {self.to, root(self.to)} & set(known_as):
            raise IdTaken(f"there is another message {self.id}", id=self.id)
        return Sent(message=before)


class Received(Answer, frozen=True, kw_only=True):
    """The messages of which something new is known now."""

    noted: list[str] = []


class ReceiveMessages(Operation, frozen=True, kw_only=True):
    """Note that messages have come to the session: put before the agent, or read by it.

    A fact rather than an act: it is kept whatever has become of the session, is no sign of
    life, and passes over ids that are gone or not for it.
    """

    tag = "message.read"
    answer = Received
    acting: ClassVar[bool] = False
    commutes: ClassVar[bool] = True

    ids: tuple[str, ...]
    state: Literal["delivered", "read"] = "read"
    #: When it was; empty, or a time that has not come yet: when it is noted.
    at: Time = ""

    def apply(self, state: State, context: Context) -> Received:
        """Note it. Raises `SessionRequired`, `SessionNotFound`, `InvalidValue`, `LimitReached`."""
        session = known(state, context)
        when = happened(self.at, context.now)
        read = when if self.state == "read" else ""
        noted = []
        for name in _unique(self.ids):
            message = state.get(Message, name)
            if message is not None and concerns(message, session.id):
                after = _noted(message, session, delivered=when, read=read)
                if after != message:
                    state.put(after)
                    noted.append(name)
        return Received(noted=noted)

    def subject(self, answer: Received, agent: str) -> str:
        """Return the diary line."""
        word = "has read" if self.state == "read" else "was given"
        return one_line(f"message: {agent or 'somebody'} {word} {', '.join(answer.noted)}")


class Acked(Answer, frozen=True, kw_only=True):
    """The messages as they are now."""

    messages: list[Message] = []


class AckMessages(Operation, frozen=True, kw_only=True):
    """Acknowledge messages to their senders, which says that they were read, too."""

    tag = "message.ack"
    answer = Acked
    commutes: ClassVar[bool] = True

    ids: tuple[str, ...]

    def apply(self, state: State, context: Context) -> Acked:
        """Acknowledge all of them or none; what was acknowledged stays as it is.

        Raises `MessageNotFound` also for what is not for the session, `LimitReached` and what
        `acting` raises.
        """
        session = acting(state, context)
        found = []
        for name in _unique(self.ids):
            message = state.get(Message, name)
            if message is None or not concerns(message, session.id):
                raise MessageNotFound(
                    f"there is no message {name!r} for {session.agent}",
                    hint="Run `gitcoord message inbox --all`.",
                    message_id=name,
                )
            now = context.now
            after = _noted(message, session, delivered=now, read=now, acked=now)
            if after != message:
                state.put(after)
            found.append(after)
        return Acked(messages=found)

    def subject(self, answer: Acked, agent: str) -> str:
        """Return the diary line."""
        names = ", ".join(message.id for message in answer.messages)
        return one_line(f"message: {agent or 'somebody'} acknowledges {names}")


def _noted(
    message: Message, session: Session, *, delivered: Time, read: Time = "", acked: Time = ""
) -> Message:
    """Return the message with these times in the session's receipt where none is earlier."""
    before = receipt_of(message, session.id)
    after = Receipt(
        session=session.id,
        agent=session.agent,
        delivered_at=_earliest(before.delivered_at, delivered),
        read_at=_earliest(before.read_at, read),
        acked_at=_earliest(before.acked_at, acked),
    )
    others = [each for each in message.receipts if each.session != session.id]
    receipts = sorted([*others, after], key=lambda each: each.session)
    return msgspec.structs.replace(message, receipts=tuple(receipts))


def _earliest(one: Time, other: Time) -> Time:
    return min(one, other) if one and other else one or other


def _unique(ids: tuple[str, ...]) -> list[str]:
    if len(ids) > CALL_LIMIT:
        raise LimitReached(f"at most {CALL_LIMIT} messages in one call", count=len(ids))
    return list(dict.fromkeys(ids))
