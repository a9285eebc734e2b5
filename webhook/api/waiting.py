"""One decision: at once, or after a place in the queue has been kept for a while.

As the commands do it: a refusal makes the judge look whether the holder still lives, at most once
in a while for all who ask. Not here: who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from gitcoord.domain.operation import Answer, Operation
from gitcoord.errors import LockHeld, QueuedBehind
from webhook.api.asking import LONGEST

if TYPE_CHECKING:
    from webhook.api.asking import Asking

A = TypeVar("A", bound=Answer)


def decided(
    asking: Asking, operation: Operation, answer: type[A], session: str | None, key: str | None
) -> A:
    """Return the answer, or raise the refusal; `key` is the operation's id."""
    from gitcoord.domain.lock_operations import AcquireLocks, Locked

    def once() -> A:
        return asking.house.coordinator.do(
            operation, answer, session=session, agent=asking.person, id=key
        )

    if isinstance(operation, AcquireLocks) and operation.wait > LONGEST:
        operation = msgspec.structs.replace(operation, wait=LONGEST)
    try:
        found = once()
    except (LockHeld, QueuedBehind):
        if not asking.caller.project.swept():
            raise
        # A refusal is not kept: the same id is still free.
        found = once()
    if isinstance(operation, AcquireLocks) and isinstance(found, Locked) and found.queued:
        from gitcoord.entrypoints.cli.patience import waited

        return waited(asking, operation, found, asking.pause)  # type: ignore[return-value]
    return found
