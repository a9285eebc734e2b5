"""Counting what a session uses of the limits of its profile, and refusing a file too many.

Files are counted after an operation, from what the session then holds, so that locks, claims and
take-overs count alike; the refusal undoes the operation. Not here: limits that are looked at
before (`permission`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from gitcoord.domain.assignments import standing
from gitcoord.domain.key_index import listed, wanted
from gitcoord.domain.keys import FILE
from gitcoord.domain.profiles import Profile
from gitcoord.domain.rights import Kind
from gitcoord.domain.sessions import Session
from gitcoord.domain.tally import Tally, files_of
from gitcoord.errors import ResourceLimitExceeded

if TYPE_CHECKING:
    from gitcoord.domain.operation import Context
    from gitcoord.domain.state import State

#: Kinds of operations that count as calls.
COUNTED: frozenset[Kind] = frozenset({"claim", "write", "admin", "govern"})
#: The kind of the notices that are written here.
NOTICE = "profile"


def new_files(state: State, session: Session, keys: Iterable[str]) -> set[str]:
    """Return those of the keys that would be locked as files and do not count yet.

    Raises what is wrong with a key.
    """
    settings = state.settings
    found = (wanted(settings, key) for key in keys)
    asked = {
        x.text for x in found if x.namespace == FILE and not listed(settings, x, settings.ignore)
    }
    return asked - set(files_of(state, session.id, session.tally or Tally()))


def counts(state: State, id: str, key: str) -> bool:
    """Say whether a key counts among the files of the session already."""
    session = state.get(Session, id) if id else None
    return session is not None and key in files_of(state, session.id, session.tally or Tally())


def count(
    state: State,
    context: Context,
    session: str,
    kind: Kind,
    profile: Profile,
    files_before: tuple[str, ...],
) -> None:
    """Count the operation, and refuse it where it has added a file too many.

    What came to the session otherwise (a place in a queue, a hook's report) is only counted.
    """
    now = state.get(Session, session)
    if now is None or now.archived:
        return
    before = now.tally or Tally()
    after, limit = before, profile.max_files
    if limit is not None:
        files = files_of(state, session, before)
        if len(files) > limit and files != files_before:
            if kind != "leave":
                raise _refusal(state, now, files, limit)
            if len(files_before) <= limit:
                from gitcoord.domain.notices import tell

                text = f"You have changed {len(files)} files; your profile allows {limit}."
                tell(state, context, session, NOTICE, text)
        after = msgspec.structs.replace(after, files=files)
    if profile.max_calls is not None and kind in COUNTED:
        after = after.called(context.now)
    if after != before:
        state.put(msgspec.structs.replace(now, tally=after))


def _refusal(
    state: State, session: Session, files: tuple[str, ...], limit: int
) -> ResourceLimitExceeded:
    found = standing(state, session)
    return ResourceLimitExceeded(
        f"session {session.id} of {session.agent} may lock or change {limit} files "
        f"(profile {found.profile.name}); this would make {len(files)}",
        hint="What it has locked or changed before counts on; a person can raise the limit.",
        agent=session.agent,
        session=session.id,
        profile=found.profile.name,
        limit={"max_files": limit},
        used=len(files),
    )
