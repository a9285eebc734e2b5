"""Agent Coordinator: who acts. A key, an agent and a session id are one conversation, one session.

Its clients check in nowhere; they say in each body who they are. So the first call of a
conversation checks it in, and what does not name the session finds it by what it holds. Whom a
person has killed is refused until it registers anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec

from gitcoord.domain.locks import Lock, lock_name
from gitcoord.domain.operation import checked_id
from gitcoord.domain.pausing import Beaten, Heartbeat
from gitcoord.domain.sessions import Session, Started, StartSession, root
from gitcoord.domain.tasks import Task
from gitcoord.domain.time import plus
from gitcoord.entrypoints import originals
from gitcoord.errors import InvalidValue, NotAssigned, NotLockHolder
from gitcoord.ledger.request import fresh_id
from webhook.access import forbidden
from webhook.compat.line import Ask, Misfit

if TYPE_CHECKING:
    from gitcoord.domain.state import State

CLIENT = "agent-coordinator"
#: Whoever does not say who it is.
NOBODY, NO_TYPE = "cloud-agent", "cloud_agent"
#: Longest session id of a client, in characters.
LONGEST = 200
Minutes = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, as bodies say it."""

    agent_id: str = ""
    agent_type: str = ""
    session_id: str = ""


def agent_of(ask: Ask, said: Identity) -> str:
    """Return the agent that acts.

    Raises `Problem` 403 for another than the key is bound to, `InvalidValue` for a blank name.
    """
    if said.agent_id.isspace():
        wrong = InvalidValue("agent_id: not a name")
        wrong.code = "invalid_agent_id"
        raise wrong
    bound = ask.caller.agent
    if bound and said.agent_id not in ("", bound):
        raise forbidden("API key is not permitted to act as requested agent_id")
    return bound or said.agent_id or NOBODY


def acting(ask: Ask, said: Identity) -> str:
    """Return the session that acts, checked in if its conversation is new. Raises `Problem` 403."""
    if ask.caller.session is not None:
        return ask.caller.session
    found = session_of(ask, said)
    if found is not None:
        return found.id
    with ask.asking.state() as state:
        past = state.find(Session, _term(ask, said), archived=True)
    last = max(past, key=lambda one: one.ended_at, default=None)
    if last is not None and last.status == "killed":
        why = f": {last.summary}" if last.summary else ""
        raise forbidden(f"a person has ended session {last.id}{why}; register a new one")
    return _start(ask, said).session.id


def speaking(ask: Ask, said: Identity, agent: str) -> str:
    """Return a session of that agent for who says no name and has checked it in; else who acts.

    Raises `Problem` 403.
    """
    if not said.agent_id and not said.session_id and ask.caller.session is None and agent:
        with ask.asking.state() as state:
            for session in _sessions(ask, state, agent):
                return session.id
    return acting(ask, said)


def session_of(ask: Ask, said: Identity) -> Session | None:
    """Return the live session of a conversation; it may also be named by our id."""
    with ask.asking.state() as state:
        for session in state.find(Session, _term(ask, said)):
            return session
        if not said.session_id:
            return None
        mine = _sessions(ask, state, agent_of(ask, said))
        return next((one for one in mine if one.id == said.session_id), None)


def holding(ask: Ask, said: Identity, key: str) -> str:
    """Return that session of the agent which holds the key. Nobody is checked in for it.

    Raises `NotLockHolder`.
    """
    from gitcoord.domain.key_index import wanted

    with ask.asking.state() as state:
        text = wanted(state.settings, key).text
        mine = _sessions(ask, state, agent_of(ask, said))
        own = [one.id for one in mine if state.get(Lock, lock_name(text, one.id))]
    named = session_of(ask, said) if said.session_id else None
    found = [id for id in own if named is None or id == named.id]
    if not found:
        raise NotLockHolder(f"{agent_of(ask, said)} has no lock on {text}")
    return found[0]


def claiming(ask: Ask, said: Identity, task: str) -> str:
    """Return the holder for which that agent has claimed the task. Raises `NotAssigned`."""
    with ask.asking.state() as state:
        found = state.get(Task, checked_id(task, "task"))
        mine = {one.id for one in _sessions(ask, state, agent_of(ask, said))}
    if found is None or root(found.session) not in mine:
        raise NotAssigned(f"there is no task {task} that {agent_of(ask, said)} has claimed")
    return found.session


class Registering(Identity, frozen=True, kw_only=True):
    """A session that says what it can do."""

    capabilities: list[str] = []
    current_task: str = ""


def register(ask: Ask) -> dict[str, Any]:
    """Check a conversation in, or add to what it has said; also one that a person has ended."""
    body: Registering = ask.body
    started = _start(ask, body, tuple(body.capabilities), body.current_task)
    return {"success": True, "session_id": body.session_id or started.session.id}


def heartbeat(ask: Ask) -> dict[str, Any]:
    """Show that a session lives. It makes none."""
    session = session_of(ask, ask.body)
    if session is None:
        return {"success": False, "session_id": None, "error": "session_not_found"}
    ask.do(Heartbeat(), Beaten, session.id)
    return {"success": True, "session_id": ask.body.session_id or session.id, "error": None}


def agents(ask: Ask) -> dict[str, Any]:
    """List sessions, the latest sign of life first; without a status those that live."""
    from gitcoord.entrypoints.cli import roster
    from gitcoord.entrypoints.mcp.tools_sessions import GONE, STATUSES

    wish, can = ask.query.get("status", ""), ask.query.get("capability", "")
    wanted = originals.ours("session status", wish)
    if wanted and wanted not in STATUSES:
        words = f"one of {', '.join(STATUSES)} or disconnected"
        raise Misfit("status", words, place="query")
    allowed = GONE if wish == "disconnected" else {wanted}
    rows = ask.people(
        lambda snapshot, state: (
            roster.gone(snapshot, state, roster.ENDED) if wanted in GONE else roster.live(state)
        )
    )
    shown = [
        {
            "agent_id": row["agent"],
            "agent_type": row["type"],
            "session_id": row["id"],
            "capabilities": row["capabilities"],
            "status": "disconnected" if row["status"] in GONE else row["status"],
            "current_task": row["task"] or None,
            "last_heartbeat": row["ended_at"] or row["seen_at"],
            "started_at": row["started_at"],
        }
        for row in rows
        if (not wanted or row["status"] in allowed) and (not can or can in row["capabilities"])
    ]
    return {"agents": sorted(shown, key=lambda one: str(one["last_heartbeat"]), reverse=True)}


class Cleaning(msgspec.Struct, frozen=True, kw_only=True):
    """From when on silence is worth a word."""

    stale_threshold_minutes: Minutes = 15
    #: The other name of the same.
    idle_minutes: Minutes | None = None
    dry_run: bool = False


def cleanup(ask: Ask) -> dict[str, Any]:
    """End the sessions that are dead by their own rules, and name those that are only silent."""
    from gitcoord.entrypoints.cli import roster

    body: Cleaning = ask.body
    if body.dry_run:
        raise Misfit("dry_run", "there is none: who is dead by its own rules is swept in any case")
    swept = ask.asking.house.judge().look().swept
    with ask.asking.state() as state:
        ended = [one for name in swept if (one := state.get(Session, name)) is not None]
        now = ask.asking.now(state)
    silent = body.stale_threshold_minutes if body.idle_minutes is None else body.idle_minutes
    old = plus(now, -silent * originals.MINUTE)
    rows = ask.people(lambda _, state: roster.live(state))
    return {
        "success": True,
        "agents_cleaned": len(swept),
        "locks_released": sum(len(one.lost_keys) for one in ended),
        "stale": [row["id"] for row in rows if row["seen_at"] < old],
    }


def _start(ask: Ask, said: Identity, capabilities: tuple[str, ...] = (), task: str = "") -> Started:
    operation = StartSession(
        id=fresh_id("s-"),
        agent=agent_of(ask, said),
        type=said.agent_type or NO_TYPE,
        capabilities=capabilities,
        task=task,
        client=CLIENT,
        client_session=_conversation(ask, said),
        machine=ask.asking.house.ledger.machine,
    )
    return ask.do(operation, Started)


def _sessions(ask: Ask, state: State, agent: str) -> list[Session]:
    """Return the live sessions of the agent that this key has checked in here, or has proved."""
    found = state.find(Session, f"agent:{agent}")
    mine = root(ask.caller.session or "")
    return [one for one in found if of_key(ask, one) or one.id == mine]


def of_key(ask: Ask, session: Session) -> bool:
    """Say whether this key has checked the session in by these routes."""
    return session.client == CLIENT and session.client_session.startswith(f"{ask.key}:")


def _conversation(ask: Ask, said: Identity) -> str:
    if len(said.session_id) > LONGEST:
        raise Misfit("session_id", f"at most {LONGEST} characters")
    agent = quote(agent_of(ask, said), safe="")
    return f"{ask.key}:{agent}/{quote(said.session_id, safe='')}"


def _term(ask: Ask, said: Identity) -> str:
    return f"client:{CLIENT}:{_conversation(ask, said)}"
