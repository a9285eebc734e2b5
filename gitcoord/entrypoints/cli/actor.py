"""Which session a command acts for: never a guess.

In this order: `--session`, GITCOORD_SESSION, the agent client's own session id,
the only live session of this worktree. Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.operation import checked_id
from gitcoord.domain.sessions import Session
from gitcoord.errors import SessionAmbiguous, SessionRequired

if TYPE_CHECKING:
    from gitcoord.bootstrap import House

#: Environment variable -> client whose session id it carries.
CLIENTS: dict[str, str] = {
    "CLAUDE_CODE_SESSION_ID": "claude",
    "CODEX_SESSION_ID": "codex",
    "GEMINI_SESSION_ID": "gemini",
}

#: Environment variable -> client in whose shells it stands, whatever the conversation.
SIGNS: dict[str, str] = CLIENTS | {
    "CLAUDECODE": "claude",
    "CODEX_CI": "codex",
    "CODEX_SANDBOX": "codex",
    "CODEX_SANDBOX_NETWORK_DISABLED": "codex",
    "GEMINI_CLI": "gemini",
}


class Client(NamedTuple):
    """An agent client and its own id of the conversation."""

    name: str
    session: str


def client(environ: Mapping[str, str]) -> Client | None:
    """Return the agent client in whose shell this runs, if any."""
    for variable, name in CLIENTS.items():
        if found := environ.get(variable):
            return Client(name, found)
    return None


def sign(environ: Mapping[str, str]) -> str:
    """Return the name of the agent client whose shell this is; "" for none that shows."""
    return next((name for variable, name in SIGNS.items() if environ.get(variable)), "")


def worktree(house: House) -> str:
    """Return this worktree as the ledger names it: bytes that are no UTF-8 are made visible."""
    path = house.repository.worktree or ""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def find(house: House, environ: Mapping[str, str], given: str | None) -> str:
    """Return the acting holder.

    Raises `SessionRequired` when nobody is checked in here, `SessionAmbiguous` when
    several are, `InvalidId` for what is no id.
    """
    named = given or environ.get("GITCOORD_SESSION")
    if named:
        return checked_id(named, "session")
    with house.ledger.state() as state:
        if (who := client(environ)) is not None:
            mine = state.find(Session, f"client:{who.name}:{who.session}")
            if not mine:
                raise SessionRequired(
                    f"this {who.name} conversation is not checked in",
                    hint="Run `gitcoord session start`.",
                )
            return mine[0].id
        here = [
            session
            for session in state.find(Session, f"tree:{worktree(house)}")
            if session.machine == house.ledger.machine
        ]
    if not here:
        raise SessionRequired
    if len(here) > 1:
        names = ", ".join(f"{session.id} ({session.agent})" for session in here)
        raise SessionAmbiguous(
            f"several sessions are live in this worktree: {names}",
            sessions=[session.id for session in here],
        )
    return here[0].id
