"""Tracking: a branch that was pushed holds the files that it changes, as far as they are free.

A push has happened and cannot be refused, so that this never is all or none: what is free is
taken, what others hold is told. The locks belong to a holder of their own within the session,
so that they come and go with the branch and never with what was asked for by hand. Not here:
which files a branch changes (that needs git or its host), and when its work has landed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.domain.grants import settle
from gitcoord.domain.key_index import listed, wanted
from gitcoord.domain.keys import escape
from gitcoord.domain.lock_operations import owned
from gitcoord.domain.locks import LockView, free, line, view
from gitcoord.domain.operation import Answer, Context, Operation
from gitcoord.domain.requests import KEYS_LIMIT, Request, check_ttl, wish
from gitcoord.domain.rights import restricted
from gitcoord.domain.sessions import Session, acting
from gitcoord.domain.time import seconds_between
from gitcoord.errors import InvalidKey, LimitReached, LockHeld, NotPermitted, QueuedBehind

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: What a session's holder for the files of its branch is called: "<session>/branch".
BRANCH = "branch"


class Tracked(Answer, frozen=True, kw_only=True):
    """What the holder holds now, what it let go of, and what others hold or wait for."""

    locks: list[LockView] = []
    freed: list[str] = []
    #: Locks or waiters in the way, each with the path that was `wanted`.
    conflicts: list[dict[str, Any]] = []
    #: Paths that no key can name.
    unnamed: list[str] = []
    #: Keys that the session may not lock, each with the `code` of the refusal and its `detail`.
    denied: list[dict[str, str]] = []


class TrackPaths(Operation, frozen=True, kw_only=True):
    """Hold exactly these paths, as far as nobody else does."""

    tag = "lock.track"
    answer = Tracked

    #: All paths that are changed; what is held of others is freed.
    paths: tuple[str, ...]
    #: Seconds; None: the default.
    ttl: float | None = None
    reason: str = ""

    def apply(self, state: State, context: Context) -> Tracked:
        """Take what is free, renew what is below half of its time, free what is not named.

        Each path is held against the policies by itself: what they deny is told, like what
        others hold. Raises `LimitReached` for more paths than one call may name, `TtlOutOfRange`,
        and a `NotPermitted` where all of them are denied and nothing is there to be freed.
        """
        session = acting(state, context)
        holder = context.session or session.id
        check_ttl(state.settings, self.ttl)
        if len(self.paths) > KEYS_LIMIT:
            raise LimitReached(
                f"{len(self.paths)} paths, at most {KEYS_LIMIT} are held for one branch",
                limit=KEYS_LIMIT,
            )
        keys, unnamed = self._keys(state)
        mine = {lock.key: lock for lock in owned(state, context, holder, ())}
        gone = [lock for text, lock in mine.items() if text not in keys]
        free(state, context, gone)
        locks: list[LockView] = []
        conflicts: list[dict[str, Any]] = []
        denials = _denials(state, context, session, sorted(keys))
        if denials and len(denials) == len(keys) and not mine:
            raise next(iter(denials.values()))
        for text, key in sorted(keys.items()):
            own = mine.get(text)
            if text in denials:
                continue
            if own and seconds_between(context.now, own.expires_at) > own.ttl / 2:
                locks.append(view(own))
                continue
            wants = (wish(state.settings, key, "exclusive"),)
            asked = Request(holder, session.agent, wants, self.ttl, self.reason)
            try:
                locks += [view(lock) for lock in settle(state, context, asked)]
            except (LockHeld, QueuedBehind) as refusal:
                conflicts += refusal.details["conflicts"]
        return Tracked(
            locks=locks,
            freed=sorted(lock.key for lock in gone),
            conflicts=conflicts,
            unnamed=unnamed,
            denied=[
                {"key": text, "code": one.code, "detail": one.message}
                for text, one in denials.items()
            ],
        )

    def subject(self, answer: Tracked, agent: str) -> str:
        """Return the diary line."""
        return line(agent, "tracks", [lock.key for lock in answer.locks], answer.locks)

    def _keys(self, state: State) -> tuple[dict[str, Any], list[str]]:
        keys, unnamed = {}, []
        for path in self.paths:
            try:
                key = wanted(state.settings, escape(path))
            except InvalidKey:
                unnamed.append(path)
                continue
            if not listed(state.settings, key, state.settings.ignore):
                keys[key.text] = key
        return keys, unnamed


def _denials(
    state: State, context: Context, session: Session, keys: Sequence[str]
) -> dict[str, NotPermitted]:
    """Return the keys that the session may not lock, each with the refusal."""
    if not restricted(state, session):
        return {}
    from gitcoord.domain.permission import key_refusals

    return key_refusals(state, context, session, keys)
