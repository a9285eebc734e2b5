"""Many loose objects and small packs of the ledger become one pack.

The new pack is whole, verified and durable before anything is removed, and removed is
only what it holds: being killed at any moment loses nothing. Packs grow geometrically,
so an object is rewritten a few times in its life. Not here: when it is time (growth).
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from gitcoord.errors import GitFailed
from gitcoord.storage import growth
from gitcoord.storage.durable import disk_error, sync_directory, sync_file
from gitcoord.storage.gitproc import Git
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.packindex import PackIndex, multi_pack_names
from gitcoord.storage.repository import Repository, home
from gitcoord.storage.store import Oid

#: At most so many packs of ours are left alone; the rest is merged whatever their sizes.
MOST_PACKS = 12
#: A loose copy of a packed object stays for so many seconds, if no ref reaches it: somebody
#: may be about to refer to it, and git judges by this file's age whether to prune it.
GRACE = 600.0

# Kept from the user's taste: one pack, synced, made without taking the whole machine.
_CONFIG = (
    "core.fsync=all",
    "core.fsyncMethod=fsync",
    "pack.packSizeLimit=0",
    "pack.threads=1",
    "gc.auto=0",
    "maintenance.auto=false",
)
# The order of removal: what a kill leaves behind can then be seen to hold no object.
_SUFFIXES = (".pack", ".rev", ".bitmap", ".mtimes", ".idx")
# A loose object's name in its folder; others there are files that are still being written.
_REST = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}").fullmatch


class Consolidated(NamedTuple):
    """What was done: the new pack, and how many loose objects and packs are gone."""

    pack: str | None
    loose: int
    packs: int


def consolidate(
    repository: Repository, prefix: str = "refs/coord/", git: Git | None = None
) -> Consolidated | None:
    """Pack what the refs under `prefix` reach and is loose, with our small packs.

    None when another process is doing it. Raises `GitFailed`, `GitMissing`, `DiskFull`,
    `ReadOnly`, `Unavailable`, `CorruptRecord`; then nothing is lost, and nothing is removed
    that is not in a durable pack.
    """
    with OsLock(os.path.join(home(repository), "growth.lock")) as lock:
        if not lock.try_acquire():
            return None
        try:
            return _Round(repository, git or Git(repository)).run(prefix)
        except OSError as error:
            raise disk_error(error, "consolidate the ledger's objects") from error


class _Round:
    """One consolidation, under its lock."""

    def __init__(self, repository: Repository, git: Git) -> None:
        self.repository = repository
        self.git = git
        self.objects = os.path.join(repository.common_dir, "objects")
        self.packs = os.path.join(self.objects, "pack")
        self.fresh = os.path.join(home(repository), "fresh")
        self.state = growth.load(repository)

    def run(self, prefix: str) -> Consolidated:
        notes, used = growth.notes(self.repository)
        self.adopt(notes.packs)
        self.clear_fresh()
        heads = self.heads(prefix)
        reached = self.reached(heads)
        loose = self.loose()
        ours = {raw: name for raw, name in reached.items() if raw in loose}
        indexes = {name: index for name in self.state.packs if (index := self.index(name))}
        merged = self.to_merge(indexes, len(ours))
        pack: str | None = None
        removed = 0
        if ours or len(merged) > 1:
            wanted = dict(ours)
            for name in merged:
                wanted |= dict.fromkeys(indexes.pop(name).names() - wanted.keys(), b"")
            pack, indexes["new"] = self.packed(wanted)
            removed = sum(self.remove_pack(name) for name in merged if name != pack)
        gone = [raw for raw in ours if self.remove_loose(raw)]
        # Writers store again what a pack has had for long.
        copies = (raw for raw in loose - ours.keys() if any(raw in i for i in indexes.values()))
        gone += [raw for raw in copies if self.remove_loose(raw, older=GRACE)]
        self.state.heads = heads
        growth.save(self.repository, self.state)
        growth.start_anew(self.repository, used)
        return Consolidated(pack, len(gone), removed)

    def adopt(self, names: Iterable[str]) -> None:
        """Remember the packs that are noted as ours and still there."""
        found = dict.fromkeys([*self.state.packs, *names])
        self.state.packs = []
        for path in (os.path.join(self.packs, name) for name in found):
            if os.path.exists(path + ".pack"):
                self.state.packs.append(os.path.basename(path))
            else:
                _remove_pack(path)
        growth.save(self.repository, self.state)

    def index(self, name: str) -> PackIndex | None:
        try:
            return PackIndex(os.path.join(self.packs, name + ".idx"), self.repository.object_format)
        except FileNotFoundError:
            return None

    def heads(self, prefix: str) -> dict[str, Oid]:
        lines = self.call("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.rsplit(" ", 1) for line in lines.decode().splitlines())

    def reached(self, heads: dict[str, Oid]) -> dict[bytes, bytes]:
        """Return the objects that the refs reach and did not reach last time, with paths."""
        known = set(self.state.heads.values())
        new = set(heads.values()) - known
        if not new:
            return {}
        asked = "".join(f"{oid}\n" for oid in new).encode()
        since = "".join(f"^{oid}\n" for oid in known).encode()
        try:
            lines = self.call("rev-list", "--objects", "--stdin", send=asked + since)
        except GitFailed:
            # A head of last time may be gone, if it was no part of a chain: then list all.
            lines = self.call("rev-list", "--objects", "--stdin", send=asked)
        pairs = (line.partition(b" ") for line in lines.splitlines())
        return {bytes.fromhex(oid.decode()): path for oid, _, path in pairs}

    def loose(self) -> set[bytes]:
        """Return every loose object, the user's too."""
        found: set[bytes] = set()
        for folder in (f"{first:02x}" for first in range(256)):
            with suppress(FileNotFoundError):
                names = os.listdir(os.path.join(self.objects, folder))
                found.update(bytes.fromhex(folder + name) for name in names if _REST(name))
        return found

    def to_merge(self, indexes: Mapping[str, PackIndex], loose: int) -> list[str]:
        """Return the packs to merge with so many loose objects: all that are not far larger."""
        merged: list[str] = []
        total = loose
        for name in sorted(indexes, key=lambda name: len(indexes[name])):
            few = len(indexes) - len(merged) <= MOST_PACKS
            if total and len(indexes[name]) >= 2 * total and few:
                break
            merged.append(name)
            total += len(indexes[name])
        return merged

    def packed(self, wanted: Mapping[bytes, bytes]) -> tuple[str, PackIndex]:
        """Return the name and index of a durable, verified pack of exactly these objects."""
        os.makedirs(self.fresh, mode=0o700, exist_ok=True)
        lines = b"".join(b"%b %b\n" % (raw.hex().encode(), wanted[raw]) for raw in wanted)
        base = os.path.join(self.fresh, "pack")
        made = self.call("pack-objects", "-q", "--delta-base-offset", base, send=lines)
        name = f"pack-{made.decode().strip()}"
        path = os.path.join(self.fresh, name + ".idx")
        index = PackIndex(path, self.repository.object_format)
        if index.names() != wanted.keys():
            raise GitFailed("git pack-objects has not packed what it was given")
        self.call("verify-pack", path)
        self.publish(name)
        return name, index

    def publish(self, name: str) -> None:
        """Move the fresh pack to where git looks for packs; its index last, durably."""
        # Remembered first: a pack of ours that nobody knows would stay for ever.
        if name not in self.state.packs:
            self.state.packs.append(name)
        growth.save(self.repository, self.state)
        files = [file for file in os.listdir(self.fresh) if growth.pack_name(file) == name]
        files.sort(key=lambda file: file.endswith(".idx"))
        for file in files:
            fd = os.open(os.path.join(self.fresh, file), os.O_RDONLY)
            try:
                if sys.platform != "win32":
                    sync_file(fd)  # whatever the user's git thinks of fsync
            finally:
                os.close(fd)
        for file in files:
            os.replace(os.path.join(self.fresh, file), os.path.join(self.packs, file))
        sync_directory(self.packs)

    def clear_fresh(self) -> None:
        """Remove what a killed consolidation left behind."""
        with suppress(FileNotFoundError):
            for file in os.listdir(self.fresh):
                _remove(os.path.join(self.fresh, file))

    def remove_pack(self, name: str) -> bool:
        """Remove a pack whose objects are all in the new one; False where it has to stay."""
        path = os.path.join(self.packs, name)
        kept = os.path.exists(path + ".keep") or name.encode() in multi_pack_names(self.packs)
        if kept or _remove_pack(path):
            # One that the user's git relies on is the user's from here on.
            self.state.packs.remove(name)
        return not kept and name not in self.state.packs

    def remove_loose(self, raw: bytes, older: float = 0.0) -> bool:
        """Remove the loose file of a packed object, if it is so many seconds old."""
        oid = raw.hex()
        path = os.path.join(self.objects, oid[:2], oid[2:])
        if older:
            with suppress(FileNotFoundError):
                if os.stat(path).st_mtime > time.time() - older:
                    return False
        return _remove(path)

    def call(self, *arguments: str, send: bytes = b"") -> bytes:
        options = [word for setting in _CONFIG for word in ("-c", setting)]
        process = self.git.start(*options, *arguments)
        process.send(send)
        code, output, complaint = process.finish()
        if code != 0:
            raise GitFailed(f"git {arguments[0]}: {complaint or f'ended with {code}'}")
        return output


def _remove_pack(path: str) -> bool:
    return all(_remove(path + suffix) for suffix in _SUFFIXES)


def _remove(path: str) -> bool:
    """Remove the file; False when another process uses it (Windows)."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return True
    except PermissionError:
        if sys.platform != "win32":
            raise
        try:
            os.chmod(path, stat.S_IWRITE | stat.S_IREAD)
            os.unlink(path)
        except PermissionError:
            return False
    return True
