"""The expressions of workflows, as far as ours use them; what is not known here is an error.

https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)|(?P<mark>==|!=|&&|\|\||[!(),]))"
)
_SPAN = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}

Contexts = Mapping[str, Mapping[str, Any]]


def filled(text: Any, contexts: Contexts) -> str:
    """Return a value of a workflow with its `${{ }}` replaced, as text."""
    return _SPAN.sub(lambda match: plain(value(match[1], contexts)), plain(text))


def value(text: str, contexts: Contexts) -> Any:
    """Return what an expression comes to."""
    return _Reader(text, contexts).whole()


def true(found: Any) -> bool:
    """Say whether a condition holds with this value."""
    return found not in (False, None, "", 0)


def plain(found: Any) -> str:
    """Return a value as the text that stands in its place."""
    if found is None:
        return ""
    return str(found).lower() if isinstance(found, bool) else str(found)


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str, contexts: Contexts) -> None:
        self._contexts = contexts
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            assert match, f"no expression: {text!r} at {at}"
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            at = match.end()

    def whole(self) -> Any:
        found = self._or()
        assert not self._tokens, f"left over: {self._tokens}"
        return found

    def _or(self) -> Any:
        found = self._and()
        while self._takes("||"):
            other = self._and()
            found = found if true(found) else other
        return found

    def _and(self) -> Any:
        found = self._equal()
        while self._takes("&&"):
            other = self._equal()
            found = other if true(found) else found
        return found

    def _equal(self) -> Any:
        found = self._one()
        while True:
            if self._takes("=="):
                found = _same(found, self._one())
            elif self._takes("!="):
                found = not _same(found, self._one())
            else:
                return found

    def _one(self) -> Any:
        if self._takes("!"):
            return not true(self._one())
        if self._takes("("):
            found = self._or()
            assert self._takes(")")
            return found
        kind, text = self._tokens.pop(0)
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text)
        assert kind == "name", text
        if text in _WORDS:
            return _WORDS[text]
        return self._call(text) if self._takes("(") else self._read(text)

    def _call(self, name: str) -> Any:
        arguments = []
        while not self._takes(")"):
            arguments.append(self._or())
            self._takes(",")
        return _FUNCTIONS[name](*arguments)

    def _read(self, path: str) -> Any:
        first, *names = path.split(".")
        found: Any = self._contexts[first]
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def _takes(self, mark: str) -> bool:
        if self._tokens[:1] == [("mark", mark)]:
            self._tokens.pop(0)
            return True
        return False


def _same(left: Any, right: Any) -> bool:
    # Texts are compared without regard to case.
    return plain(left).lower() == plain(right).lower()


def _contains(found: Any, item: Any) -> bool:
    if isinstance(found, list):
        return any(_same(each, item) for each in found)
    return plain(item).lower() in plain(found).lower()


_FUNCTIONS: dict[str, Callable[..., Any]] = {"contains": _contains, "always": lambda: True}
