"""Commits of the user's history, read and written by our own hand.

Promises that authors, messages and encodings are kept byte for byte when a commit is made
anew, and that its signature, which would be wrong, is left out. Not here: what is in the
trees, and making anything durable: who lets a ref name a commit does that (`moving`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitcoord.errors import CorruptRecord
from gitcoord.storage import objects
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import Oid, make_object
from gitcoord.storage.worktree import Checkout

#: Headers that hold only for the commit in which they stand.
_OWN = (b"tree", b"parent", b"committer", b"gpgsig", b"gpgsig-sha256", b"mergetag")
# They end a name or mail address in a commit: https://git-scm.com/docs/git-commit-tree
_FORBIDDEN = str.maketrans("", "", "<>\n\r\0")


class Commit(NamedTuple):
    """One commit, taken apart."""

    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    #: Its other headers, each with its name, in order; continued lines are part of them.
    headers: tuple[bytes, ...]
    message: bytes


def identity(checkout: Checkout, fallback: str) -> bytes:
    """Return who commits here and now, as a commit has it: name, address, seconds, zone.

    `fallback` is the name where git knows nobody. Raises `GitMissing`.
    """
    code, found, _ = checkout.told("var", "GIT_COMMITTER_IDENT")
    if code == 0:
        return found.rstrip(b"\n")
    name = fallback.translate(_FORBIDDEN).strip() or "gitcoord"
    return f"{name} <{name.replace(' ', '-')}@gitcoord> {int(time.time())} +0000".encode()


def read_commits(repository: Repository, oids: Sequence[Oid]) -> Iterator[Commit]:
    """Yield these commits in order. Raises `CorruptRecord`, `GitFailed`."""
    store = PlumbingStore(repository)
    try:
        for oid, kind, raw in store.read_many(oids):
            if kind != b"commit":
                raise CorruptRecord(f"{oid} is a {kind.decode()}, not a commit", oid=oid)
            yield _parsed(oid, raw)
    finally:
        store.close()


def composed(
    repository: Repository,
    tree: Oid,
    parents: Sequence[Oid],
    author: bytes,
    committer: bytes,
    message: bytes,
) -> Oid:
    """Store a commit and return its oid. Raises `ReadOnly`, `DiskFull`, `Unavailable`."""
    return _stored(repository, tree, parents, (b"author " + author,), committer, message)


def anew(repository: Repository, commit: Commit, tree: Oid, parent: Oid, committer: bytes) -> Oid:
    """Store the commit with another tree and parent and return its oid. Raises as `composed`."""
    return _stored(repository, tree, (parent,), commit.headers, committer, commit.message)


def _stored(
    repository: Repository,
    tree: Oid,
    parents: Sequence[Oid],
    headers: Sequence[bytes],
    committer: bytes,
    message: bytes,
) -> Oid:
    author, *others = headers
    lines = [b"tree " + tree.encode(), *(b"parent " + oid.encode() for oid in parents)]
    lines += [author, b"committer " + committer, *others, b"", message]
    item = make_object(b"commit", b"\n".join(lines), repository.object_format)
    place = os.path.join(repository.common_dir, "objects")
    objects.write(place, [item], repository.object_format, sync=False)
    return item.oid


def _parsed(oid: Oid, raw: bytes) -> Commit:
    head, _, message = raw.partition(b"\n\n")
    fields: list[bytes] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and fields:
            fields[-1] += b"\n" + line
        else:
            fields.append(line)
    named = [(field.partition(b" ")[0], field) for field in fields]
    parents = tuple(field[7:].decode("ascii") for name, field in named if name == b"parent")
    kept = tuple(field for name, field in named if name not in _OWN)
    if not kept or not kept[0].startswith(b"author "):
        raise CorruptRecord(f"commit {oid} names no author", oid=oid)
    return Commit(oid, fields[0][5:].decode("ascii"), parents, kept, message)
