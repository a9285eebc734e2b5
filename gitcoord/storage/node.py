"""One git tree object as the layout sees it: records, hash sub-trees, everything else.

Parsing keeps whatever it does not know, so that a rewrite can carry it along.
Parsed nodes are remembered by object id, in bounded number, for the whole process.
Not here: the split rule, or where a tree belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from gitcoord.errors import CorruptRecord
from gitcoord.storage.layout import DIGITS, is_record

Oid = str
Reader = Callable[[Oid], bytes]

FILE = b"100644"
TREE = b"40000"

# Two generations of this many nodes are kept; about 10 MB when all are full.
_GENERATION = 1024
_young: dict[bytes, Node] = {}
_old: dict[bytes, Node] = {}


class Node(NamedTuple):
    """A parsed tree. Object ids are raw bytes; nobody changes the dicts of a node."""

    records: dict[bytes, bytes]
    #: Hex digit -> sub-tree.
    nodes: dict[bytes, bytes]
    #: Name -> mode and object, for all that is neither.
    others: dict[bytes, tuple[bytes, bytes]]


EMPTY = Node({}, {}, {})


@cache
def _entries(size: int) -> re.Pattern[bytes]:
    return re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{%d})" % size, re.DOTALL)


def load(read: Reader, raw: bytes | None) -> Node:
    """Return the node of that tree; `EMPTY` for None. Raises `CorruptRecord`."""
    if raw is None:
        return EMPTY
    node = _young.get(raw)
    if node is None:
        node = _old.get(raw)
        if node is None:
            oid = raw.hex()
            node = parse(read(oid), oid)
        remember(raw, node)
    return node


def remember(raw: bytes, node: Node) -> None:
    """Keep a node that is likely to be wanted again."""
    global _young, _old
    if len(_young) >= _GENERATION:
        _young, _old = {}, _young
    _young[raw] = node


def parse(data: bytes, oid: Oid) -> Node:
    """Return the node that the data of the tree object `oid` describes. Raises `CorruptRecord`."""
    node = Node({}, {}, {})
    length = 0
    for mode, name, raw in _entries(len(oid) // 2).findall(data):
        length += len(mode) + len(name) + len(raw) + 2
        if is_record(name):
            if mode != FILE:
                raise CorruptRecord(f"tree {oid}: {name!r} is no file", oid=oid)
            node.records[name] = raw
        elif name in DIGITS:
            if mode != TREE:
                raise CorruptRecord(f"tree {oid}: {name!r} is no directory", oid=oid)
            node.nodes[name] = raw
        else:
            node.others[name] = (mode, raw)
    if length != len(data):
        raise CorruptRecord(f"tree {oid} cannot be read", oid=oid)
    return node


def serialise(node: Node) -> bytes:
    """Return the data of the tree object."""
    # git sorts a directory as if its name ended in a slash.
    rows = [(name, FILE, name, raw) for name, raw in node.records.items()]
    rows += [(name + b"/", TREE, name, raw) for name, raw in node.nodes.items()]
    rows += [
        (name + b"/" if mode == TREE else name, mode, name, raw)
        for name, (mode, raw) in node.others.items()
    ]
    rows.sort()
    return b"".join([b"%b %b\0%b" % row[1:] for row in rows])
