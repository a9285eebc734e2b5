"""Apply requests one after the other to a state, each whole or not at all.

Pure but for the state it is given. The same request decided twice gets its
first answer, because every accepted change leaves its operation id in `ops/`.
Not here: where the state comes from and how the changes are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gitcoord.domain import rights, sessions
from gitcoord.domain.operation import Answer, Beat, Context
from gitcoord.domain.ops import Op, prune
from gitcoord.domain.state import State
from gitcoord.errors import GitcoordError, OperationReused
from gitcoord.ledger.clock import Reading
from gitcoord.ledger.journal import Entry
from gitcoord.ledger.request import Reply, Request, answers_of


class Decision(NamedTuple):
    """Replies in the order of the requests, and what has to be stored for them."""

    replies: list[Reply]
    #: Diary entries of what changed the state; empty: nothing is to be written.
    entries: list[Entry]
    #: Requests that were refused, for the audit trail.
    refusals: list[Entry]
    #: Holders that have shown life.
    alive: set[str]


def decide(
    state: State,
    requests: Sequence[Request],
    reading: Reading,
    presence: Mapping[str, Beat],
    *,
    begin: bool = False,
    frugal: bool = False,
) -> Decision:
    """Apply every request to `state` and return what came of it.

    With `begin` an accepted request is an entry even if it changes nothing: the first
    transaction of a ledger may consist of defaults. `frugal`: pushes are scarce.
    """
    decision = Decision([], [], [], set())
    beats = dict(presence)
    for request in requests:
        mark = state.savepoint()
        try:
            reply = _one(state, request, _Surroundings(reading, beats, begin, frugal), decision)
        except GitcoordError as refusal:
            state.rollback(mark)
            reply = Reply(error=refusal)
            decision.refusals.append(_entry(state, request, (), refusal))
        decision.replies.append(reply)
    if decision.entries:
        state.meta.seq += 1
        state.meta.time = reading.now
        prune(state, reading.now, len(decision.entries))
    return decision


class _Surroundings(NamedTuple):
    """What all requests of a group meet."""

    reading: Reading
    beats: dict[str, Beat]
    begin: bool
    frugal: bool


def _one(state: State, request: Request, around: _Surroundings, decision: Decision) -> Reply:
    reading, beats = around.reading, around.beats
    before = state.get(Op, request.id)
    if before is not None:
        if before.digest != request.digest():
            raise OperationReused(operation=request.id)
        return Reply(answers_of(before.outcome, request), repeated=True)
    mark = state.savepoint()
    context = Context(
        now=reading.now,
        op_id=request.id,
        session=request.session,
        agent=_agent(state, request, request.session),
        presence=beats,
        clock_trusted=reading.trusted,
        frugal=around.frugal,
    )
    answers: list[Answer] = []
    alive: set[str] = set()
    for operation in request.operations:
        needed = operation.acting and (request.session or not operation.sessionless)
        actor = sessions.acting(state, context) if needed else None
        answer = rights.apply(state, context, operation, actor)
        if actor is not None:
            changed = state.changed_since(mark)
            # What may have waited for this transaction says nothing about now.
            awake = changed and not operation.commutes
            sessions.touch(state, context, actor, refresh=changed, awake=awake)
        answers.append(answer)
        if holder := operation.alive(answer, context):
            alive.add(sessions.root(holder))
    decision.alive.update(alive)
    for name in alive:
        # A sweep further back in this group must see that the session has just acted.
        beats[name] = Beat(beats.get(name, Beat(0)).count + 1, reading.now)
    if around.begin or state.changed_since(mark):
        state.put(
            Op(
                id=request.id,
                digest=request.digest(),
                seq=state.meta.seq + 1,
                at=reading.now,
                outcome=[msgspec.to_builtins(answer) for answer in answers],
            )
        )
        living = next(iter(alive), None)
        decision.entries.append(_entry(state, request, answers, None, living))
    return Reply(answers)


def _entry(
    state: State,
    request: Request,
    answers: Sequence[Answer],
    refusal: GitcoordError | None,
    holder: str | None = None,
) -> Entry:
    # Who checks in has no session yet when asking, and one when it is told.
    agent = _agent(state, request, holder or request.session)
    subjects = [
        operation.subject(answer, agent)
        for operation, answer in zip(request.operations, answers, strict=False)
    ]
    return Entry(request, agent, subjects, refusal.code if refusal else "done")


def _agent(state: State, request: Request, holder: str | None) -> str:
    """Return the name under which the request enters the diary."""
    if holder is None:
        return request.agent
    session = state.get(sessions.Session, sessions.root(holder))
    return session.agent if session is not None else request.agent
