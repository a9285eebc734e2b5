"""TOML files of others: one table comes or goes, every other byte stays.

Promises that comments, order and spelling of what is not touched are kept, and that the
result says what the old file said but for that table: both are read and compared before
anything is returned. Pure: text in, text out. Not here: tables inside of inline tables;
those are refused. A library that rewrites TOML is not used because none keeps the bytes
of tables that stand apart from their kin, as the client's own additions make them.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

Path = tuple[str, ...]


class Piece(NamedTuple):
    """A statement, a blank line or a comment, with the line end."""

    text: str
    #: The names that lead to what it says; () for blank lines and comments.
    path: Path = ()
    header: bool = False


def parse(text: str) -> dict[str, Any]:
    """Return what the text says. Raises ValueError with the line.

    As https://toml.io/en/v1.0.0, for the version of it that this Python reads.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is no TOML: {error}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def at(document: Mapping[str, Any], path: Path) -> Any:
    """Return what a document has at a path, None for nothing."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def put(text: str, path: Path, table: Mapping[str, Any], *, always: tuple[str, ...] = ()) -> str:
    """Return the text with a table at `path`.

    Of a table that is there already only the keys in `always` are set. Raises ValueError
    where the file is no TOML, or where this cannot be done line by line.
    """
    before = parse(text)
    there = at(before, path)
    newline = "\r\n" if "\r\n" in text else "\n"
    if there is None:
        wanted = dict(table)
        lines = [f"[{'.'.join(map(_key, path))}]", *(_line(*item) for item in table.items())]
        body = newline.join(lines) + newline
        opened = text + newline if text and not text.endswith("\n") else text
        after = opened + (newline if opened.strip() else "") + body
    elif isinstance(there, dict):
        wanted = there | {name: table[name] for name in always}
        changed = [name for name in always if there.get(name) != table[name]]
        after = "".join(_updated(text, path, {name: table[name] for name in changed}, newline))
    else:
        raise ValueError(f"{'.'.join(path)} is not a table")
    _compare(after, _with(before, path, wanted), path)
    return after


def drop(text: str, path: Path) -> str:
    """Return the text without the table at `path` and all below it. Raises as `put`."""
    before = parse(text)
    if at(before, path) is None:
        return text
    kept: list[Piece] = []
    waiting: list[Piece] = []
    cutting = False
    for piece in pieces(text):
        ours = piece.path[: len(path)] == path
        if ours:
            # Remarks between lines that go belong to them.
            waiting.clear()
            cutting = True
        elif cutting and not piece.path:
            waiting.append(piece)
        else:
            if cutting:
                kept += _closed(kept, waiting)
                waiting, cutting = [], False
            kept.append(piece)
    if cutting:
        kept += _closed(kept, waiting)
    after = "".join(piece.text for piece in kept)
    _compare(after, _with(before, path, None), path)
    return after


def pieces(text: str) -> Iterator[Piece]:
    """Yield the statements of a text that is TOML, in order, with every byte."""
    table: Path = ()
    chunk = ""
    # Of the line ends that `splitlines` knows, TOML knows only these.
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        chunk += line
        if not chunk.strip() or chunk.lstrip().startswith("#"):
            yield Piece(chunk)
            chunk = ""
            continue
        try:
            said = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            # A string or an array that goes on in the next line.
            continue
        if header := chunk.lstrip().startswith("["):
            table = _chain(said)
        yield Piece(chunk, table if header else table + _chain(said), header)
        chunk = ""
    assert not chunk, "what parses as a whole parses in pieces"


def _chain(said: Any) -> Path:
    """Return the names that lead to what one statement says."""
    path: Path = ()
    while True:
        if isinstance(said, list) and len(said) == 1:
            said = said[0]
        if not (isinstance(said, dict) and len(said) == 1):
            return path
        ((name, said),) = said.items()
        path += (name,)


def _updated(text: str, path: Path, values: Mapping[str, Any], newline: str) -> Iterator[str]:
    """Yield the pieces with these keys of the table at `path` set."""
    left = dict(values)
    found = list(pieces(text))
    written = {piece.path[len(path)] for piece in found if piece.path[:-1] == path}
    for piece in found:
        name = piece.path[-1] if piece.path[:-1] == path and not piece.header else None
        if name in left:
            yield _line(name, left.pop(name)) + newline
            continue
        yield piece.text
        if piece.header and piece.path == path:
            for name in [name for name in left if name not in written]:
                yield _line(name, left.pop(name)) + newline


def _closed(kept: list[Piece], waiting: list[Piece]) -> list[Piece]:
    """Return what stays behind a cut, so that no two blank lines are left where one was."""
    if waiting and not waiting[0].text.strip() and (not kept or not kept[-1].text.strip()):
        return waiting[1:]
    if not waiting and kept and not kept[-1].text.strip():
        kept.pop()
    return waiting


def _with(document: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    result = deepcopy(dict(document))
    inside = result
    for name in path[:-1]:
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            return result
    if value is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return result


def _compare(text: str, wanted: dict[str, Any], path: Path) -> None:
    """Raise ValueError unless the text says what is wanted; empty tables on the way may go."""
    shown = ".".join(path)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{shown} cannot be changed without rewriting the file: {error}") from None
    for depth in range(len(path) - 1, 0, -1):
        for document in (found, wanted):
            if at(document, path[:depth]) == {}:
                _drop_empty(document, path[:depth])
    # Not `==`: a NaN in somebody's file is no difference.
    if repr(_ordered(found)) != repr(_ordered(wanted)):
        raise ValueError(f"{shown} cannot be changed without rewriting the file")


def _drop_empty(document: dict[str, Any], path: Path) -> None:
    parent = at(document, path[:-1])
    del parent[path[-1]]


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _line(name: str, value: Any) -> str:
    return f"{_key(name)} = {_value(value)}"


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "_").isidentifier()
    return name if bare else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # Strings, numbers and truth are written as in JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
