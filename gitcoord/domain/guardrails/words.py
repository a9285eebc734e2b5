"""From a piece of a script's tree to the words that a program gets.

Quotes, escapes, variables, parameter expansions and substitutions are resolved as far as
they are known; what is not known stays as a mark (`marks.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.guardrails.budget import Budget
from gitcoord.domain.guardrails.marks import (
    HOME,
    NONEMPTY,
    UNKNOWN,
    brace,
    expanded,
    fields,
    opaque,
    plain,
    quoted,
    tilde,
)
from gitcoord.domain.guardrails.pattern import Pattern

if TYPE_CHECKING:
    from tree_sitter import Node

_EXPANSION = Pattern(r"\$\{(#|!)?(?:([A-Za-z_]\w*|\d+|[@*#?$!-]))(\[[^\]]*\])?(.*)\}", re.DOTALL)
_ESCAPE = Pattern(r"\\(\n|.|$)", re.DOTALL)
_STRING_ESCAPE = Pattern(r'\\([$`"\\\n])')
_ANSI = Pattern(
    r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL
)
_ANSI_CHARS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "v": "\v"}
#: Variables that mean the same everywhere, as far as guardrails care.
_KNOWN = {"HOME": HOME, "PWD": ".", "TMPDIR": "/tmp", "IFS": " ", "OLDPWD": UNKNOWN}


class Word(NamedTuple):
    """A word that a program gets, and where it stands in the outermost text."""

    text: str
    start: int
    end: int


class Reader:
    """Reads words of one script; `run` returns what a substitution prints."""

    def __init__(
        self,
        data: bytes,
        values: dict[str, str],
        budget: Budget,
        run: Callable[[Node], str],
        feed: Callable[[Node], str],
    ) -> None:
        self.data = data
        self.values = values
        self._budget = budget
        self._run = run
        self._feed = feed

    def raw(self, start: int, end: int) -> str:
        """Return what is written between two bytes."""
        return self.data[start:end].decode("utf-8", "replace")

    def groups(self, nodes: Sequence[Node]) -> list[tuple[str, bool, int, int]]:
        """Return marked words, whether they have quotes, and their bytes.

        The grammar parts some words at an escaped blank: what no blank divides is one word.
        """
        found: list[tuple[str, bool, int, int]] = []
        for node in nodes:
            text = self.marked(node)
            self._budget.spend(len(text))
            has = node.type not in {"word", "simple_expansion", "expansion", "command_substitution"}
            if found:
                before, had, start, end = found[-1]
                gap = self.raw(end, node.start_byte)
                if self.data[node.start_byte : node.start_byte + 1] == b'"':
                    gap = gap.removesuffix("$")
                if not gap or (gap.strip() and not gap.replace("\\\n", "").isspace()):
                    joined = before + _unescaped(gap) + text
                    found[-1] = (joined, has or had, start, node.end_byte)
                    continue
            found.append((text, has, node.start_byte, node.end_byte))
        return found

    def value(self, node: Node) -> str:
        """Return what an assignment gives to a variable."""
        if node.type == "array":
            items = self.groups(node.named_children)
            return " ".join(plain(text) for text, _, _, _ in items)
        return plain(tilde(self.marked(node)))

    def marked(self, node: Node) -> str:
        """Return the text of a piece with its marks."""
        how = _KINDS.get(node.type)
        if how is None:
            return self._word(node)
        if not self._budget.enter():
            return UNKNOWN
        try:
            text = self._budget.kept(how(self, node))
            self._budget.spend(len(text))
            return text
        finally:
            self._budget.leave()

    def _word(self, node: Node) -> str:
        return _unescaped(self.raw(node.start_byte, node.end_byte))

    def _verbatim(self, node: Node) -> str:
        return quoted(self.raw(node.start_byte + 1, node.end_byte - 1))

    def _ansi(self, node: Node) -> str:
        return quoted(_ANSI.sub(_ansi_char, self.raw(node.start_byte + 2, node.end_byte - 1)))

    def _string(self, node: Node) -> str:
        """Return a text in double quotes; blanks that the grammar leaves out belong to it."""
        parts, at = [], node.start_byte + 1
        for child in node.children:
            if child.type in {'"', "string_content"}:
                continue
            parts.append(quoted(_plain_string(self.raw(at, child.start_byte))))
            text = self.marked(child)
            many = child.type in {"simple_expansion", "expansion"} and _is_many(
                self.raw(child.start_byte, child.end_byte)
            )
            parts.append(text if many else quoted(plain(text)))
            at = child.end_byte
        closed = self.data[node.end_byte - 1 : node.end_byte] == b'"' and node.end_byte - 1 >= at
        parts.append(quoted(_plain_string(self.raw(at, node.end_byte - closed))))
        return "".join(parts)

    def _joined(self, node: Node) -> str:
        parts, at = [], node.start_byte
        for child in node.children:
            gap = _unescaped(self.raw(at, child.start_byte))
            at = child.end_byte
            # `$"..."` is a text to be translated: the dollar is no part of it.
            if child.type == "string":
                gap = gap.removesuffix("$")
            parts.append(gap)
            if child.type != "$" or self.data[at : at + 1] != b'"':
                parts.append(self.marked(child))
        return "".join(parts)

    def _last(self, node: Node) -> str:
        return self.marked(node.children[-1]) if node.children else ""

    def _simple(self, node: Node) -> str:
        return expanded(self.look_up(self.raw(node.start_byte + 1, node.end_byte)))

    def look_up(self, name: str) -> str:
        """Return the value of a variable, a mark where it is not known."""
        return self.values.get(name, _KNOWN.get(name, UNKNOWN))

    def _parameter(self, node: Node) -> str:
        match = _EXPANSION.fullmatch(self.raw(node.start_byte, node.end_byte))
        if match is None:
            return UNKNOWN
        prefix, name, _, rest = match.groups()
        if prefix == "#":
            return NONEMPTY
        if prefix == "!":
            return expanded(self.look_up(plain(self.look_up(name))))
        value = self.look_up(name)
        if rest.startswith(":?"):
            value = value.replace(UNKNOWN, NONEMPTY)
        elif rest[:2] in {":-", ":="} or rest[:1] in {"-", "="}:
            if not value or opaque(value):
                value = self._default(node)
        elif rest[:2] == ":+" or rest[:1] == "+":
            value = self._default(node)
        elif rest.startswith(":"):
            value = _slice(value, rest[1:])
        elif rest:
            value = value if value and not opaque(value) and rest in {"^^", "@Q"} else UNKNOWN
        return expanded(value)

    def _default(self, node: Node) -> str:
        inner = [child for child in node.named_children if child.type != "variable_name"]
        return plain(tilde(self.marked(inner[-1]))) if inner else ""

    def _substitution(self, node: Node) -> str:
        return expanded(self._run(node).rstrip("\n"))

    def _process(self, node: Node) -> str:
        return self._feed(node)

    def _number(self, node: Node) -> str:
        todo = list(node.named_children)
        while todo:
            child = todo.pop()
            if child.type == "command_substitution":
                self.marked(child)
            else:
                todo += child.named_children
        return NONEMPTY


_KINDS: dict[str, Callable[[Reader, Node], str]] = {
    "raw_string": Reader._verbatim,
    "ansi_c_string": Reader._ansi,
    "string": Reader._string,
    "translated_string": Reader._last,
    "concatenation": Reader._joined,
    "command_name": Reader._joined,
    "simple_expansion": Reader._simple,
    "expansion": Reader._parameter,
    "command_substitution": Reader._substitution,
    "process_substitution": Reader._process,
    "arithmetic_expansion": Reader._number,
}


def split(marked: str, quotes: bool) -> list[str]:
    """Return the words that a piece becomes: braces, tilde, blanks."""
    return [plain(part) for word in brace(marked) for part in fields(tilde(word), quotes)]


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: "" if found[1] == "\n" else quoted(found[1]), text)


def _plain_string(text: str) -> str:
    if "\\" not in text:
        return text
    return _STRING_ESCAPE.sub(lambda found: "" if found[1] == "\n" else found[1], text)


def _is_many(raw: str) -> bool:
    return raw in {"$@", "${@}"} or "[@]" in raw


def _ansi_char(found: re.Match[str]) -> str:
    said = found[1]
    try:
        if said[0] in "xuU" and len(said) > 1:
            return chr(int(said[1:], 16))
        if said[0] in "01234567":
            return chr(int(said, 8) & 0xFF)
    except (ValueError, OverflowError):
        return "\ufffd"
    return _ANSI_CHARS.get(said, said)


def _slice(value: str, rest: str) -> str:
    numbers = re.fullmatch(r"\s*(\d{1,4})(?::(\d{1,4}))?", rest)
    if numbers is None or opaque(value):
        return UNKNOWN
    first = int(numbers[1])
    return value[first : first + int(numbers[2])] if numbers[2] else value[first:]
