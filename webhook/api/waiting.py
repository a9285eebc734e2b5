"""One decision: at once, or after a place in the queue has been kept for a while.

As the commands do it: a refusal makes the judge look whether the holder still lives, at most once
in a while for all who ask. Not here: who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from gitcoord.domain.operation import Answer, Operation
from gitcoord.errors import LockHeld, QueuedBehind
from webhook.access import forbidden
from webhook.api.asking import LONGEST

if TYPE_CHECKING:
    from webhook.api.asking import Asking

A = TypeVar("A", bound=Answer)


def decided(
    asking: Asking, operation: Operation, answer: type[A], session: str | None, key: str | None
) -> A:
    """Return the answer, or raise the refusal; `key` is the operation's id."""
    from gitcoord.domain.lock_operations import AcquireLocks, Locked
    from gitcoord.domain.sessions import StartSession

    if isinstance(operation, StartSession):
        _refuse_borrowed(asking, operation.agent)

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


def _refuse_borrowed(asking: Asking, agent: str) -> None:
    """Raise `Problem` 403 for a check-in under a name that has more trust than everybody.

    Only a key that is bound to the agent, its own session, or an admin may use such a name.
    """
    from gitcoord.domain.assignments import raised
    from gitcoord.domain.sessions import Session, root

    caller = asking.caller
    if caller.scope == "admin" or caller.agent == agent:
        return
    with asking.state() as state:
        if not raised(state, agent):
            return
        own = state.get(Session, root(caller.session)) if caller.session else None
    if own is None or own.agent != agent:
        raise forbidden(f"{agent} has a profile with more trust; its key has to be bound to it")
