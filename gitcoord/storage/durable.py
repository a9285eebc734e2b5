"""Bytes that are on the disk before anybody is told so, and what to say when they are not.

Promises that a file made here is whole or not there at all. Not a cache, and no
knowledge of what the files hold.
"""

from __future__ import annotations

import errno
import os
import sys
from _thread import get_ident
from contextlib import suppress

from gitcoord.errors import DiskFull, GitcoordError, ReadOnly, Unavailable

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)


def disk_error(error: OSError, doing: str) -> GitcoordError:
    """Return the error that says what could not be done: DiskFull, ReadOnly or Unavailable."""
    kind: type[GitcoordError] = Unavailable
    if error.errno in _FULL:
        kind = DiskFull
    elif error.errno in _CLOSED:
        kind = ReadOnly
    return kind(f"cannot {doing}: {error.strerror or error}", path=error.filename or "")


def sync_file(fd: int) -> None:
    """Return when the file's bytes have reached the disk itself."""
    if sys.platform == "darwin":
        # fsync stops at the drive's cache there; see fsync(2) of macOS.
        import fcntl

        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
    os.fsync(fd)


def sync_directory(path: str) -> None:
    """Return when the names in the directory are durable; Windows has no such call."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        sync_file(fd)
    finally:
        os.close(fd)


def temporary(directory: str, stem: str) -> str:
    """Return an unused path in `directory`; git clears forgotten files of these stems itself."""
    return os.path.join(directory, f"{stem}_{os.getpid()}_{os.urandom(6).hex()}")


def put(path: str, data: bytes) -> None:
    """Give a private file this content, whole or not at all; it may be lost in a power cut.

    For a moment there is no such file: whoever reads it beside the writer looks twice. Makes
    its directory. Raises `ReadOnly`, `DiskFull` or `Unavailable`.
    """
    # Threads of one process write beside each other, too.
    interim = f"{path}.{os.getpid()}.{get_ident()}"
    try:
        try:
            _write_private(interim, data)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            _write_private(interim, data)
        # A file that is renamed over another is written out at once by ext4 (auto_da_alloc in
        # https://docs.kernel.org/admin-guide/ext4.html), which costs more than all the rest.
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.replace(interim, path)
    except OSError as error:
        raise disk_error(error, f"write {path}") from error


def _write_private(path: str, data: bytes) -> None:
    try:
        with open(path, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except OSError:
        if os.path.exists(path):
            os.unlink(path)
        raise


def write_synced(path: str, parts: list[bytes], mode: int, *, sync: bool = True) -> None:
    """Write a file that must not exist yet, and sync it; a failed one is removed again.

    Without `sync` a power cut may leave it empty or half.
    """
    fd = os.open(path, CREATE, mode)
    try:
        try:
            if sys.platform != "win32":
                os.fchmod(fd, mode)  # the umask of one user must not lock the others out
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[os.write(fd, view) :]
            if sync:
                sync_file(fd)
        finally:
            os.close(fd)
    except BaseException:
        os.unlink(path)
        raise
