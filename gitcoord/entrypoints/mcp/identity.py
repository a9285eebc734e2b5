"""Who a call comes from: the same session as that client's hooks and typed commands.

Pure: what the environment, the transport and the call say goes in, a name for one
participant comes out. Over stdio, in this order: GITCOORD_SESSION, the client's own id in the
environment, the session id that Codex sends with every call, what the hooks of the client that
has started the server have announced; else one of this connection's own.
Over HTTP the server's environment says nothing about its clients and is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from gitcoord.domain.names import NAME_LIMIT
from gitcoord.entrypoints.cli import actor

#: The part of `_meta` in which Codex says which conversation calls.
CODEX_META = "x-codex-turn-metadata"
#: The header by which an HTTP client names a session, as GITCOORD_SESSION does elsewhere.
SESSION_HEADER = "gitcoord-session"
#: Longest id of a client's that is believed.
_LONGEST = 200


class Identity(NamedTuple):
    """One participant. Equal identities are one session."""

    #: A session of the ledger, or a sub-agent of one, that was named; else "".
    session: str = ""
    #: The agent client and its own id of the conversation.
    client: str = ""
    conversation: str = ""
    #: Whether others could know this session too, so that it may exist already.
    shared: bool = True

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from others; what a client calls itself does not make another one."""
        return (self.session, self.client, self.conversation) if self.shared else self[2:3]


class Caller(NamedTuple):
    """What is known about the sender of one call."""

    #: The connection, as the transport tells it from others; "" where it does not.
    connection: str = ""
    #: Which token was shown, and the name that goes with it; "" for none.
    bearer: str = ""
    agent: str = ""
    #: What the client calls itself.
    client: str = ""
    meta: Mapping[str, Any] = {}
    #: The session that a header names.
    named: str = ""


def identify(
    caller: Caller,
    environ: Mapping[str, str] | None,
    nonce: str,
    announced: actor.Client | None = None,
) -> Identity:
    """Return who calls. `environ` None: it is that of a server for many, and says nothing.

    `nonce` makes sessions of this server's own differ from those of others; `announced` is the
    conversation of the client that has started the server, where its hooks have noted it.
    """
    if caller.named:
        return Identity(session=caller.named)
    if environ is not None:
        if named := environ.get("GITCOORD_SESSION", ""):
            return Identity(session=named)
        if (known := actor.client(environ)) is not None:
            return Identity(client=known.name, conversation=known.session)
    if conversation := codex(caller.meta):
        return Identity(client="codex", conversation=conversation)
    if announced is not None and environ is not None:
        return Identity(client=announced.name, conversation=announced.session)
    name = plain(caller.client)
    # A client starts its own server over stdio: that is one participant, whatever it says.
    told = caller.connection or (name if environ is None else "")
    own = f"{nonce}\x00{caller.bearer}\x00{told}"
    digest = sha256(own.encode("utf-8", "backslashreplace")).hexdigest()
    return Identity(client=name, conversation=f"mcp-{digest[:20]}", shared=False)


def codex(meta: Mapping[str, Any]) -> str:
    """Return the session id that Codex's hooks see too; "" where the call is not Codex's."""
    said = meta.get(CODEX_META)
    if isinstance(said, str):
        try:
            said = msgspec.json.decode(said)
        except msgspec.DecodeError:
            return ""
    found = said.get("session_id") if isinstance(said, dict) else None
    believed = isinstance(found, str) and len(found) <= _LONGEST and found.isprintable()
    return str(found) if believed else ""


def plain(name: str) -> str:
    """Return what a client calls itself as a name that the rules accept."""
    kept = "".join(char for char in name[:NAME_LIMIT] if char.isprintable() and char not in "<>")
    return kept.strip() or "mcp"
