"""GoZen: its coordinator: locks and changes.

GoZen believes whoever names a session. Here it is named by its token, or by its id with a key
that may act for it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gitcoord.domain.changes import Change, recent
from gitcoord.domain.lock_operations import AcquireLocks, Locked, Released, ReleaseLocks
from gitcoord.domain.locks import Lock, LockView, view
from gitcoord.domain.time import EPOCH, parse
from webhook.access import holder
from webhook.compat.line import Ask, Misfit

#: Most changes that one list shows.
NEWEST = 50


def locks(ask: Ask) -> dict[str, Any]:
    """Return the live locks."""
    with ask.asking.state() as state:
        now = ask.asking.now(state)
        found = [view(one) for one in state.all(Lock) if one.expires_at > now]
    return {"locks": [_lock(one) for one in found]}


class Locking(msgspec.Struct, frozen=True, kw_only=True):
    """What to lock, and for whom."""

    path: str
    session_id: str
    reason: str = ""


def lock(ask: Ask) -> dict[str, Any]:
    """Take or renew a lock for a session, which has to be proved."""
    body: Locking = ask.body
    session = holder(ask.service, ask.caller, body.session_id, living=True)
    wish = AcquireLocks(keys=(ask.lock_key(body.path),), reason=body.reason)
    found = ask.do(wish, Locked, session).locks
    return {"status": "acquired", "lock": _lock(found[0]) if found else None}


def release(ask: Ask) -> dict[str, str]:
    """Free a lock of a session, which has to be proved."""
    named = ask.query.get("session_id", "")
    if not named:
        raise Misfit("", "session_id required", place="query")
    session = holder(ask.service, ask.caller, named, living=True)
    ask.do(ReleaseLocks(keys=(ask.lock_key(ask.path["path"]),)), Released, session)
    return {"status": "released"}


def changes(ask: Ask) -> dict[str, Any]:
    """Return changes, the newest first."""
    since = parse(ask.query["since"]) if ask.query.get("since") else EPOCH
    with ask.asking.state() as state:
        found = recent(state, since=since, limit=NEWEST)
    return {"changes": [_change(one) for one in found]}


def _lock(one: LockView) -> dict[str, Any]:
    return {
        "path": one.key,
        "session_id": one.session,
        "locked_at": one.acquired_at,
        "expires_at": one.expires_at,
        "token": one.token,
        "reason": one.reason,
    }


def _change(one: Change) -> dict[str, Any]:
    found = {
        "path": one.path,
        "session_id": one.session,
        # GoZen knows no renaming.
        "change_type": "modify" if one.kind == "rename" else one.kind,
        "summary": one.summary,
        "timestamp": one.at,
    }
    return found | ({"old_path": one.old_path} if one.old_path else {})
