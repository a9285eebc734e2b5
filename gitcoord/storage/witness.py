"""What this clone has seen of the ledger, kept where no push or fetch can reach it.

A ledger that is gone, older or no descendant of what was seen is refused, never made
anew or believed. A higher epoch is a deliberate restore and is believed. Losing the
file loses the protection, nothing else. Not here: finding or restoring a chain.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import msgspec

from gitcoord.errors import GitcoordError, LedgerMissing, LedgerRewound
from gitcoord.storage.durable import disk_error
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.store import Absent, Expected, Oid, Store

# Bytes of the file, less than a disk writes at once; readings before it counts as damaged.
_SIZE = 256
_TRIES = 10

#: What a ledger that has moved away to a git host is called here.
MOVED = "refs/coord-moved/"

_MISSING = (
    "It may have been deleted by `git push --mirror` or by hand. `gitcoord doctor` shows the best"
    " chain that is left, `gitcoord doctor --restore` publishes it again."
)
_MISSING_AT_HOST = (
    "It may have been deleted by `git push --mirror` or by hand, or the host hides it:"
    " `gitcoord doctor --remote` tells. `gitcoord doctor --restore` publishes what is known here."
)
_MOVED_AWAY = "Run `gitcoord init --remote NAME` with the name or URL of that host to use it."
_REWOUND = (
    "Somebody has put an older or a foreign ledger in its place. `gitcoord doctor` shows both,"
    " `gitcoord doctor --restore` publishes the one that was seen, as a new epoch."
)


class Seen(NamedTuple):
    """A state of the ledger that this clone has relied on."""

    epoch: int
    seq: int
    head: Oid


class _Stored(msgspec.Struct):
    epoch: int
    seq: int
    head: Oid
    #: Checksum of the rest, for who reads while another process writes.
    sum: int


class Witness:
    """The memory of one clone, in its private directory `home`."""

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, "witness.json")
        self._lock = OsLock(os.path.join(home, "witness.lock"))

    def seen(self) -> Seen | None:
        """Return the newest state that was noted, or None. Raises `ReadOnly` or `Unavailable`."""
        try:
            for _ in range(_TRIES):
                with open(self._path, "rb", buffering=0) as file:
                    found = _parsed(file.read())
                if found is not None:
                    return found
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, f"read {self._path}") from error
        # Damaged. Refusing to work would protect nobody: the ledger itself is checked elsewhere.
        return None

    def check(self, store: Store, head: Expected, facts: Callable[[Oid], tuple[int, int]]) -> None:
        """Raise `LedgerMissing` or `LedgerRewound` if `head` betrays what was seen.

        `facts` gives (epoch, seq) of a head. It and `store` are asked only when the head has
        moved since it was noted; nothing is noted here.
        """
        seen = self.seen()
        if seen is None or head == seen.head:
            return
        if isinstance(head, Absent):
            raise _missing(store, seen)
        epoch, seq = facts(head)
        if epoch > seen.epoch:
            return
        if epoch == seen.epoch and seq > seen.seq and store.is_ancestor(seen.head, head):
            return
        raise LedgerRewound(
            f"the ledger is at epoch {epoch}, seq {seq}, and that is no continuation of"
            f" epoch {seen.epoch}, seq {seen.seq}, which this clone has seen",
            hint=_REWOUND,
            seen=seen._asdict(),
            found={"epoch": epoch, "seq": seq, "head": head},
        )

    def note(self, epoch: int, seq: int, head: Oid) -> bool:
        """Remember a state that was checked or written; say whether it is remembered now.

        Never goes backwards. False when something newer is known, another process is writing,
        or the directory cannot be written: then the next note does it.
        """
        try:
            with self._lock as lock:
                if not lock.try_acquire():
                    return False
                seen = self.seen()
                if seen is not None and (epoch, seq) <= (seen.epoch, seen.seq):
                    return head == seen.head
                self._write(Seen(epoch, seq, head))
        except (OSError, GitcoordError):
            # Reading must work where nothing can be written; a writer fails by itself.
            return False
        return True

    def _write(self, state: Seen) -> None:
        # In place, always of one size: a fifteenth of the time of a new file and a rename,
        # and a power cut leaves the old or the new one, not an empty one.
        line = msgspec.json.encode(_Stored(*state, _sum(state))).ljust(_SIZE - 1) + b"\n"
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)


def _missing(store: Store, seen: Seen) -> LedgerMissing:
    hint = _MISSING_AT_HOST if store.remote else _MISSING
    message = f"the ledger is gone; this clone has seen it at epoch {seen.epoch}, seq {seen.seq}"
    if not store.remote and store.list_refs(MOVED):
        message = f"the local ledger has moved to a git host; {MOVED}state is what it was here"
        hint = _MOVED_AWAY
    return LedgerMissing(message, hint=hint, seen=seen._asdict())


def _parsed(data: bytes) -> Seen | None:
    try:
        found = _decoder.decode(data[:_SIZE])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    seen = Seen(found.epoch, found.seq, found.head)
    return seen if found.sum == _sum(seen) else None


def _sum(state: Seen) -> int:
    return crc32(f"{state.epoch} {state.seq} {state.head}".encode())


_decoder = msgspec.json.Decoder(_Stored)
