"""Whether stored objects are what their names say: every tree and record below a root.

A name is the hash of a content, so that whoever changes one without the other is found out.
Looks at each object once for as long as it is near; what this process has parsed or written
before counts for nothing. Not here: what the records mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitcoord.errors import GitcoordError
from gitcoord.storage.node import TREE, parse
from gitcoord.storage.store import make_object

if TYPE_CHECKING:
    from gitcoord.storage.store import Oid, Store

#: Names that are remembered as looked at; twice as many at most.
_GENERATION = 200_000
#: Bytes of contents that are kept, because neighbouring transactions ask for them again.
_KEPT = 1 << 24


class Contents:
    """Reads the objects of one store and looks whether they are right."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._known: dict[Oid, bytes] = {}
        self._size = 0

    def read(self, oid: Oid) -> bytes:
        """Return an object's data. Raises `CorruptRecord`."""
        found = self._known.get(oid)
        return self._store.read(oid)[1] if found is None else found

    def faults(self, root: Oid) -> Iterator[str]:
        """Yield what is wrong with the tree `root` and what it holds, once for each object."""
        waiting = [(bytes.fromhex(root), b"tree")]
        while waiting:
            raw, wanted = waiting.pop()
            if self._seen(raw):
                continue
            oid = raw.hex()
            try:
                kind, data = self._store.read(oid)
                if make_object(kind, data, self._store.object_format).oid != oid or kind != wanted:
                    yield f"{wanted.decode()} {oid} is not what its name says"
                    continue
                if kind == b"tree":
                    node = parse(data, oid)
                    waiting += [(each, b"tree") for each in node.nodes.values()]
                    waiting += [(each, b"blob") for each in node.records.values()]
                    waiting += [
                        (each, b"tree" if mode == TREE else b"blob")
                        for mode, each in node.others.values()
                    ]
            except GitcoordError as error:
                yield error.message
            else:
                self._keep(oid, data)

    def _seen(self, raw: bytes) -> bool:
        """Say whether an object was looked at, and remember that it is."""
        if raw in self._young:
            return True
        if len(self._young) >= _GENERATION:
            self._young, self._old = set(), self._young
        self._young.add(raw)
        return raw in self._old

    def _keep(self, oid: Oid, data: bytes) -> None:
        self._size += len(data) - len(self._known.get(oid, b""))
        self._known[oid] = data
        while self._size > _KEPT:
            self._size -= len(self._known.pop(next(iter(self._known))))
