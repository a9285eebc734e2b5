"""What the check of a pull request says: whether it changes what others hold.

The same rules as for the guard of a push decide. Whose work it is, is told by its branch, by its
thread, and by the trailers of its commits, which count where their author may push here anyway.
The check is a fence only where GitHub is told to require it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.guarding import Obstruction, obstructions
from gitcoord.domain.key_index import stored
from gitcoord.domain.keys import FILE
from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.tasks import Task
from gitcoord.domain.tasks import held_by as tasks_of
from gitcoord.domain.trailers import SESSION

if TYPE_CHECKING:
    from gitcoord.mirror.asking import Seat
    from gitcoord.mirror.desk import Look
    from gitcoord.mirror.entries import Place


class Verdict(NamedTuple):
    """What is to be shown on a thread."""

    #: Others' locks that the changes meet.
    blocked: tuple[Obstruction, ...]
    #: What the thread's own session holds, by key, and has claimed.
    held: tuple[Lock, ...]
    tasks: tuple[Task, ...]
    #: How many paths are changed.
    paths: int
    #: Where it stands in the merge queue, if it does.
    place: Place | None = None

    @property
    def ok(self) -> bool:
        """Whether nobody else holds what is changed, and the queue has nothing against it."""
        return not self.blocked and (self.place is None or self.place.ok)

    @property
    def files(self) -> tuple[Lock, ...]:
        """Those of the locks that are on files."""
        return tuple(lock for lock in self.held if stored(lock.key).namespace == FILE)


def judged(look: Look, seat: Seat, paths: tuple[str, ...], sessions: Iterable[str]) -> Verdict:
    """Return the verdict on changes of these paths that are the work of these sessions."""
    state = look.state
    own = {root(name) for name in sessions}
    if seat.session is not None:
        own.add(seat.session.id)
    found = obstructions(state, look.context, paths, own) if paths else []
    held = state.find(Lock, f"by:{seat.session.id}") if seat.session else []
    return Verdict(
        blocked=tuple(found),
        held=tuple(sorted(held, key=lambda lock: lock.key)),
        tasks=tuple(tasks_of(state, seat.session.id)) if seat.session else (),
        paths=len(paths),
    )


def sessions_of(messages: Iterable[str]) -> tuple[str, ...]:
    """Return the sessions that the trailers of commit messages name, sorted."""
    prefix = f"{SESSION.lower()}:"
    found = {
        line[len(prefix) :].strip()
        for message in messages
        for line in message.rstrip().rpartition("\n\n")[2].splitlines()
        if line.lower().startswith(prefix)
    }
    return tuple(sorted(found - {""}))


def on_branch(look: Look, branch: str) -> tuple[str, ...]:
    """Return the live sessions that have checked in on a branch."""
    live = look.state.find(Session, "live")
    return tuple(session.id for session in live if session.branch == branch)
