"""What a thread shows of the ledger: labels, one comment that is kept up to date, and the check.

Everything that is shown names the state of the ledger that it shows, and never replaces what
shows a newer one. Not here: writing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gitcoord.domain.guarding import Obstruction
from gitcoord.mirror import entries, issues, labels
from gitcoord.mirror.asking import seat
from gitcoord.mirror.commands import WORD
from gitcoord.mirror.effects import Check, Effect, Keep, Label, Say, Stamp, Unlabel
from gitcoord.mirror.facts import Thread, paths_of
from gitcoord.mirror.markdown import clock, code, codes, table, why
from gitcoord.mirror.verdict import Verdict, judged, on_branch, sessions_of

if TYPE_CHECKING:
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.forge import Forge

#: The mark of the comment.
STATUS = "status"
#: Most rows that a table shows; it counts the others.
ROWS = 20


def shown(desk: Desk, forge: Forge, thread: Thread) -> list[Effect]:
    """Return what a thread shall show."""
    if thread.pull is not None:
        return list(_pull(desk, forge, thread))
    with desk.look() as look:
        verdict = judged(look, seat(look, desk.hosted.name, thread), (), ())
        task, _ = issues.latest(look.state, thread, desk.hosted.me)
    shows = {labels.OF_TASK[task.status]} if task else set()
    if verdict.held:
        shows.add(labels.LOCKS)
    return list(_labels(thread, shows))


def group(desk: Desk, forge: Forge, head: str, thread: Thread) -> list[Effect]:
    """Return the check of a commit that GitHub's merge queue has made of a pull request."""
    verdict, stamp = standing(desk, forge, thread)
    return [_check(head, verdict, stamp)]


def told(desk: Desk, forge: Forge, thread: Thread) -> str:
    """Return how it stands with a thread, in Markdown."""
    if thread.pull is not None:
        return comment(standing(desk, forge, thread)[0])
    with desk.look() as look:
        return comment(judged(look, seat(look, desk.hosted.name, thread), (), ()))


def comment(verdict: Verdict) -> str:
    """Return what a verdict says, in Markdown."""
    parts = ["### gitcoord"]
    if verdict.blocked:
        parts += ["**Blocked.** This changes what others hold:", _blocked(verdict.blocked)]
    elif verdict.paths:
        parts.append("Nobody else holds what this changes.")
    elif not (verdict.held or verdict.tasks):
        parts.append("Nothing is held here.")
    if verdict.place is not None:
        parts.append(entries.told(verdict.place))
    if verdict.tasks:
        parts.append(
            "Works on " + ", ".join(f"{code(x.id)} {code(x.title)}" for x in verdict.tasks) + "."
        )
    if verdict.held:
        parts += ["Holds:", _held(verdict)]
    parts.append(f"Ask in a comment with {code(f'{WORD} help')}.")
    return "\n\n".join(parts)


def _pull(desk: Desk, forge: Forge, thread: Thread) -> Iterator[Effect]:
    assert thread.pull is not None
    if not thread.open:
        with desk.look() as look:
            place = entries.place_of(look, thread)
        # Of what was closed long ago and is something else by now nothing is told.
        if place is not None and not place.at and place.same:
            yield Say(thread.number, *entries.ejection(place))
        yield from _labels(thread, set())
        return
    verdict, stamp = standing(desk, forge, thread)
    shows = {labels.LOCKS} if verdict.held else set()
    if verdict.blocked:
        shows.add(labels.BLOCKED)
    if verdict.place is not None:
        shows.add(labels.QUEUED if verdict.place.at else labels.EJECTED)
        if not verdict.place.at:
            yield Say(thread.number, *entries.ejection(verdict.place))
    yield from _labels(thread, shows)
    yield _check(thread.pull.head, verdict, stamp)
    quiet = verdict.ok and not (verdict.held or verdict.tasks or verdict.place)
    yield Keep(thread.number, STATUS, comment(verdict), stamp, quiet)


def standing(desk: Desk, forge: Forge, thread: Thread) -> tuple[Verdict, Stamp]:
    """Return how a pull request stands to what others hold, and in which state of the ledger."""
    assert thread.pull is not None
    pull = thread.pull
    paths = paths_of(forge.files(thread.number, pull.head))
    with desk.look() as look:
        here = seat(look, desk.hosted.name, thread)
        # A fork's commits can name any session, and its branch any other's.
        sessions = on_branch(look, pull.branch) if pull.own else ()
        place = entries.place_of(look, thread)
        found = judged(look, here, paths, sessions)._replace(place=place), look.stamp
    if not found[0].blocked or not pull.own:
        return found
    more = sessions_of(forge.messages(thread.number, pull.head))
    with desk.look() as look:
        place = entries.place_of(look, thread)
        again = judged(look, here, paths, (*sessions, *more))
        return again._replace(place=place), look.stamp


def _check(head: str, verdict: Verdict, stamp: Stamp) -> Check:
    queue = entries.line_of(verdict.place) if verdict.place else ""
    told = entries.told(verdict.place) if verdict.place else ""
    if not verdict.blocked:
        title = queue or "Nobody else holds what this changes."
        return Check(head, verdict.ok, title, told, stamp)
    first = verdict.blocked[0].lock
    others = f" and {len(verdict.blocked) - 1} more" if len(verdict.blocked) > 1 else ""
    title = f"{first.agent} holds {first.key} until {clock(first.expires_at)}{others}"
    summary = "\n\n".join(filter(None, (_blocked(verdict.blocked), told)))
    return Check(head, False, title, summary, stamp)


def _blocked(found: tuple[Obstruction, ...]) -> str:
    rows = [
        [
            code(lock.key),
            f"{code(lock.agent)} ({code(lock.session)})",
            clock(lock.expires_at),
            codes(paths),
            why(lock),
        ]
        for lock, paths in found[:ROWS]
    ]
    return table(["Held", "By", "Until", "Changed here", "Reason"], rows) + _more(len(found))


def _held(verdict: Verdict) -> str:
    rows = [
        [
            code(lock.key),
            lock.mode,
            clock(lock.expires_at),
            why(lock),
        ]
        for lock in verdict.held[:ROWS]
    ]
    return table(["Key", "Mode", "Until", "Reason"], rows) + _more(len(verdict.held))


def _more(count: int) -> str:
    return f"\n\nAnd {count - ROWS} more." if count > ROWS else ""


def _labels(thread: Thread, shows: set[str]) -> Iterator[Effect]:
    there = labels.shown(thread.names)
    yield from (Label(thread.number, name) for name in sorted(shows - there))
    yield from (Unlabel(thread.number, name) for name in sorted(there - shows))
