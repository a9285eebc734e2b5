"""The tool that looks who holds what, and how holdings are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gitcoord.domain.waiting import WaiterView
from gitcoord.entrypoints.mcp.shapes import Input, Key, Output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitcoord.domain.locks import Lock
    from gitcoord.domain.state import State
    from gitcoord.domain.unlanded import Mark
    from gitcoord.entrypoints.mcp.call import Call


class Unlanded(msgspec.Struct, frozen=True, kw_only=True):
    """Changes under a key that are on another branch only: build on that branch."""

    key: str
    agent: str
    branch: str
    at: str


class CheckLocks(Input, frozen=True, kw_only=True):
    """Which paths or keys to look at."""

    file_paths: Annotated[
        list[Key], Meta(description="Paths or logical keys; left out: every lock.")
    ] = []


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A lock in the words of the originals, and ours."""

    #: What was asked about; the key itself where nothing was.
    file_path: str
    locked_by: str
    agent_type: str
    locked_at: str
    expires_at: str
    reason: str
    key: str
    mode: str
    session: str
    token: int
    mine: bool


class Checked(Output, frozen=True, kw_only=True):
    """The live locks, who waits, and what has not landed."""

    locks: list[Holding] | UnsetType = UNSET
    #: Whether nothing that was asked about is held exclusively by somebody else.
    free: bool | UnsetType = UNSET
    waiting: list[WaiterView] | UnsetType = UNSET
    unlanded: list[Unlanded] | UnsetType = UNSET


def check_locks(call: Call, asked: CheckLocks) -> Checked:
    """Say who holds what, newest first."""
    from gitcoord.domain.key_index import wanted
    from gitcoord.domain.unlanded import Mark, near
    from gitcoord.domain.waiting import queue, view

    call.reading()
    words = call.keys(asked.file_paths)
    with call.state() as state:
        if words:
            pairs = [
                (word, lock)
                for word, key in zip(asked.file_paths, words, strict=True)
                for lock in _covering(call, state, key)
            ]
            left = near(state, *(wanted(state.settings, key) for key in words))
        else:
            pairs = [("", lock) for lock in live(call, state)]
            left = list(state.all(Mark))
        found = [_holding(call, state, word, lock) for word, lock in pairs]
        waiting = [view(one) for one in queue(state)]
    found.sort(key=lambda one: one.locked_at, reverse=True)
    return Checked(
        locks=found,
        free=not any(one.mode == "exclusive" and not one.mine for one in found),
        waiting=waiting or UNSET,
        unlanded=marks(left),
    )


def marks(found: Iterable[Mark]) -> list[Unlanded] | UnsetType:
    """Return what has not landed as tools show it; nothing for none."""
    shown = [Unlanded(key=one.key, agent=one.agent, branch=one.branch, at=one.at) for one in found]
    return shown or UNSET


def live(call: Call, state: State) -> list[Lock]:
    """Return the locks that have not ended."""
    from gitcoord.domain.locks import Lock

    now = call.now(state)
    return [lock for lock in state.all(Lock) if lock.expires_at > now]


def _covering(call: Call, state: State, key: str) -> list[Lock]:
    """Return the live locks that overlap a key, ours among them even if they have ended."""
    from gitcoord.domain.key_index import stored, wanted
    from gitcoord.domain.locks import holdings, rivals
    from gitcoord.domain.overlap import overlap

    parsed, mine = wanted(state.settings, key), call.anybody() or ""
    own = [lock for lock in holdings(state, mine) if overlap(parsed, stored(lock.key))]
    others = rivals(state, call.context(state, mine), parsed, "exclusive", mine)
    return [*own, *others]


def _holding(call: Call, state: State, word: str, lock: Lock) -> Holding:
    from gitcoord.domain.sessions import Session, root

    session, mine = state.get(Session, root(lock.session)), call.anybody()
    return Holding(
        file_path=word or lock.key,
        locked_by=lock.agent,
        agent_type=session.type if session is not None else "",
        locked_at=lock.acquired_at,
        expires_at=lock.expires_at,
        reason=lock.reason,
        key=lock.key,
        mode=lock.mode,
        session=lock.session,
        token=lock.token,
        mine=mine is not None and root(mine) == root(lock.session),
    )
