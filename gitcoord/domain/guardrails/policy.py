"""A repository's own taste: the section `guardrails` of `.gitcoord.yaml`.

Every key has a default that holds also where the others are given. Not here: how the
file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gitcoord.domain.guardrails.catalogue import RULES
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import SEVERITIES, Category, Severity
from gitcoord.errors import InvalidConfig

#: Most rules of a repository, and longest pattern, in characters.
OWN_RULES = 100
PATTERN = 300


class OwnRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of a repository: met by commands that begin so, by a pattern, or by paths."""

    name: str
    category: Category = "file"
    severity: Severity = "warn"
    #: Words with which a command begins, such as `make deploy`; quoted text is no command.
    command: str = ""
    #: A regular expression, looked for in each line of the text.
    pattern: str = ""
    #: Patterns of files, as in keys, that are written.
    paths: tuple[str, ...] = ()
    message: str = ""
    #: Trust level from which it does not count; none: it always does.
    bypass_trust: int | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What guardrails hold to in one repository."""

    #: Whether anything is judged at all.
    enabled: bool = True
    #: Branches that are neither overwritten nor deleted; the target branch is always one.
    protected_branches: tuple[str, ...] = (
        "main",
        "master",
        "trunk",
        "develop",
        "release/*",
        "production",
    )
    #: Built-in rules that do not hold here.
    disable: tuple[str, ...] = ()
    #: Severities of built-in rules, by name.
    severities: dict[str, Severity] = {}
    #: Directories that may be deleted at any time, beside the usual ones such as `node_modules`.
    scratch: tuple[str, ...] = ()
    rules: tuple[OwnRule, ...] = ()

    def severity(self, rule: str, usual: Severity, found: Severity | None) -> Severity:
        """Return how grave a finding is.

        What is less grave than its rule (a deleted cache) never becomes graver than by the rule,
        what is graver (a protected branch) keeps it unless the rule is set to less.
        """
        own = self.severities.get(rule)
        if found is None:
            return own or usual
        if own is None:
            return found
        order = SEVERITIES.index
        lenient = order(own) > order(usual)
        return (
            max(own, found, key=order)
            if lenient
            else found
            if order(found) > order(usual)
            else min(own, found, key=order)
        )


DEFAULT = Policy()


def policy_from(section: object) -> Policy:
    """Return the policy that a section says; nothing at all means the defaults.

    Raises `InvalidConfig` with a suggestion for an unknown key or rule, and for wrong values.
    """
    if section is None:
        return DEFAULT
    if not isinstance(section, Mapping):
        raise InvalidConfig("guardrails must hold keys with values")
    _known(section, Policy.__struct_fields__, "guardrails")
    for rule in section.get("rules") or ():
        if isinstance(rule, Mapping):
            _known(rule, OwnRule.__struct_fields__, "guardrails: rules")
    given = {key: value for key, value in section.items() if value is not None}
    try:
        policy = msgspec.convert(given, Policy)
    except msgspec.ValidationError as wrong:
        raise InvalidConfig(f"guardrails: {wrong}", hint=_words(str(wrong))) from None
    for name in (*policy.disable, *policy.severities):
        if name not in RULES:
            raise InvalidConfig(
                f"guardrails: there is no rule {name!r}",
                hint=_nearest(name, RULES) or "See `gitcoord guard check --rules`.",
            )
    _check(policy)
    return policy


def _known(given: Mapping[Any, Any], names: tuple[str, ...], place: str) -> None:
    for key in given:
        if key not in names:
            raise InvalidConfig(
                f"{place}: there is no key {key!r}",
                hint=_nearest(str(key), names) or f"Known are {', '.join(names)}.",
            )


def _nearest(name: str, known: object) -> str | None:
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), 1)  # type: ignore[call-overload]
    return f"Did you mean {found[0]}?" if found else None


def _words(wrong: str) -> str | None:
    return f"Choose one of {', '.join(SEVERITIES)}." if "severit" in wrong else None


def _check(policy: Policy) -> None:
    if len(policy.rules) > OWN_RULES:
        raise InvalidConfig(f"guardrails: at most {OWN_RULES} rules")
    names = set(RULES)
    for rule in policy.rules:
        where = f"guardrails: rule {rule.name!r}"
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", rule.name):
            raise InvalidConfig(
                f"{where}: a name has lower-case letters, digits, `_` and `-`, at most 64"
            )
        if rule.name in names:
            raise InvalidConfig(f"{where}: this name is taken", hint="Choose another name.")
        names.add(rule.name)
        if not (rule.command.strip() or rule.pattern or rule.paths):
            raise InvalidConfig(f"{where} needs one of command, pattern, paths")
        if len(rule.pattern) > PATTERN or len(rule.command) > PATTERN:
            raise InvalidConfig(f"{where}: at most {PATTERN} characters")
        try:
            re.compile(rule.pattern)
        except (re.error, OverflowError, RecursionError) as wrong:
            raise InvalidConfig(f"{where}: no regular expression: {wrong}") from None
        if _runaway(rule.pattern):
            raise InvalidConfig(
                f"{where}: a repeated group that itself repeats could take for ever",
                hint="Write it without a repetition inside a repeated group.",
            )


_SIGNS = Pattern(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|[()|*+]|\{\d*,\d*\}", re.DOTALL)


def _runaway(pattern: str) -> bool:
    """Say whether a group that repeats holds something that repeats, or a choice: `(a+)+`.

    Only such expressions take time that doubles with each character.
    """
    open_groups: list[bool] = []
    varies = False
    for sign in _SIGNS.finditer(pattern):
        text = sign[0]
        if text.startswith("("):
            open_groups.append(False)
        elif text == ")":
            inner = open_groups.pop() if open_groups else False
            varies = inner and pattern[sign.end() : sign.end() + 1] in {"*", "+", "{"}
            if varies:
                return True
            if open_groups:
                open_groups[-1] |= inner
        elif text[0] in "|*+{" and open_groups:
            open_groups[-1] = True
    return varies
