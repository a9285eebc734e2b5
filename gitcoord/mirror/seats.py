"""Which session stands in the ledger for a thread or a branch at GitHub.

A thread or branch is to us what a conversation is to another client: its place ("owner/name#12",
"owner/name@claude/fix") is the client's own id, so that whoever looks checks in as the same
session. A branch on which somebody works who is checked in already is that session's own. Not
here: what is done in the session's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.domain.locks import Lock
from gitcoord.domain.sessions import Session, root
from gitcoord.domain.tasks import CLAIMED, Task
from gitcoord.domain.tracking import BRANCH
from gitcoord.mirror.branches import Owner

if TYPE_CHECKING:
    from gitcoord.domain.state import State
    from gitcoord.domain.time import Time

CLIENT = "github"
#: Types of agent, as the session shows them.
OF_LABEL, OF_BRANCH = "github_label", "github_branch"


def thread_place(repository: str, number: int) -> str:
    """Return the place of an issue or pull request."""
    return f"{repository}#{number}"


def branch_place(repository: str, branch: str) -> str:
    """Return the place of a branch."""
    return f"{repository}@{branch}"


def seated(state: State, place: str) -> Session | None:
    """Return the live session of a place, or None."""
    found = state.find(Session, f"client:{CLIENT}:{place}")
    return found[0] if found else None


def last_of(state: State, place: str) -> Session | None:
    """Return the session of a place that ended last, or None."""
    gone = state.find(Session, f"client:{CLIENT}:{place}", archived=True)
    return max(gone, key=lambda session: session.ended_at, default=None)


def killed_at(state: State, place: str) -> Time:
    """Return when somebody ended the last session of a place; "" if nobody has."""
    last = last_of(state, place)
    return last.ended_at if last is not None and last.status == "killed" else ""


def places(state: State, repository: str) -> list[tuple[str, int]]:
    """Return the branch ("") or number (0) of every live session of ours in a repository."""
    found: list[tuple[str, int]] = []
    for session in state.find(Session, "live"):
        if session.client != CLIENT:
            continue
        number = session.client_session.removeprefix(f"{repository}#")
        if number.isdigit():
            found.append(("", int(number)))
        elif session.client_session.startswith(f"{repository}@"):
            found.append((session.client_session.removeprefix(f"{repository}@"), 0))
    return found


def worker(state: State, branch: str, owner: Owner) -> Session | None:
    """Return the live session that works on a branch by itself: it has no need of ours.

    That is the one that has claimed the branch's task under the same name, or has checked in
    on that branch.
    """
    if owner.task:
        task = state.get(Task, owner.task)
        if task is not None and task.status in CLAIMED:
            session = state.get(Session, root(task.session), archived=False)
            if session and session.agent == owner.agent and session.client != CLIENT:
                return session
    for session in state.find(Session, "live"):
        if session.branch == branch and session.client != CLIENT:
            return session
    return None


def branch_holder(session: str) -> str:
    """Return the holder of the files that the branch of a session changes."""
    return f"{session}/{BRANCH}"


def label_holder(session: str) -> str:
    """Return the holder of what labels have asked for in the name of a session."""
    return f"{session}/label"


def held_by(state: State, holder: str) -> dict[str, Lock]:
    """Return the locks of exactly this holder, by key."""
    return {x.key: x for x in state.find(Lock, f"by:{root(holder)}") if x.session == holder}
