"""What a change of files meets among the locks: who excludes it, under which token it is made.

The guard's questions about paths that are written, committed or pushed. The same rules as
for taking a lock decide: what would refuse an acquire of these paths refuses the change.
Many paths at once cost one look at each lock. Not here: how the paths became known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.coverage import Coverage, place
from gitcoord.domain.key_index import near, stored, wanted
from gitcoord.domain.keys import FILE, Key, escape
from gitcoord.domain.locks import Lock, over
from gitcoord.domain.operation import Context
from gitcoord.domain.sessions import root
from gitcoord.domain.time import plus
from gitcoord.errors import InvalidKey

if TYPE_CHECKING:
    from gitcoord.domain.state import State

#: More paths than this are held against every lock, fewer are looked up one by one.
FEW = 64


class Obstruction(NamedTuple):
    """Somebody else's lock and those of the paths that it keeps others from writing."""

    lock: Lock
    paths: list[str]


def obstructions(
    state: State, context: Context, paths: Collection[str], sessions: Collection[str]
) -> list[Obstruction]:
    """Return the live locks of others that exclude writing these paths, in order of their keys.

    `sessions` are those that act, without sub-agents; none: everybody is another. A lock that
    is shared excludes those who do not share it, except where the settings say that a path
    is only ever shared. Raises `InvalidKey` and `UnknownNamespace` for wrong settings.
    """
    settings = state.settings
    covered = Coverage(paths, fold_case=settings.case_folding)
    ignored = _listed(state, covered, settings.ignore)
    shared = _listed(state, covered, settings.shared)
    for lock in _own(state, sessions):
        if lock.mode == "shared" and not over(state, context, lock):
            shared.update(covered.of(stored(lock.key)))
    found = []
    for lock in _standing(state, paths):
        if root(lock.session) in sessions or over(state, context, lock):
            continue
        free = ignored | shared if lock.mode == "shared" else ignored
        hit = [path for path in covered.of(stored(lock.key)) if path not in free]
        if hit:
            found.append(Obstruction(lock, hit))
    return sorted(found, key=lambda one: one.lock.name)


def tokens(
    state: State, paths: Collection[str], sessions: Collection[str]
) -> dict[str, tuple[int, int]]:
    """Return the highest fencing token (epoch, n) under which the sessions hold each path.

    A lock of theirs that has ended counts for as long as nobody has taken what it covers.
    """
    covered = Coverage(paths, fold_case=state.settings.case_folding)
    found: dict[str, tuple[int, int]] = {}
    for lock in _own(state, sessions):
        token = lock.epoch, lock.token
        for path in covered.of(stored(lock.key)):
            found[path] = max(found.get(path, token), token)
    return found


def unconfirmed(
    state: State, context: Context, paths: Collection[str], sessions: Collection[str]
) -> list[str]:
    """Return the paths that no lock of the sessions covers for certain, without asking anybody.

    A holder relies on its lease until `clock_tolerance` before its end. Paths that are never
    locked need no lock.
    """
    settings = state.settings
    covered = Coverage(paths, fold_case=settings.case_folding)
    sure = _listed(state, covered, settings.ignore)
    for lock in _own(state, sessions):
        if context.now < plus(lock.expires_at, -settings.clock_tolerance):
            sure.update(covered.of(stored(lock.key)))
    return [path for path in paths if path not in sure]


def _own(state: State, sessions: Collection[str]) -> Iterator[Lock]:
    for session in sorted(sessions):
        yield from state.find(Lock, f"by:{session}")


def _listed(state: State, covered: Coverage, patterns: Collection[str]) -> set[str]:
    return {path for text in patterns for path in covered.of(wanted(state.settings, text))}


def _standing(state: State, paths: Collection[str]) -> Iterator[Lock]:
    """Yield every lock that may cover one of the paths, once."""
    if len(paths) > FEW:
        yield from state.all(Lock)
        return
    seen = set()
    for path in paths:
        for lock in near(state, Lock, _place(state, path)):
            if lock.name not in seen:
                seen.add(lock.name)
                yield lock


def _place(state: State, path: str) -> Key:
    """Return where a path stands among the keys, also one that no key could name."""
    if path.endswith("/"):
        try:
            return wanted(state.settings, escape(path))
        except InvalidKey:
            path = path.rstrip("/")
    literal = place(path, fold_case=state.settings.case_folding)
    return Key(literal, FILE, literal, True, "")
