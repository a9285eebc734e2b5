"""Check in from the command line: who, from where, and how its life is judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.domain.sessions import Process, Session, Started, StartSession, root
from gitcoord.entrypoints.cli import actor
from gitcoord.errors import UsageError
from gitcoord.ledger.request import fresh_id

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.entrypoints.cli.desk import Desk

#: Programs that only start gitcoord on Windows and end with it.
_LAUNCHERS = ("gitcoord", "python", "py.")


def check_in(
    desk: Desk,
    *,
    id: str | None = None,
    name: str | None = None,
    life: str = "lease",
    client: actor.Client | None = None,
    process: Any = None,
    files: Sequence[str] = (),
    capabilities: Sequence[str] = (),
    **said: Any,
) -> Started:
    """Start (or continue) a session for this worktree and return the ledger's answer.

    What is not said comes from the settings of this clone, but only for a new session.
    Without a name one is generated that no live session has.
    """
    house, taste = desk.house, desk.settings
    with desk.state() as state:
        before = live(state, id, client)
        taken = {session.agent for session in state.find(Session, "live")}
    if before is None:
        name = name or taste.agent
        said["type"] = said.get("type") or taste.agent_type or (client.name if client else "")
        capabilities = capabilities or taste.capabilities or _of_the_team(desk, name)
    wish = StartSession(
        id=id or fresh_id("s-"),
        agent=name or (before.agent if before else generated(taken)),
        life=life,  # type: ignore[arg-type]
        machine=house.ledger.machine,
        worktree=actor.worktree(house),
        client=client.name if client else "",
        client_session=client.session if client else "",
        process=process,
        files=tuple(files),
        capabilities=tuple(capabilities),
        **said,
    )
    return desk.do(wish, Started, acts=False)


def _of_the_team(desk: Desk, name: str) -> tuple[str, ...]:
    """Return the capabilities that the team's file gives the agent; a wrong file gives none."""
    from gitcoord.domain.teams import FILE, team_from
    from gitcoord.entrypoints.cli.marked import read_marked
    from gitcoord.errors import InvalidFile

    root = desk.repository.worktree
    if not name or root is None or not os.path.isfile(os.path.join(root, FILE)):
        return ()
    try:
        marked = read_marked(FILE, root)
        with marked.named():
            member = team_from(marked.data).member(name)
    except InvalidFile as wrong:
        desk.note(f"{FILE} is passed over: {wrong.message}")
        return ()
    return () if member is None else member.capabilities


def live(state: State, id: str | None, client: actor.Client | None) -> Session | None:
    """Return the live session of that client's conversation or of that id, if there is one."""
    if client is not None:
        for session in state.find(Session, f"client:{client.name}:{client.session}"):
            return session
    return state.get(Session, root(id), archived=False) if id else None


def inherited(desk: Desk) -> str | None:
    """Return the session that GITCOORD_SESSION names, unless it has ended."""
    if not (given := root(desk.environ.get("GITCOORD_SESSION", ""))):
        return None
    with desk.state() as state:
        found = state.get(Session, given)
    return None if found is not None and found.archived else given


def process_of(environ: Mapping[str, str], client: actor.Client | None, pid: int | None) -> Process:
    """Return the process whose end will be the session's.

    A client runs each command in a shell of its own, so that there the parent is never meant.
    """
    from gitcoord.ledger import machine

    told = environ.get("CLAUDE_PID", "")
    if pid is None and client is not None and not told.isdigit():
        raise UsageError(
            f"the shell in which {client.name} runs this ends with the command",
            hint="Pass --pid with the client's own process, or --life lease.",
        )
    number = pid or (int(told) if told.isdigit() else _parent())
    found = machine.process(number)
    if found is None:
        raise UsageError(f"there is no process {number}")
    return found


def _parent() -> int:
    if sys.platform != "win32":
        return os.getppid()
    import psutil

    for parent in psutil.Process().parents():
        if not parent.name().lower().startswith(_LAUNCHERS):
            return int(parent.pid)
    return os.getppid()


def generated(taken: set[str]) -> str:
    """Return an agent's name that is not taken."""
    from gitcoord.domain.names import suggest

    return suggest(taken, lambda count: int.from_bytes(os.urandom(4), "big") % count)
