"""Which files sessions have changed lately, so that others can look before they edit.

A ring: the newest are kept, as many as the settings say. It is a hint for people
and agents, not the history of the files; that is git's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from gitcoord.domain.keys import escape, parse
from gitcoord.domain.names import one_line
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import acting, root
from gitcoord.domain.time import EPOCH, Time, is_time
from gitcoord.errors import InvalidValue, LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Kind = Literal["create", "modify", "delete", "rename"]

#: Most changes in one call.
CALL_LIMIT = 1000


class Change(Record, frozen=True, kw_only=True):
    """One file that a session changed."""

    table = "changes"

    #: The operation that recorded it, and its place therein.
    id: str
    path: str
    kind: Kind = "modify"
    #: The other name of a renamed file.
    old_path: str = ""
    session: str
    agent: str
    summary: str = ""
    at: Time

    @property
    def name(self) -> str:
        """The change's id."""
        return self.id

    def terms(self) -> Iterable[str]:
        """Return what it is found by: its time, both names of the file, its session."""
        yield f"at:{self.at}:{self.id}"
        yield f"by:{root(self.session)}"
        yield f"path:{self.path}"
        if self.old_path:
            yield f"path:{self.old_path}"


class ChangeDraft(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A change as the door saw it."""

    path: str
    kind: Kind = "modify"
    old_path: str = ""
    summary: str = ""
    #: When it happened; empty, or a time that has not come yet: when it is recorded.
    at: Time = ""


class Recorded(Answer, frozen=True, kw_only=True):
    """The changes that are kept."""

    changes: list[Change] = []


class RecordChanges(Operation, frozen=True, kw_only=True):
    """Note what was changed."""

    tag = "change.record"
    answer = Recorded
    commutes: ClassVar[bool] = True

    changes: tuple[ChangeDraft, ...]

    def apply(self, state: State, context: Context) -> Recorded:
        """Store the changes and forget the oldest over the limit.

        Raises `InvalidKey` for what is no path in a repository, `InvalidValue` and
        `LimitReached`.
        """
        session = acting(state, context)
        if len(self.changes) > CALL_LIMIT:
            raise LimitReached(f"at most {CALL_LIMIT} changes in one call", count=len(self.changes))
        new = [
            Change(
                id=f"{context.op_id}.{number:03d}",
                path=_path(draft.path),
                kind=draft.kind,
                old_path=draft.old_path and _path(draft.old_path),
                session=context.session or session.id,
                agent=session.agent,
                summary=draft.summary,
                at=_happened(draft.at, context.now),
            )
            for number, draft in enumerate(self.changes)
        ]
        for change in new:
            state.put(change)
        forget(state, state.settings.changes_kept)
        return Recorded(changes=new)

    def subject(self, answer: Recorded, agent: str) -> str:
        """Return the diary line."""
        paths = ", ".join(change.path for change in answer.changes[:3])
        return one_line(f"change: {agent or 'somebody'} changed {paths or 'nothing'}")


def recent(
    state: State, *, path: str = "", session: str = "", since: Time = EPOCH, limit: int = 50
) -> list[Change]:
    """Return changes from `since` on, the newest first: of a file, a session, or all.

    A path is matched as it is; sub-agents count to their session.
    """
    if path:
        found: Iterable[Change] = state.find(Change, f"path:{path}")
    elif session:
        found = state.find(Change, f"by:{root(session)}")
    else:
        found = state.scan(Change, "at:")
    mine = [
        change
        for change in found
        if change.at >= since and (not session or root(change.session) == root(session))
    ]
    return sorted(mine, key=lambda change: (change.at, change.id), reverse=True)[:limit]


def forget(state: State, kept: int) -> None:
    """Forget all but the newest `kept` changes."""
    stored = list(state.scan(Change, "at:"))
    for change in stored[: max(0, len(stored) - kept)]:
        state.remove(change)


def _path(text: str) -> str:
    """Return the path as git writes it. Raises `InvalidKey`."""
    return parse(escape(text)).literal


def _happened(at: Time, now: Time) -> Time:
    if at and not is_time(at):
        raise InvalidValue(f"not a time: {at!r}", hint="Leave it out for now.", at=at)
    return min(at or now, now)
