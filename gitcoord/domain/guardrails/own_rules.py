"""Rules that a repository has written itself, held against commands, text and paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.policy import Policy
from gitcoord.domain.guardrails.rules import Hit
from gitcoord.domain.guardrails.writes import targets

#: Longest line that a pattern is held against, in characters, and most lines: time is bounded.
LINE = 1_000
LINES = 2_000


def matched_commands(found: Iterable[Command], text: str, policy: Policy) -> list[Hit]:
    """Return the own rules that commands meet."""
    if not policy.rules:
        return []
    hits = matched_text(text, policy)
    for command in found:
        words = [command.name, *command.args]
        for rule in policy.rules:
            wanted = rule.command.split()
            met = bool(wanted) and _begins(words, wanted)
            if not met and rule.paths:
                met = any(_matches(one.path, rule.paths) for one in targets(command))
            if met:
                hits.append(Hit(rule.name, None, command.start, command.end))
    return hits


def _begins(words: list[str], wanted: list[str]) -> bool:
    """Say whether words begin as wanted; options between them do not count."""
    left = list(wanted)
    for word in words:
        if not left:
            break
        if word == left[0]:
            left.pop(0)
        elif not word.startswith("-"):
            return False
    return not left


def matched_text(text: str, policy: Policy) -> list[Hit]:
    """Return the own rules whose pattern is found in a line of the text."""
    hits: list[Hit] = []
    patterns = [(rule.name, _compiled(rule.pattern)) for rule in policy.rules if rule.pattern]
    if not patterns:
        return hits
    at = 0
    for line in text.split("\n")[:LINES]:
        for name, pattern in patterns:
            match = pattern.search(line[:LINE])
            if match is not None:
                hits.append(Hit(name, None, at + match.start(), at + match.end()))
        at += len(line) + 1
    return hits


def matched_paths(path: str, policy: Policy) -> list[Hit]:
    """Return the own rules that a path meets."""
    return [
        Hit(rule.name, None, 0, len(path)) for rule in policy.rules if _matches(path, rule.paths)
    ]


def _matches(path: str, patterns: Iterable[str]) -> bool:
    from gitcoord.domain.guardrails.paths import normal

    name = normal(path)
    return any(_glob(pattern).fullmatch(name) is not None for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Return a pattern of files as a regular expression: `*` stops at `/`, `**` does not."""
    if pattern.endswith("/"):
        pattern += "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))
