"""GoZen: its observatory and guardrails: sessions, what they have used, what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.departure import KillSession
from gitcoord.domain.operation import checked_id
from gitcoord.domain.pausing import Paused, PauseSession, ResumeSession
from gitcoord.domain.sessions import Session
from gitcoord.domain.violations import Violation, recorded
from gitcoord.errors import SessionNotFound
from webhook.compat import gozen_config, gozen_tasks
from webhook.compat.line import Ask

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.storage.cache import Snapshot

#: Statuses that GoZen has a word for; it forgets sessions that have ended otherwise.
STATUSES = ("active", "idle", "stuck", "paused", "killed")
#: Most operations that one list shows.
NEWEST = 50
#: Our category of a guardrail -> GoZen's type of a sensitive operation.
TYPES = {
    "file": "file_delete",
    "credential": "config_modify",
    "database": "db_operation",
    "network": "network_call",
}


def sessions(ask: Ask) -> dict[str, Any]:
    """Return all sessions and what they come to."""
    rows = _rows(ask)
    return {"sessions": [_session(row) for row in rows], "stats": _totals(rows)}


def session(ask: Ask) -> dict[str, Any]:
    """Return one session."""
    return _session(_row(ask))


def metrics(ask: Ask) -> dict[str, Any]:
    """Return the numbers of one session."""
    row = _row(ask)
    return {"session_id": row["id"], "status": row["status"], "duration_sec": row["duration"]} | (
        _numbers(row)
    )


def stats(ask: Ask) -> dict[str, Any]:
    """Return numbers of everything."""
    rows = _rows(ask)
    with ask.asking.state() as state:
        limits = gozen_config.guardrails(state.settings)
    return {
        "observatory": _totals(rows),
        "task_queue": gozen_tasks.counts(ask),
        "guardrails": {"enabled": limits.enabled, "spending": _spending(rows)},
    }


def kill(ask: Ask) -> dict[str, str]:
    """End a session and free what it holds."""
    wish = KillSession(id=ask.path["id"], reason=f"killed by {ask.asking.person}")
    ask.do(wish, wish.answer)
    return {"status": "killed"}


def pause(ask: Ask) -> dict[str, str]:
    """Stop a session until it is resumed."""
    wish = PauseSession(id=ask.path["id"], reason=f"paused by {ask.asking.person}")
    ask.do(wish, Paused)
    return {"status": "paused"}


def resume(ask: Ask) -> dict[str, str]:
    """Let a paused session go on. Raises `SessionNotFound` for one that is not paused."""
    id = checked_id(ask.path["id"], "session")
    with ask.asking.state() as state:
        found = state.get(Session, id, archived=False)
    if found is None or found.status != "paused":
        raise SessionNotFound("session not found or not paused")
    ask.do(ResumeSession(id=id), Paused)
    return {"status": "resumed"}


def limits(ask: Ask) -> Any:
    """Return what limits sessions."""
    with ask.asking.state() as state:
        return gozen_config.guardrails(state.settings)


def spending(ask: Ask) -> dict[str, Any]:
    """Return what each session has spent, in US dollars."""
    return {"spending": _spending(_rows(ask))}


def operations(ask: Ask) -> dict[str, Any]:
    """Return what guardrails have found, the newest first."""
    with ask.asking.state() as state:
        found = recorded(state, limit=NEWEST)
    return {"operations": [_operation(one) for one in found]}


def _rows(ask: Ask) -> list[dict[str, Any]]:
    """Return the live sessions, and of those that left last the killed ones."""
    from gitcoord.entrypoints.cli import roster

    rows = ask.people(
        lambda snapshot, state: [
            *roster.live(state),
            *roster.gone(snapshot, state, roster.ENDED),
        ]
    )
    return [row for row in rows if row["status"] in STATUSES]


def _row(ask: Ask) -> dict[str, Any]:
    id = checked_id(ask.path["id"], "session")

    def wanted(_: Snapshot, state: State) -> list[Session]:
        found = state.get(Session, id)
        if found is None or (found.archived and found.status != "killed"):
            raise SessionNotFound("session not found")
        return [found]

    return ask.people(wanted)[0]


def _session(row: dict[str, Any]) -> dict[str, Any]:
    own = row["signals"].get("", {})
    errors = own.get("error_text")
    return {
        "id": row["id"],
        "profile": row["agent"],
        "client": row["client"] or row["type"],
        "project_path": row["worktree"],
        "start_time": row["started_at"],
        "last_activity": row["seen_at"],
        "current_task": ", ".join(row["tasks"]) or row["task"],
        "status": row["status"],
        "why": row["why"],
        "last_errors": [errors] if errors else [],
        "retry_count": own.get("errors_in_row", 0),
    } | _numbers(row)


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    """Return what was used. GoZen knows numbers only: what is not known is 0, and so it says."""
    from gitcoord.entrypoints.cli.roster import tokens_of

    usage = row["usage"]
    known = {"usage_known": usage is not None, "cost_known": _spent(row) is not None}
    if usage is None:
        return {"total_tokens": 0, "total_cost": 0.0, "request_count": 0, "error_count": 0} | known
    return {
        "total_tokens": tokens_of(usage),
        "total_cost": _spent(row) or 0.0,
        "request_count": usage["requests"],
        "error_count": usage["errors"],
    } | known


def _spent(row: dict[str, Any]) -> float | None:
    """Return the cost in US dollars; None where it is not known."""
    usage = row["usage"]
    return None if usage is None else usage["cost_usd"]


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    used = [_numbers(row) for row in rows]
    count = {name: sum(row["status"] == name for row in rows) for name in STATUSES}
    return (
        {"total_sessions": len(rows)}
        | count
        | {
            "total_tokens": sum(one["total_tokens"] for one in used),
            "total_cost": sum(one["total_cost"] for one in used),
        }
    )


def _spending(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {row["id"]: cost for row in rows if (cost := _spent(row)) is not None}


def _operation(one: Violation) -> dict[str, Any]:
    return {
        "session_id": one.session,
        "type": TYPES.get(one.category, one.category),
        "description": f"{one.rule}: {one.part}",
        "path": one.paths[0] if one.paths else "",
        "timestamp": one.at,
        "blocked": one.action == "blocked",
    }
