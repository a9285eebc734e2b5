"""What hooks say to an agent: who, why, until when, and what to do instead, in few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.entrypoints.cli.render import left
from gitcoord.errors import GitcoordError

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.judge import Finding
    from gitcoord.domain.unlanded import Mark
    from gitcoord.entrypoints.cli.desk import Desk

#: Conflicts and marks that are named; the rest is counted.
NAMED = 3


def held(refusal: GitcoordError, desk: Desk) -> str:
    """Return why a file may not be changed now, and the next commands."""
    conflicts: list[dict[str, Any]] = refusal.details.get("conflicts", [])
    if not conflicts:
        return f"gitcoord: {refusal.message}. {refusal.hint or ''}".rstrip()
    with desk.state() as state:
        now = desk.now(state)
    lines = [_conflict(one, now) for one in conflicts[:NAMED]]
    if len(conflicts) > NAMED:
        lines.append(f"and {len(conflicts) - NAMED} more")
    key = conflicts[0].get("wanted") or conflicts[0]["key"]
    who = conflicts[0]["agent"]
    return (
        f"gitcoord: {'; '.join(lines)}. Do not change it now. Work on something else, or wait: "
        f"`gitcoord lock acquire '{key}' --wait 60s` (tool acquire_lock with wait_seconds). "
        f"To ask: `gitcoord message send --to {who} TEXT`."
    )


def _conflict(one: dict[str, Any], now: str) -> str:
    until = one.get("expires_at", "")
    time = f" until {until[11:19]}Z ({left(now, until)} left)" if until else ""
    reason = f": {one['reason']}" if one.get("reason") else ""
    word = "waits for" if not until else "holds"
    return f"{one['agent']} (session {one['session']}) {word} {one['key']}{time}{reason}"


def not_landed(marks: Sequence[Mark]) -> str:
    """Return what others have changed in these files and not landed yet."""
    lines = [
        f"{mark.key} has changes by {mark.agent} that have not landed: build on {mark.branch}"
        for mark in marks[:NAMED]
    ]
    return "gitcoord: " + "; ".join(lines)


def unreachable(desk: Desk) -> str:
    """Return that nobody could be asked, and how old what is known is."""
    from gitcoord.entrypoints.cli.arbiter import remark

    why = remark(desk.house) or "the ledger could not be asked in time"
    return f"gitcoord: not locked, {why}. Others may be working on the same file."


def guarded(findings: Iterable[Finding], *, stopped: bool) -> str:
    """Return what guardrails have against a command, the gravest first."""
    lines = []
    for one in findings:
        part = f" at `{one.part}`" if one.part else ""
        hint = f" {one.hint}" if one.hint else ""
        lines.append(f"{one.message} (rule {one.rule}{part}).{hint}")
    head = "gitcoord guardrail: " if stopped else "gitcoord warns: "
    return head + " ".join(lines[:NAMED])
