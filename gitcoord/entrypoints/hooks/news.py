"""What an agent is told without asking: who is here, and what has happened since.

Says only what is new and concerns it: messages, what was taken from it, others' locks and
changes where it works. What was put before an agent counts as delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitcoord.clients.event import NOTHING, Reply
from gitcoord.domain.sessions import root
from gitcoord.entrypoints.cli.render import ago, left

if TYPE_CHECKING:
    from gitcoord.domain.changes import Change
    from gitcoord.domain.keys import Key
    from gitcoord.domain.locks import Lock
    from gitcoord.domain.mailbox import Message
    from gitcoord.domain.sessions import Session
    from gitcoord.domain.state import State
    from gitcoord.entrypoints.hooks.visit import Visit

#: Lines of each kind, and characters of a message, that are told at once.
LINES, EXCERPT = 5, 1000
#: Changes of everybody, newest first, among which news are looked for.
RECENT = 500
#: Messages that do not wait for the next prompt.
URGENT = ("high", "urgent")


def since(visit: Visit, session: Session) -> Reply:
    """Return what is new since the last time, as context; nothing where nothing is."""
    known = visit.track.known
    with visit.desk.state() as state:
        now = visit.desk.now(state)
        lines = [
            *_notices(visit, state, session, known.told_at or session.started_at),
            *_about_files(visit, state, session, known.told_at or session.started_at, now),
        ]
        waiting = unread_of(state, visit, session, now)
        lines += [message(one, now) for one in waiting]
    known.told_at = now
    visit.track.keep()
    delivered(visit, session, waiting)
    return Reply(context="gitcoord news:\n" + "\n".join(lines)) if lines else NOTHING


def urgent(visit: Visit, session: Session) -> Reply:
    """Return the messages, and the warnings about its use, that do not wait for the next prompt."""
    with visit.desk.state() as state:
        lines = _warnings(visit, state, session)
        found = []
        if state.has("messages", "open"):
            now = visit.desk.now(state)
            found = [x for x in unread_of(state, visit, session, now) if x.priority in URGENT]
            lines += [message(one, now) for one in found]
    delivered(visit, session, found)
    return Reply(context="gitcoord:\n" + "\n".join(lines)) if lines else NOTHING


def delivered(visit: Visit, session: Session, messages: list[Message]) -> None:
    """Have the ledger remember, with the next decision, that these were put before the agent."""
    from gitcoord.domain.messages import ReceiveMessages

    if messages:
        wish = ReceiveMessages(ids=tuple(one.id for one in messages), state="delivered")
        visit.track.mark("told", wish.ids)
        visit.desk.house.coordinator.later(wish, session=session.id)


def unread_of(state: State, visit: Visit, session: Session, now: str) -> list[Message]:
    """Return messages for the session that neither the ledger nor we remember as delivered."""
    from gitcoord.domain.mailbox import unread

    told = visit.track.marked("told")
    return [one for one in unread(state, session.id, now) if one.id not in told]


def message(one: Message, now: str) -> str:
    """Return a message as the agent reads it."""
    to = "" if one.to else " to all"
    text = " ".join(one.text.split())[:EXCERPT]
    ack = f" (acknowledge: gitcoord message ack {one.id})" if one.needs_ack else ""
    return f"Message from {one.agent}{to}, {ago(now, one.at)}: {text}{ack}"


def _notices(visit: Visit, state: State, session: Session, since: str) -> list[str]:
    from gitcoord.domain.notices import told

    known = visit.track.marked("told")
    found = [x for x in told(state, session.id, since) if x.at > since and x.id not in known]
    return [f"NOTICE: {one.text}" for one in found][-LINES:]


def _warnings(visit: Visit, state: State, session: Session) -> list[str]:
    """Return what the session was warned of by rules about its use, each once."""
    from gitcoord.domain.notices import told
    from gitcoord.domain.restraint import NOTICE
    from gitcoord.domain.sessions import Session as Kind

    now = state.get(Kind, session.id, archived=False)
    if now is None or now.restraint is None:
        return []
    since = visit.track.known.told_at or session.started_at
    found = [one for one in told(state, session.id, since) if one.kind == NOTICE]
    known = visit.track.marked("told")
    new = [one for one in found if one.id not in known and one.at > since]
    visit.track.mark("told", (one.id for one in new))
    return [f"NOTICE: {one.text}" for one in new]


def _about_files(
    visit: Visit, state: State, session: Session, since: str, now: str
) -> Iterator[str]:
    scope = _scope(state, session)
    if not scope:
        return
    locks = [lock for lock in _others_locks(state, session, scope) if lock.acquired_at > since]
    for lock in locks[:LINES]:
        reason = f": {lock.reason}" if lock.reason else ""
        yield f"{lock.agent} has locked {lock.key} ({left(now, lock.expires_at)} left){reason}"
    changes = _others_changes(visit, state, session, scope)
    for change in changes[:LINES]:
        word = {"create": "created", "delete": "deleted", "rename": "renamed"}.get(
            change.kind, "changed"
        )
        yield f"{change.agent} {word} {change.path}, {ago(now, change.at)}"
    if len(changes) > LINES:
        yield f"and {len(changes) - LINES} more files: gitcoord change list"


def _scope(state: State, session: Session) -> list[Key]:
    """Return where the session works: what it declared, what it holds, what it changed last."""
    from gitcoord.domain.changes import recent
    from gitcoord.domain.key_index import stored, wanted
    from gitcoord.domain.keys import escape
    from gitcoord.domain.locks import holdings

    texts = [*session.files, *(lock.key for lock in holdings(state, session.id))]
    texts += [
        wanted(state.settings, escape(x.path)).text for x in recent(state, session=session.id)
    ]
    for area in state.settings.areas:
        if session.area and area.name == session.area:
            texts += [wanted(state.settings, pattern).text for pattern in area.patterns]
    return [stored(text) for text in dict.fromkeys(texts)]


def _others_locks(state: State, session: Session, scope: list[Key]) -> list[Lock]:
    from gitcoord.domain.key_index import near, stored
    from gitcoord.domain.locks import Lock
    from gitcoord.domain.overlap import overlap

    found = {
        lock.name: lock
        for key in scope
        for lock in near(state, Lock, key)
        if root(lock.session) != session.id and overlap(key, stored(lock.key))
    }
    return sorted(found.values(), key=lambda lock: lock.acquired_at)


def _others_changes(visit: Visit, state: State, session: Session, scope: list[Key]) -> list[Change]:
    """Return others' changes in the scope that were not told yet, each file of each once.

    By their ids and not by their time: a change may be recorded long after it was made.
    """
    from gitcoord.domain.changes import recent
    from gitcoord.domain.overlap import matches

    told = visit.track.marked("told")
    found = [
        one
        for one in recent(state, since=session.started_at, limit=RECENT)
        if root(one.session) != session.id
        and one.id not in told
        and any(matches(key, one.path) for key in scope)
    ]
    visit.track.mark("told", (one.id for one in found))
    latest: dict[tuple[str, str], Change] = {}
    for one in found:
        latest.setdefault((one.path, one.session), one)
    return list(latest.values())
