"""What this clone has seen of the ledger, kept where no push or fetch can reach it.

A ledger that is gone, older or no descendant of what was seen is refused, never made
anew or believed. A higher epoch is a deliberate restore and is believed. Losing the
file loses the protection, nothing else. Not here: finding or restoring a chain.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from gitcoord.errors import GitcoordError, LedgerMissing, LedgerRewound
from gitcoord.storage.durable import disk_error, temporary
from gitcoord.storage.oslock import OsLock
from gitcoord.storage.store import Absent, Expected, Oid, Store

_MISSING = (
    "It may have been deleted by `git push --mirror` or by hand. `gitcoord doctor` shows the best"
    " chain that is left, `gitcoord doctor --restore` publishes it again."
)
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


class Witness:
    """The memory of one clone, in its private directory `home`."""

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, "witness.json")
        self._lock = OsLock(os.path.join(home, "witness.lock"))

    def seen(self) -> Seen | None:
        """Return the newest state that was noted, or None. Raises `ReadOnly` or `Unavailable`."""
        try:
            with open(self._path, "rb", buffering=0) as file:
                found = _decoder.decode(file.read())
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # It is written without fsync, so a power cut may leave an empty file behind.
            return None
        except OSError as error:
            raise disk_error(error, f"read {self._path}") from error
        return Seen(found.epoch, found.seq, found.head)

    def check(self, store: Store, head: Expected, facts: Callable[[Oid], tuple[int, int]]) -> None:
        """Raise `LedgerMissing` or `LedgerRewound` if `head` betrays what was seen.

        `facts` gives (epoch, seq) of a head. It and `store` are asked only when the head has
        moved since it was noted; nothing is noted here.
        """
        seen = self.seen()
        if seen is None or head == seen.head:
            return
        if isinstance(head, Absent):
            raise LedgerMissing(
                f"the ledger is gone; this clone has seen it at epoch {seen.epoch}, seq {seen.seq}",
                hint=_MISSING,
                seen=seen._asdict(),
            )
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
                self._write(_Stored(epoch, seq, head))
        except (OSError, GitcoordError):
            # Reading must work where nothing can be written; a writer fails by itself.
            return False
        return True

    def _write(self, state: _Stored) -> None:
        interim = temporary(os.path.dirname(self._path), "witness")
        try:
            with open(interim, "wb", buffering=0) as file:
                file.write(msgspec.json.encode(state))
            os.replace(interim, self._path)
        except BaseException:
            if os.path.exists(interim):
                os.unlink(interim)
            raise


_decoder = msgspec.json.Decoder(_Stored)
