"""Before a shell command runs: guardrails judge it, and the files that it writes are locked.

What they stopped, warned of or let pass by trust goes into the ledger with the next
decision. Secret files are guarded in edits by tools as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitcoord.clients.event import Edit, Reply
from gitcoord.entrypoints.hooks import approving
from gitcoord.entrypoints.hooks.words import guarded

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.judge import Finding, Verdict
    from gitcoord.entrypoints.hooks.places import Place
    from gitcoord.entrypoints.hooks.visit import Visit

_ACTIONS = {"block": "blocked", "ask": "asked", "warn": "warned", "log": "logged"}


def judged(visit: Visit) -> Reply:
    """Return what guardrails say to the event's command and to the files that it names."""
    from gitcoord.domain.guardrails.judge import judge_command, judge_paths
    from gitcoord.entrypoints.project_file import guardrails

    event, root = visit.event, visit.desk.repository.worktree or ""
    policy = guardrails(root or None)
    if not policy.enabled:
        return Reply()
    trust = visit.trust
    if event.command:
        verdict = judge_command(
            event.command,
            policy,
            trust=trust,
            cwd=event.cwd,
            root=root,
            home=visit.environ.get("HOME", ""),
            target=visit.target,
        )
    else:
        verdict = judge_paths([edit.path for edit in event.edits], policy, trust=trust)
    return _reply(visit, verdict)


def _reply(visit: Visit, verdict: Verdict) -> Reply:
    if not verdict.findings:
        return Reply()
    action = verdict.action
    note(visit, verdict)
    counting = [one for one in verdict.findings if not one.bypassed]
    if action == "block":
        return Reply(verdict="deny", reason=guarded(_of(counting, "block"), stopped=True))
    if action == "ask":
        told = guarded(_of(counting, "ask"), stopped=True)
        if (asked := approving.asked(visit, counting, told)) is not None:
            return asked
        if visit.event.attended:
            return Reply(verdict="ask", reason=told)
        return Reply(verdict="deny", reason=f"{told} A person has to decide: ask for it.")
    if action == "warn":
        return Reply(context=guarded(_of(counting, "warn"), stopped=False))
    return Reply()


def _of(findings: Iterable[Finding], severity: str) -> list[Finding]:
    return [one for one in findings if one.severity == severity]


def note(visit: Visit, verdict: Verdict) -> None:
    """Have the ledger remember what guardrails found, at the next decision of this machine."""
    from gitcoord.domain.violations import RecordViolations, ViolationDraft
    from gitcoord.errors import Damaged, NotInitialised, Unavailable

    drafts = tuple(
        ViolationDraft(
            rule=one.rule,
            category=one.category,
            severity=one.severity,
            action="bypassed" if one.bypassed else _ACTIONS[one.severity],  # type: ignore[arg-type]
            part=one.part,
            tool=visit.event.tool,
            paths=tuple(edit.path for edit in visit.event.edits[:20]),
        )
        for one in verdict.findings
    )
    try:
        with visit.desk.state() as state:
            session = visit.session(state)
    except (NotInitialised, Damaged, Unavailable):
        # Guardrails hold without a ledger, too; there is nowhere to remember it.
        return
    holder = visit.holder(session) if session is not None else None
    visit.desk.house.coordinator.later(
        RecordViolations(violations=drafts), session=holder, agent=visit.desk.person
    )


def written(visit: Visit) -> tuple[Edit, ...]:
    """Return the files that the event's shell command writes, as far as can be known."""
    from gitcoord.domain.guardrails.writes import written_paths

    if not visit.event.command:
        return ()
    found = written_paths(visit.event.command)
    return tuple(Edit(one.path, one.kind, one.old_path) for one in found)


def tracked(visit: Visit, places: Sequence[Place]) -> list[Place]:
    """Return those of the places that git does not ignore: logs and builds need no lock."""
    if not places:
        return []
    paths = "\0".join(place.path for place in places).encode() + b"\0"
    code, listed = visit.desk.checkout.run(
        "check-ignore", "-z", "--stdin", accept=(0, 1, 128), send=paths
    )
    ignored = set(listed.decode("utf-8", "surrogateescape").split("\0")) if code == 0 else set()
    return [place for place in places if place.path not in ignored]
