"""One decision: at once, or after a place in the queue has been kept for a while.

As the commands do it: a refusal makes the judge look whether the holder still lives, at most once
in a while for all who ask. Not here: who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from gitcoord.domain.operation import Answer, Operation
from gitcoord.errors import LockHeld, QueuedBehind
from gitcoord.ledger.request import Reply, Request
from webhook.access import forbidden
from webhook.api.asking import LONGEST

if TYPE_CHECKING:
    from webhook.api.asking import Asking

A = TypeVar("A", bound=Answer)


async def together(
    asking: Asking, operation: Operation, answer: type[A], session: str | None, key: str | None
) -> A:
    """Return the answer, or raise the refusal; `key` is the operation's id.

    It is decided with whatever else waits.
    """
    operation = _bounded(operation)
    wish = Request([operation], session=session, agent=asking.person, id=key)
    project = asking.caller.project
    if operation.tag == "session.start":
        await project.work(_refuse_borrowed, asking, operation)
    reply, _ = await project.deciding.decided(wish)
    if not _ends(asking, reply):
        return await project.work(_followed, asking, operation, answer, session, key, reply)
    return _told(reply, answer)


def decided(
    asking: Asking,
    operation: Operation,
    answer: type[A],
    session: str | None,
    key: str | None = None,
) -> A:
    """Return the answer, or raise the refusal, as `together`; for a thread."""
    operation = _bounded(operation)
    if operation.tag == "session.start":
        _refuse_borrowed(asking, operation)
    reply = _once(asking, operation, session, key)
    if not _ends(asking, reply):
        return _followed(asking, operation, answer, session, key, reply)
    return _told(reply, answer)


def _bounded(operation: Operation) -> Operation:
    from gitcoord.domain.lock_operations import AcquireLocks

    if isinstance(operation, AcquireLocks) and operation.wait > LONGEST:
        return msgspec.structs.replace(operation, wait=LONGEST)
    return operation


def _once(asking: Asking, operation: Operation, session: str | None, key: str | None) -> Reply:
    run = asking.house.coordinator.run
    return run(operation, session=session, agent=asking.person, id=key)[0]


def _ends(asking: Asking, reply: Reply) -> bool:
    """Say whether nothing is left to be done before the reply is told."""
    if reply.error is not None:
        held = isinstance(reply.error, (LockHeld, QueuedBehind))
        return not (held and asking.caller.project.doubts)
    return not getattr(reply.answers[0], "queued", None)


def _followed(
    asking: Asking,
    operation: Operation,
    answer: type[A],
    session: str | None,
    key: str | None,
    reply: Reply,
) -> A:
    """Return the answer after all that can be done about a first reply."""
    from gitcoord.domain.lock_operations import AcquireLocks, Locked

    if isinstance(reply.error, (LockHeld, QueuedBehind)) and asking.caller.project.swept():
        # A refusal is not kept: the same id is still free.
        reply = _once(asking, operation, session, key)
    found = _told(reply, answer)
    if isinstance(operation, AcquireLocks) and isinstance(found, Locked) and found.queued:
        from gitcoord.entrypoints.cli.patience import waited

        found = waited(asking, operation, found, asking.pause)  # type: ignore[assignment]
    return found


def _told(reply: Reply, answer: type[A]) -> A:
    if reply.error is not None:
        raise reply.error
    found = reply.answers[0]
    assert isinstance(found, answer)
    return found


def _refuse_borrowed(asking: Asking, operation: Operation) -> None:
    """Raise `Problem` 403 for a check-in under a name that has more trust than everybody.

    Only a key that is bound to the agent, its own session, or an admin may use such a name.
    """
    from gitcoord.domain.assignments import raised
    from gitcoord.domain.sessions import Session, StartSession, root

    assert isinstance(operation, StartSession)
    caller, agent = asking.caller, operation.agent
    if caller.scope == "admin" or caller.agent == agent:
        return
    with asking.state() as state:
        if not raised(state, agent):
            return
        own = state.get(Session, root(caller.session)) if caller.session else None
    if own is None or own.agent != agent:
        raise forbidden(f"{agent} has a profile with more trust; its key has to be bound to it")
