"""Commits of a ledger as somebody would make them who goes round gitcoord."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gitcoord.bootstrap import House
from gitcoord.ledger.ledger import STATE
from gitcoord.storage import tree
from gitcoord.storage.objects import write_loose
from gitcoord.storage.store import GitObject, Oid, make_object
from tests.gitrun import git


def put(house: House, *objects: GitObject) -> None:
    """Store objects as they are, also what no program of ours would make."""
    write_loose(f"{house.repository.common_dir}/objects", objects)


def point(house: House, oid: Oid) -> None:
    """Let the ledger's ref name a commit, whatever stands there."""
    git(house.repository.common_dir, "update-ref", STATE, oid)


def raw(house: House, oid: Oid) -> bytes:
    """Return a commit as it is stored."""
    return house.store.read(oid)[1]


def commit(house: House, data: bytes) -> Oid:
    """Store a raw commit and return its id."""
    made = make_object(b"commit", data, house.store.object_format)
    put(house, made)
    return made.oid


def tree_with(house: House, root: Oid, changes: dict[tuple[str, str], bytes | None]) -> Oid:
    """Return the tree `root` with other records."""
    new, objects = tree.rewrite(
        lambda oid: house.store.read(oid)[1], root, changes, house.store.object_format
    )
    put(house, *objects)
    return new


def meta_changed(house: House, root: Oid, change: Callable[[dict[str, Any]], None]) -> Oid:
    """Return the tree `root` with other counters."""
    found = tree.lookup(lambda oid: house.store.read(oid)[1], root, "", "meta.json")
    assert found is not None
    meta = msgspec.json.decode(house.store.read(found)[1])
    change(meta)
    data = msgspec.json.format(msgspec.json.encode(meta, order="sorted"), indent=2) + b"\n"
    return tree_with(house, root, {("", "meta.json"): data})
