"""After a tool has run: what it changed is recorded, the session beats, news are passed on.

All of it rides on decisions that are made anyway; a beat of its own is due once in an
interval. Not here: what the turn's end does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitcoord.clients.event import Reply, joined
from gitcoord.domain.changes import ChangeDraft, RecordChanges
from gitcoord.domain.time import from_epoch
from gitcoord.entrypoints.hooks.news import urgent
from gitcoord.errors import Contended, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.entrypoints.hooks.places import Place
    from gitcoord.entrypoints.hooks.visit import Visit

#: Most changes that one call takes to the spool.
MOST = 500


def record(visit: Visit, session: Session, places: Sequence[Place]) -> bool:
    """Note the changes of this tool, and those that the fast way has noted; say if there are."""
    drafts = [
        ChangeDraft(path=one.path, at=from_epoch(one.at), summary=visit.about)
        for one in visit.track.touched()
    ]
    drafts += [_draft(visit, place) for place in places]
    modified = {draft.path for draft in drafts if draft.kind == "modify"}
    new = visit.track.unmark("new", modified) if modified else set()
    drafts = [
        msgspec.structs.replace(draft, kind="create") if draft.path in new else draft
        for draft in drafts
    ]
    spool(visit, session, drafts)
    return bool(drafts)


def spool(visit: Visit, session: Session, drafts: Iterable[ChangeDraft]) -> None:
    """Let the changes ride on this machine's next decision, each file once."""
    newest = {(draft.path, draft.kind): draft for draft in drafts}
    if newest:
        wish = RecordChanges(changes=tuple(newest.values())[:MOST])
        visit.desk.house.coordinator.later(wish, session=visit.holder(session))


def _draft(visit: Visit, place: Place) -> ChangeDraft:
    summary = visit.about
    if place.old_path:
        return ChangeDraft(path=place.path, kind="rename", old_path=place.old_path, summary=summary)
    return ChangeDraft(path=place.path, kind=place.kind, summary=summary)  # type: ignore[arg-type]


def tools(visit: Visit, session: Session, places: Sequence[Place]) -> Reply:
    """Do what is due after a tool, and return what the agent should hear at once."""
    from gitcoord.entrypoints.hooks import signals

    signals.note(visit, changed=record(visit, session, places))
    beat(visit, session)
    return joined(signals.report(visit, session), urgent(visit, session))


def _due(visit: Visit, session: Session) -> bool:
    """Say whether the session has not shown life for an interval."""
    return time.time() - visit.track.known.beat_at >= session.interval


def beat(visit: Visit, session: Session, *extra: Operation) -> None:
    """Show that the session lives and renew what is below half of its time, where that is due.

    At a git host a sign of life is left out for whom nothing depends on it. Failing to reach
    whoever decides is no reason to disturb anybody here.
    """
    from gitcoord.domain.lock_operations import RenewLocks
    from gitcoord.domain.pausing import Heartbeat

    wishes = list(extra)
    if _due(visit, session):
        locks, claims = _running_out(visit, session)
        if locks:
            wishes.append(RenewLocks(keys=locks))
        if claims or visit.desk.house.wire is None or session.life != "lease":
            wishes.append(Heartbeat())
    if not wishes:
        return
    visit.acted()
    try:
        for reply in visit.desk.house.coordinator.run(*wishes, session=visit.holder(session)):
            if reply.error is not None:
                raise reply.error
    except (Unavailable, Contended, OutcomeUnknown):
        return


def _running_out(visit: Visit, session: Session) -> tuple[tuple[str, ...], bool]:
    """Return the holder's locks below half of their time, and whether a claim is."""
    from gitcoord.domain.locks import holdings
    from gitcoord.domain.tasks import held_by
    from gitcoord.domain.time import seconds_between

    holder = visit.holder(session)
    with visit.desk.state() as state:
        now = visit.desk.now(state)
        locks = tuple(
            lock.key
            for lock in holdings(state, holder)
            if lock.session == holder
            and not lock.task
            and 0 < seconds_between(now, lock.expires_at) < lock.ttl / 2
        )
        claims = any(
            task.lease_until and seconds_between(now, task.lease_until) < task.ttl / 2
            for task in held_by(state, session.id)
        )
    return locks, claims
