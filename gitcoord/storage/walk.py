"""What a stored tree holds, and in which records two of them differ.

Equal sub-trees are never read, so comparing neighbours costs only what changed.
Works on any tree, also one that is split otherwise than this gitcoord would.
Not here: writing (tree), the bytes of a record (codec).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gitcoord.storage.node import FILE, TREE, Node, Oid, Reader, load, parse

_Difference = tuple[str, str, bytes | None, bytes | None]


def records(
    read: Reader, root: Oid | None, table: str | None = None
) -> Iterator[tuple[str, str, Oid]]:
    """Yield (table, entry name, blob) of every record, or of one table, in no useful order.

    Blobs beside the tables come as table "". Raises `CorruptRecord`.
    """
    for found, entry, _, after in _differences(read, None, _raw(root), table):
        if after is not None:
            yield found, entry, after.hex()


def listing(
    read_many: Callable[[Sequence[Oid]], Iterable[tuple[Oid, bytes, bytes]]],
    root: Oid,
    table: str = "",
) -> Iterator[tuple[str, str, Oid]]:
    """Yield what `records` yields, read level by level: much faster where all of it is cold.

    With `table` the tree `root` is that table's own.
    """
    # Tree, table, whether it is a part of the table's split.
    level: list[tuple[Oid, str, bool]] = [(root, table, False)]
    while level:
        below: list[tuple[Oid, str, bool]] = []
        found = read_many([oid for oid, _, _ in level])
        for (oid, place, split), (_, _, data) in zip(level, found, strict=True):
            node = parse(data, oid)
            if not place:
                for name, raw in _files(node).items():
                    yield "", name.decode(errors="replace"), raw.hex()
            else:
                for name, raw in node.records.items():
                    yield place, name.decode(errors="replace"), raw.hex()
                below += [(raw.hex(), place, True) for raw in node.nodes.values()]
            if not split and "/" not in place:
                parent = place + "/" if place else ""
                below += [
                    (raw.hex(), parent + name.decode(errors="replace"), False)
                    for name, raw in subtrees(node).items()
                ]
        level = below


def diff(
    read: Reader, old: Oid | None, new: Oid | None, table: str | None = None
) -> Iterator[tuple[str, str, Oid | None, Oid | None]]:
    """Yield (table, entry name, blob before, blob after) of every record that differs.

    With `table` only those of that table. Raises `CorruptRecord`.
    """
    for place, entry, before, after in _differences(read, _raw(old), _raw(new), table):
        yield place, entry, before.hex() if before else None, after.hex() if after else None


def table_tree(read: Reader, root: Oid, table: str) -> Oid | None:
    """Return the tree of one table, which changes only with its records; None: there are none.

    Raises `CorruptRecord`.
    """
    found = subtrees(load(read, _raw(root))).get(table.encode())
    return found.hex() if found else None


def table_diff(
    read: Reader, old: Oid, new: Oid, table: str
) -> Iterator[tuple[str, str, Oid | None, Oid | None]]:
    """Yield what `diff` yields for two trees of the same table. Raises `CorruptRecord`."""
    for place, entry, before, after in _nodes(read, table, _raw(old), _raw(new)):
        yield place, entry, before.hex() if before else None, after.hex() if after else None


def subtrees(node: Node) -> dict[bytes, bytes]:
    """Return the directories of a node that are not part of its split: tables, mostly."""
    return {name: raw for name, (mode, raw) in node.others.items() if mode == TREE}


def _raw(oid: Oid | None) -> bytes | None:
    return bytes.fromhex(oid) if oid else None


def _differences(
    read: Reader, old: bytes | None, new: bytes | None, only: str | None
) -> Iterator[_Difference]:
    if old == new:
        return
    a, b = load(read, old), load(read, new)
    if not only:
        yield from _compared("", _files(a), _files(b))
    if only != "":
        yield from _tables(read, "", a, b, only)


def _tables(read: Reader, parent: str, a: Node, b: Node, only: str | None) -> Iterator[_Difference]:
    old, new = subtrees(a), subtrees(b)
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        table = parent + name.decode(errors="replace")
        if before == after:
            continue
        if only is None or only == table:
            yield from _nodes(read, table, before, after)
        if not parent and (only is None or only.startswith(table + "/")):
            inner = load(read, before), load(read, after)
            yield from _tables(read, table + "/", *inner, only)


def _nodes(read: Reader, table: str, old: bytes | None, new: bytes | None) -> Iterator[_Difference]:
    if old == new:
        return
    a, b = load(read, old), load(read, new)
    if (a.records and b.nodes) or (a.nodes and b.records):
        a, b = Node(_everything(read, a), {}, {}), Node(_everything(read, b), {}, {})
    yield from _compared(table, a.records, b.records)
    for digit in sorted(a.nodes.keys() | b.nodes.keys()):
        yield from _nodes(read, table, a.nodes.get(digit), b.nodes.get(digit))


def _compared(
    table: str, old: Mapping[bytes, bytes], new: Mapping[bytes, bytes]
) -> Iterator[_Difference]:
    for entry, raw in old.items():
        if new.get(entry) != raw:
            yield table, entry.decode(errors="replace"), raw, new.get(entry)
    for entry, raw in new.items():
        if entry not in old:
            yield table, entry.decode(errors="replace"), None, raw


def _files(node: Node) -> dict[bytes, bytes]:
    return {name: raw for name, (mode, raw) in node.others.items() if mode == FILE}


def _everything(read: Reader, node: Node) -> dict[bytes, bytes]:
    found = dict(node.records)
    for raw in node.nodes.values():
        found |= _everything(read, load(read, raw))
    return found
