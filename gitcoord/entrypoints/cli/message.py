"""`gitcoord message`: write to other sessions, read what they wrote, acknowledge it.

Shows a session what is for it or from it, and nothing else of others' letters. What the
inbox shows counts as read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.completion import session_ids
from gitcoord.entrypoints.cli.desk import KEPT, Desk, acting, command, reading
from gitcoord.errors import InvalidFile, TextTooLong, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.mailbox import Message
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time


@click.group()
def message() -> None:
    """Write to one session or to all, and see who has heard it.

    Whoever can read the repository can read the ledger, and so every message.
    """


@message.command(
    epilog="Example: gitcoord message send --to bob --type request --ack 'may I have src/api?'"
)
@click.argument("text")
@click.option(
    "--to", metavar="NAME|SESSION", default="", shell_complete=session_ids,
    help="A live session, or the name of its agent (default: everybody).",
)  # fmt: skip
@click.option("--all", "everybody", is_flag=True, help="To everybody, which is the default.")
@click.option(
    "--type", "kind", type=click.Choice(["text", "status", "request"]), default="text",
    show_default=True,
)  # fmt: skip
@click.option(
    "--priority", type=click.Choice(["low", "normal", "high", "urgent"]), default="normal",
    show_default=True,
)  # fmt: skip
@click.option("--ack", "needs_ack", is_flag=True, help="Ask for an acknowledgement.")
@click.option("--id", metavar="ID", help="Its id; the same one is sent once.")
@acting
@command
def send(
    desk: Desk,
    text: str,
    to: str,
    everybody: bool,
    kind: str,
    priority: str,
    needs_ack: bool,
    id: str | None,
) -> None:
    """Send TEXT; - reads it from standard input."""
    from gitcoord.domain.messages import SendMessage, Sent
    from gitcoord.ledger.request import fresh_id

    if to and everybody:
        raise UsageError("--to and --all exclude each other")
    wish = SendMessage(
        id=fresh_id("m-") if id is None else id,
        text=from_stdin() if text == "-" else text,
        to=to,
        type=kind,  # type: ignore[arg-type]
        priority=priority,  # type: ignore[arg-type]
        needs_ack=needs_ack,
    )
    answer = desk.do_or_keep(wish, Sent)
    if answer is None:
        desk.show({"message": None, "spooled": True}, f"message {wish.id} is {KEPT}")
        return
    found = answer.message
    names = ", ".join(receipt.agent for receipt in found.receipts) or "nobody else is here yet"
    desk.show(
        {"message": sent_row(found)},
        f"message {found.id} is sent to {names if found.to else f'all ({names})'}",
    )


@message.command(epilog="Example: gitcoord message inbox --all -n 20")
@click.option("--all", "everything", is_flag=True, help="Also what was read, newest first.")
@click.option("--sent", "outgoing", is_flag=True, help="What the session has sent, newest first.")
@click.option("--peek", is_flag=True, help="Do not mark what is shown as read.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True)
@acting
@reading
def inbox(desk: Desk, everything: bool, outgoing: bool, peek: bool, limit: int) -> None:
    """Show what the session has to read or acknowledge, the most urgent first."""
    from gitcoord.domain.mailbox import sent
    from gitcoord.domain.sessions import known

    if outgoing and everything:
        raise UsageError("--sent and --all exclude each other")
    me = desk.holder
    with desk.state() as state:
        now = desk.now(state)
        session = known(state, desk.context(state, me))
        found = sent(state, me, limit=limit) if outgoing else incoming(desk, state, me, everything)
        found = found[:limit]
    rows = [sent_row(one) if outgoing else received_row(one, session.id) for one in found]
    if found and not (outgoing or peek):
        _mark_read(desk, found, session.id, now)
    texts = [_written(one, now) if outgoing else _letter(one, session.id, now) for one in found]
    nothing = "nothing was sent" if outgoing else "there is no message"
    desk.show({"messages": rows}, "\n\n".join(texts) or nothing)


@message.command(epilog="Example: gitcoord message ack m-4k2m8x7q1z")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@acting
@command
def ack(desk: Desk, ids: Sequence[str]) -> None:
    """Tell the senders that their messages were read and understood."""
    from gitcoord.domain.messages import Acked, AckMessages

    answer = desk.do_or_keep(AckMessages(ids=tuple(ids)), Acked)
    if answer is None:
        desk.show({"messages": [], "spooled": True}, f"the acknowledgement is {KEPT}")
        return
    from gitcoord.domain.sessions import root

    rows = [received_row(one, root(desk.holder)) for one in answer.messages]
    desk.show(
        {"messages": rows},
        lambda: [f"acknowledged {one.id} of {author(one)}" for one in answer.messages],
    )


def incoming(desk: Desk, state: State, holder: str, everything: bool) -> list[Message]:
    """Return the session's messages, without those whose receipt still waits on this machine."""
    from gitcoord.domain.mailbox import inbox as messages_for
    from gitcoord.ledger.receipts import pending

    found = messages_for(state, holder, include_read=everything, limit=10**9)
    if everything or not found:
        return found
    noted = pending(desk.house.spool, holder)
    return [one for one in found if noted.get(one.id) != "read"]


def received_row(one: Message, session: str) -> dict[str, Any]:
    """Return a message as its recipient sees it: with what was known before it was shown."""
    from gitcoord.domain.mailbox import receipt_of, status_of
    from gitcoord.domain.record import shown

    row: dict[str, Any] = shown(one)
    del row["receipts"], row["closed"]
    return row | {"status": status_of(one, session), "receipt": receipt_of(one, session)}


def sent_row(one: Message) -> dict[str, Any]:
    """Return a message as its sender sees it: with what is known of each recipient."""
    from gitcoord.domain.mailbox import status_of
    from gitcoord.domain.record import shown

    row: dict[str, Any] = shown(one)
    del row["closed"]
    for receipt in row["receipts"]:
        receipt["status"] = status_of(one, receipt["session"])
    return row


def author(one: Message) -> str:
    """Return who wrote it, for people."""
    if not one.agent:
        return "gitcoord"
    return one.agent if one.sender else f"{one.agent} (no session)"


def _mark_read(desk: Desk, found: Sequence[Message], session: str, now: Time) -> None:
    """Note what is shown for the first time; where nobody can be told, with the next decision."""
    from gitcoord.domain.mailbox import receipt_of
    from gitcoord.domain.messages import CALL_LIMIT, Received, ReceiveMessages

    ids = [one.id for one in found if not receipt_of(one, session).read_at]
    for at in range(0, len(ids), CALL_LIMIT):
        wish = ReceiveMessages(ids=tuple(ids[at : at + CALL_LIMIT]), state="read", at=now)
        desk.do_or_keep(wish, Received)


def _letter(one: Message, session: str, now: Time) -> str:
    from gitcoord.domain.mailbox import awaited, receipt_of
    from gitcoord.entrypoints.cli.render import plain

    lines = [f"{_head(one, now)}, from {author(one)} to {'you' if one.to else 'all'}"]
    lines.append(plain(one.text))
    if one.needs_ack and awaited(one, session) and not receipt_of(one, session).acked_at:
        lines.append(f"  acknowledge it: gitcoord message ack {one.id}")
    return "\n".join(lines)


def _written(one: Message, now: Time) -> str:
    from gitcoord.domain.mailbox import status_of
    from gitcoord.entrypoints.cli.render import plain

    heard: dict[str, list[str]] = {}
    for receipt in one.receipts:
        heard.setdefault(status_of(one, receipt.session), []).append(receipt.agent)
    head = f"{_head(one, now)}, to {one.receipts[0].agent if one.to else 'all'}"
    known = [f"  {word}: {', '.join(who)}" for word, who in heard.items()]
    return "\n".join([head, plain(one.text), *known])


def _head(one: Message, now: Time) -> str:
    from gitcoord.entrypoints.cli.render import ago

    urgency = "" if one.priority == "normal" else f"{one.priority} "
    return f"{one.id}  {urgency}{one.type}, {ago(now, one.at)}"


def from_stdin(what: str = "the message") -> str:
    """Return the text on standard input. Raises `TextTooLong` and `InvalidFile`."""
    from gitcoord.domain.record import TEXT_LIMIT

    raw = sys.stdin.buffer.read(TEXT_LIMIT + 1)
    if len(raw) > TEXT_LIMIT:
        raise TextTooLong(f"{what} has over {TEXT_LIMIT} bytes")
    try:
        return raw.decode("utf-8").rstrip("\n")
    except UnicodeDecodeError as wrong:
        raise InvalidFile("what is read from standard input is not valid UTF-8") from wrong
