"""The full way of a hook: read the event, do the step, print the client's answer.

What goes wrong on our side lets the agent work on and is said once in a conversation; a
proven conflict does not. Standard output carries the answer and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.clients import adapters
from gitcoord.clients.event import NOTHING, Event, Reply, Said, joined
from gitcoord.entrypoints.hooks.visit import Visit
from gitcoord.errors import (
    GitcoordError,
    NotARepository,
    NotInitialised,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.entrypoints.hooks.fast import Limit

#: Seconds of a hook's time that must be left for what nobody waits for.
SPARE = 0.8


def answer(client: str, name: str, data: bytes, limit: Limit) -> int:
    """Answer one call of a hook and return the exit code of its process."""
    try:
        adapter = adapters.hooks(client)
    except UsageError as wrong:
        # Exit code 2 would make some clients stop every tool.
        print(f"gitcoord: {wrong.message} {wrong.hint or ''}", file=sys.stderr)
        return 1
    headless = os.environ.get("CLAUDE_CODE_ENTRYPOINT", "").startswith("sdk")
    try:
        body = _decoded(data)
        event = adapter.read(name, body if isinstance(body, dict) else {}, headless=headless)
    except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
        event = Event(client=client, name=name, step=adapter.STEPS.get(name, "other"))
        unread = Reply(remark=f"gitcoord: the hook's input cannot be read ({wrong})")
        return _print(adapter.write(event, unread), limit)
    if event.step == "other" or not event.session:
        return 0
    try:
        visit = Visit(event, os.environ, limit)
    except NotARepository:
        return 0
    try:
        return _print(adapter.write(event, _replied(visit)), limit)
    except Exception as bug:  # noqa: BLE001 - the last door: our bug is not the agent's
        return _print(adapter.write(event, _broken(visit, bug)), limit)
    finally:
        # The answer is out, so that there is time for what nobody waits for.
        visit.close(upkeep=event.step != "before" and limit.left() > SPARE)


def _decoded(data: bytes) -> Any:
    """Return the JSON document; what is no character in it is replaced.

    Clients cut texts in the middle of a character, and write files that are no UTF-8. That must
    not open a file that somebody holds. Raises `msgspec.DecodeError`, ValueError, RecursionError.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        import json

        found = json.loads(data.decode("utf-8", "replace"))
        whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.decode(whole)


def _print(said: Said, limit: Limit) -> int:
    if limit.speak():
        if said.stderr:
            sys.stderr.write(said.stderr)
            sys.stderr.flush()
        sys.stdout.write(said.stdout)
        sys.stdout.flush()
        limit.spoken()
    return said.code


def _replied(visit: Visit) -> Reply:
    """Return the reply to the event, whatever goes wrong with the ledger."""
    try:
        if not visit.has_ledger():
            return _guardrails(visit)
        return _step(visit)
    except NotARepository:
        return NOTHING
    except NotInitialised:
        return _guardrails(visit)
    except SessionPaused as paused:
        return _stopped(visit, f"{paused.message}. {paused.hint or ''} Until then, wait.")
    except GitcoordError as trouble:
        return _guardrails(visit, _told_once(visit, trouble))


def _step(visit: Visit, *, again: bool = False) -> Reply:
    from gitcoord.entrypoints.hooks import arrive

    if visit.event.step == "start":
        return arrive.begin(visit)
    with visit.desk.state() as state:
        session = visit.session(state)
    more = NOTHING
    if session is None:
        if visit.event.step in ("end", "sub_stop"):
            return NOTHING
        checked_in = arrive.again(visit)
        if checked_in is None:
            return _ended(visit)
        session, more = checked_in
    try:
        reply = _STEPS[visit.event.step](visit, session)
    except (SessionEnded, SessionNotFound):
        # It was ended just now: by a sweep, then it is checked in anew; or by a person, who is
        # obeyed before the tool runs that was asked about.
        return more if again else joined(more, _step(visit, again=True))
    return joined(more, reply)


def _before(visit: Visit, session: Session) -> Reply:
    from gitcoord.domain.restraint import stopped
    from gitcoord.entrypoints.hooks import edits, shell
    from gitcoord.entrypoints.hooks.places import placed

    if session.status == "paused":
        raise stopped(session)
    event = visit.event
    judged = shell.judged(visit) if event.command or event.edits else NOTHING
    if judged.verdict == "deny":
        return judged
    places = placed(visit, event.edits or shell.written(visit))
    if not event.edits:
        places = shell.tracked(visit, places)
    locked = edits.guard(visit, session, places)
    if locked.verdict == "deny":
        return locked
    # When the tool is done nobody can see any more whether it made the file.
    visit.track.mark("new", (place.path for place in places if place.kind == "create"))
    return joined(judged, locked)


def _after(visit: Visit, session: Session) -> Reply:
    from gitcoord.entrypoints.hooks import after, shell
    from gitcoord.entrypoints.hooks.places import placed

    places = []
    if visit.event.step == "after":
        edits = visit.event.edits or shell.written(visit)
        places = placed(visit, edits)
        if not visit.event.edits:
            places = shell.tracked(visit, places)
    return after.tools(visit, session, places)


def _prompt(visit: Visit, session: Session) -> Reply:
    from gitcoord.entrypoints.hooks import arrive

    return arrive.prompted(visit, session)


def _sub_start(visit: Visit, session: Session) -> Reply:
    from gitcoord.entrypoints.hooks import arrive

    return arrive.sub_agent(visit, session)


def _leave(visit: Visit, session: Session) -> Reply:
    from gitcoord.entrypoints.hooks import leave

    if visit.event.step == "end":
        return leave.end(visit, session)
    return (leave.sub_rest if visit.event.step == "sub_stop" else leave.rest)(visit, session)


_STEPS: dict[str, Callable[[Visit, Session], Reply]] = {
    "prompt": _prompt,
    "before": _before,
    "after": _after,
    "failed": _after,
    "sub_start": _sub_start,
    "stop": _leave,
    "sub_stop": _leave,
    "end": _leave,
}


def _guardrails(visit: Visit, beside: Reply = NOTHING) -> Reply:
    """Judge a command where there is no ledger to ask; `beside` is said anyway."""
    from gitcoord.entrypoints.hooks import shell
    from gitcoord.entrypoints.project_file import has_file

    if visit.event.step != "before" or not (visit.event.command or visit.event.edits):
        return beside
    if beside is NOTHING and not has_file(visit.desk.repository.worktree):
        # A repository that has nothing of gitcoord: its hooks are set up for others.
        return NOTHING
    try:
        judged = shell.judged(visit)
    except GitcoordError as trouble:
        return joined(beside, _told_once(visit, trouble))
    return judged if judged.verdict else joined(beside, judged)


def _told_once(visit: Visit, trouble: GitcoordError) -> Reply:
    if not visit.track.first(trouble.code):
        return NOTHING
    hint = f" {trouble.hint}" if trouble.hint else ""
    return Reply(
        remark=f"gitcoord does not guard this conversation now: {trouble.code}: "
        f"{trouble.message}.{hint} This is said once."
    )


def _broken(visit: Visit, bug: Exception) -> Reply:
    """Return what is said of a bug of ours, once; the traceback is kept for a report."""
    import traceback

    where = visit.keep_bug("".join(traceback.format_exception(bug)))
    if not visit.track.first("bug"):
        return NOTHING
    return Reply(
        remark=f"gitcoord: this is a bug in its hook ({bug!r}); the agent works on without it. "
        f"Details: {where}. This is said once."
    )


def _ended(visit: Visit) -> Reply:
    """Obey a person who has ended the session: nothing more is done in its name."""
    with visit.desk.state() as state:
        former = visit.former(state)
    if former is None:
        return NOTHING
    why = f": {former.summary}" if former.summary else ""
    return _stopped(
        visit,
        f"session {former.id} of {former.agent} was ended by a person{why}. Stop working, and "
        "tell your person; a new conversation, or `gitcoord session start`, begins anew.",
    )


def _stopped(visit: Visit, why: str) -> Reply:
    event = visit.event
    if event.step == "before":
        return Reply(verdict="deny", reason=f"gitcoord: {why}")
    return Reply(context=f"gitcoord: {why}") if event.step == "prompt" else NOTHING
