"""The door: judge a command, a text, or paths; says which rule and which part.

The same answer everywhere for the same arguments. It is a net and no wall: whoever writes
a script and runs it goes round it. Never raises, whatever the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from gitcoord.domain.guardrails import (
    credentials,
    database,
    deployment,
    files,
    git,
    machine,
    network,
    packages,
)
from gitcoord.domain.guardrails.catalogue import RULES
from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import clean
from gitcoord.domain.guardrails.paths import Layout
from gitcoord.domain.guardrails.policy import Policy
from gitcoord.domain.guardrails.rules import SEVERITIES, Hit, Severity
from gitcoord.domain.guardrails.scene import Scene
from gitcoord.domain.guardrails.shell import LIMIT, commands

#: Longest part of a text that a finding quotes, in characters, and most findings of one verdict.
PART = 300
FINDINGS = 50
#: Most lines of a text that is no script, and most pieces in backticks on one of them.
LINES = 4_000
SPANS = 100


class Finding(msgspec.Struct, frozen=True):
    """One rule that a part of what was judged meets."""

    rule: str
    category: str
    severity: Literal["block", "ask", "warn", "log"]
    #: The part, and where it stands in the text, in characters.
    part: str
    start: int
    end: int
    message: str
    hint: str
    #: The trust was enough: the rule does not count.
    bypassed: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What was found, the gravest first."""

    findings: tuple[Finding, ...]

    @property
    def action(self) -> Literal["block", "ask", "warn", "log", "allow"]:
        """The gravest severity of what counts."""
        found = {one.severity for one in self.findings if not one.bypassed}
        return next((one for one in SEVERITIES if one in found), "allow")


def judge_command(
    text: str,
    policy: Policy,
    *,
    trust: int = 2,
    cwd: str = "",
    root: str = "",
    home: str = "",
    target: str = "",
) -> Verdict:
    """Judge a text of the shell.

    `cwd`, `root` and `home` are absolute paths, where known: the directory of the command,
    the worktree, the user's home. `target` is the branch into which work lands; it is protected.
    """
    if not policy.enabled:
        return Verdict(())
    scene = _scene(policy, cwd, root, home, target)
    reading = commands(text)
    found = [*reading.commands, *reading.guessed]
    hits = list(_hits(found, scene, text))
    if len(text) > LIMIT:
        hits.append(Hit("too_long", None, LIMIT, LIMIT))
    elif reading.over:
        hits.append(Hit("too_long", None, 0, len(text)))
    if policy.rules:
        from gitcoord.domain.guardrails.own_rules import matched_commands

        hits += matched_commands(found, text, policy)
    return _verdict(hits, text, policy, trust)


def judge_text(
    text: str,
    policy: Policy,
    *,
    trust: int = 2,
    cwd: str = "",
    root: str = "",
    home: str = "",
    target: str = "",
) -> Verdict:
    """Judge a text that may hold commands, such as a task's description.

    Lines that read as commands are judged as such, in code blocks and after a prompt too, and
    SQL by statement. Prose is not.
    """
    from gitcoord.domain.guardrails.own_rules import matched_text
    from gitcoord.domain.guardrails.sql import statements

    if not policy.enabled:
        return Verdict(())
    scene = _scene(policy, cwd, root, home, target)
    hits: list[Hit] = []
    at = 0
    lines = clean(text[:LIMIT]).split("\n")
    if len(lines) > LINES or len(text) > LIMIT:
        hits.append(Hit("too_long", None, LIMIT, LIMIT))
    for line in lines[:LINES]:
        start = at + len(line) - len(line.lstrip(" \t$>#`*-"))
        code = line[start - at :].rstrip(" `")
        for piece, offset in ((code, start), *_spans(line, at)):
            found = commands(piece)
            hits += [
                hit._replace(start=hit.start + offset, end=hit.end + offset)
                for hit in _hits(found.commands, scene, piece)
            ]
            if found.over:
                hits.append(Hit("too_long", None, offset, offset + len(piece)))
        hits += [Hit(rule, severity, at, at + len(line)) for rule, severity in statements(line)]
        at += len(line) + 1
    hits += matched_text(text[:LIMIT], policy)
    return _verdict(hits, text, policy, trust)


def judge_paths(
    paths: Iterable[str], policy: Policy, *, trust: int = 2, writing: bool = True
) -> Verdict:
    """Judge files that are written, or read; the parts are the paths themselves."""
    from gitcoord.domain.guardrails.own_rules import matched_paths

    if not policy.enabled:
        return Verdict(())
    scene = _scene(policy, "", "", "", "")
    findings: list[Finding] = []
    for given in list(paths)[:1000]:
        path = clean(given.replace("\\", "/"))
        hits = matched_paths(path, policy)
        if (one := credentials.touched(path, writing=writing)) is not None:
            hits.append(Hit(one[0], one[1], 0, len(path)))
        if writing:
            found = files.written(path, scene)
            hits += [Hit(rule, severity, 0, len(path)) for rule, severity in found]
        findings += _verdict(hits, path, policy, trust).findings
    return Verdict(tuple(sorted(findings, key=_gravity)[:FINDINGS]))


def _spans(line: str, at: int) -> Iterator[tuple[str, int]]:
    """Yield what stands between single backticks, as prose quotes commands."""
    pieces = line.split("`", 2 * SPANS)
    place = at
    for number, piece in enumerate(pieces):
        if number % 2 and piece.strip():
            yield piece, place
        place += len(piece) + 1


def _scene(policy: Policy, cwd: str, root: str, home: str, target: str) -> Scene:
    names = {*policy.protected_branches, *([target] if target else [])}
    return Scene(frozenset(names), Layout(cwd, root, home, policy.scratch))


def _hits(found: Iterable[Command], scene: Scene, text: str) -> Iterator[Hit]:
    for command in found:
        part = text[command.start : command.end]
        for rule, severity in _met(command, scene, part):
            yield Hit(rule, severity, command.start, command.end)


def _met(command: Command, scene: Scene, part: str) -> Iterator[tuple[str, Severity | None]]:
    if command.name == "git":
        yield from git.judge(command, scene)
    yield from files.judge(command, scene)
    yield from machine.judge(command)
    yield from packages.judge(command)
    if not command.words:
        yield from credentials.judge(command, scene, part)
        return
    yield from database.judge(command, scene, part)
    yield from deployment.judge(command, scene)
    yield from network.judge(command, scene, part)
    yield from credentials.judge(command, scene, part)


def _verdict(hits: Iterable[Hit], text: str, policy: Policy, trust: int) -> Verdict:
    findings: dict[tuple[str, int, int], Finding] = {}
    for hit in hits:
        one = _finding(hit, text, policy, trust)
        if one is None:
            continue
        key = (one.rule, one.start, one.end)
        if key not in findings or _gravity(one) < _gravity(findings[key]):
            findings[key] = one
    return Verdict(tuple(sorted(findings.values(), key=_gravity)[:FINDINGS]))


def _gravity(one: Finding) -> tuple[bool, int, int]:
    return one.bypassed, SEVERITIES.index(one.severity), one.start


def _finding(hit: Hit, text: str, policy: Policy, trust: int) -> Finding | None:
    if hit.rule in policy.disable:
        return None
    rule = RULES.get(hit.rule)
    if rule is None:
        own = next(one for one in policy.rules if one.name == hit.rule)
        category, severity, bypass = own.category, own.severity, own.bypass_trust
        message, hint = own.message or "a rule of this repository", ""
    else:
        category, severity, bypass = rule.category, rule.severity, rule.bypass
        message, hint = rule.message, rule.hint
    severity = policy.severity(hit.rule, severity, hit.severity)
    part = clean(text[hit.start : hit.end])[:PART]
    bypassed = bypass is not None and trust >= bypass
    return Finding(hit.rule, category, severity, part, hit.start, hit.end, message, hint, bypassed)
