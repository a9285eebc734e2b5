"""Words typed at the command line as lock keys.

A key is relative to the root of the repository wherever it is typed; only `./`
means the working directory. What exists is taken as what it is: a folder gets
its slash, a file whose name holds glob characters is that file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitcoord.domain.keys import escape, parse

if TYPE_CHECKING:
    from gitcoord.storage.repository import Repository

_GLOB = frozenset("*?[{\\")


def typed(words: Iterable[str], repository: Repository, directory: str) -> list[str]:
    """Return the keys that the words mean; wrong ones are left for the rules to refuse.

    All but broken UTF-8, which no request can carry: raises `InvalidKey`.
    """
    return [_one(word, repository.worktree, directory) for word in words]


def named(words: Iterable[str], repository: Repository, directory: str) -> list[str]:
    """Return the paths that the words name: files and folders, no patterns."""
    return [_path(word, repository.worktree, directory) for word in words]


def _path(word: str, worktree: str | None, directory: str) -> str:
    text = word.replace("\\", "/") if os.sep == "\\" else word
    if worktree is None or not text.startswith("./"):
        return text
    inside = os.path.relpath(os.path.realpath(directory), os.path.realpath(worktree))
    return text[2:] if inside == "." else f"{inside.replace(os.sep, '/')}/{text[2:]}"


def _one(word: str, worktree: str | None, directory: str) -> str:
    text = _path(word, worktree, directory)
    if any("\ud800" <= char <= "\udfff" for char in text):
        parse(text)
    if worktree is None or not text or text.startswith("/") or ".." in text.split("/"):
        return text
    path = text.removeprefix("file:")
    try:
        real = os.path.join(worktree, path)
        if path and not path.endswith("/") and os.path.isdir(real):
            return escape(path + "/")
        if not _GLOB.isdisjoint(path) and os.path.isfile(real):
            return escape(path)
    except ValueError:
        # A NUL in the word: the rules say so in better words.
        return text
    return text
