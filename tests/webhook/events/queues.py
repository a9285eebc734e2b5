"""A queue in a file of the service's own, and targets with names that tests choose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from webhook.events.outbox import Outbox
from webhook.private import Private


@contextmanager
def queue(path: str, *targets: str, project: str = "p") -> Iterator[Outbox]:
    """Open the queue for as long as the block runs; in the file there are these targets."""
    private = Private(path)
    try:
        with private.transaction() as base:
            base.executemany(
                "INSERT OR IGNORE INTO targets"
                " VALUES (?, ?, 'https://example.org/', '', '', '', 'event')",
                [(name, project) for name in targets],
            )
        yield Outbox(private)
    finally:
        private.close()


def forget(path: str, target: str) -> None:
    """Remove a target, as another service does."""
    private = Private(path)
    with private.transaction() as base:
        base.execute("DELETE FROM targets WHERE id = ?", (target,))
    private.close()
