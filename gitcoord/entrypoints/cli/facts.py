"""What the command line sees around it: the user's work in git, and who types.

Facts for handoffs, the changes under released keys that have not landed, and the
name under which somebody without a session enters the diary. Only asks git.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from gitcoord.domain.handoffs import Facts
    from gitcoord.domain.state import State
    from gitcoord.domain.unlanded import MarkDraft
    from gitcoord.entrypoints.cli.desk import Desk
    from gitcoord.storage.worktree import Checkout

#: Dirty files that a handoff names.
LISTED = 200


def person(desk: Desk) -> str:
    """Return the name of whoever types this command: the acting agent, else the user."""
    from gitcoord.domain.sessions import Session, root

    try:
        with desk.state() as state:
            session = state.get(Session, root(desk.holder))
            if session is not None:
                return session.agent
    except UsageError:
        # Nobody is checked in here; the diary names the user.
        return desk.settings.agent or desk.person
    return desk.settings.agent or desk.person


def marks(desk: Desk, keys: Sequence[str], everything: bool) -> tuple[MarkDraft, ...]:
    """Return what the acting session changed under keys and the target branch has not got.

    With `everything` all that it holds counts. Looks at this worktree, the session's own
    and those of its tasks. Where git cannot tell, it says so and returns nothing: a lock
    must not stay because git fails.
    """
    from gitcoord.ledger.landing import marks_for

    holder = desk.anybody()
    if holder is None:
        return ()
    with desk.state() as state:
        settings = state.settings
        held = _exclusive(state, holder, None if everything else keys)
        places = _places(desk, state, holder) if held else []
    drafts: dict[tuple[str, str], MarkDraft] = {}
    for checkout in places:
        try:
            found = marks_for(checkout, held, settings)
        except Unavailable as trouble:
            desk.note(f"cannot see what has not landed: {trouble.message}")
            continue
        drafts.update({(one.key, one.branch): one for one in found})
    return tuple(drafts.values())


def task_marks(desk: Desk, id: str) -> tuple[MarkDraft, ...]:
    """Return the same for the keys that were taken with the claim of a task."""
    from gitcoord.domain.tasks import Task

    with desk.state() as state:
        task = state.get(Task, id, archived=False)
    return marks(desk, task.claimed_keys, everything=False) if task is not None else ()


def facts(desk: Desk) -> Facts:
    """Return what can be seen of the acting session's work at this moment."""
    from gitcoord.domain.handoffs import Facts
    from gitcoord.domain.locks import holdings
    from gitcoord.domain.sessions import Session, root
    from gitcoord.domain.tasks import held_by
    from gitcoord.domain.unlanded import Mark

    with desk.state() as state:
        own = holdings(state, desk.holder)
        tasks = tuple(task.id for task in held_by(state, desk.holder))
        session = state.get(Session, root(desk.holder))
        agent = session.agent if session else ""
        left = {mark.key for mark in state.all(Mark) if mark.agent == agent}
    left.update(draft.key for draft in marks(desk, (), everything=True))
    here = desk.checkout.worktree()
    dirty = [printable(path) for path in here.dirty[:LISTED]]
    if len(here.dirty) > LISTED:
        dirty.append(f"... and {len(here.dirty) - LISTED} more")
    return Facts(
        branch=printable(here.branch),
        head=here.head,
        dirty=tuple(dirty),
        open_tasks=tasks,
        held_keys=tuple(sorted({lock.key for lock in own})),
        unlanded_keys=tuple(sorted(left)),
    )


def inside(desk: Desk, word: str) -> str:
    """Return a file named at the command line as a path from the root of the repository.

    Like lock keys it is relative to the root wherever it is typed; `./`, `../` and absolute
    paths mean what they say.
    """
    root = desk.house.repository.worktree
    text = word.replace("\\", "/") if os.sep == "\\" else word
    if root is None or not (text.startswith(("./", "../")) or os.path.isabs(text)):
        return text
    try:
        full = os.path.join(os.path.realpath(desk.directory), text)
        parent, name = os.path.split(os.path.normpath(full))
        path = os.path.relpath(os.path.join(os.path.realpath(parent), name), os.path.realpath(root))
    except ValueError:
        # Another drive, or a NUL: the rules refuse it in better words.
        return text
    return path.replace(os.sep, "/")


def printable(path: str) -> str:
    """Return a path from git with bytes that are no UTF-8 made visible."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _exclusive(state: State, holder: str, keys: Iterable[str] | None) -> list[str]:
    """Return those of the keys that the holder has for itself; None: all that it has."""
    from gitcoord.domain.key_index import wanted
    from gitcoord.domain.locks import holdings

    held = [lock.key for lock in holdings(state, holder) if lock.mode == "exclusive"]
    if keys is None:
        return held
    try:
        asked = {wanted(state.settings, text).text for text in keys}
    except UsageError:
        # The operation that follows says what is wrong with the key.
        return []
    return [key for key in held if key in asked]


def _places(desk: Desk, state: State, holder: str) -> list[Checkout]:
    """Return the worktrees in which the acting session may have worked."""
    from gitcoord.domain.sessions import Session, root
    from gitcoord.domain.tasks import held_by

    house = desk.house
    found = {}
    if house.repository.worktree is not None:
        found[house.repository.worktree] = desk.checkout
    session = state.get(Session, root(holder))
    paths = [task.worktree for task in held_by(state, holder) if task.worktree]
    if session is not None and session.machine == house.ledger.machine and session.worktree:
        paths.append(session.worktree)
    for path in paths:
        if path not in found and os.path.isdir(path):
            try:
                found[path] = desk.checkout.elsewhere(path)
            except UsageError:
                # It was removed or replaced: there is nothing left to look at.
                continue
    return list(found.values())
