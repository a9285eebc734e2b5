"""One push that is sent until it is known what became of it: how often, and when to give up.

Promises the same bytes each time, so that sending again is harmless, and an error that says
whether anything can have changed. Not here: what the refs say (verdict), and the sending.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from gitcoord.errors import GitcoordError, OutcomeUnknown
from gitcoord.storage.store import Move
from gitcoord.storage.wire.push import Report
from gitcoord.storage.wire.transport import Interrupted
from gitcoord.storage.wire.verdict import objection, stubborn

#: Attempts that a host may refuse without a reason before that counts as its last word.
_STUBBORN = 6
#: Seconds after which a host that cannot be reached at all is given up.
_DEAF = 2.0


def spread(usual: float, asked: float | None) -> float:
    """Return the seconds to pause: about `usual`, at most 2, after those that the host asks for.

    By chance, and by more the longer a host asks for: it has told others the same.
    """
    share = 0.5 + os.urandom(1)[0] / 510
    wanted = asked or 0.0
    return wanted + share * min(2.0, max(usual, wanted / 4))


class Attempt:
    """One push; `patience` is in seconds."""

    def __init__(self, moves: Sequence[Move], patience: float) -> None:
        self.moves = moves
        self.unknown = False
        self._refusals = 0
        self._begun = time.monotonic()
        self._end = self._begun + patience
        self._rounds = 0
        self._error: GitcoordError | None = None

    def interrupted(self, cut: Interrupted) -> None:
        """Note an answer that did not come."""
        self.unknown = self.unknown or cut.sent
        self._error = cut.error

    def refused(self, report: Report) -> None:
        """Note a refusal although nothing had moved; raise when it is the host's last word."""
        self._refusals += 1
        self._error = stubborn(report, self.moves)
        error = objection(report, self.moves)
        if error is not None:
            raise error
        if self._refusals >= _STUBBORN:
            raise self._error

    def wait(self, asked: float | None) -> None:
        """Sleep before the next attempt; raise when that would take longer than is allowed."""
        pause = spread(0.02 * 2**self._rounds, asked)
        self._rounds += 1
        # Where nobody has answered yet, somebody waits who is offline.
        deaf = not (self.unknown or self._refusals or asked)
        end = min(self._end, self._begun + _DEAF) if deaf else self._end
        if time.monotonic() + pause <= end:
            time.sleep(pause)
            return
        if self.unknown:
            told = f": {self._error.message}" if self._error else ""
            raise OutcomeUnknown(f"whether the host has decided is not known{told}")
        assert self._error is not None
        raise self._error
