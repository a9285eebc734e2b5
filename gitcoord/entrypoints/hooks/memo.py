"""What one conversation's hook may answer without looking at the ledger again.

Written by the full way, read by `fast.py`: the files that its holder has locked, each until
half of the lock's time is over (then it is renewed), for one head of the ledger. A memo that
is missing, void or damaged costs time and nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitcoord.domain.time import to_epoch
from gitcoord.entrypoints.hooks.fast import MAGIC, settings_stamp
from gitcoord.errors import Unavailable
from gitcoord.storage.durable import put

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.bootstrap import House
    from gitcoord.domain.locks import Lock

#: Seconds for which an answer of a git host is relied upon (DESIGN §5, "Hooks when the arbiter
#: can't be reached").
CONFIRMED = 60.0


def write(
    file: str,
    house: House,
    head: str,
    locks: Iterable[Lock],
    *,
    now: float,
    until: float,
    acting: str,
) -> None:
    """Keep which files may go on: of `locks` those on one file, exclusive, with time left.

    `locks` are all that the holder has at `head`. `now` and `until` are seconds since 1970 by
    this machine's own clock; `until` is when the next sign of life is due. Nothing is kept
    where the head cannot be compared with one look at a file (packed refs, reftable).
    """
    from gitcoord.ledger.ledger import STATE

    ref = os.path.join(house.objects.common_dir, *STATE.split("/"))
    root = house.repository.worktree
    try:
        with open(ref, "rb") as loose:
            if root is None or loose.read(200).strip() != head.encode():
                return
        root = os.path.realpath(root)
        ahead = house.ledger.clock.wall() - now
        lines = []
        for lock in locks:
            path = _file(lock)
            half = to_epoch(lock.expires_at) - ahead - lock.ttl / 2
            if path and half > now:
                lines.append(b"%s\t%.3f" % (os.fsencode(path), half))
        fields = (
            MAGIC,
            os.fsencode(ref),
            head.encode(),
            b"%.3f" % until,
            os.fsencode(root),
            settings_stamp(root),
            acting.encode(),
        )
        put(file, b"\n".join((*fields, b"", *lines, b"")))
    except (OSError, Unavailable, UnicodeError):
        # A memo only saves time.
        return


def _file(lock: Lock) -> str:
    """Return the one path that the lock is on, or "" for a pattern and what fits on no line."""
    from gitcoord.domain.key_index import stored

    key = stored(lock.key)
    fits = key.namespace == "file" and key.is_literal and lock.mode == "exclusive"
    return key.literal if fits and not {"\t", "\n", "\r"} & set(key.literal) else ""
