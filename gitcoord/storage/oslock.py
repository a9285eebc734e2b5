"""An exclusive lock of the operating system on a file; gone when its process dies.

Non-blocking on purpose: a caller that cannot have it does something else. Not for
threads of one process to wait on each other, and not trusted for correctness of the
ledger, which rests on the swap of a ref alone.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Self

from gitcoord.storage.durable import disk_error

if TYPE_CHECKING:
    from types import TracebackType

_BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}

if sys.platform == "win32":

    def _lock(fd: int) -> None:
        import msvcrt

        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def _unlock(fd: int) -> None:
        import msvcrt

        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _lock(fd: int) -> None:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(fd: int) -> None:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)


class OsLock:
    """One lock, held or not; two objects on one path exclude each other, in one process too."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Return whether this object holds the lock."""
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting; True when it is held afterwards.

        Makes the file and its directory. The file stays for ever: deleting it would let
        two processes hold "the" lock. Raises ReadOnly, DiskFull or Unavailable.
        """
        if self._fd is not None:
            return True
        try:
            fd = self._open()
        except OSError as error:
            raise disk_error(error, f"open {self.path}") from error
        try:
            _lock(fd)
        except OSError as error:
            os.close(fd)
            if error.errno in _BUSY:
                return False
            raise disk_error(error, f"lock {self.path}") from error
        self._fd = fd
        return True

    def release(self) -> None:
        """Let go; nothing happens when the lock is not held."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            try:
                _unlock(fd)
            finally:
                os.close(fd)

    def __enter__(self) -> Self:
        """Return the lock as it is: `try_acquire` says whether it is held."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self.release()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            return os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path) or ".", mode=0o700, exist_ok=True)
            return os.open(self.path, flags, 0o600)
