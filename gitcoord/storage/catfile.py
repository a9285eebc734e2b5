"""Reading objects through one long-lived `git cat-file --batch`.

Promises any object that git can read: packed, borrowed from an alternate, fetched on
demand into a partial clone. Restarts git when it has died; remembers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitcoord.errors import CorruptRecord
from gitcoord.storage.gitproc import Git, GitProcess
from gitcoord.storage.store import Oid

# Answers come in groups, which spares git a write for each. Two groups of requests are on
# their way at once: together they fit into the smallest pipe (4 KiB), so that neither side
# ever waits for the other to read.
_GROUP = 25


class CatFile:
    """One git that answers one request at a time; its user sees to that."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: GitProcess | None = None

    @property
    def running(self) -> bool:
        """Return whether a git waits for requests, so that reading costs no start."""
        return self._process is not None and self._process.usable

    def read(self, oid: Oid) -> tuple[bytes, bytes]:
        """Return (kind, data); raises CorruptRecord."""
        fresh = not self.running
        if fresh:
            self.close()
            self._process = self._git.start("cat-file", "--batch")
        process = self._process
        assert process is not None
        answer = _answer(process, oid) if process.send(oid.encode("ascii") + b"\n") else None
        if answer is not None:
            return answer
        self._process = None
        complaint = process.finish()[2]
        if fresh or complaint:
            raise CorruptRecord(f"object {oid} cannot be read: {complaint}", oid=oid)
        return self.read(oid)  # it had been killed while nobody asked

    def close(self) -> None:
        """End the git that waits."""
        if self._process is not None:
            self._process.close()
            self._process = None


def read_all(git: Git, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes, bytes]]:
    """Yield (oid, kind, data) in order through a git of its own; raises CorruptRecord."""
    process = git.start("cat-file", "--batch-command", "--buffer")
    try:
        for done, oid in enumerate(oids):
            if done == 0:
                process.send(_requests(oids[:_GROUP]))
            if done % _GROUP == 0:
                process.send(_requests(oids[done + _GROUP : done + 2 * _GROUP]))
            answer = _answer(process, oid)
            if answer is None:
                complaint = process.finish()[2]
                raise CorruptRecord(f"object {oid} cannot be read: {complaint}", oid=oid)
            yield oid, *answer
    finally:
        process.close()


def _requests(oids: Sequence[Oid]) -> bytes:
    return b"".join(b"contents %s\n" % oid.encode("ascii") for oid in oids) + b"flush\n"


def _answer(process: GitProcess, oid: Oid) -> tuple[bytes, bytes] | None:
    """Return (kind, data), None when git died before it had said all."""
    header = process.stdout.readline().split()
    if header[1:] == [b"missing"]:
        raise CorruptRecord(f"object {oid} is missing", oid=oid)
    if len(header) != 3:
        return None
    size = int(header[2])
    data = process.stdout.read(size + 1)
    return (header[1], data[:size]) if len(data) == size + 1 else None
