"""Which of many paths a key covers, found without looking at all of them.

Promises the answer of `overlap.matches` for every path of a repository, also one that no
key could name: bytes that are no UTF-8, line feeds, any length. A path that ends with "/"
stands for all below it. Not here: who holds the key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from gitcoord.domain.characters import fold, normal
from gitcoord.domain.keys import FILE, Key, escape, parse
from gitcoord.domain.overlap import matches, overlap
from gitcoord.errors import InvalidKey


class Coverage:
    """Paths, in an order in which those under one prefix stand together."""

    def __init__(self, paths: Iterable[str], *, fold_case: bool = False) -> None:
        """`fold_case` as the keys were parsed that will be asked about."""
        self._fold = fold_case
        self._files: list[tuple[str, str]] = []
        self._folders: list[tuple[Key, str]] = []
        for path in dict.fromkeys(paths):
            if path.endswith("/"):
                self._folders += _folder(path, fold_case)
            else:
                self._files.append((place(path, fold_case=fold_case), path))
        self._files.sort()

    def of(self, key: Key) -> list[str]:
        """Return the paths that the key covers, or a part of: a folder's path ends with "/"."""
        if key.namespace != FILE:
            return []
        found = [path for path in self._near(key) if matches(key, path, fold_case=self._fold)]
        return found + [path for folder, path in self._folders if overlap(folder, key)]

    def touches(self, key: Key) -> bool:
        """Say whether the key covers any of the paths."""
        if key.namespace != FILE:
            return False
        near = (matches(key, path, fold_case=self._fold) for path in self._near(key))
        return any(near) or any(overlap(folder, key) for folder, _ in self._folders)

    def _near(self, key: Key) -> Iterable[str]:
        """Return the paths that are the key's literal, or begin with that of a pattern."""
        literal = key.literal
        # A pattern's literal is empty or ends with "/", and the character behind that is "0".
        behind = f"{literal}\0" if key.is_literal else f"{literal[:-1]}0"
        first = bisect_left(self._files, (literal, ""))
        last = bisect_left(self._files, (behind, "")) if literal else len(self._files)
        return (path for _, path in self._files[first:last])


def place(path: str, *, fold_case: bool = False) -> str:
    """Return the text by which a key's literal is compared with this path."""
    plain = normal(path)
    return normal("".join(map(fold, plain))) if fold_case else plain


def _folder(path: str, fold_case: bool) -> list[tuple[Key, str]]:
    try:
        return [(parse(escape(path), fold_case=fold_case), path)]
    except InvalidKey:
        # No key can name it; its files are covered by the keys that match them.
        return []
