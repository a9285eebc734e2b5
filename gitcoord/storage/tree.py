"""Records to git trees: rewrite what changed, look up one.

The tree is a function of the records alone: whatever the history of changes,
equal records give an equal tree. A change reads and writes only the nodes on its
path; entries that nobody here knows are carried along. Not here: names and the
split rule (layout), listing and comparing (walk).
"""

from __future__ import annotations

from collections.abc import Mapping

from gitcoord.errors import CorruptRecord
from gitcoord.storage import layout
from gitcoord.storage.layout import FLAT
from gitcoord.storage.node import FILE, TREE, Node, Oid, Reader, load, remember, serialise
from gitcoord.storage.store import GitObject, make_object
from gitcoord.storage.walk import diff, records, subtrees

__all__ = ["Oid", "Reader", "diff", "lookup", "records", "rewrite"]

# Entry -> the blob to store there, or None to remove it.
_Changes = dict[bytes, GitObject | None]
_Others = dict[bytes, tuple[bytes, bytes]]


def rewrite(
    read: Reader, root: Oid | None, changes: Mapping[tuple[str, str], bytes | None], fmt: str
) -> tuple[Oid, list[GitObject]]:
    """Return the tree with the changes made, and the objects that it needs beyond the old ones.

    A key is (table, record name), or ("", file name) for a blob beside the tables; None
    removes. `root` None starts from nothing. `fmt` is "sha1" or "sha256".
    Raises `CorruptRecord` when a tree on the way cannot be read, `InvalidValue` for bad names.
    """
    tables: dict[str, _Changes] = {}
    for (table, name), data in changes.items():
        entry = layout.entry_name(name).encode() if table else layout.root_blob(name)
        blob = None if data is None else make_object(b"blob", data, fmt)
        tables.setdefault(table, {})[entry] = blob
    writing = _Rewrite(read, fmt)
    old = bytes.fromhex(root) if root else None
    new = writing.stored(writing.root(load(read, old), tables), old)
    return new.hex(), writing.needed(new)


def lookup(read: Reader, root: Oid | None, table: str, name: str) -> Oid | None:
    """Return the blob of one record, or None. Raises `CorruptRecord`, `InvalidValue`."""
    node = load(read, bytes.fromhex(root) if root else None)
    if not table:
        mode, raw = node.others.get(layout.root_blob(name), (FILE, b""))
        return raw.hex() if raw and mode == FILE else None
    for part in layout.table_path(table):
        node = load(read, subtrees(node).get(part.encode()))
    entry = layout.entry_name(name).encode()
    for digit in layout.digits(entry):
        if entry in node.records:
            return node.records[entry].hex()
        below = node.nodes.get(digit.encode())
        if below is None:
            break
        node = load(read, below)
    return None


class _Rewrite:
    """One rewrite: what it reads with, and what it has made so far."""

    def __init__(self, read: Reader, fmt: str) -> None:
        self.read = read
        self.fmt = fmt
        self.new: dict[Oid, GitObject] = {}
        self._made: dict[bytes, Node] = {}

    def load(self, raw: bytes | None) -> Node:
        """Return a stored node, or one that exists only here so far."""
        made = self._made.get(raw) if raw else None
        return made if made is not None else load(self.read, raw)

    def stored(self, node: Node, old: bytes | None) -> bytes:
        """Return the tree of `node`; it is new unless it is `old` itself."""
        tree = make_object(b"tree", serialise(node), self.fmt)
        raw = bytes.fromhex(tree.oid)
        if raw != old:
            self.new[tree.oid] = tree
            self._made[raw] = node
            remember(raw, node)
        return raw

    def needed(self, root: bytes) -> list[GitObject]:
        """Return what was made and is still used: blobs, then trees."""
        trees: dict[bytes, GitObject] = {}
        pending = [root]
        while pending:
            raw = pending.pop()
            node = self._made.get(raw)
            if node is not None and raw not in trees:
                trees[raw] = self.new[raw.hex()]
                pending += node.nodes.values()
                pending += [below for mode, below in node.others.values() if mode == TREE]
        return [made for made in self.new.values() if made.kind == b"blob"] + list(trees.values())

    def root(self, node: Node, tables: Mapping[str, _Changes]) -> Node:
        """Return the root with all changes made."""
        others = dict(node.others)
        for entry, blob in tables.get("", {}).items():
            if blob is None:
                others.pop(entry, None)
            elif others.get(entry) != (FILE, bytes.fromhex(blob.oid)):
                others[entry] = (FILE, self.kept(blob))
        inside: dict[bytes, dict[bytes, _Changes]] = {}
        for table in tables:
            if table:
                top, *sub = layout.table_path(table)
                inside.setdefault(top.encode(), {})["".join(sub).encode()] = tables[table]
        for name, changes in inside.items():
            self.directory(others, name, changes)
        return node._replace(others=others)

    def directory(self, others: _Others, name: bytes, tables: dict[bytes, _Changes]) -> None:
        """Change the directory `name`: its own records, under b"", and the tables inside it."""
        mode, old = others.get(name, (TREE, None))
        if mode != TREE:
            raise CorruptRecord(f"{name.decode()} is a file where a table should be")
        before = self.load(old)
        after = self.put(before, tables.pop(b"", {}), 0)
        if tables:
            inner = dict(after.others)
            for sub, changes in tables.items():
                self.directory(inner, sub, {b"": changes})
            after = after._replace(others=inner)
        if not any(after):
            others.pop(name, None)
        elif after != before:
            others[name] = (TREE, self.stored(after, old))

    def kept(self, blob: GitObject) -> bytes:
        """Return the blob's id, and take it along."""
        self.new[blob.oid] = blob
        return bytes.fromhex(blob.oid)

    def put(self, node: Node, changes: _Changes, depth: int) -> Node:
        """Return the node with changes made to the records below it, split or collapsed."""
        if not changes:
            return node
        if node.records or not node.nodes:
            return self.laid_out(node, changes, depth)
        touched: dict[bytes, _Changes] = {}
        for entry, blob in changes.items():
            touched.setdefault(_digit(entry, depth), {})[entry] = blob
        children: dict[bytes, Node] = {}
        for digit, below in touched.items():
            before = self.load(node.nodes.get(digit))
            after = self.put(before, below, depth + 1)
            if after is not before:
                children[digit] = after
        if not children:
            return node
        if None in changes.values() and self.few(node, children):
            return self.laid_out(node, changes, depth)
        nodes = dict(node.nodes)
        for digit, child in children.items():
            if any(child):
                nodes[digit] = self.stored(child, nodes.get(digit))
            else:
                nodes.pop(digit, None)
        return node._replace(nodes=nodes)

    def laid_out(self, node: Node, changes: _Changes, depth: int) -> Node:
        """Return the node made anew from all records below it with the changes made."""
        found: dict[bytes, bytes] = {}
        bare = self.stripped(node, found)
        before = dict(found)
        for entry, blob in changes.items():
            if blob is None:
                found.pop(entry, None)
            elif found.get(entry) != bytes.fromhex(blob.oid):
                found[entry] = self.kept(blob)
        return node if found == before else self.spread(found, bare, depth)

    def stripped(self, node: Node, found: dict[bytes, bytes]) -> Node:
        """Return what the node holds besides records; these are added to `found`."""
        found.update(node.records)
        nodes: dict[bytes, bytes] = {}
        for digit, raw in node.nodes.items():
            bare = self.stripped(self.load(raw), found)
            if any(bare):
                nodes[digit] = self.stored(bare, raw)
        return Node({}, nodes, node.others)

    def spread(self, found: dict[bytes, bytes], bare: Node, depth: int) -> Node:
        """Return `bare` with these records in it: flat, or over sub-trees when they are many."""
        if len(found) <= FLAT:
            return bare._replace(records=found)
        groups: dict[bytes, dict[bytes, bytes]] = {}
        for entry, raw in found.items():
            groups.setdefault(_digit(entry, depth), {})[entry] = raw
        nodes = dict(bare.nodes)
        for digit, group in groups.items():
            child = self.spread(group, self.load(nodes.get(digit)), depth + 1)
            nodes[digit] = self.stored(child, nodes.get(digit))
        return bare._replace(nodes=nodes)

    def few(self, node: Node, children: Mapping[bytes, Node]) -> bool:
        """Say whether the records below fit into one node; reads only until they do not."""
        total = 0
        for child in children.values():
            total += self.count(child, FLAT - total)
        for digit, raw in node.nodes.items():
            if total > FLAT:
                return False
            if digit not in children:
                total += self.count(self.load(raw), FLAT - total)
        return total <= FLAT

    def count(self, node: Node, most: int) -> int:
        """Return how many records are below, or some number over `most` where there are more."""
        total = len(node.records)
        for raw in node.nodes.values():
            if total > most:
                break
            total += self.count(self.load(raw), most - total)
        return total


def _digit(entry: bytes, depth: int) -> bytes:
    return layout.digits(entry)[depth].encode()
