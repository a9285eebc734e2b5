"""What a lock is on: a path, a directory, a glob, or a logical name such as `api:GET /users`.

Promises one canonical text for a key however it was written, and that keys which
overlap have literals of which one is a prefix of the other. Not here: whether two
keys overlap, and who may hold them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain import globs
from gitcoord.domain.characters import Malformed, normal
from gitcoord.errors import InvalidKey, UnknownNamespace

if TYPE_CHECKING:
    from collections.abc import Collection

FILE = "file"
DEFAULT_PREFIXES = ("api", "db", "event", "flag", "env", "contract", "feature")
CHARACTERS_LIMIT = 512
BYTES_LIMIT = 1024
ON_A_DRIVE = "begins with a drive letter; keys are relative to the repository"


class Key(msgspec.Struct, frozen=True, gc=False):
    """A key in its canonical form; equal keys have equal texts.

    `literal` is the unescaped text before the first segment that is not literal, up to and with
    its "/"; a literal key is all literal and its `pattern` is empty. The `literal` of a logical
    key is what follows the colon.
    """

    text: str
    namespace: str
    literal: str
    is_literal: bool
    pattern: str


def parse(
    text: str, *, prefixes: Collection[str] = DEFAULT_PREFIXES, fold_case: bool = False
) -> Key:
    """Return the key that this text names; parsing its `text` gives it again.

    `prefixes` are the logical namespaces. With `fold_case` paths that differ in case only
    are the same. Raises InvalidKey and UnknownNamespace.
    """
    return _parse(text, frozenset(prefixes), fold_case)


def escape(path: str) -> str:
    """Return a text that parses to the key of this one path, whatever characters it holds.

    A path that ends with "/" gives the key of the directory.
    """
    return _qualified(globs.escape(path))


def ancestors(key: Key) -> list[str]:
    """Return what the key is below, shortest first: "", "src/", "src/auth/", and its literal.

    A key that overlaps this one has one of these as its literal, or a longer one that goes on
    from this key's.
    """
    if key.namespace != FILE:
        return [key.literal]
    ends = [place + 1 for place, char in enumerate(key.literal) if char == "/"]
    found = ["", *(key.literal[:end] for end in ends)]
    return found if found[-1] == key.literal else [*found, key.literal]


@lru_cache(maxsize=8192)
def _parse(text: str, prefixes: frozenset[str], fold_case: bool) -> Key:
    try:
        _check_text(text)
        namespace, rest = _parted(text)
        if namespace == FILE:
            return _path(rest, fold_case)
        if namespace in prefixes:
            return _logical(namespace, rest)
        if _is_drive(namespace):
            raise Malformed(ON_A_DRIVE)
    except Malformed as error:
        shown = text.encode("utf-8", "backslashreplace").decode()[:CHARACTERS_LIMIT]
        raise InvalidKey(f"The key {shown[:80]!r} {error}.", key=shown) from error
    known = [FILE, *sorted(prefixes - {FILE})]
    raise UnknownNamespace(
        f"The key {text!r} has the unknown namespace {namespace!r}; known are {', '.join(known)}.",
        hint='For a file whose name holds a ":" write "file:" before it.',
        key=text,
        known=known,
    )


def _check_text(text: str) -> None:
    if not text:
        raise Malformed("is empty")
    if len(text) > CHARACTERS_LIMIT:
        raise Malformed(f"is over {CHARACTERS_LIMIT} characters long")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Malformed("is not valid UTF-8")
    if any(char < " " or "\x7f" <= char <= "\x9f" for char in text):
        raise Malformed("has a control character")
    if len(text.encode()) > BYTES_LIMIT:
        raise Malformed(f"is over {BYTES_LIMIT} bytes long")


def _parted(text: str) -> tuple[str, str]:
    """Return namespace and rest; a colon after the first slash is part of a name."""
    if ":" not in text.partition("/")[0]:
        return FILE, text
    namespace, _, rest = text.partition(":")
    return namespace, rest


def _qualified(path: str) -> str:
    return f"{FILE}:{path}" if ":" in path.partition("/")[0] else path


def _logical(namespace: str, rest: str) -> Key:
    if not rest.strip():
        raise Malformed("has nothing after its namespace")
    if rest != rest.strip():
        raise Malformed("has blanks around its name")
    name = normal(rest)
    return _limited(Key(f"{namespace}:{name}", namespace, name, True, ""))


def _path(text: str, fold_case: bool) -> Key:
    found = globs.canonical(text, fold_case)
    _check_root(found)
    segments = globs.segments(found)
    head = list(takewhile(globs.is_literal, segments))
    if len(head) == len(segments):
        _check_segments(segments)
    else:
        branches = _branches(head, globs.join(segments[len(head) :]))
        if all(branch == branches[0] for branch in branches):
            segments = branches[0]
            head = list(takewhile(globs.is_literal, segments))
    pattern = globs.join(segments[len(head) :])
    literal = "/".join(map(globs.unescape, head)) + ("/" if head and pattern else "")
    return _limited(Key(_qualified(globs.join(segments)), FILE, literal, not pattern, pattern))


def _branches(head: list[tuple[str, ...]], pattern: str) -> list[list[tuple[str, ...]]]:
    """Return every alternative in full, each checked like a key of its own."""
    alternatives = globs.expand(globs.tokens(pattern))
    if not head:
        for alternative in alternatives:
            _check_root(alternative)
    branches = [[*head, *globs.segments(alternative)] for alternative in alternatives]
    for branch in branches:
        _check_segments(branch)
    return branches


def _check_root(found: list[str]) -> None:
    if found[:1] == ["/"]:
        raise Malformed("is absolute; keys are relative to the repository")
    if all(part in globs.BLANK for part in globs.split(found)):
        raise Malformed('names no file; the whole repository is "**"')


def _check_segments(branch: list[tuple[str, ...]]) -> None:
    names = [globs.unescape(segment) if globs.is_literal(segment) else "" for segment in branch]
    if ".." in names:
        raise Malformed('holds ".."')
    if names[0].lower() == ".git":
        raise Malformed("is inside .git")
    if names[0][1:2] == ":" and _is_drive(names[0][0]) and names[0][2:3] in ("", "\\"):
        raise Malformed(ON_A_DRIVE)


def _is_drive(name: str) -> bool:
    return len(name) == 1 and name.isascii() and name.isalpha()


def _limited(key: Key) -> Key:
    _check_text(key.text)
    return key
