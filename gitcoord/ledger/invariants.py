"""What must be true of every agreed state, whatever was decided: looked up, not assumed.

A finding here is a bug of a rule or somebody's hand in the repository. Reads one state
and changes nothing. Not here: whether records can be read (inspection).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitcoord.domain.key_index import near, stored
from gitcoord.domain.locks import Lock
from gitcoord.domain.mailbox import Message, concerns
from gitcoord.domain.ops import Op
from gitcoord.domain.overlap import overlap
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.tasks import CLAIMED, Task
from gitcoord.domain.time import is_time
from gitcoord.domain.waiting import Waiter
from gitcoord.domain.working_memory import WorkingMemory
from gitcoord.ledger.finding import Finding

if TYPE_CHECKING:
    from gitcoord.domain.state import State


def broken(state: State) -> Iterator[Finding]:
    """Yield an error for everything in the state that no rule should have let happen."""
    yield from _holders(state)
    yield from _overlaps(state)
    yield from _tokens(state)
    yield from _tasks(state)
    yield from _messages(state)
    yield from _operations(state)
    yield from _working(state)


def _holders(state: State) -> Iterator[Finding]:
    live = {session.id for session in state.all(Session)}
    for lock in state.all(Lock):
        if root(lock.session) not in live:
            yield _error(
                "lock_without_session",
                f"{lock.key} is locked by {lock.agent} ({lock.session}), which is not live",
                f"Run `gitcoord lock takeover {lock.key} --reason ...`.",
            )
    for waiter in state.all(Waiter):
        if root(waiter.session) not in live:
            yield _error(
                "waiter_without_session",
                f"{waiter.agent} ({waiter.session}) waits for {', '.join(waiter.keys)} "
                "and is not live",
            )
    for task in state.all(Task):
        if task.status in CLAIMED and not task.stale_since and root(task.session) not in live:
            yield _error(
                "claim_without_session",
                f"task {task.id} is {task.status} by {task.agent} ({task.session}), "
                "which is not live",
                f"Run `gitcoord task cancel {task.id}`.",
            )


def _overlaps(state: State) -> Iterator[Finding]:
    """Find keys that two sessions hold at once; a lease that is over no longer counts."""
    now = state.meta.time
    for one in state.all(Lock):
        for other in near(state, Lock, stored(one.key)):
            if (
                one.name < other.name
                and root(one.session) != root(other.session)
                and "exclusive" in (one.mode, other.mode)
                and min(one.expires_at, other.expires_at) > now
                and overlap(stored(one.key), stored(other.key))
            ):
                yield _error(
                    "double_grant",
                    f"{one.key} of {one.agent} ({one.session}) and {other.key} of "
                    f"{other.agent} ({other.session}) overlap and are both held",
                )


def _tokens(state: State) -> Iterator[Finding]:
    highest = (state.meta.epoch, state.meta.token)
    owners: dict[tuple[int, int], str] = {}
    for lock in state.all(Lock):
        pair = (lock.epoch, lock.token)
        if pair > highest:
            yield _error(
                "token_ahead",
                f"{lock.key} has token {pair[0]}/{pair[1]}, the ledger is at "
                f"{highest[0]}/{highest[1]}",
            )
        if pair in owners:
            yield _error(
                "token_twice",
                f"{owners[pair]} and {lock.key} have the same token {pair[0]}/{pair[1]}",
            )
        owners[pair] = lock.key


def _tasks(state: State) -> Iterator[Finding]:
    for task in state.all(Task):
        waiting = set()
        for name in task.depends_on:
            needed = state.get(Task, name)
            if needed is None:
                yield _error(
                    "dependency_missing", f"task {task.id} depends on {name}, which does not exist"
                )
            elif needed.status != "completed":
                waiting.add(name)
        if waiting != set(task.waiting_for) and not task.archived:
            yield _error(
                "waiting_for_wrong",
                f"task {task.id} waits for {sorted(task.waiting_for)}, it should be "
                f"{sorted(waiting)}",
            )


def _messages(state: State) -> Iterator[Finding]:
    """Find receipts of sessions that a message is not for, or that say less than they must."""
    for archived in (False, True):
        for message in state.all(Message, archived=archived):
            names = [receipt.session for receipt in message.receipts]
            stray = {name for name in names if not concerns(message, name)}
            odd = names != sorted(set(names)) or any(
                (receipt.acked_at and not receipt.read_at)
                or (receipt.read_at and not receipt.delivered_at)
                for receipt in message.receipts
            )
            if stray or odd:
                yield _error(
                    "receipts_wrong",
                    f"message {message.id} has receipts of sessions that it is not for, twice "
                    "of one, or of reading what was not delivered",
                )


def _operations(state: State) -> Iterator[Finding]:
    for op in state.all(Op):
        if not 0 < op.seq <= state.meta.seq or not is_time(op.at):
            yield _error(
                "operation_misplaced",
                f"operation {op.id} says transaction {op.seq} at {op.at!r}; "
                f"the ledger is at {state.meta.seq}",
            )


def _working(state: State) -> Iterator[Finding]:
    for memory in state.all(WorkingMemory):
        if state.get(Session, memory.session, archived=False) is None:
            yield _error(
                "working_memory_without_session",
                f"session {memory.session} is not live and has a working memory",
            )


def _error(code: str, message: str, hint: str = "") -> Finding:
    return Finding(code, "error", message, hint)
