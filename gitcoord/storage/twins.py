"""Names in a tree that differ, and that some file systems take for one: by case, or by form.

Promises to look only where something is new: a repository that has such names is left alone.
Not here: what is done about them.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from gitcoord.storage.store import OID_LENGTH, Oid
from gitcoord.storage.worktree import Checkout, path_of


def twins(checkout: Checkout, target: Oid, commit: Oid, added: Sequence[str]) -> tuple[str, ...]:
    """Return the names of `commit` that are alike, as far as the target has not got them so.

    `added`: the paths that are new in it; the folders that they are in count, too. Sorted.
    Raises `GitFailed`.
    """
    wanted: dict[str, dict[str, str]] = {}
    for path in added:
        for name in _upwards(path):
            wanted.setdefault(name.rpartition("/")[0], {})[_folded(name)] = name
    pairs = [
        {name, other}
        for folder, names in _listed(checkout, commit, wanted).items()
        for name in names
        if (other := wanted[folder].get(_folded(name), name)) != name
    ]
    if not pairs:
        return ()
    before = {name for names in _listed(checkout, target, wanted).values() for name in names}
    return tuple(sorted({name for pair in pairs if not pair <= before for name in pair}))


def _listed(checkout: Checkout, commit: Oid, folders: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths that stand in each of these folders of a commit, "" its root."""
    asked = list(folders)
    send = b"".join(f"{commit}:".encode() + os.fsencode(folder) + b"\0" for folder in asked)
    raw = checkout.run("cat-file", "--batch", "-z", send=send)[1]
    width = OID_LENGTH[checkout.repository.object_format] // 2
    found = {}
    for folder in asked:
        missing = f"{commit}:".encode() + os.fsencode(folder) + b" missing\n"
        if raw.startswith(missing):
            raw = raw[len(missing) :]
            continue
        head, _, raw = raw.partition(b"\n")
        size = int(head.split(b" ")[-1])
        above = f"{folder}/" if folder else ""
        found[folder] = [above + path_of(name) for name in _entries(raw[:size], width)]
        raw = raw[size + 1 :]
    return found


def _entries(tree: bytes, width: int) -> Iterator[bytes]:
    """Yield the names in a raw tree: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        yield tree[tree.index(b" ", at) + 1 : end]
        at = end + 1 + width


def _upwards(path: str) -> Iterator[str]:
    """Yield the path and the folders that it is in, inmost first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _folded(name: str) -> str:
    """Return what file systems that ignore case, or the form of letters, make of a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
