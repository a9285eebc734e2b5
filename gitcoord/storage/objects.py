"""Objects on disk: loose files for a small transaction, one pack for a large one.

Promises that every object is whole, durable and safe from a prune that runs now when
`write` returns, and that git reads them all. Reads loose objects only; packs are git's.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitcoord.errors import CorruptRecord
from gitcoord.storage.deflate import deflated
from gitcoord.storage.digest import FORMATS
from gitcoord.storage.durable import (
    disk_error,
    sync_directory,
    sync_file,
    temporary,
    write_synced,
)
from gitcoord.storage.store import GitObject, Oid

if TYPE_CHECKING:
    from gitcoord.storage.packfile import Packed

#: Up to so many objects become loose files: above it one pack costs fewer syncs.
LOOSE_LIMIT = 24


def write(
    directory: str,
    objects: Sequence[GitObject],
    fmt: str,
    *,
    sync: bool = True,
    packed: Packed | None = None,
) -> str | None:
    """Store the objects under the `objects` directory of a repository, durably.

    Returns the path of the pack they are in, None where they are loose. `sync` False is for
    what can be had again: then a power cut may spoil loose ones. `packed`: they are in this pack
    already. Raises ReadOnly, DiskFull or Unavailable; what was stored until then is harmless
    garbage.
    """
    unique = {item.oid: item for item in objects}
    try:
        if len(unique) > LOOSE_LIMIT:
            return write_pack(directory, list(unique.values()), fmt, packed)
        write_loose(directory, unique.values(), sync=sync)
    except OSError as error:
        raise disk_error(error, f"write objects in {directory}") from error
    return None


def write_loose(directory: str, objects: Iterable[GitObject], *, sync: bool = True) -> None:
    """Store each object in a file of its own. Raises OSError."""
    mode = stat.S_IMODE(os.stat(directory).st_mode)
    touched = set()
    for kind, data, oid in objects:
        folder = os.path.join(directory, oid[:2])
        path = os.path.join(folder, oid[2:])
        touched.add(folder)
        if _refresh(path, sync=sync):
            continue
        body = deflated(b"%s %d\0%s" % (kind, len(data), data))
        while True:
            if _make_directory(folder, mode):
                touched.add(directory)
            interim = temporary(folder, "tmp_obj")
            try:
                write_synced(interim, [body], 0o444 & mode, sync=sync)
            except FileNotFoundError:
                # The user's `git gc` removes folders that are empty, also one just made.
                if not os.path.isdir(folder) and os.path.isdir(directory):
                    continue
                raise
            break
        _publish(interim, path)
    for folder in sorted(touched) if sync else ():
        sync_directory(folder)


def write_pack(
    directory: str, objects: Sequence[GitObject], fmt: str, packed: Packed | None = None
) -> str:
    """Store the objects, whose oids are distinct, as one pack; return its path. Raises OSError.

    `packed`: the pack, where it is made already.
    """
    from gitcoord.storage.packfile import index, pack  # few transactions are so large

    folder = os.path.join(directory, "pack")
    mode = stat.S_IMODE(os.stat(directory).st_mode)
    if _make_directory(folder, mode):
        sync_directory(directory)
    parts, entries = packed or pack(objects, fmt)
    final = os.path.join(folder, f"pack-{parts[-1].hex()}")
    if _refresh(final + ".pack") and _refresh(final + ".idx"):
        sync_directory(folder)
        return final + ".pack"
    files = (
        (temporary(folder, "tmp_pack"), final + ".pack", parts),
        (temporary(folder, "tmp_idx"), final + ".idx", index(entries, parts[-1], fmt)),
    )
    made: list[str] = []
    try:
        for interim, _, content in files:
            write_synced(interim, content, 0o444 & mode)
            made.append(interim)
        # git looks for an index first: a pack without one is invisible, the reverse is broken.
        for interim, path, _ in files:
            if _publish(interim, path):
                made.append(path)
            made.remove(interim)
        sync_directory(folder)
    except BaseException:
        for path in reversed(made):
            with suppress(FileNotFoundError):
                os.unlink(path)
        raise
    return final + ".pack"


def read_loose(
    directory: str, oid: Oid, *, verify: str | None = None
) -> tuple[bytes, bytes] | None:
    """Return (kind, data) of a loose object, None when there is no such file.

    `verify` names the hash ("sha1" or "sha256") to hold the object against its oid.
    Raises CorruptRecord for what is no whole object, OSError for what cannot be read.
    """
    try:
        with open(os.path.join(directory, oid[:2], oid[2:]), "rb", buffering=0) as file:
            raw = file.read()
    except FileNotFoundError:
        return None
    try:
        whole = zlib.decompress(raw)
    except zlib.error as error:
        raise CorruptRecord(f"object {oid} cannot be unpacked: {error}", oid=oid) from error
    header, _, data = whole.partition(b"\0")
    kind, _, size = header.partition(b" ")
    if not size.isdigit() or int(size) != len(data):
        raise CorruptRecord(f"object {oid} is not as long as it says", oid=oid)
    if verify and FORMATS[verify](whole, usedforsecurity=False).hexdigest() != oid:
        raise CorruptRecord(f"object {oid} does not have the content of its name", oid=oid)
    return kind, data


def secure(directory: str, oids: Iterable[Oid], *, sync: bool = True) -> None:
    """Make those of the objects that stand in files of their own young and durable.

    Those in packs are: git syncs its packs. Raises ReadOnly, DiskFull or Unavailable.
    """
    touched = {
        os.path.join(directory, oid[:2])
        for oid in oids
        if _refresh(os.path.join(directory, oid[:2], oid[2:]), sync=sync)
    }
    try:
        for folder in sorted(touched) if sync else ():
            sync_directory(folder)
    except OSError as error:
        raise disk_error(error, f"write objects in {directory}") from error


def _refresh(path: str, *, sync: bool = True) -> bool:
    """Return whether the object is there already; it is then made young and durable.

    Young, because a prune that runs now would otherwise take an old one that nothing
    refers to yet. Durable, because plain git does not sync what it writes.
    """
    try:
        os.utime(path)
        if sys.platform == "win32":
            return os.path.getsize(path) > 0
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # not there, or not ours to touch: it is written, which says what is wrong
    try:
        if os.fstat(fd).st_size == 0:
            return False  # the remains of a crash
        if sync:
            sync_file(fd)
    finally:
        os.close(fd)
    return True


def _make_directory(path: str, mode: int) -> bool:
    """Make the directory with the access of the one above it; True when it was not there."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return False
    if sys.platform != "win32" and stat.S_IMODE(os.stat(path).st_mode) != mode:
        os.chmod(path, mode)
    return True


def _publish(interim: str, path: str) -> bool:
    """Give the file its name; False when the same content had it already (Windows)."""
    try:
        os.rename(interim, path)
    except FileExistsError:
        os.chmod(interim, stat.S_IWRITE | stat.S_IREAD)
        os.unlink(interim)
        return False
    except BaseException:
        os.unlink(interim)
        raise
    return True
