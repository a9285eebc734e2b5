"""Agent Coordinator: locks, and what is passed on and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from gitcoord.domain.handoffs import Handoff, WriteHandoff, Written, newest
from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import DEFAULT_PREFIXES, escape
from gitcoord.domain.lock_operations import AcquireLocks, Locked, Released, ReleaseLocks
from gitcoord.domain.locks import Lock, rivals
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.takeover import TakeOverLocks
from gitcoord.entrypoints import originals
from gitcoord.ledger.request import Batch, fresh_id
from webhook.api import judging
from webhook.compat.coordinator_agents import Identity, acting, holding, session_of
from webhook.compat.line import Ask

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Minutes for which a lock is taken where nothing else is said.
TTL = 30


class Acquiring(Identity, frozen=True, kw_only=True):
    """What to lock, and why."""

    file_path: str
    reason: str = ""
    ttl_minutes: float = TTL


def acquire(ask: Ask) -> dict[str, Any]:
    """Take or renew a lock."""
    body: Acquiring = ask.body
    wish = AcquireLocks(
        keys=(ask.lock_key(body.file_path),),
        ttl=originals.seconds(body.ttl_minutes),
        reason=body.reason,
    )
    answer = ask.do(wish, Locked, acting(ask, body))
    found = {"success": True, "action": "ignored", "file_path": body.file_path}
    if not answer.locks:
        return found
    (lock,) = answer.locks
    action = originals.original("lock action", "renewed" if answer.renewed else "acquired")
    shown = {"action": action, "expires_at": lock.expires_at}
    # The original's `locked_by` is whoever is in the way.
    more = {"agent": lock.agent, "session": lock.session, "token": lock.token}
    more["unlanded"] = answer.unlanded
    return found | shown | more


class Releasing(Identity, frozen=True, kw_only=True):
    """What to give back."""

    file_path: str


def release(ask: Ask) -> dict[str, Any]:
    """Give a lock back, whichever session of the agent holds it."""
    body: Releasing = ask.body
    key = ask.lock_key(body.file_path)
    ask.do(ReleaseLocks(keys=(key,)), Released, holding(ask, body, key))
    return {"success": True, "action": "released", "file_path": body.file_path}


def status(ask: Ask) -> dict[str, Any]:
    """Say who holds a file or a logical key."""
    path = ask.path["path"]
    with ask.asking.state() as state:
        _, held = _held(ask, state, path)
        if not held:
            return {"locked": False, "file_path": path}
        lock = held[0]
        session = state.get(Session, root(lock.session))
    shown = {
        "locked_by": lock.agent,
        "agent_type": session.type if session is not None else "",
        "locked_at": lock.acquired_at,
        "expires_at": lock.expires_at,
        "reason": lock.reason or None,
    }
    return {"locked": True, "file_path": path, "lock": shown}


def force(ask: Ask) -> dict[str, Any]:
    """Free a file or a key for everybody; whoever held it is told. Nobody holding it is fine."""
    with ask.asking.state() as state:
        key, held = _held(ask, state, ask.path["path"])
    first = held[0] if held else None
    if first is not None:
        why = f"freed by {ask.asking.person}"
        wish = Batch(TakeOverLocks(keys=(key,), reason=why), ReleaseLocks(keys=(key,)))
        session = acting(ask, Identity())
        (reply,) = ask.asking.house.coordinator.run(wish, session=session, agent=ask.asking.person)
        if reply.error is not None:
            raise reply.error
    return {
        "released": first is not None,
        "prior_holder_agent_id": first.agent if first else None,
        "prior_acquired_at": first.acquired_at if first else None,
    }


def _held(ask: Ask, state: State, path: str) -> tuple[str, list[Lock]]:
    """Return the key that a path in a URL means, and the live locks in its way."""
    logical = path.partition(":")[0] in (*DEFAULT_PREFIXES, *state.settings.namespaces)
    key = wanted(state.settings, path if logical else escape(path))
    return key.text, rivals(state, ask.asking.context(state), key, "exclusive", "")


class Checking(Identity, frozen=True, kw_only=True):
    """What is about to be done."""

    operation_text: str
    file_paths: list[str] = []


def check_guardrails(ask: Ask) -> dict[str, Any]:
    """Judge an operation; nothing is run."""
    body: Checking = ask.body
    session = session_of(ask, body) if body.agent_id or ask.caller.agent else None
    acting_for = ask.caller.session or (session.id if session else None)
    found = judging.judged(ask.caller, body.operation_text, body.file_paths, acting_for)
    return {"safe": found.safe, "action": found.action, "violations": found.violations}


class Handing(Identity, frozen=True, kw_only=True):
    """What whoever comes next has to know."""

    summary: str
    completed_work: list[Any] = []
    in_progress: list[Any] = []
    decisions: list[Any] = []
    next_steps: list[Any] = []
    relevant_files: list[Any] = []
    #: The same lists, as the first bridge script sends them; the rest stays with the summary.
    content: dict[str, Any] = {}


_LISTS = ("completed_work", "in_progress", "decisions", "next_steps", "relevant_files")


def write_handoff(ask: Ask) -> dict[str, Any]:
    """Leave a handoff."""
    body: Handing = ask.body
    # Later versions take anything in a list; what is no text is kept as JSON.
    lists = {
        name: tuple(
            one if isinstance(one, str) else msgspec.json.encode(one).decode()
            for one in (*getattr(body, name), *_texts(body.content.get(name, [])))
        )
        for name in _LISTS
    }
    rest = {name: value for name, value in body.content.items() if not _texts_only(name, value)}
    wish = WriteHandoff(
        id=fresh_id("h-"),
        summary=originals.described(body.summary, rest, "content"),
        completed=lists["completed_work"],
        in_progress=lists["in_progress"],
        decisions=lists["decisions"],
        next_steps=lists["next_steps"],
        relevant_files=lists["relevant_files"],
    )
    answer = ask.do(wish, Written, acting(ask, body))
    return {"success": True, "handoff_id": answer.handoff.id}


def _texts(value: Any) -> list[str]:
    """Return a list of texts; nothing where it is none."""
    return value if isinstance(value, list) and all(isinstance(x, str) for x in value) else []


def _texts_only(name: str, value: Any) -> bool:
    return name in _LISTS and value == _texts(value)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Whose handoffs, and how many."""

    agent_name: str = ""
    #: What the bridge script calls it.
    agent_id: str = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 1


def read_handoffs(ask: Ask) -> dict[str, Any]:
    """Return handoffs, the newest first."""
    body: Reading = ask.body
    with ask.asking.state() as state:
        found = newest(state, agent=body.agent_name or body.agent_id or None, limit=body.limit + 1)
    shown = [_handoff(one) for one in found[: body.limit]]
    return {"handoffs": shown, "limit": body.limit, "truncated": len(found) > body.limit}


def latest_handoff(ask: Ask) -> dict[str, Any]:
    """Return the newest handoff of anybody, or of an agent."""
    with ask.asking.state() as state:
        found = newest(state, agent=ask.query.get("agent_name"), limit=1)
    return {"handoffs": [_handoff(one) for one in found]}


def _handoff(one: Handoff) -> dict[str, Any]:
    return {
        "id": one.id,
        "agent_name": one.agent,
        "session_id": one.session,
        "summary": one.summary,
        "completed_work": one.completed,
        "in_progress": one.in_progress,
        "decisions": one.decisions,
        "next_steps": one.next_steps,
        "relevant_files": one.relevant_files,
        "created_at": one.at,
    }
