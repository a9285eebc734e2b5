"""GolemXV: messages. A direct one is shown to whoever can prove to be sender or recipient.

That is a session's token, or the key that has checked the session in.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gitcoord.domain.mailbox import Message, awaited, concerns
from gitcoord.domain.messages import CALL_LIMIT, Received, ReceiveMessages, SendMessage, Sent
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.time import EPOCH, parse
from gitcoord.entrypoints import golemxv as words
from gitcoord.entrypoints import originals
from gitcoord.entrypoints.golemxv import EVERYBODY
from gitcoord.errors import InvalidValue
from webhook.compat.golemxv_sessions import Token, acting, own_sessions, session_of
from webhook.compat.line import Ask, Misfit
from webhook.keys import allows
from webhook.problems import Problem

#: Longest text of a message or note, in characters.
LONGEST = 50_000
TYPES = ("text", "status", "request")
PARAMETERS = ("session_token", "since", "sender", "limit")


class Sending(Token, frozen=True, kw_only=True):
    """A message."""

    to: str = ""
    content: str = ""
    type: str = "text"
    metadata: dict[str, Any] = {}


def send(ask: Ask) -> dict[str, Any]:
    """Send a message; its id is a UUID."""
    body: Sending = ask.body
    session = acting(ask)
    for name in ("to", "content"):
        if not getattr(body, name).strip():
            raise Problem(400, "MISSING_FIELD", f"{name} is required")
    check_length(body.content)
    if body.type not in TYPES:
        raise Misfit("type", f"one of {', '.join(TYPES)}")
    wish = SendMessage(
        id=str(uuid4()),
        text=originals.described(body.content, body.metadata, "metadata"),
        to="" if body.to == EVERYBODY else body.to,
        type=body.type,  # type: ignore[arg-type]
    )
    message = ask.do(wish, Sent, session).message
    return {"id": message.id, "uuid": message.id}


def check_length(text: str) -> None:
    """Raise `Misfit` for a text that is too long."""
    if len(text) > LONGEST:
        raise Misfit("content", f"at most {LONGEST} characters")


def query(ask: Ask) -> list[dict[str, Any]]:
    """Return messages, the newest first; what a session is shown by its token it has read."""
    token = ask.query.get("session_token", "")
    session = session_of(ask, token) if token else ask.caller.session
    limit = ask.number("limit", 20, 1, 100)
    since, sender = _since(ask), ask.query.get("sender", "")
    with ask.asking.state() as state:
        mine = own_sessions(ask, state.find(Session, "live"))
        mine |= {root(session)} if session else set()
        found = words.messages(state, mine, since=since, sender=sender, limit=limit)
        agents = words.recipients(state, found)
    if session and allows(ask.caller.scope, "agent"):
        _heard(ask, session, found)
    return [words.message(one, agents, ask.caller.project.name) for one in found]


def _heard(ask: Ask, session: str, found: list[Message]) -> None:
    mine = root(session)
    new = [one.id for one in found if concerns(one, mine) and awaited(one, mine)]
    if new:
        ask.do(ReceiveMessages(ids=tuple(new[:CALL_LIMIT])), Received, session)


def _since(ask: Ask) -> str:
    text = ask.query.get("since")
    if not text:
        return EPOCH
    try:
        # A plus that was not encoded has become a space.
        return parse(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    except InvalidValue as wrong:
        raise Misfit("since", wrong.message, place="query") from wrong
