"""What a way to a git host promises: one conversation in, one answer out, nothing repeated.

A transport knows neither refs nor objects. It says honestly whether the host may have
acted when no answer came; what to do then is the store's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gitcoord.errors import GitcoordError
    from gitcoord.storage.wire.pktline import Packets
    from gitcoord.storage.wire.push import Advertised


class Interrupted(Exception):
    """A request that came to no answer; a signal to the store, which no door ever sees.

    `sent`: whether the host may have acted on it. `retry_after`: seconds that the host asks
    to wait, None where it says nothing. `error`: what to tell when it stays so.
    """

    def __init__(
        self, error: GitcoordError, *, sent: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.sent = sent
        self.retry_after = retry_after


class Transport(Protocol):
    """One way to one repository at a host; for one thread at a time."""

    #: The URL as messages may show it: without a password or token.
    shown: str
    #: (seconds since 1970 by the host's last `Date`, `time.monotonic()` at that moment), or None.
    date: tuple[float, float] | None

    def push(self, body: Sequence[bytes], meanwhile: Callable[[], None] | None = None) -> Packets:
        """Send one receive-pack request and return the answer, positioned at the report.

        `meanwhile` is called while the host is at work, once or more often, if it is reached.
        Raises `Interrupted`, `AccessDenied`, `HostRefused`, `UnreadableAnswer`.
        """
        ...

    def ask(self, body: bytes) -> Packets:
        """Send one protocol v2 command to upload-pack and return its answer.

        Raises `NotVersion2` where the host does not speak it, and what `push` raises.
        """
        ...

    def discover(self) -> Advertised:
        """Return what receive-pack advertises: all refs and its capabilities. Raises as `push`."""
        ...

    def close(self) -> None:
        """Let go of connections and processes; closing twice is allowed."""
        ...
