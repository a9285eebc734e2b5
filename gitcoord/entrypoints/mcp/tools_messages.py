"""Tools for messages between sessions: send, read, acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Limit, Output

if TYPE_CHECKING:
    from gitcoord.domain.mailbox import Message
    from gitcoord.domain.time import Time


class SendMessage(Input, frozen=True, kw_only=True):
    """What to say, and to whom."""

    text: str
    to: Annotated[str, Meta(description="Session id or agent name; left out: everybody.")] = ""
    type: Literal["text", "status", "request"] = "text"
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    needs_ack: Annotated[bool, Meta(description="Ask for an acknowledgement.")] = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """How far a message has come with one recipient."""

    session: str
    agent: str
    #: unknown, delivered, read or acknowledged.
    status: str


class MessageShown(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    message_id: str
    type: str
    priority: str
    text: str
    #: Who wrote it; "gitcoord" where a rule did.
    sender: str
    sender_session: str | UnsetType = UNSET
    #: The session that it is for; left out: everybody.
    to: str | UnsetType = UNSET
    sent_at: str
    needs_ack: bool
    status: str | UnsetType = UNSET
    receipts: list[Receipt] | UnsetType = UNSET


class Sent(Output, frozen=True, kw_only=True):
    """The message's id, and for whom it is."""

    message_id: str | UnsetType = UNSET
    recipients: list[str] | UnsetType = UNSET
    #: Whether it is kept here and sent later, because the git host does not answer.
    spooled: bool | UnsetType = UNSET


def send_message(call: Call, asked: SendMessage) -> Sent:
    """Write to one session or to everybody."""
    from gitcoord.domain.messages import SendMessage as Send
    from gitcoord.domain.messages import Sent as Kept
    from gitcoord.ledger.request import fresh_id

    wish = Send(
        id=fresh_id("m-"),
        text=asked.text,
        to=asked.to,
        type=asked.type,
        priority=asked.priority,
        needs_ack=asked.needs_ack,
    )
    answer = call.do_or_keep(wish, Kept)
    if answer is None:
        return Sent(message_id=wish.id, spooled=True)
    names = [receipt.agent for receipt in answer.message.receipts]
    return Sent(message_id=wish.id, recipients=names)


class ReadMessages(Input, frozen=True, kw_only=True):
    """Which messages."""

    include_read: Annotated[bool, Meta(description="Also those that you have read.")] = False
    sent: Annotated[bool, Meta(description="Those that you have sent, with receipts.")] = False
    limit: Limit = 20


class Messages(Output, frozen=True, kw_only=True):
    """The messages, the most urgent first."""

    messages: list[MessageShown] | UnsetType = UNSET


def read_messages(call: Call, asked: ReadMessages) -> Messages:
    """Return messages, and note that they were read."""
    from gitcoord.domain.mailbox import sent
    from gitcoord.entrypoints.cli.message import incoming

    call.reading()
    with call.state() as state:
        now = call.now(state)
        if asked.sent:
            found = sent(state, call.holder, limit=asked.limit)
        else:
            found = incoming(call, state, call.holder, asked.include_read)[: asked.limit]
    shown = [_shown(one, call.holder, receipts=asked.sent) for one in found]
    if not asked.sent:
        note_read(call, found, now)
    return Messages(messages=shown)


class AckMessage(Input, frozen=True, kw_only=True):
    """Which messages."""

    message_ids: list[str]


class Acked(Output, frozen=True, kw_only=True):
    """The messages that are acknowledged."""

    acknowledged: list[str] | UnsetType = UNSET
    #: Whether it is kept here and sent later, because the git host does not answer.
    spooled: bool | UnsetType = UNSET


def ack_message(call: Call, asked: AckMessage) -> Acked:
    """Acknowledge messages to who sent them."""
    from gitcoord.domain.messages import Acked as Kept
    from gitcoord.domain.messages import AckMessages

    answer = call.do_or_keep(AckMessages(ids=tuple(asked.message_ids)), Kept)
    return Acked(acknowledged=asked.message_ids, spooled=True if answer is None else UNSET)


def note_read(call: Call, found: list[Message], now: Time) -> None:
    """Note the messages as read. At a git host that rides on the next decision."""
    from gitcoord.domain.mailbox import receipt_of
    from gitcoord.domain.messages import Received, ReceiveMessages
    from gitcoord.domain.sessions import root

    session = root(call.holder)
    new = tuple(one.id for one in found if not receipt_of(one, session).read_at)
    if not new:
        return
    wish = ReceiveMessages(ids=new, at=now)
    if call.house.wire is not None:
        call.house.coordinator.later(wish, session=call.holder)
    else:
        call.do(wish, Received, acts=True)


def _shown(one: Message, holder: str, *, receipts: bool) -> MessageShown:
    from gitcoord.domain.mailbox import status_of
    from gitcoord.domain.sessions import root
    from gitcoord.entrypoints.cli.message import author

    heard = [
        Receipt(session=each.session, agent=each.agent, status=status_of(one, each.session))
        for each in one.receipts
    ]
    return MessageShown(
        message_id=one.id,
        type=one.type,
        priority=one.priority,
        text=one.text,
        sender=author(one),
        sender_session=one.sender or UNSET,
        to=one.to or UNSET,
        sent_at=one.at,
        needs_ack=one.needs_ack,
        status=UNSET if receipts else status_of(one, root(holder)),
        receipts=heard if receipts else UNSET,
    )
