"""The store on git's own plumbing: starts fast, opens whatever the installed git opens.

Loose objects and loose refs are read without git; objects are written by our own hand;
git reads packs and makes the swap. Safe between threads. Never starts a `git gc`.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from gitcoord.errors import CorruptRecord, Unavailable
from gitcoord.storage import growth
from gitcoord.storage import objects as loose
from gitcoord.storage.gitproc import Git
from gitcoord.storage.refs import Refs
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import Expected, GitObject, Move, Oid, check_moves, first_parent
from gitcoord.storage.swap import Swap

if TYPE_CHECKING:
    from gitcoord.storage.catfile import CatFile
    from gitcoord.storage.packfile import Packed

# So many objects are looked for as files before a git is started to read them.
_FEW = 32
# So many first parents are walked before git is asked about ancestry.
_NEAR = 64
# So many commits are asked for at once further down.
_FAR = 4096


class PlumbingStore:
    """One repository. Git children start on first need and live until `close`.

    `environ` is what they inherit, None for that in which the repository was found; `reason`
    stands in the log of refs that have one.
    """

    remote: ClassVar[bool] = False
    atomic = True

    def __init__(
        self,
        repository: Repository,
        environ: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        self.object_format = repository.object_format
        self._repository = repository
        self._objects = os.path.join(repository.common_dir, "objects")
        self._shallow = os.path.join(repository.common_dir, "shallow")
        self._git = Git(repository, environ)
        self._refs = Refs(repository, self._git)
        self._swap = Swap(repository, self._git, self._refs, reason)
        self._reader: CatFile | None = None
        self._reading = RLock()
        self._writing = RLock()

    def refresh(self) -> None:
        """Nothing to do: refs are read where they are decided."""

    def read_ref(self, ref: str) -> Expected:
        """Return the oid, or ABSENT; see `Refs.read`."""
        return self._refs.read(ref)

    def list_refs(self, prefix: str) -> dict[str, Oid]:
        """Return the refs that start with `prefix`, sorted."""
        return self._refs.list(prefix)

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data) or raise CorruptRecord."""
        try:
            found = loose.read_loose(self._objects, oid)
        except CorruptRecord:
            found = None  # a pack may hold the same object whole
        except OSError as error:
            raise Unavailable(f"object {oid} cannot be read: {error.strerror}") from error
        if found is not None:
            return found
        with self._reading:
            if self._reader is None:
                from gitcoord.storage.catfile import CatFile  # not before something is packed

                self._reader = CatFile(self._git)
            return self._reader.read(oid)

    def read_many(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
        """Yield (oid, kind, data) in order."""
        if len(oids) > _FEW:
            from gitcoord.storage.catfile import read_all

            yield from read_all(self._git, oids)
            return
        for oid in oids:
            yield oid, *self.read(oid)

    def commit(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Store the objects, then swap; see `Store.commit` for promises and errors."""
        check_moves(moves)
        self._git.trust()
        with self._writing:
            if moves:
                self._swap.ready()
            if objects:
                self._write(objects)
            if moves:
                self._swap.make(moves)

    def prepare(self, objects: Sequence[GitObject], pack: Packed) -> None:
        """Do what a `commit` of these objects can do before it is known whether it comes.

        `pack` holds them as well, for where they are better off in one. Raises as `commit`.
        """
        self._git.trust()
        with self._writing:
            self._swap.ready()
            if objects:
                self._write(objects, pack)

    def _write(self, objects: Sequence[GitObject], packed: Packed | None = None) -> None:
        pack = loose.write(
            self._objects, objects, self.object_format, sync=self._repository.durable, packed=packed
        )
        if pack is None:
            growth.noted(self._repository, len(objects))
        else:
            growth.noted(self._repository, 0, [pack])

    def is_ancestor(self, old: Oid, new: Oid) -> bool:
        """Return whether `old` is `new` or one of its ancestors."""
        for oid, _ in self.chain(new, _NEAR):
            if oid == old:
                return True
        try:
            kind, _ = self.read(old)
        except CorruptRecord:
            return False
        asked = ("merge-base", "--is-ancestor", old, new)
        return kind == b"commit" and self._git.run(*asked, accept=(0, 1))[0] == 0

    def chain(self, start: Oid, limit: int | None = None) -> Iterator[tuple[Oid, bytes]]:
        """Yield first parents from `start`, newest first, to the end or a shallow clone's cut."""
        cut = self._cut()
        wanted = sys.maxsize if limit is None else limit
        done = 0
        oid: Oid | None = start
        while oid is not None and done < wanted:
            ahead = [oid] if done < _NEAR else self._line(oid, min(wanted - done, _FAR))
            for name, kind, data in self.read_many(ahead):
                if kind != b"commit":
                    raise CorruptRecord(f"{name} is a {kind.decode()}, not a commit", oid=name)
                yield name, data
                oid = None if name in cut else first_parent(data)
            done += len(ahead)

    def close(self) -> None:
        """End the git children."""
        with self._reading, self._writing:
            if self._reader is not None:
                self._reader.close()
            self._swap.close()

    def _line(self, oid: Oid, many: int) -> list[Oid]:
        """Return `oid` and the first parents below it, as far as git can name them."""
        asked = ("rev-list", "--first-parent", f"--max-count={many}", oid)
        code, output, _ = self._git.start(*asked).finish()
        # One step at a time leads to the gap that stopped git, and names it.
        return output.decode("ascii").split() if code == 0 else [oid]

    def _cut(self) -> frozenset[Oid]:
        try:
            with open(self._shallow, encoding="ascii") as file:
                return frozenset(file.read().split())
        except FileNotFoundError:
            return frozenset()
