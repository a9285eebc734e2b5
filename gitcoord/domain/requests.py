"""Requests: keys that one holder wants together, and what is in their way.

Promises one order of keys whatever the order in which they were written, and
refusals that name every lock in the way with its holder. Decides nothing about
turns and stores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gitcoord.domain.key_index import listed, wanted
from gitcoord.domain.keys import Key
from gitcoord.domain.locks import Lock, Mode, excluding, lock_name, over, view
from gitcoord.domain.operation import Context
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import Settings
from gitcoord.errors import InvalidValue, LimitReached, LockHeld, TtlOutOfRange

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: Most keys in one call.
KEYS_LIMIT = 1000
#: Most locks or waiters that one refusal lists; it counts the others.
SHOWN_LIMIT = 20


class Want(NamedTuple):
    """A key to be taken and the mode in which."""

    key: Key
    mode: Mode


class Request(NamedTuple):
    """Keys that one holder wants together; `ttl` None: as before, or the default."""

    holder: str
    agent: str
    wants: tuple[Want, ...]
    ttl: float | None = None
    reason: str = ""
    task: str = ""


class Contest(NamedTuple):
    """Locks that exclude a request: live ones with a want they exclude, and ended ones."""

    live: list[tuple[Want, Lock]]
    ended: list[Lock]


def wish(settings: Settings, key: Key, mode: Mode) -> Want:
    """Return the want of a key, shared if the settings' patterns say so."""
    shared = mode == "shared" or listed(settings, key, settings.shared)
    return Want(key, "shared" if shared else "exclusive")


def request(
    state: State, context: Context, session: Session, keys: Sequence[str], mode: Mode = "exclusive"
) -> tuple[Request, list[str]]:
    """Return what the acting holder asks for, in order, and the keys that are never locked.

    Raises `InvalidKey`, `UnknownNamespace`, `InvalidValue` for no key and `LimitReached`.
    """
    if not keys:
        raise InvalidValue("no key is given", hint="Name a path, a directory, a glob or api:NAME.")
    if len(keys) > KEYS_LIMIT:
        raise LimitReached(f"{len(keys)} keys in one call, at most {KEYS_LIMIT}", limit=KEYS_LIMIT)
    settings = state.settings
    parsed = {key.text: key for key in (wanted(settings, text) for text in keys)}
    ignored = sorted(t for t, key in parsed.items() if listed(settings, key, settings.ignore))
    wants = [wish(settings, parsed[text], mode) for text in sorted(parsed.keys() - set(ignored))]
    return Request(context.session or session.id, session.agent, tuple(wants)), ignored


def check_ttl(settings: Settings, ttl: float | None) -> None:
    """Raise `TtlOutOfRange` unless the settings allow locks to live for so many seconds."""
    low, high = settings.lock_ttl_min, settings.lock_ttl_max
    if ttl is not None and not low <= ttl <= high:
        raise TtlOutOfRange(
            f"a lock lives {low:g} to {high:g} seconds, not {ttl:g}",
            ttl=ttl,
            minimum=low,
            maximum=high,
        )


def held(state: State, asked: Request, want: Want) -> Lock | None:
    """Return the holder's own lock that satisfies the want."""
    lock = state.get(Lock, lock_name(want.key.text, asked.holder))
    return lock if lock and (lock.mode == "exclusive" or want.mode == "shared") else None


def missing(state: State, context: Context, asked: Request) -> Request:
    """Return the request without what its holder holds on a lease that has not ended."""
    lacking = [
        want
        for want in asked.wants
        if (own := held(state, asked, want)) is None or over(state, context, own)
    ]
    return asked._replace(wants=tuple(lacking))


def contest(state: State, context: Context, asked: Request) -> Contest:
    """Return the locks of other sessions that exclude the request, each once."""
    found = {
        lock.name: (want, lock)
        for want in asked.wants
        for lock in excluding(state, want.key, want.mode, asked.holder)
    }
    live = [pair for pair in found.values() if not over(state, context, pair[1])]
    ended = [lock for _, lock in found.values() if over(state, context, lock)]
    return Contest(live, ended)


def lock_held(found: Sequence[tuple[Want, Lock]]) -> LockHeld:
    """Return the refusal that says which locks are in the way of which keys."""
    first = found[0][1]
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    keys = " ".join(f"'{text}'" for text in dict.fromkeys(want.key.text for want, _ in found[:3]))
    return LockHeld(
        f"{first.agent} holds {first.key} ({first.mode}) until {first.expires_at}{others}",
        hint=f"Run `gitcoord lock acquire {keys} --wait 60s` to queue for it, or work elsewhere.",
        conflicts=[_conflict(want, lock) for want, lock in found[:SHOWN_LIMIT]],
        others=max(0, len(found) - SHOWN_LIMIT),
    )


def _conflict(want: Want, lock: Lock) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(view(lock))
    return {"wanted": want.key.text, "wanted_mode": want.mode} | shown
