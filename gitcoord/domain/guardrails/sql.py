"""SQL by statement: what drops, empties, or changes every row.

Comments and quoted text are no statements. Takes time in proportion to the text, whatever
is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.marks import opaque
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity

_OPENING = Pattern(r"--|/\*|(?<![\w&])#|['\"`]|\$\w*\$")
_CLOSING = {
    "'": Pattern(r"(?:[^'\\]|\\.)*'", re.DOTALL),
    '"': Pattern(r"[^\"]*\""),
    "`": Pattern(r"[^`]*`"),
}
#: Dollar quotes without an end that are looked for, each through the whole text.
_TRIES = 20
_DROP = Pattern(r"\bDROP\s+(TABLE|DATABASE|SCHEMA|KEYSPACE|COLLECTION|TABLESPACE)\b", re.IGNORECASE)
_PASSING = Pattern(r"\bDROP\s+TABLE\s+(IF\s+EXISTS\s+)?\"?(tmp|temp)_", re.IGNORECASE)
_LESSER = Pattern(
    r"\bDROP\s+(VIEW|MATERIALIZED|INDEX|FUNCTION|TRIGGER|USER|ROLE|COLUMN|SEQUENCE|TYPE|"
    r"CONSTRAINT|POLICY|EXTENSION|OWNED|PROCEDURE)\b|"
    r"\bALTER\s+(USER|ROLE|SYSTEM)\b|\bGRANT\s+ALL\b|\bREVOKE\b",
    re.IGNORECASE,
)
_ALTER = Pattern(r"\bALTER\s+TABLE\b", re.IGNORECASE)
_ALTERED = Pattern(r"\b(DROP|RENAME)\b", re.IGNORECASE)
_TRUNCATE = Pattern(r"\s*(?:EXPLAIN\s+)?TRUNCATE\b", re.IGNORECASE)
_CHANGE = Pattern(
    r"\bDELETE\s+(?:\w+\s+)?FROM\b|(?:^|\)|"
    r"\bAS\s*\()\s*UPDATE\s+(?:ONLY\s+)?[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\b",
    re.IGNORECASE,
)
_WHERE = Pattern(r"\bWHERE\b(.*)", re.IGNORECASE | re.DOTALL)
_ALWAYS = Pattern(
    r"[\s(]*(?:(TRUE|1)|(\d+)\s*=\s*\2|''\s*=\s*''|NOT\s+FALSE|(\d+)\s*(?:<>|!=|<|"
    r">)\s*\d+)[\s)]*(?:RETURNING.*|LIMIT.*)?",
    re.IGNORECASE | re.DOTALL,
)
_OR_ALWAYS = Pattern(r"\bOR\s+(TRUE\b|(\d+)\s*=\s*\2\b|''\s*=\s*'')", re.IGNORECASE)


def statements(text: str) -> Iterator[tuple[str, Severity | None]]:
    """Yield the rules that a text of SQL meets."""
    for one in bare(text).split(";"):
        if _DROP.search(one):
            yield "drop_table", "warn" if _PASSING.search(one) else None
        elif _TRUNCATE.match(one):
            yield "truncate_table", None
        elif _lesser(one):
            yield "database_change", None
        elif _CHANGE.search(one):
            where = _WHERE.search(one)
            if where is None or _ALWAYS.fullmatch(where[1]) or _OR_ALWAYS.search(where[1]):
                yield "delete_no_where", "ask" if where is not None and opaque(where[1]) else None


def _lesser(one: str) -> bool:
    if _LESSER.search(one):
        return True
    table = _ALTER.search(one)
    return table is not None and _ALTERED.search(one[table.end() :]) is not None


def bare(text: str) -> str:
    """Return the text without comments, and with nothing between its quotes.

    A quote that is not closed is text like any other: better too much is judged than too little.
    """
    if _OPENING.search(text) is None:
        return text
    parts: list[str] = []
    at, open_ended, tries = 0, set[str](), 0
    while (match := _OPENING.search(text, at)) is not None:
        sign = match[0]
        parts.append(text[at : match.start()])
        end = -1
        if sign in {"--", "#"}:
            end = text.find("\n", match.end())
            end = len(text) if end < 0 else end
        elif sign[0] == "$":
            end = text.find(sign, match.end()) if tries < _TRIES else -1
            tries += end < 0
            end += len(sign) if end >= 0 else 0
        elif sign not in open_ended:
            end = _end(text, match.end(), sign)
            if end < 0:
                open_ended.add(sign)
        if end < 0:
            # The second `$` of `$1$` may open.
            end = match.end() - (len(sign) > 1 and sign[0] == "$")
            parts.append(text[match.start() : end])
        else:
            parts.append(_LEFT.get(sign[0], " "))
        at = end
    return "".join([*parts, text[at:]])


_LEFT = {"'": "''", '"': '"x"', "`": '"x"'}


def _end(text: str, start: int, sign: str) -> int:
    """Return where a comment or quote ends, -1 where it does not."""
    if sign == "/*":
        end = text.find("*/", start)
        return end if end < 0 else end + 2
    match = _CLOSING[sign].made.match(text, start)
    return -1 if match is None else match.end()
