"""Log-ins that were ended before their time: their cookies open nothing any more, copied or not.

Kept in the service's own file, which services that share it share, until the cookies would have
ended by themselves. Not here: what a cookie says (`cookie`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webhook.dashboard.cookie import Pass
    from webhook.private import Private


class Ended:
    """Which log-ins are over. Safe between threads and between processes."""

    def __init__(self, private: Private) -> None:
        self._private = private

    def add(self, shown: Pass, now: float) -> None:
        """End a log-in for good. Raises `Unavailable`."""
        with self._private.transaction() as base:
            base.execute("DELETE FROM ended_logins WHERE until <= ?", (int(now),))
            base.execute(
                "INSERT OR IGNORE INTO ended_logins VALUES (?, ?)", (shown.nonce, shown.until)
            )

    def has(self, shown: Pass) -> bool:
        """Say whether a log-in was ended. Raises `Unavailable`."""
        with self._private.transaction() as base:
            found = base.execute("SELECT 1 FROM ended_logins WHERE nonce = ?", (shown.nonce,))
            return found.fetchone() is not None
