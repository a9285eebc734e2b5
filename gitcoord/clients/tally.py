"""Token counts of a conversation, read on from where the last reading of its file stopped.

A client appends to the file while it runs, so a reading ends after the last whole line and
can be kept and continued. Lines that are no JSON, or of a kind that is not known, count for
nothing. Not here: what a line of one client means, which its `transcript.py` knows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec

#: Bytes that one reading takes at most, so that a hook with a time limit gets on.
STEP = 32 * 1024 * 1024
#: Answers that may still be written again, with other figures.
_RECENT = 16


class Counts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Totals in tokens; `input_tokens` without what came from or went into a cache."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    #: In US dollars, where the client says it; None is not known.
    cost_usd: float | None = None
    model: str = ""


#: input, output, cache read, cache write.
Four = tuple[int, int, int, int]


class Tally(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far a file was read, and what was counted up to there."""

    offset: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)
    #: The last answers by the client's own id.
    recent: dict[str, Four] = {}

    def count(self, id: str, four: Four) -> None:
        """Count one answer; the same id again replaces what was counted for it."""
        before = self.recent.pop(id, None)
        counts = self.counts
        if before is None:
            counts.requests += 1
        old = before or (0, 0, 0, 0)
        counts.input_tokens += four[0] - old[0]
        counts.output_tokens += four[1] - old[1]
        counts.cache_read_tokens += four[2] - old[2]
        counts.cache_write_tokens += four[3] - old[3]
        self.recent[id] = four
        while len(self.recent) > _RECENT:
            del self.recent[next(iter(self.recent))]


Count = Callable[[Tally, dict[str, Any]], None]


def follow(path: str, tally: Tally, count: Count) -> Tally:
    """Read the file on, and return the tally; one that was replaced is read anew.

    A file that is missing or cannot be read leaves the tally as it is.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < tally.offset:
                tally = Tally()
            file.seek(tally.offset)
            data = file.read(STEP)
    except (OSError, ValueError):
        return tally
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.splitlines():
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(found, dict):
            count(tally, found)
    tally.offset += len(whole)
    return tally


def number(body: dict[str, Any], name: str) -> int:
    """Return a count that the client wrote; 0 for what is none."""
    value = body.get(name)
    return value if type(value) is int and value >= 0 else 0
