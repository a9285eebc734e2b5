"""What a line of the diary is about: who acts or is acted upon, and which keys it touches.

One rule for all that look back, so that `log` and the audit find the same. Keys are texts
here, as the diary and the records have them. Not here: which of them somebody asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gitcoord.domain.sessions import root as root_of
from gitcoord.storage import codec, tree
from gitcoord.storage.node import Reader, load
from gitcoord.storage.store import Oid
from gitcoord.storage.walk import subtrees

Line = dict[str, Any]
#: Keys that a transaction has changed something on, by the session that got or lost it.
Changes = Mapping[str, set[str]]

#: Arguments that hold keys or paths.
_KEYS = frozenset(("key", "keys", "path", "paths", "files"))
#: Tables whose records are about a key.
HELD = ("locks", "unlanded", "waiters")


def people(line: Line, who: str) -> list[str]:
    """Return the agents or sessions of a line: who acts, and who starts, ends or is ended."""
    arguments = line.get("args")
    found = [line.get(who)]
    if isinstance(arguments, dict) and str(line.get("op", "")).startswith("session."):
        found.append(arguments.get("id" if who == "session" else who))
    return [one for one in found if isinstance(one, str)]


def named(value: Any, *, keys: bool = False) -> Iterator[str]:
    """Yield the keys and paths that arguments name."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from named(item, keys=name in _KEYS)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from named(item, keys=keys)
    elif keys and isinstance(value, str):
        yield value


def differing(read: Reader, before: Oid | None, after: Oid) -> list[tuple[str, Oid]]:
    """Return where locks, waits and marks differ between two trees: a name, and the record.

    Raises `CorruptRecord`.
    """
    old = subtrees(load(read, bytes.fromhex(before) if before else None))
    new = subtrees(load(read, bytes.fromhex(after)))
    return [
        (f"{table}/{entry}", oid)
        for table in HELD
        if old.get(table.encode()) != new.get(table.encode())
        for _, entry, *blobs in tree.diff(read, before, after, table)
        for oid in blobs
        if oid is not None
    ]


def changes(read: Reader, found: Iterable[tuple[str, Oid]]) -> dict[str, set[str]]:
    """Return what `differing` has found as keys, by the session that got or lost them.

    Raises `CorruptRecord`.
    """
    keys: dict[str, set[str]] = {}
    for where, oid in found:
        record = codec.decode(read(oid), where)
        texts = (record.get("key", ""), *record.get("keys", ()))
        session = root_of(record.get("session", ""))
        keys.setdefault(session, set()).update(filter(None, texts))
    return keys


def about(lines: Sequence[Line], changed: Changes) -> list[set[str]]:
    """Return the keys that each line touches: those it names, and what its session got or lost.

    What changed for a session without a line (a grant to who waited, a lapse, a sweep) belongs
    to the lines that touch that key already, else to those that act for nobody, else to all.
    """
    found = [set(named(line.get("args"))) for line in lines]
    sessions = [root_of(line.get("session") or "") for line in lines]
    for keys, session in zip(found, sessions, strict=True):
        keys.update(changed.get(session, ()))
    for session, texts in changed.items():
        if session in sessions:
            continue
        for text in texts:
            if not any(text in keys for keys in found):
                nobody = [keys for keys, acts in zip(found, sessions, strict=True) if not acts]
                for keys in nobody or found:
                    keys.add(text)
    return found
