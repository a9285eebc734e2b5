"""Which files sessions have changed lately, so that others can look before they edit.

A ring: the newest are kept, as many and as long as the settings say (`changes_kept`,
`changes_age`). Edits of one file that follow one another quickly are one change, and a commit
is recorded once. It is a hint for people and agents, not the history of the files; that is
git's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from gitcoord.domain.key_index import wanted
from gitcoord.domain.keys import escape, parse
from gitcoord.domain.names import one_line
from gitcoord.domain.oids import is_oid
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.overlap import matches
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import acting, root
from gitcoord.domain.time import EPOCH, Time, happened, plus, seconds_between
from gitcoord.errors import InvalidValue, LimitReached

if TYPE_CHECKING:
    from gitcoord.domain.state import State

Kind = Literal["create", "modify", "delete", "rename"]

#: Most changes in one call.
CALL_LIMIT = 1000
#: Seconds within which edits of one file by one holder are one change.
TOGETHER = 60.0


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
    #: The commit that holds it; empty: it was seen as it was made.
    commit: str = ""

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
    #: The commit that holds it, as its whole object id.
    commit: str = ""


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
        """Store the changes and forget the oldest, by number and by age.

        A change in whose place a newer one stands already is answered with that one. Raises
        `InvalidKey` for what is no path in a repository, `InvalidValue` and `LimitReached`.
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
                at=happened(draft.at, context.now),
                commit=_commit(draft.commit),
            )
            for number, draft in enumerate(self.changes)
        ]
        stored = {found.id: found for found in [_put(state, change) for change in new]}
        # One that was replaced by a later one of the same call is not there any more.
        kept = [found for found in stored.values() if state.get(Change, found.id) == found]
        settings = state.settings
        forget(state, settings.changes_kept, plus(context.now, -settings.changes_age))
        return Recorded(changes=kept)

    def subject(self, answer: Recorded, agent: str) -> str:
        """Return the diary line."""
        paths = ", ".join(change.path for change in answer.changes[:3])
        return one_line(f"change: {agent or 'somebody'} changed {paths or 'nothing'}")


def recent(
    state: State, *, path: str = "", session: str = "", since: Time = EPOCH, limit: int = 50
) -> list[Change]:
    """Return changes from `since` on, the newest first: of a path, a session, or all.

    A path of which a change is known is that file; another one is a key: a pattern, a
    directory, or a file written otherwise. Sub-agents count to their session. Raises
    `InvalidKey` and `UnknownNamespace`.
    """
    if path:
        found: Iterable[Change] = state.find(Change, f"path:{path}") or _within(state, path)
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


def forget(state: State, kept: int, before: Time) -> None:
    """Forget all but the newest `kept` changes, and those from before that time."""
    surplus = state.count(Change, "at:") - kept
    old = []
    for number, change in enumerate(state.scan(Change, "at:")):
        if number >= surplus and change.at >= before:
            break
        old.append(change)
    for change in old:
        state.remove(change)


def _put(state: State, change: Change) -> Change:
    """Store the change in place of one that it goes on, and return what is stored."""
    for other in state.find(Change, f"path:{change.path}"):
        if not _continues(other, change):
            continue
        older, newer = sorted((other, change), key=lambda each: each.at)
        stored = msgspec.structs.replace(newer, summary=newer.summary or older.summary)
        if other.id != stored.id:
            state.remove(other)
        state.put(stored)
        return stored
    state.put(change)
    return change


def _continues(other: Change, change: Change) -> bool:
    """Say whether both are one change: of one commit, or edits that follow one another."""
    same = all(
        getattr(other, field) == getattr(change, field)
        for field in ("session", "path", "old_path", "kind", "commit")
    )
    return same and (bool(change.commit) or abs(seconds_between(other.at, change.at)) <= TOGETHER)


def _within(state: State, text: str) -> list[Change]:
    """Return the changes of files that a key matches; a plain name is a directory, too."""
    key = wanted(state.settings, text)
    keys = (key, wanted(state.settings, f"{key.text}/")) if key.is_literal else (key,)
    fold = state.settings.case_folding
    # Paths stand in the index as they were written, so that only folding has to see them all.
    near = state.scan(Change, "path:" if fold else f"path:{key.literal}")
    found = {
        change.id: change
        for change in near
        for paths in ((change.path, change.old_path),)
        if any(matches(each, path, fold_case=fold) for each in keys for path in paths)
    }
    return list(found.values())


def _path(text: str) -> str:
    """Return the path as git writes it. Raises `InvalidKey`."""
    return parse(escape(text)).literal


def _commit(oid: str) -> str:
    if oid and not is_oid(oid):
        raise InvalidValue(f"not the object id of a commit: {oid[:80]!r}", commit=oid[:80])
    return oid
