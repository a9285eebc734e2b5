"""Under which fencing token each path of a worktree was last written.

A private file in the git directory of the worktree, so that linked worktrees have one
each. It is a hint for the guard: losing it makes a stale write pass unnoticed, never a
good one refused. Writers append one line with one write and never wait; a torn line is
skipped. Not for the ledger: others learn tokens from trailers of commits.

A line is `epoch TAB n TAB seconds since 1970 TAB session TAB path TAB "."`, with a line
feed before and after; the path is as git stores it, its backslashes and line feeds escaped
by a backslash. The last line of a path counts; one of token 0 says that it is forgotten.
"""

from __future__ import annotations

import errno
import os
from _thread import get_ident
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import NamedTuple

from gitcoord.errors import GitcoordError
from gitcoord.storage.durable import disk_error
from gitcoord.storage.oslock import OsLock

#: In the git directory of a worktree, with a second one that is locked while it is compacted.
FILE = "gitcoord-written"
FILES = (FILE, f"{FILE}.lock")
#: Bytes over which the file is written anew with only what counts.
COMPACT = 256 * 1024
_END = "\t."


class Writing(NamedTuple):
    """Who wrote a path last, and under which token."""

    session: str
    epoch: int
    token: int
    #: Whole seconds since 1970.
    at: int


def record(git_dir: str, path: str, session: str, epoch: int, token: int, at: float) -> None:
    """Note that a session writes the path under this token, at a time in seconds since 1970.

    `path` is as git stores it, from the root of the worktree, with bytes that are no UTF-8 as
    surrogate escapes. Raises `ReadOnly`, `DiskFull` or `Unavailable`.
    """
    _append(git_dir, [_line(path, Writing(session, epoch, token, int(at)))])


def exists(git_dir: str) -> bool:
    """Say whether anything may be noted for this worktree; a look at the file's name."""
    return os.path.exists(os.path.join(git_dir, FILE))


def of(git_dir: str, paths: Collection[str] | None = None) -> dict[str, Writing]:
    """Return the last writing of each of the paths that has one; None: of all paths.

    Raises `Unavailable` or a kin when there is a file that cannot be read.
    """
    found = _parsed(_read(os.path.join(git_dir, FILE)))
    if paths is None:
        return found
    if len(paths) > len(found):
        wanted = set(paths)
        return {path: one for path, one in found.items() if path in wanted}
    return {path: found[path] for path in paths if path in found}


def forget(git_dir: str, paths: Iterable[str]) -> None:
    """Forget what is noted about the paths: it is committed, or gone. Raises as `record`."""
    known = of(git_dir, None)
    lines = [_line(path, Writing("-", 0, 0, 0)) for path in paths if path in known]
    if lines:
        _append(git_dir, lines)


def _line(path: str, writing: Writing) -> bytes:
    session, epoch, token, at = writing
    name = path.replace("\\", "\\\\").replace("\n", "\\n")
    # The line feed in front ends a line that somebody's death has left without one.
    text = f"\n{epoch}\t{token}\t{at}\t{session}\t{name}{_END}\n"
    return text.encode("utf-8", "surrogateescape")


def _append(git_dir: str, lines: list[bytes]) -> None:
    file, data = os.path.join(git_dir, FILE), b"".join(lines)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(file, flags, 0o600)
        try:
            # One write, so that lines of several hooks do not get into one another.
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file)
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
    except OSError as error:
        raise disk_error(error, f"write {file}") from error
    if size > COMPACT:
        # What matters is written. A file that stays long is only read more slowly.
        with suppress(OSError, GitcoordError):
            _compact(file, size)


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as found:
            return found.read()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise disk_error(error, f"read {file}") from error


def _parsed(data: bytes) -> dict[str, Writing]:
    found: dict[str, Writing] = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split("\t", 4)
        if len(fields) < 5 or not fields[4].endswith(_END):
            continue
        try:
            epoch, token, at = map(int, fields[:3])
        except ValueError:
            continue
        path = _unescaped(fields[4].removesuffix(_END))
        found.pop(path, None)
        if token:
            found[path] = Writing(fields[3], epoch, token, at)
    return found


def _unescaped(name: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in name.split("\\\\"))


def _compact(file: str, size: int) -> None:
    """Write the file anew with only what counts, unless that was most of it last time."""
    with OsLock(f"{file}.lock") as lock:
        if not lock.try_acquire():
            return
        data = _read(file)
        first = data[:32].partition(b"\n")[0]
        if first[:1] == b"#" and first[1:].isdigit() and size < 2 * int(first[1:]):
            return
        kept = b"".join(_line(path, writing) for path, writing in _parsed(data).items())
        interim = f"{file}.{os.getpid()}.{get_ident()}"
        try:
            with open(interim, "wb") as new:
                new.write(b"#%d\n" % len(kept) + kept)
                with open(file, "rb") as old:
                    # What others have appended meanwhile.
                    old.seek(len(data))
                    new.write(old.read())
            os.replace(interim, file)
        except OSError:
            os.unlink(interim)
            raise
