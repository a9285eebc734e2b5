"""When a turn, a sub-agent or a conversation ends: what is not needed goes back.

A stop comes after every turn and ends nothing: files that were locked by a hook and have no
changes are freed, the session rests. Only the end of the conversation checks out, with a
handoff of what can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitcoord.clients.event import NOTHING, Reply
from gitcoord.entrypoints.hooks import after, signals, spent
from gitcoord.errors import Contended, GitcoordError, OutcomeUnknown, SessionPaused, Unavailable
from gitcoord.ledger.request import Batch, fresh_id

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.unlanded import MarkDraft
    from gitcoord.entrypoints.hooks.visit import Visit

#: Ends after which the same process goes on with another conversation.
GOING_ON = ("clear", "resume")
#: Characters of an agent's last words in the draft of its handoff.
LAST_WORDS = 2000


def rest(visit: Visit, session: Session) -> Reply:
    """Free what was locked for nothing, and show that the session waits for its person."""
    from gitcoord.domain.lock_operations import ReleaseLocks
    from gitcoord.domain.pausing import Heartbeat

    after.record(visit, session, ())
    spent.report(visit, session)
    visit.track.drop_memo()
    wishes: list[Operation] = []
    unused = _unused(visit, session)
    local = visit.desk.house.wire is None
    if unused and (local or _wanted(visit, unused)):
        wishes.append(ReleaseLocks(keys=tuple(unused)))
    if local or wishes:
        wishes.append(Heartbeat(idle=True))
    after.beat(visit, session, *wishes)
    return NOTHING


def sub_rest(visit: Visit, session: Session) -> Reply:
    """Let a sub-agent go; what it changed and has not landed is its session's from now on."""
    from gitcoord.domain.departure import EndSession
    from gitcoord.domain.lock_operations import AcquireLocks
    from gitcoord.domain.locks import holdings

    holder = visit.holder(session)
    after.record(visit, session, ())
    spent.report(visit, session)
    signals.leave(visit, session)
    with visit.desk.state() as state:
        own = [lock.key for lock in holdings(state, holder) if lock.session == holder]
    if own:
        changed = sorted(set(own) - set(_clean(visit, own)))
        if changed:
            keys = AcquireLocks(keys=tuple(changed), reason=visit.about[:100])
            visit.desk.house.coordinator.run(keys, session=session.id)
            visit.conversation.mark("taken", changed)
        visit.desk.house.coordinator.run(EndSession(), session=holder)
    visit.track.forget()
    return NOTHING


def end(visit: Visit, session: Session) -> Reply:
    """Check out and leave a handoff, unless the same process goes on.

    While nobody can be asked it waits for the next decision of this machine.
    """
    after.record(visit, session, ())
    if visit.event.reason in GOING_ON or visit.inherited:
        return rest(visit, session)
    wishes = _parting(visit, session)
    coordinator = visit.desk.house.coordinator
    try:
        reply = coordinator.run(Batch(*wishes), session=session.id)[0]
        if isinstance(reply.error, SessionPaused):
            # It may leave, and say what it has used, but not act any more.
            wishes = [wish for wish in wishes if not wish.acting]
            reply = coordinator.run(Batch(*wishes), session=session.id)[0]
        if reply.error is not None:
            raise reply.error
    except (Unavailable, Contended, OutcomeUnknown):
        for wish in wishes:
            coordinator.later(wish, session=session.id)
    visit.track.forget()
    return NOTHING


def _parting(visit: Visit, session: Session) -> list[Operation]:
    """Return what is said at the end: a draft of a handoff, the check-out, tokens."""
    from gitcoord.domain.departure import EndSession
    from gitcoord.domain.handoffs import WriteHandoff
    from gitcoord.domain.locks import holdings
    from gitcoord.entrypoints.cli.facts import facts

    desk, about = visit.desk, visit.about
    desk.__dict__["holder"] = session.id
    paths = _changed_by(visit, session)
    with desk.state() as state:
        keys = [x.key for x in holdings(state, session.id) if x.mode == "exclusive"]
    unlanded = _unlanded(visit, keys) if keys else ()
    wishes: list[Operation] = []
    if paths or unlanded:
        wishes.append(
            WriteHandoff(
                id=fresh_id("h-"),
                summary=_summary(about, paths, visit.event.text),
                relevant_files=tuple(paths[:50]),
                facts=facts(desk),
            )
        )
    wishes.append(
        EndSession(
            outcome="partial" if unlanded else "completed",
            summary=about,
            files_touched=tuple(paths[:200]),
            marks=unlanded,
        )
    )
    # Last, so that a cap does not stop a session that leaves anyway.
    return [*wishes, *spent.usage(visit, session)]


def _unused(visit: Visit, session: Session) -> list[str]:
    """Return the keys that a hook has locked for this conversation and that have no changes."""
    from gitcoord.domain.locks import holdings

    taken = visit.track.marked("taken")
    with visit.desk.state() as state:
        own = [
            lock.key
            for lock in holdings(state, session.id)
            if lock.session == session.id and lock.key in taken and not lock.task
        ]
    return _clean(visit, own) if own else []


def _clean(visit: Visit, keys: Sequence[str]) -> list[str]:
    """Return those of the keys under which nothing is changed that has not landed."""
    try:
        dirty = {draft.key for draft in _unlanded(visit, keys)}
    except GitcoordError:
        # What cannot be seen to be clean is kept; its lease ends it.
        return []
    return [key for key in keys if key not in dirty]


def _unlanded(visit: Visit, keys: Sequence[str]) -> tuple[MarkDraft, ...]:
    """Return what is changed under the keys and has not landed, in all worktrees of the agent.

    Raises what asking git raises.
    """
    from gitcoord.ledger.landing import marks_for

    with visit.desk.state() as state:
        settings = state.settings
    here = visit.desk.checkout
    roots = {os.path.realpath(root) for root in visit.conversation.marked("roots")}
    places = [here, *(here.elsewhere(root) for root in sorted(roots) if os.path.isdir(root))]
    drafts = [draft for place in places for draft in marks_for(place, list(keys), settings)]
    return tuple({(draft.key, draft.branch): draft for draft in drafts}.values())


def _wanted(visit: Visit, keys: Sequence[str]) -> bool:
    """Say whether somebody waits for one of these keys."""
    from gitcoord.domain.key_index import near, stored
    from gitcoord.domain.overlap import overlap
    from gitcoord.domain.waiting import Waiter

    with visit.desk.state() as state:
        return any(
            overlap(stored(key), stored(other))
            for key in keys
            for waiter in near(state, Waiter, stored(key))
            for other in waiter.keys
        )


def _changed_by(visit: Visit, session: Session) -> list[str]:
    from gitcoord.domain.changes import recent

    with visit.desk.state() as state:
        found = [one.path for one in recent(state, session=session.id, limit=500)]
    for request in visit.desk.house.spool.take():
        if (request.session or "").partition("/")[0] == session.id:
            for operation in request.operations:
                found += [one.path for one in getattr(operation, "changes", ())]
    return sorted(dict.fromkeys(found))


def _summary(about: str, paths: Sequence[str], last_words: str) -> str:
    what = about or "a conversation"
    files = f"; {len(paths)} files changed" if paths else ""
    words = " ".join(last_words.split())[:LAST_WORDS]
    return f"(draft) {what}{files}" + (f". Last words: {words}" if words else "")
