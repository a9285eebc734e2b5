"""`gitcoord guard check`: judge a command, a text or paths by the guardrails, and say why.

Runs nothing and writes nothing; works outside of a repository, too. What hooks stop is
recorded, what is only checked here is not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.errors import Denied, NotARepository, NotInitialised, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.guardrails.judge import Finding, Verdict
    from gitcoord.domain.guardrails.policy import Policy

#: Findings that are shown without --explain, and most characters that are read.
NAMED = 3
LONGEST = 1_000_000


@click.command(
    epilog="Examples: gitcoord guard check 'git push --force origin main' --explain | "
    "gitcoord guard check --path .env | gitcoord guard check - < deploy.sh"
)
@click.argument("text", required=False, metavar="[TEXT]")
@click.option("--text", "prose", metavar="TEXT", help="Prose that may hold commands.")
@click.option("--path", "paths", multiple=True, metavar="PATH", help="A file that is written.")
@click.option("--explain", is_flag=True, help="Show which rule, and which part.")
@click.option("--rules", is_flag=True, help="List the rules as they hold here.")
@click.option("--trust", type=click.IntRange(0, 4), help="Trust level (default: the session's).")
@command
def check(
    desk: Desk,
    text: str | None,
    prose: str | None,
    paths: Sequence[str],
    explain: bool,
    rules: bool,
    trust: int | None,
) -> None:
    """Judge TEXT as a shell would run it; `-` or nothing reads it from standard input.

    Exit code 3: blocked, or a person has to be asked. Nothing is run.
    """
    desk.tends = desk.seeks = False
    root = _root(desk)
    policy = _policy(root)
    if rules:
        _list(desk, policy)
        return
    level, target = _agreed(desk)
    level = level if trust is None else trust
    judged, verdict = _judged(desk, text, prose, paths, policy, level, root, target)
    said = _explained(verdict, judged) if explain else _short(verdict)
    found = [_plain(one) for one in verdict.findings]
    if verdict.action in {"block", "ask"}:
        gravest = next(one for one in verdict.findings if one.severity == verdict.action)
        if explain and not desk.json:
            click.echo(said)
        how = "is not allowed" if verdict.action == "block" else "needs a person's consent"
        raise Denied(
            f"this {how}: {gravest.message} (rule {gravest.rule})",
            hint=gravest.hint,
            action=verdict.action,
            safe=False,
            findings=found,
            violations=_violations(verdict),
        )
    desk.show(
        {
            "action": verdict.action,
            "safe": True,
            "findings": found,
            "violations": _violations(verdict),
        },
        said,
    )


def _root(desk: Desk) -> str | None:
    try:
        return desk.repository.worktree
    except NotARepository:
        return None


def _policy(root: str | None) -> Policy:
    from gitcoord.entrypoints.project_file import guardrails

    return guardrails(root)


def _agreed(desk: Desk) -> tuple[int, str]:
    """Return the trust of the acting session and the ledger's target branch, or the defaults."""
    from gitcoord.domain.rights import guard_trust
    from gitcoord.domain.settings import Settings

    try:
        with desk.state() as state:
            return guard_trust(state, desk.perhaps), state.settings.target_branch
    except (NotARepository, NotInitialised):
        return Settings().agent_trust, ""


def _judged(
    desk: Desk,
    text: str | None,
    prose: str | None,
    paths: Sequence[str],
    policy: Policy,
    trust: int,
    root: str | None,
    target: str,
) -> tuple[str, Verdict]:
    """Return what was judged, for showing, and the verdict."""
    from gitcoord.domain.guardrails.judge import Verdict, judge_command, judge_paths, judge_text

    if prose is not None and text is not None:
        raise UsageError("a command or --text, not both")
    findings: tuple[Finding, ...] = ()
    if paths:
        findings = judge_paths(paths, policy, trust=trust).findings
    judged = prose
    if judged is None:
        judged = _input(text, needed=not paths)
    if judged is not None:
        judge = judge_command if prose is None else judge_text
        verdict = judge(
            judged,
            policy,
            trust=trust,
            cwd=desk.directory,
            root=root or "",
            home=desk.environ.get("HOME", ""),
            target=target,
        )
        findings = (*verdict.findings, *findings)
    return judged or "", Verdict(findings)


def _input(text: str | None, *, needed: bool) -> str | None:
    if text not in {None, "-"}:
        return text
    if text is None and not needed:
        return None
    if text is None and sys.stdin.isatty():
        raise UsageError("there is nothing to judge", hint="Run `gitcoord guard check 'COMMAND'`.")
    return sys.stdin.buffer.read(LONGEST).decode("utf-8", "replace")


def _plain(one: Finding) -> dict[str, Any]:
    import msgspec

    plain = msgspec.to_builtins(one)
    assert isinstance(plain, dict)
    return plain


def _violations(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the findings that count, in the words of the system that gitcoord replaces."""
    return [
        {
            "pattern_name": one.rule,
            "category": one.category,
            "severity": one.severity,
            "matched_text": one.part[:200],
            "blocked": one.severity in {"block", "ask"},
        }
        for one in verdict.findings
        if not one.bypassed
    ]


def _short(verdict: Verdict) -> str:
    if not verdict.findings:
        return "allowed"
    return "\n".join(_line(one) for one in verdict.findings[:NAMED])


def _line(one: Finding) -> str:
    word = "passes by trust" if one.bypassed else one.severity
    return f"{word}: {one.message} (rule {one.rule}, {one.category}). {one.hint}".rstrip()


def _explained(verdict: Verdict, text: str) -> str:
    """Return each finding below the line that it is about, which is marked."""
    if not verdict.findings:
        return "allowed: no rule is met"
    blocks = []
    for one in verdict.findings:
        if text[one.start : one.end][: len(one.part)] != one.part or not one.part:
            blocks.append(f"{one.part}\n{_line(one)}")
            continue
        begin = text.rfind("\n", 0, one.start) + 1
        end = text.find("\n", one.start)
        line = text[begin : end if end >= 0 else len(text)]
        width = max(1, min(one.end, begin + len(line)) - one.start)
        # A line may hold anything: what a terminal would act upon is not shown as it is.
        shown = "".join(char if char.isprintable() else " " for char in line)
        blocks.append(f"{shown}\n{' ' * (one.start - begin)}{'^' * width}\n{_line(one)}")
    return "\n\n".join(blocks)


def _list(desk: Desk, policy: Policy) -> None:
    from gitcoord.domain.guardrails.catalogue import RULES
    from gitcoord.entrypoints.cli.render import table

    listed = [
        {
            "rule": rule.name,
            "category": rule.category,
            "severity": policy.severity(rule.name, rule.severity, None),
            "bypass_trust": rule.bypass,
            "enabled": policy.enabled and rule.name not in policy.disable,
            "message": rule.message,
        }
        for rule in RULES.values()
    ]
    listed += [
        {
            "rule": own.name,
            "category": own.category,
            "severity": own.severity,
            "bypass_trust": own.bypass_trust,
            "enabled": policy.enabled,
            "message": own.message,
        }
        for own in policy.rules
    ]
    columns = ("rule", "category", "severity", "trust", "what")
    rows = [
        (
            one["rule"],
            one["category"],
            one["severity"] if one["enabled"] else "off",
            one["bypass_trust"],
            one["message"],
        )
        for one in listed
    ]
    desk.show({"rules": listed}, lambda: table(columns, rows, "no rules"))
