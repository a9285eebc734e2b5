"""What a rule is, and what it is to meet one.

Not here: the rules themselves (`catalogue.py`), and what each of them matches.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Category = Literal["git", "file", "database", "credential", "deployment", "network"]
Severity = Literal["block", "ask", "warn", "log"]

#: From the gravest.
SEVERITIES: tuple[Severity, ...] = ("block", "ask", "warn", "log")


class Rule(NamedTuple):
    """One built-in rule."""

    name: str
    category: Category
    severity: Severity
    #: Trust level from which it does not count; None: it always does.
    bypass: int | None
    message: str
    hint: str


class Hit(NamedTuple):
    """A rule that a part of a text meets; `severity` where it is not the rule's own."""

    rule: str
    severity: Severity | None
    start: int
    end: int
