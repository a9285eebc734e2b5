"""After a tool has run: what it changed is recorded, the session beats, news are passed on.

All of it rides on decisions that are made anyway; a beat of its own is due once in an
interval. Not here: what the turn's end does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitcoord.clients.event import Reply
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


def record(visit: Visit, session: Session, places: Sequence[Place]) -> None:
    """Note the changes of this tool, and those that the fast way has noted."""
    drafts = [ChangeDraft(path=one.path, at=from_epoch(one.at)) for one in visit.track.touched()]
    drafts += [_draft(visit, place) for place in places]
    spool(visit, session, drafts)


def spool(visit: Visit, session: Session, drafts: Iterable[ChangeDraft]) -> None:
    """Let the changes ride on this machine's next decision, each file once."""
    newest = {(draft.path, draft.kind): draft for draft in drafts}
    if newest:
        wish = RecordChanges(changes=tuple(newest.values())[:MOST])
        visit.desk.house.coordinator.later(wish, session=visit.holder(session))


def _draft(visit: Visit, place: Place) -> ChangeDraft:
    summary = visit.track.known.about[:200]
    if place.old_path:
        return ChangeDraft(path=place.path, kind="rename", old_path=place.old_path, summary=summary)
    return ChangeDraft(path=place.path, kind=place.kind, summary=summary)  # type: ignore[arg-type]


def tools(visit: Visit, session: Session, places: Sequence[Place]) -> Reply:
    """Do what is due after a tool, and return what the agent should hear at once."""
    record(visit, session, places)
    known = visit.track.known
    if visit.event.step == "failed":
        known.errors += 1
        visit.track.keep()
    beat(visit, session)
    return urgent(visit, session)


def beat(visit: Visit, session: Session, *extra: Operation) -> None:
    """Show that the session lives, if that is due or something else is to be decided.

    Failing to reach whoever decides is no reason to disturb anybody here.
    """
    from gitcoord.domain.pausing import Heartbeat

    known, now = visit.track.known, time.time()
    due = now - known.beat_at >= session.interval
    if not (due or extra):
        return
    known.beat_at = now
    visit.track.keep()
    wishes = list(extra) or [Heartbeat()]
    try:
        for reply in visit.desk.house.coordinator.run(*wishes, session=visit.holder(session)):
            if reply.error is not None:
                raise reply.error
    except (Unavailable, Contended, OutcomeUnknown):
        return
