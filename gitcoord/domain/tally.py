"""What a session has used of the limits of its profile, kept with the session.

Only sessions with such a limit have one. Sub-agents count to their session. Not here: what
happens at a limit (`permission`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.time import Time, plus

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Seconds in which calls are counted.
HOUR = 3600.0


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Files and calls of a session."""

    #: Distinct keys of files that it has locked, and paths that it has changed.
    files: tuple[str, ...] = ()
    #: Minute -> operations in it, of the last hour.
    calls: dict[str, int] = {}

    def recent(self, now: Time) -> dict[str, int]:
        """Return the calls of the hour before `now`, by minute."""
        begin = _minute(plus(now, -HOUR))
        return {minute: count for minute, count in self.calls.items() if minute > begin}

    def called(self, now: Time) -> Tally:
        """Return the tally with one more call."""
        calls = self.recent(now)
        minute = _minute(now)
        calls[minute] = calls.get(minute, 0) + 1
        return msgspec.structs.replace(self, calls=calls)

    def free_at(self, now: Time) -> Time:
        """Return when the oldest minute with a call has left the hour."""
        oldest = min(self.recent(now), default=_minute(now))
        return plus(f"{oldest}:00.000Z", HOUR + 60.0)


def files_of(state: State, session: str, before: Tally) -> tuple[str, ...]:
    """Return the files of a session, ordered: those known before, those that it holds or changed.

    A folder or a pattern counts as one, and every file that is changed below it as another.
    """
    from gitcoord.domain.changes import Change
    from gitcoord.domain.key_index import stored
    from gitcoord.domain.keys import FILE
    from gitcoord.domain.locks import holdings

    keys = {lock.key for lock in holdings(state, session) if stored(lock.key).namespace == FILE}
    paths = {change.path for change in state.find(Change, f"by:{session}")}
    return tuple(sorted({*before.files, *keys, *paths}))


def _minute(time: Time) -> str:
    return time[:16]
