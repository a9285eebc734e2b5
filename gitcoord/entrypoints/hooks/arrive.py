"""When a conversation begins or a person types: check in, and say what there is to know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitcoord.clients.event import Reply
from gitcoord.domain.sessions import Session
from gitcoord.entrypoints import announced
from gitcoord.entrypoints.hooks import news, spent
from gitcoord.storage.repository import home

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Started
    from gitcoord.domain.state import State
    from gitcoord.entrypoints.hooks.visit import Visit

#: Seconds after which a git host is asked again for news when somebody types.
OLD = 10.0
#: Beginnings that go on with the work of the conversation before, under another id.
CONTINUING = ("clear",)
HOW = (
    "gitcoord coordinates everybody who works in this repository. Files that you edit are locked "
    "for you and freed when the work has landed; an edit of what somebody else holds is refused "
    "with the reason. `gitcoord task next` claims work, `gitcoord context` shows who does what."
)


def begin(visit: Visit) -> Reply:
    """Check in, or go on, and return what the agent needs to know now."""
    from gitcoord.entrypoints.cli.context import about, fit

    visit.track.drop_memo()
    if visit.event.client in announced.SILENT and visit.client_process is not None:
        announced.announce(home(visit.desk.repository), visit.client, visit.client_process)
    visit.heard(0.0)
    with visit.desk.state() as state:
        before = visit.session(state)
        former = None if before else visit.former(state)
        continued = None if before else _continued(visit, state)
    if visit.inherited:
        session = before or former
        conflicts: list[str] = []
    else:
        started = visit.check_in(continued)
        session, conflicts = started.session, _conflicts(started)
        if continued is not None:
            spent.carry_over(visit, session)
    if session is None:
        return Reply(remark=f"gitcoord: there is no session {visit.inherited} (GITCOORD_SESSION)")
    with visit.desk.state() as state:
        now = visit.desk.now(state)
        visit.desk.__dict__["holder"] = visit.holder(session)
        found = about(visit.desk, state, now, state.get(Session, session.id))
        # Messages are told in full beside them, and count as delivered.
        sections = [section for section in found if section.name != "messages"]
        text, _ = fit(sections, visit.desk.settings.context_budget)
        waiting = news.unread_of(state, visit, session, now)
    visit.track.known.told_at = now
    visit.acted()
    news.delivered(visit, session, waiting)
    lost = _lost(former)
    told = [news.message(one, now) for one in waiting]
    return Reply(context="\n".join([HOW, *lost, text, *conflicts, *told]))


def again(visit: Visit) -> tuple[Session, Reply] | None:
    """Check in a conversation that is not, or has timed out; None where a person has ended it."""
    with visit.desk.state() as state:
        former = visit.former(state)
    if visit.inherited or (former is not None and former.status == "killed"):
        return None
    session = visit.check_in().session
    if former is None or former.status != "timed_out":
        return session, Reply()
    back = _taken_back(visit, session, former)
    text = "\n".join([*_lost(former), *back])
    return session, Reply(context=text)


def prompted(visit: Visit, session: Session) -> Reply:
    """Remember what the conversation is about, and return the news.

    A paused session is refused as by any operation, here for its agent to tell its person.
    """
    from gitcoord.domain.restraint import stopped
    from gitcoord.entrypoints.hooks import signals

    if not visit.event.agent:
        signals.begin_anew(visit)
        visit.track.keep()
    if session.status == "paused":
        raise stopped(session)
    text = " ".join(visit.event.text.split())
    if (
        text
        and not visit.event.agent
        and not text.startswith(("/", "<"))
        and visit.desk.settings.share_prompts
    ):
        visit.track.known.about = text[:200]
    visit.heard(OLD)
    return news.since(visit, session)


def sub_agent(visit: Visit, session: Session) -> Reply:
    """Tell a sub-agent under which name it holds what it edits."""
    return Reply(
        context=f"{HOW} You are a sub-agent of {session.agent}: what you edit is held by "
        f"{visit.holder(session)}."
    )


def _continued(visit: Visit, state: State) -> Session | None:
    """Return the session of the conversation that this one goes on from (DESIGN §5)."""
    if visit.event.reason not in CONTINUING or visit.inherited:
        return None
    mine = [
        one
        for one in state.find(Session, f"machine:{visit.desk.house.ledger.machine}")
        if one.client == visit.event.client and one.worktree and _same_place(visit, one)
    ]
    if visit.process is not None:
        mine = [one for one in mine if one.process == visit.process]
    else:
        mine = [one for one in mine if one.idle_since or one.life == "lease"]
    return mine[0] if len(mine) == 1 else None


def _same_place(visit: Visit, one: Session) -> bool:
    here = visit.desk.house.repository.worktree or ""
    return os.path.realpath(one.worktree) == os.path.realpath(here)


def _conflicts(started: Started) -> list[str]:
    return [
        f"{one.agent} works on the same: "
        + ", ".join((*one.overlapping_areas, *one.overlapping_files))
        for one in started.conflicts
    ]


def _lost(former: Session | None) -> list[str]:
    if former is None or former.status != "timed_out":
        return []
    lost = ", ".join((*former.lost_keys, *former.lost_tasks))
    return [f"Your session {former.id} was ended ({former.outcome}). It lost: {lost or 'nothing'}."]


def _taken_back(visit: Visit, session: Session, former: Session) -> list[str]:
    """Take what the dead session held and what is still free; say what is not."""
    from gitcoord.domain.lock_operations import AcquireLocks

    lines = []
    wishes = [AcquireLocks(keys=(key,)) for key in former.lost_keys[:50]]
    if wishes:
        replies = visit.desk.house.coordinator.run(*wishes, session=session.id)
        for wish, reply in zip(wishes, replies, strict=True):
            how = "is yours again" if reply.error is None else f"is not: {reply.error.message}"
            lines.append(f"{wish.keys[0]} {how}.")
    return lines
