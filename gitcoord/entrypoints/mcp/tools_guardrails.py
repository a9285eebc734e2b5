"""The tool that judges an operation by the guardrails, and what they say to texts of other tools.

A check is not recorded, a refusal is: with the next decision of this machine. Not here: rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.shapes import Input, Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitcoord.domain.guardrails.judge import Finding, Verdict
    from gitcoord.domain.guardrails.policy import Policy

#: Longest text that is judged as a whole, in characters.
LONGEST = 64 * 1024


class CheckGuardrails(Input, frozen=True, kw_only=True):
    """What is about to be done."""

    operation_text: Annotated[
        str, Meta(max_length=LONGEST, description="The command as a shell would run it, or a text.")
    ] = ""
    file_paths: Annotated[list[str], Meta(description="Files that it writes.")] = []
    kind: Annotated[
        Literal["command", "text"], Meta(description="text: prose or code that may hold commands.")
    ] = "command"


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that matched, in the words of the originals, and ours."""

    pattern_name: str
    category: str
    #: block, ask (a person), warn or log.
    severity: str
    #: The part of the text that made it match.
    matched_text: str
    blocked: bool
    message: str
    hint: str | UnsetType = UNSET
    #: Whether the agent is trusted enough that the rule does not count.
    bypassed: bool


class Judged(Output, frozen=True, kw_only=True):
    """Whether it may be done, and every rule that matched."""

    safe: bool | UnsetType = UNSET
    #: block, ask, warn, log or allow.
    action: str | UnsetType = UNSET
    violations: list[Violation] | UnsetType = UNSET


def check_guardrails(call: Call, asked: CheckGuardrails) -> Judged:
    """Judge a command or text, and paths. Nothing is run."""
    from gitcoord.domain.guardrails.judge import Verdict, judge_paths

    policy, trust, target = _agreed(call)
    findings = _judge(call, asked.operation_text, asked.kind, policy, trust, target).findings
    if asked.file_paths:
        paths = map(call.inside, asked.file_paths)
        findings += judge_paths(paths, policy, trust=trust).findings
    verdict = Verdict(findings)
    return Judged(
        safe=verdict.action not in ("block", "ask"),
        action=verdict.action,
        violations=[_violation(one) for one in findings],
    )


def refuse_dangerous(call: Call, given: Any, tool: str) -> None:
    """Raise `Denied` for a text that guardrails block; what they only warn of becomes a note.

    `given`: a text, or plain data whose texts are judged. `tool`: who was given it.
    """
    from gitcoord.domain.guardrails.judge import Verdict
    from gitcoord.errors import Denied

    policy, trust, target = _agreed(call)
    verdict = Verdict(())
    for text in _texts(given):
        found = _judge(call, text, "text", policy, trust, target).findings
        verdict = Verdict((*verdict.findings, *found))
    if not verdict.findings:
        return
    # Length is told, but is no violation: nothing in the text was met.
    met = tuple(one for one in verdict.findings if one.rule != "too_long")
    if met:
        _record(call, Verdict(met), tool)
    counting = [one for one in verdict.findings if not one.bypassed]
    if verdict.action == "block":
        gravest = next(one for one in counting if one.severity == "block")
        raise Denied(
            f"guardrails block this text: {gravest.message} (rule {gravest.rule}): {gravest.part}",
            hint=gravest.hint or "Leave it out, or say it in other words.",
            action=verdict.action,
            violations=[msgspec.to_builtins(_violation(one)) for one in verdict.findings],
        )
    call.notes += [f"guardrails, {one.severity}: {one.message}: {one.part}" for one in counting]


class RuleShown(NamedTuple):
    """A rule as a list shows it."""

    name: str
    category: str
    severity: str
    message: str


def rules_here(call: Call) -> list[RuleShown]:
    """Return the rules that hold in this worktree, built in and its own."""
    from gitcoord.domain.guardrails.catalogue import RULES

    policy = _policy(call)
    if not policy.enabled:
        return []
    known = [
        RuleShown(x.name, x.category, policy.severity(x.name, x.severity, None), x.message)
        for x in RULES.values()
        if x.name not in policy.disable
    ]
    own = [RuleShown(x.name, x.category, x.severity, x.message) for x in policy.rules]
    return known + own


def _policy(call: Call) -> Policy:
    from gitcoord.entrypoints.project_file import guardrails

    return guardrails(call.house.repository.worktree)


def _agreed(call: Call) -> tuple[Policy, int, str]:
    """Return the policy of the worktree, and what the ledger says: trust and target branch."""
    from gitcoord.domain.rights import guard_trust
    from gitcoord.domain.settings import Settings
    from gitcoord.errors import NotInitialised

    policy = _policy(call)
    try:
        with call.state() as state:
            return policy, guard_trust(state, call.perhaps), state.settings.target_branch
    except NotInitialised:
        return policy, Settings().agent_trust, ""


def _judge(call: Call, text: str, kind: str, policy: Policy, trust: int, target: str) -> Verdict:
    from gitcoord.domain.guardrails.judge import judge_command, judge_text

    judge = judge_command if kind == "command" else judge_text
    root = call.house.repository.worktree or ""
    home = call.environ.get("HOME", "")
    return judge(text, policy, trust=trust, cwd=call.directory, root=root, home=home, target=target)


def _texts(given: Any) -> Iterator[str]:
    """Yield the texts of plain data; a command in JSON is one all the same."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, dict):
        for name, value in given.items():
            yield from _texts(name)
            yield from _texts(value)
    elif isinstance(given, list):
        for value in given:
            yield from _texts(value)


def _record(call: Call, verdict: Verdict, tool: str) -> None:
    from gitcoord.domain.violations import CALL_LIMIT, RecordViolations, ViolationDraft

    actions: dict[str, Any] = {
        "block": "blocked",
        "ask": "warned",
        "warn": "warned",
        "log": "logged",
    }
    drafts = tuple(
        ViolationDraft(
            rule=one.rule,
            category=one.category,
            severity=one.severity,
            action="bypassed" if one.bypassed else actions[one.severity],
            part=one.part,
            tool=tool,
        )
        for one in verdict.findings[:CALL_LIMIT]
    )
    call.house.coordinator.later(RecordViolations(violations=drafts), session=call.holder)


def _violation(one: Finding) -> Violation:
    return Violation(
        pattern_name=one.rule,
        category=one.category,
        severity=one.severity,
        matched_text=one.part,
        blocked=one.severity == "block" and not one.bypassed,
        message=one.message,
        hint=one.hint or UNSET,
        bypassed=one.bypassed,
    )
