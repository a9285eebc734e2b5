"""GitHub's limits: requests an hour for each account, and how much at once.

The primary limit always counts. The secondary ones are measured always and enforced when
`strict`; both can be used up by order. Source: GitHub's pages on rate limits of the REST API.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.servers.github.ask import Ask, Refusal, Said

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.world import World

#: Requests an hour by kind of token.
HOURLY = {"nobody": 60, "user": 5000, "installation": 5000, "actions": 1000, "app": 5000}
#: Points a minute; a GET is one, everything else five.
POINTS, WRITE = 900, 5
#: Requests that make content: a minute, an hour.
MAKES_MINUTE, MAKES_HOUR = 80, 500
#: What a secondary limit asks to wait, in seconds.
WAIT = 60
HOUR, MINUTE = 3600, 60


@dataclass
class Account:
    """What one token's owner has used."""

    started: float
    used: int = 0
    points: deque[tuple[float, int]] = field(default_factory=deque)
    makes: deque[float] = field(default_factory=deque)


class Limits:
    """The books of all who ask."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._books: dict[str, Account] = {}
        #: Requests an hour by kind of token; change it to make a limit small.
        self.hourly = dict(HOURLY)
        #: Whether the secondary limits are enforced.
        self.strict = False
        #: The most that was used within any minute (points, makes) and hour (used, makes).
        self.peaks: dict[str, int] = defaultdict(int)
        self._ordered: list[tuple[int, int]] = []

    def exhaust(self, actor: Actor | None = None, seconds: float = HOUR) -> None:
        """Use up the primary limit of one (None: of all who have asked) for so many seconds."""
        now = self._world.clock()
        books = [self._book(actor)] if actor else list(self._books.values())
        for book in books:
            book.started, book.used = now - HOUR + seconds, 10**6

    def secondary(self, times: int = 1, *, retry_after: int = WAIT, status: int = 403) -> None:
        """Refuse the next requests for going too fast."""
        self._ordered += [(status, retry_after)] * times

    def admit(self, ask: Ask) -> None:
        """Let a request pass, or refuse it: it counts either way."""
        book = self._book(ask.actor)
        now, write = self._world.clock(), ask.method not in {"GET", "HEAD"}
        if self._ordered:
            status, wait = self._ordered.pop(0)
            raise _too_fast(status, wait)
        if book.used >= self.hourly[ask.actor.kind]:
            words = f"API rate limit exceeded for {ask.actor.account.login}."
            raise Refusal(403, words)
        book.used += 1
        book.points.append((now, WRITE if write else 1))
        if write:
            book.makes.append(now)
        self._measure(book, now)

    def _measure(self, book: Account, now: float) -> None:
        while book.points[0][0] <= now - MINUTE:
            book.points.popleft()
        while book.makes and book.makes[0] <= now - HOUR:
            book.makes.popleft()
        figures = {
            "points_minute": sum(points for _, points in book.points),
            "makes_minute": sum(at > now - MINUTE for at in book.makes),
            "makes_hour": len(book.makes),
            "used_hour": book.used,
        }
        for name, figure in figures.items():
            self.peaks[name] = max(self.peaks[name], figure)
        most = {"points_minute": POINTS, "makes_minute": MAKES_MINUTE, "makes_hour": MAKES_HOUR}
        if self.strict and any(figures[name] > limit for name, limit in most.items()):
            raise _too_fast(403, WAIT)

    def give_back(self, actor: Actor) -> None:
        """Take a request off the books: the answer was 304."""
        self._book(actor).used -= 1

    def headers(self, actor: Actor) -> tuple[tuple[str, str], ...]:
        """Return what every answer says of the limit."""
        row = self.row(actor)
        names = {name: f"X-RateLimit-{name.title()}" for name in ("limit", "remaining", "used")}
        return (
            *((header, str(row[name])) for name, header in names.items()),
            ("X-RateLimit-Reset", str(row["reset"])),
            ("X-RateLimit-Resource", "core"),
        )

    def row(self, actor: Actor) -> dict[str, int]:
        """Return how much an actor has left."""
        book, limit = self._book(actor), self.hourly[actor.kind]
        used = min(book.used, limit)
        reset = int(book.started + HOUR)
        return {"limit": limit, "remaining": limit - used, "used": used, "reset": reset}

    def _book(self, actor: Actor) -> Account:
        # Each repository's GITHUB_TOKEN has a limit of its own, each installation too.
        name = f"{actor.kind} {actor.account.login} {actor.repositories}"
        now = self._world.clock()
        book = self._books.get(name)
        if book is None or book.started + HOUR <= now:
            book = self._books[name] = Account(now)
        return book


def _too_fast(status: int, wait: int) -> Refusal:
    words = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    return Refusal(status, words, headers=(("Retry-After", str(wait)),))


def overview(ask: Ask) -> Said:
    """GET /rate_limit: asking costs nothing."""
    row = ask.github.limits.row(ask.actor)
    other: dict[str, Any] = {"limit": 30, "remaining": 30, "used": 0, "reset": row["reset"]}
    return Said(200, {"resources": {"core": row, "search": other}, "rate": row})
