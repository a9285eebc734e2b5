"""What commits say about the coordination under which they were made: two trailers.

`Coord-Session:` names the session or sub-agent, `Coord-Token:` the highest fencing token
(epoch/n) under which it held any of the paths of the commit. Anybody can write them: they
are for a guard, which is a check. Form of trailers:
https://git-scm.com/docs/git-interpret-trailers
"""

from __future__ import annotations

from typing import NamedTuple

SESSION = "Coord-Session"
TOKEN = "Coord-Token"
#: The longest text that can be a token.
_LONGEST = 40


class Made(NamedTuple):
    """By which session a commit was made, and under which token, if under any."""

    session: str
    token: tuple[int, int] | None = None


def lines(made: Made) -> list[str]:
    """Return the trailers of a commit, one line each."""
    found = [f"{SESSION}: {made.session}"]
    if made.token is not None:
        found.append(f"{TOKEN}: {made.token[0]}/{made.token[1]}")
    return found


def made(session: str, token: str) -> Made | None:
    """Return what the values of the two trailers say; None where no session is named."""
    return Made(session, _token(token)) if session else None


def _token(text: str) -> tuple[int, int] | None:
    epoch, _, number = text.partition("/")
    plain = len(text) <= _LONGEST and text.isascii() and epoch.isdigit() and number.isdigit()
    return (int(epoch), int(number)) if plain else None
