"""The sessions as rows: how each fares, what it works on, what it has used; and their list.

Not here: one session with all that belongs to it (`session`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.observatory import observed
from gitcoord.domain.sessions import Session
from gitcoord.domain.tasks import held_by
from gitcoord.domain.time import Time, seconds_between
from gitcoord.domain.usage import Usage
from gitcoord.entrypoints.cli.roster import live
from gitcoord.errors import InvalidValue
from webhook.dashboard.past import Sight, sight

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.domain.tasks import Task
    from webhook.api.asking import Asking

#: Live sessions of a page of the list, and ended ones that it shows.
ROWS, ENDED = 100, 100


class Standing(NamedTuple):
    """How a session fares: a word of `words.SHAPES`, and why, in words."""

    status: str
    why: str = ""


class Row(NamedTuple):
    """One session as a table shows it."""

    session: Session
    standing: Standing
    tasks: list[Task]
    locks: int
    seen_at: Time
    #: Seconds from check-in to its end, or to now.
    duration: float
    #: None: nothing was reported.
    usage: Usage | None


def standing(state: State, session: Session, now: Time, beaten_at: Time = "") -> Standing:
    """Return how the session fares at `now`; `beaten_at`: its last beat where one is known."""
    found = observed(state, session, now, beaten_at)
    return Standing(found.status, found.why)


def row(seen: Sight, session: Session) -> Row:
    """Return the session as a table shows it."""
    beat = None if session.archived else seen.beats.get(session.id)
    beaten = "" if beat is None else beat.at
    return Row(
        session,
        standing(seen.state, session, seen.now, beaten),
        held_by(seen.state, session.id),
        len(seen.snapshot.find("locks", f"by:{session.id}")),
        max(session.seen_at, beaten),
        seconds_between(session.started_at, session.ended_at or seen.now),
        session.usage,
    )


def here(seen: Sight) -> list[Row]:
    """Return the live sessions: what wants attention first, then by agent."""
    rows = [row(seen, one) for one in live(seen.state)]
    return sorted(rows, key=lambda one: _TURN.get(one.standing.status, len(_TURN)))


def gone(seen: Sight, word: str = "", limit: int = ENDED) -> list[Row]:
    """Return the sessions that ended last, the newest first, those that a word finds."""
    terms = seen.snapshot.scan("archive/sessions", "end:")
    names = reversed([name for _, name in terms])
    known = (one for one in (seen.state.get(Session, name) for name in names) if one is not None)
    return [row(seen, one) for one in islice((x for x in known if finds(word, x)), limit)]


def finds(word: str, session: Session) -> bool:
    """Say whether the word is a part of the session's name or id; the empty one is of all."""
    return word.casefold() in f"{session.agent}\n{session.id}".casefold()


def tally(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many sessions there are of each status, in the order of the list."""
    found: dict[str, int] = {}
    for one in rows:
        found[one.standing.status] = found.get(one.standing.status, 0) + 1
    return found


def shown(asking: Asking, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what the list of sessions shows: all, of one `status`, or those a word finds.

    Raises `InvalidValue` for a `page` that is no number.
    """
    status, word = given.get("status", ""), given.get("find", "").strip()
    page = given.get("page", "1")
    if not (page.isdecimal() and page.isascii() and int(page[:9]) > 0):
        raise InvalidValue(f"not the number of a page: {page!r}", hint="Begin with 1.")
    first = (int(page[:9]) - 1) * ROWS
    with sight(asking, given.get("at", "")) as seen:
        everybody = [one for one in here(seen) if finds(word, one.session)]
        chosen = [one for one in everybody if status in ("", one.standing.status)]
        return {
            "rows": chosen[first : first + ROWS],
            "count": len(chosen),
            "tally": tally(everybody),
            "status": status,
            "find": word,
            "page": int(page[:9]),
            "pages": max(1, -(-len(chosen) // ROWS)),
            "gone": gone(seen, word),
            "now": seen.now,
            "point": seen.point,
            "live": seen.point is None,
        }


_TURN = {name: at for at, name in enumerate(("stuck", "paused", "active", "idle"))}
