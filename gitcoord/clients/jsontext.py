"""JSON files of others, changed in one place and kept to the byte everywhere else.

Promises that key order, indentation, line ends and number forms of what is not touched stay
as they are, and comments too where a client allows them. Pure: text in, text out. Not a
formatter, and no knowledge of what the files mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

#: Nesting that no settings file needs; deeper ones are refused instead of exhausting the stack.
DEPTH = 100

_BLANK = re.compile(r"[ \t\r\n]*")
_BLANK_OR_COMMENT = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*//[^\r\n]*")
_INDENT = re.compile(r"[ \t]*")

#: A way down: names of members and positions of items.
Path = Sequence[str | int]


class Node(NamedTuple):
    """A value and where it stands in the text."""

    value: Any
    start: int
    end: int
    children: tuple[Child, ...] = ()


class Child(NamedTuple):
    """A member of an object or an item of an array."""

    #: None for an item.
    key: str | None
    #: Where it begins: at its key, or at its value.
    start: int
    node: Node


@lru_cache(maxsize=8)
def parse(text: str, *, comments: bool = False) -> Node:
    """Return the value of a text with all places. Raises ValueError with the line.

    As https://www.rfc-editor.org/rfc/rfc8259; a byte order mark is passed over. With
    `comments` also `//` and `/* */`. What comes back is shared: it is not to be changed.
    """
    return _Parser(text, _BLANK_OR_COMMENT if comments else _BLANK).whole()


def at(root: Node, path: Path) -> Node | None:
    """Return what stands at a path, None for nothing."""
    node: Node | None = root
    for step in path:
        found = None if node is None else _child(node, step)
        node = None if found is None else found.node
    return node


def put(text: str, path: Sequence[str], value: Any, *, comments: bool = False) -> str:
    """Return the text with `value` as the member at `path`; what is missing above is made.

    A blank text counts as an empty object. Raises ValueError where something else than an
    object is in the way.
    """
    text = text if text.strip("\ufeff \t\r\n") else "{}\n"
    node = root = parse(text, comments=comments)
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise ValueError(f"{_shown(path[:depth])} is not an object")
        child = _child(node, key)
        if child is None:
            for below in reversed(path[depth + 1 :]):
                value = {below: value}
            return _insert(text, root, node, key, value)
        node = child.node
    return replace(text, path, value, comments=comments)


def replace(text: str, path: Path, value: Any, *, comments: bool = False) -> str:
    """Return the text with another value where one stands at `path`; same as it was if equal."""
    root = parse(text, comments=comments)
    node = at(root, path)
    if node is None or same(node.value, value):
        return text
    if "\n" in text[root.start : root.end]:
        rendered = _rendered(value, text, root, _indent(text, node.start))
    else:
        rendered = json.dumps(value, ensure_ascii=False)
    return text[: node.start] + rendered + text[node.end :]


def append(text: str, path: Sequence[str], value: Any, *, comments: bool = False) -> str:
    """Return the text with `value` as the last item of the array at `path`, made if missing.

    Raises ValueError where something else than an array is in the way.
    """
    blank = not text.strip("\ufeff \t\r\n")
    root = parse("{}" if blank else text, comments=comments)
    node = at(root, path)
    if node is None:
        return put(text, path, [value], comments=comments)
    if not isinstance(node.value, list):
        raise ValueError(f"{_shown(path)} is not a list")
    return _insert(text, root, node, None, value)


def drop(text: str, path: Path, *, comments: bool = False) -> str:
    """Return the text without what stands at `path`, and without what is empty for that reason.

    The outermost value stays. A member that stands there twice goes twice.
    """
    while True:
        root = parse(text, comments=comments)
        chain = [root]
        for step in path:
            child = _child(chain[-1], step)
            if child is None:
                return text
            chain.append(child.node)
        # Whoever holds nothing else goes too.
        depth = len(path) - 1
        while depth > 0 and len(chain[depth].children) == 1:
            depth -= 1
        text = _cut(text, chain[depth], path[depth])
        if not isinstance(path[depth], str):
            return text


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON; unlike `==`, 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class _Parser:
    def __init__(self, text: str, blank: re.Pattern[str]) -> None:
        self.text = text
        self.blank = blank
        self.decoder = json.JSONDecoder(parse_constant=_no_constant)

    def whole(self) -> Node:
        node = self.value(self.skip(1 if self.text.startswith("\ufeff") else 0), 0)
        end = self.skip(node.end)
        if end != len(self.text):
            raise self.wrong("there is more after the end", end)
        return node

    def value(self, start: int, depth: int) -> Node:
        if depth > DEPTH:
            raise self.wrong("it is nested too deeply", start)
        opener = self.text[start : start + 1]
        if opener == "{":
            return self.members(start, depth)
        if opener == "[":
            return self.items(start, depth)
        return self.scalar(start)

    def members(self, start: int, depth: int) -> Node:
        children: list[Child] = []
        here = self.skip(start + 1)
        while self.text[here : here + 1] != "}":
            if self.text[here : here + 1] != '"':
                raise self.wrong("a name in double quotes is expected", here)
            name = self.scalar(here)
            colon = self.skip(name.end)
            if self.text[colon : colon + 1] != ":":
                raise self.wrong("a colon is expected", colon)
            node = self.value(self.skip(colon + 1), depth + 1)
            children.append(Child(name.value, here, node))
            here = self.next(node.end, "}")
        value = {child.key: child.node.value for child in children}
        return Node(value, start, here + 1, tuple(children))

    def items(self, start: int, depth: int) -> Node:
        children: list[Child] = []
        here = self.skip(start + 1)
        while self.text[here : here + 1] != "]":
            children.append(Child(None, here, self.value(here, depth + 1)))
            here = self.next(children[-1].node.end, "]")
        return Node([child.node.value for child in children], start, here + 1, tuple(children))

    def scalar(self, start: int) -> Node:
        try:
            value, end = self.decoder.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise self.wrong(error.msg.lower(), error.pos) from None
        return Node(value, start, end)

    def next(self, end: int, closer: str) -> int:
        here = self.skip(end)
        found = self.text[here : here + 1]
        if found == ",":
            after = self.skip(here + 1)
            if self.text[after : after + 1] == closer:
                raise self.wrong("a comma is too much", here)
            return after
        if found != closer:
            raise self.wrong(f"a comma or {closer} is expected", here)
        return here

    def skip(self, start: int) -> int:
        found = self.blank.match(self.text, start)
        assert found is not None
        return found.end()

    def wrong(self, what: str, place: int) -> ValueError:
        line = self.text.count("\n", 0, place) + 1
        return ValueError(f"line {line} is no JSON: {what}")


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not allowed", "", 0)


def _child(node: Node, step: str | int) -> Child | None:
    """Return the child that programs would see: the last one of a name."""
    if isinstance(step, int):
        inside = isinstance(node.value, list) and step < len(node.children)
        return node.children[step] if inside else None
    return next((child for child in reversed(node.children) if child.key == step), None)


def _shown(path: Path) -> str:
    return ".".join(map(str, path)) or "the outermost value"


def _insert(text: str, root: Node, parent: Node, key: str | None, value: Any) -> str:
    """Return the text with another last child of `parent`."""
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    newline = _newline(text)
    if parent.children:
        first, end = parent.children[0], parent.children[-1].node.end
        if "\n" not in text[parent.start : first.start]:
            return f"{text[:end]}, {name}{json.dumps(value, ensure_ascii=False)}{text[end:]}"
        indent = _indent(text, first.start)
        # A remark behind the last child is about that one and stays on its line.
        remark = _REST_OF_LINE.match(text, end)
        rest = end if remark is None else remark.end()
        entry = newline + indent + name + _rendered(value, text, root, indent)
        return f"{text[:end]},{text[end:rest]}{entry}{text[rest:]}"
    outer = _indent(text, parent.start)
    inner = outer + _unit(text, root)
    entry = newline + inner + name + _rendered(value, text, root, inner) + newline + outer
    kept = text[parent.start + 1 : parent.end - 1].rstrip()
    return text[: parent.start + 1] + kept + entry + text[parent.end - 1 :]


def _cut(text: str, parent: Node, step: str | int) -> str:
    """Return the text without one child of `parent`, and with its commas in order."""
    child = _child(parent, step)
    assert child is not None
    position = parent.children.index(child)
    before = parent.children[position - 1].node.end if position else parent.start + 1
    last = position + 1 == len(parent.children)
    after = parent.end - 1 if last else parent.children[position + 1].start
    start, end = child.start, child.node.end
    if not text[before:start].strip(", \t\r\n") and last:
        # Nothing but blanks and a comma before it: that goes along.
        return text[:before] + (text[end:] if position else text[end:].lstrip())
    if not last:
        comma = text.index(",", _comma_from(text, end)) + 1
        plain = not text[comma:after].strip()
        return text[:start] + text[after if plain else comma :]
    gap = text[before:start]
    comma = _comma_from(gap, 0) if position else len(gap)
    kept = (gap[:comma] + gap[comma + 1 :]).rstrip(" \t")
    rest = text[end:].lstrip(" \t")
    if kept.endswith("\n"):
        # The line that the child had to itself.
        rest = rest.removeprefix("\r").removeprefix("\n")
    return text[:before] + kept + rest


def _comma_from(text: str, start: int) -> int:
    """Return the place of the next comma that is not part of a comment."""
    found = _BLANK_OR_COMMENT.match(text, start)
    assert found is not None
    return found.end()


def _rendered(value: Any, text: str, root: Node, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text, root), ensure_ascii=False)
    return lines.replace("\n", _newline(text) + indent)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str, place: int) -> str:
    """Return the blanks at the beginning of the line."""
    found = _INDENT.match(text, text.rfind("\n", 0, place) + 1)
    assert found is not None
    return found[0]


def _unit(text: str, root: Node) -> str:
    """Return by how much one level is indented: as the first member is, else two blanks."""
    if root.children and "\n" in text[root.start : root.children[0].start]:
        return _indent(text, root.children[0].start) or "  "
    return "  "
