"""The private bare repository in which a clone follows the ledger of a host.

Promises that following a ledger, even a shallow one, changes nothing in the user's
repository: objects, tracking refs and the list of cut commits stand in a git directory of
their own, which any git can read. Not here: talking to the host.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.errors import Contended, CorruptRecord, GitcoordError, UnreadableAnswer
from gitcoord.storage import growth
from gitcoord.storage.bare import make
from gitcoord.storage.durable import disk_error, put
from gitcoord.storage.gitproc import Git
from gitcoord.storage.objects import read_loose
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.plumbing import PlumbingStore
from gitcoord.storage.repository import Repository
from gitcoord.storage.store import ABSENT, GitObject, Move, Oid, SwapLost

if TYPE_CHECKING:
    from gitcoord.storage.packfile import Packed
    from gitcoord.storage.wire.read import Fetched

#: Heads of chains that the host gave up are kept under this prefix, for `doctor --restore`.
KEPT = "refs/coord-kept/"
#: Up to so many fetched objects become loose files, as with transactions of our own.
_LOOSE = 100
#: Seconds to wait for another process that writes down where history is cut.
_PATIENCE = 5.0


class Mirror:
    """One mirror; reads and swaps are those of its plumbing store, `inner`."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.inner = PlumbingStore(repository)
        self._git = Git(repository)
        self._shallow = os.path.join(repository.common_dir, "shallow")

    def cut(self) -> tuple[Oid, ...]:
        """Return the commits whose parents are left out."""
        return cuts(self.repository)

    def whole(self, oid: Oid) -> bool:
        """Say whether the commit and its tree can be read here."""
        try:
            kind, raw = self.inner.read(oid)
            if kind == b"commit":
                self.inner.read(raw[5 : raw.index(b"\n")].decode("ascii"))
        except CorruptRecord:
            return False
        return True

    def add(self, fetched: Fetched) -> None:
        """Store the objects that a host sent. Raises `UnreadableAnswer` for a broken pack."""
        count = int.from_bytes(fetched.pack[8:12], "big")
        if count:
            small = count <= _LOOSE
            command = ("unpack-objects", "-q") if small else ("index-pack", "--stdin")
            child = self._git.start(*command)
            child.send(fetched.pack)
            code, output, complaint = child.finish()
            if code != 0:
                raise UnreadableAnswer(f"the host sent objects that git does not take: {complaint}")
            packs = [] if small else ["pack-" + output.decode("ascii").split()[-1]]
            growth.noted(self.repository, count if small else 0, packs)
        self.cut_at(fetched.shallow, fetched.unshallow)

    def cut_at(self, shallow: Sequence[Oid], unshallow: Sequence[Oid]) -> None:
        """Remember where history is cut from here on."""
        if not shallow and not unshallow:
            return
        with OsLock(self._shallow + ".own-lock") as lock:
            end = time.monotonic() + _PATIENCE
            while not lock.try_acquire():
                if time.monotonic() > end:
                    raise Contended("another process does not let go of the mirror")
                time.sleep(0.01)
            after = {*self.cut(), *shallow}.difference(unshallow)
            put(self._shallow, "".join(f"{oid}\n" for oid in sorted(after)).encode())

    def keep(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Take over what has landed at the host. A newer value that is known already stays."""
        real = [move for move in moves if move.expect != move.to]
        try:
            self.inner.commit(objects, real)
        except SwapLost:
            # Another process of this clone has followed further, from the host itself.
            return

    def track(self, before: Mapping[str, Oid], now: Mapping[str, Oid]) -> None:
        """Move the tracking refs from `before` to `now`; a chain that is given up is kept.

        Raises `SwapLost` when another process has moved one of them meanwhile.
        """
        moves = []
        for ref, oid in now.items():
            old = before.get(ref)
            if old == oid:
                continue
            moves.append(Move(ref, ABSENT if old is None else old, oid))
            if old is not None and ref.endswith("/state") and not self._goes_on(old, oid):
                self._keep_chain(old)
        if moves:
            self.inner.commit((), moves)
        for ref, old in before.items():
            if ref not in now:
                if ref.endswith("/state"):
                    self._keep_chain(old)
                code, _, complaint = self._git.start("update-ref", "-d", ref, old).finish()
                if code != 0 and self.inner.read_ref(ref) is not ABSENT:
                    raise SwapLost(ref, self.inner.read_ref(ref)) from CorruptRecord(complaint)

    def follows(self, ref: str) -> bool:
        """Say whether the ref is tracked; one that a power cut has spoilt is not any more."""
        try:
            return self.inner.read_ref(ref) is not ABSENT
        except CorruptRecord:
            self.mend()
            return self.inner.read_ref(ref) is not ABSENT

    def mend(self) -> None:
        """Remove what a power cut has spoilt: loose objects and refs that cannot be read."""
        objects = os.path.join(self.repository.common_dir, "objects")
        fmt = self.repository.object_format
        for folder in os.listdir(objects):
            if len(folder) != 2:
                continue
            for name in os.listdir(os.path.join(objects, folder)):
                try:
                    read_loose(objects, folder + name, verify=fmt)
                except CorruptRecord:
                    _remove(os.path.join(objects, folder, name))
        top = os.path.join(self.repository.common_dir, "refs")
        for place, _, names in os.walk(top):
            for name in names:
                path = os.path.join(place, name)
                ref = os.path.relpath(path, self.repository.common_dir).replace(os.sep, "/")
                try:
                    lost = not name.endswith(".lock") and not self.whole(
                        str(self.inner.read_ref(ref))
                    )
                except CorruptRecord:
                    lost = True
                if lost:
                    _remove(path)

    def _goes_on(self, old: Oid, new: Oid) -> bool:
        try:
            return self.inner.is_ancestor(old, new)
        except CorruptRecord:
            # Somebody has put a blob, a tree or half a commit in the ledger's place.
            return False

    def _keep_chain(self, head: Oid) -> None:
        ref = f"{KEPT}{head}"
        if self.inner.read_ref(ref) is ABSENT and self.whole(head):
            self.inner.commit((), [Move(ref, ABSENT, head)])

    def close(self) -> None:
        """End the git children."""
        self.inner.close()


class Copy:
    """Objects that a host is asked to take, to be stored here while it is at work."""

    def __init__(self, mirror: Mirror, objects: Sequence[GitObject], pack: Packed) -> None:
        """`pack` holds the objects, too."""
        #: What is still to be stored.
        self.left: Sequence[GitObject] = objects
        self._mirror = mirror
        self._pack = pack

    def make(self) -> None:
        """Store them, unless that is done. What the host does not take is pruned some day."""
        # What cannot be written now fails again when it is kept, and is judged there.
        with suppress(GitcoordError):
            if self.left:
                self._mirror.inner.prepare(self.left, self._pack)
                self.left = ()


def _remove(path: str) -> None:
    """Remove a file of git, which are not writable."""
    try:
        if os.name == "nt":
            os.chmod(path, stat.S_IWRITE)
        os.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(error, f"remove {path}") from error


def opened(path: str, object_format: str, environ: Mapping[str, str]) -> Mirror:
    """Return the mirror at `path`, made if there is none. Raises `ReadOnly`, `DiskFull`."""
    make(path, object_format)
    return Mirror(standing(path, object_format, environ))


def standing(path: str, object_format: str, environ: Mapping[str, str]) -> Repository:
    """Return the mirror's repository, whether it is there yet or not."""
    repository = Repository(path, path, None, object_format, "files", bare=True)
    repository.environ = environ
    # A decision is durable at the host. Sixteen syncs for a copy of it would take as long as
    # the request; what a power cut spoils is fetched again.
    repository.durable = False
    return repository


def cuts(repository: Repository) -> tuple[Oid, ...]:
    """Return the commits of any repository whose parents are left out there."""
    try:
        with open(os.path.join(repository.common_dir, "shallow"), encoding="ascii") as file:
            return tuple(file.read().split())
    except FileNotFoundError:
        return ()


def prune(repository: Repository) -> None:
    """Remove what nothing in a mirror refers to any more, such as old signs of life.

    An hour old, so that nothing that is just being followed is touched. Raises `GitFailed`.
    """
    Git(repository).run("prune", "--expire=1.hour.ago")
